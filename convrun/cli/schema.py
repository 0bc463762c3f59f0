"""`convrun schema`: prints the JSON Schema of specs, of the JSON result, or of mutation scores."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from convrun.cli.ending import named_errors
from convrun.cli.parameters import one_of


def schema(
    of: Annotated[str, typer.Argument(metavar="spec|result|mutate", help="Which one.", show_default=False)] = "spec",
) -> None:
    """Print the JSON Schema (2020-12) of a spec, or of what --report json writes: `run`, or `mutate`."""
    from convrun.schemas import SCHEMAS  # other commands, and --help, do without

    with named_errors():
        print(json.dumps(SCHEMAS[one_of("schema", of, tuple(SCHEMAS))](), ensure_ascii=False, indent=2))
