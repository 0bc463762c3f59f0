"""`convrun import`: recordings of other programs become specs and cassettes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convrun.cli.ending import WRONG_INPUT, counted, named_errors, say
from convrun.cli.parameters import Cassettes
from convrun.errors import CassetteError, UsageError, did_you_mean_file
from convrun.source import printable

if TYPE_CHECKING:
    from convrun.importing.files import Outcome, Written

_NOTHING = 1


def import_recordings(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Recordings of vcrpy, YAML or JSON.")],
    force: Annotated[bool, typer.Option("--force", help="Replace specs and cassettes that are there.")] = False,
    specs: Annotated[str | None, typer.Option("--specs", metavar="DIR", help="The folder of the specs.")] = None,
    cassettes: Cassettes = None,
) -> None:
    """Make specs and cassettes of recordings: of a conversation specs/NAME.yaml, of several specs/NAME/1.yaml and on.

    `convrun run` passes on them at once. What cannot be imported is listed, with the reason. Exit codes: 0 each file
    gave something, 1 one gave nothing, 2 one does not exist or is no recording.
    """
    from convrun.importing.files import import_file  # other commands, and --help, do without
    from convrun.importing.places import names
    from convrun.importing.writing import keep_schema
    from convrun.settings import find_root, load

    with named_errors():
        paths = [Path(file) for file in dict.fromkeys(files)]
        _refuse_missing(paths)
        root = find_root([], Path.cwd())
        settings = load(root, os.environ, {"cassettes": cassettes})
        folder = load(root, os.environ, {"specs": specs, "cassettes": cassettes}).specs  # checked as a setting is
        total, code = 0, 0
        for path, name in zip(paths, names(paths), strict=True):
            try:
                outcome = import_file(path, name, settings, environ=os.environ, force=force, folder=folder)
            except CassetteError as error:
                say(error.lines())
                code = WRONG_INPUT
                continue
            if outcome.written and not total:
                keep_schema(settings.root, force=force)  # before anything is printed: the reader may be gone
            print("\n".join(_lines(path, outcome)), flush=True)
            total += len(outcome.written)
            code = code or (0 if outcome.written else _NOTHING)
        print(f"{counted(total, 'conversation')} imported")
        raise typer.Exit(code)


def _refuse_missing(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise UsageError(f"{str(path)!r} does not exist", fix=did_you_mean_file(str(path), path))
        if path.is_dir():
            raise UsageError(f"{str(path)!r} is a folder", fix="name its files")


def _lines(path: Path, outcome: Outcome) -> Iterator[str]:
    """A line for the file, one for each conversation, and one for each that is not imported."""
    from convrun.importing.reasons import listed

    yield printable(str(path))
    for written in outcome.written:
        yield f"  {_told(written)}"
    for spec in outcome.left:
        yield f"  {printable(spec)} stays from before; remove it, with its cassette, if it is of an earlier import"
    if not outcome.written and not outcome.refused:
        yield "  not imported: there is no interaction in it"
    for refused in outcome.refused:
        yield f"  not imported: {listed(refused.numbers)}: {printable(str(refused))}"


def _told(written: Written) -> str:
    from convrun.importing.reasons import listed

    found = written.conversation
    calls = f", {counted(found.calls, 'tool call')}" if found.calls else ""
    said = f"{counted(found.turns, 'turn')}{calls}, {found.model}, {listed(found.numbers)}"
    return printable(f"{written.place.spec}: {said}")
