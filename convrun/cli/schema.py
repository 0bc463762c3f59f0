"""`convrun schema`: prints the JSON Schema of specs, of the JSON result, or of mutation scores."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from convrun.cli.ending import named_errors
from convrun.cli.parameters import one_of


def schema(
    of: Annotated[str, typer.Argument(metavar="spec|result|mutate", help="Which one.", show_default=False)] = "spec",
) -> None:
    """Print the JSON Schema (2020-12) of a spec, or of what --report json writes: `run`, or `mutate`."""
    from convrun.schemas import SCHEMAS, spec_schema  # other commands, and --help, do without

    with named_errors():
        wanted = one_of("schema", of, tuple(SCHEMAS))
        made = spec_schema(_own_kinds()) if wanted == "spec" else SCHEMAS[wanted]()
        print(json.dumps(made, ensure_ascii=False, indent=2))


def _own_kinds() -> list[str]:
    """The kinds of checks that this project and the installed packages have, by name."""
    from convrun.run.binding.own_kinds import OwnKinds
    from convrun.run.project import settled
    from convrun.settings import find_root

    cwd = Path.cwd()
    return OwnKinds(settled(find_root([], cwd), environ=os.environ, overrides={}).settings).names()
