"""`convrun init`: a first project, or what a project lacks of one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convrun.cli.ending import named_errors
from convrun.errors import UsageError
from convrun.source import printable

if TYPE_CHECKING:
    from convrun.scaffold.laying import Laid


def init(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="Where; it is made if it is missing.", show_default=False)
    ] = ".",
    plain: Annotated[bool, typer.Option("--plain", help="Without Python: the tool is declared.")] = False,
) -> None:
    """Lay a spec, its tool and cassette, settings, schema, git files and a CI workflow: `convrun run` is green at once.

    What exists is kept. Exit codes: 0, 2 for a wrong DIR, 4 for a file that cannot be written.
    """
    from convrun.scaffold.laying import folder_settings, lay  # other commands, and --help, do without

    with named_errors():
        if not folder.strip():
            raise UsageError("an empty DIR", fix="leave it out for the current folder")
        laid = []
        settings = folder_settings(Path(folder))
        for one in lay(settings, plain=plain):
            laid.append(one)
            print(_line(one), flush=True)  # what was written is said, whatever comes after it
        print("\n".join(_next(laid, settings.root)))


def _line(one: Laid) -> str:
    return printable(f"{one.outcome:<11}{one.path}" + (f": {one.note}" if one.note else ""))


def _next(laid: list[Laid], root: Path) -> list[str]:
    """What was done in all, and what to do now."""
    from convrun.scaffold.files import WORKFLOW

    lines = [""]
    if not any(one.outcome in ("created", "added to") for one in laid):
        lines = ["", "nothing was changed"]
    there = "" if root == Path.cwd() else f"cd {shlex.quote(str(root))} && "
    lines.append(printable(f"next: {there}convrun run"))
    spec = next((one for one in laid if one.example), None)  # the first file of the example
    if spec and spec.outcome in ("created", "unchanged"):
        record = f"convrun record --all {shlex.quote(spec.path)}"  # only this one: others may cost more
        lines.append(printable(f"the example's recording is made up; to ask the model, set OPENAI_API_KEY: {record}"))
    if any(one.path == WORKFLOW and one.outcome == "created" for one in laid):
        lines.append(
            "before the first push: name in requirements.txt where you have convrun from, as the workflow says"
        )
    return lines
