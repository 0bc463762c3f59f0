"""`convrun show`: recorded conversations, as people read them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convrun.cli.ending import named_errors, say
from convrun.cli.output import print_said
from convrun.cli.parameters import Cassettes, NoColor, ShownModels
from convrun.errors import UsageError

if TYPE_CHECKING:
    from convrun.report.style import Line
    from convrun.transcript import Transcript

_TURNS = re.compile(r"(\d{1,6})(?:(-)(\d{1,6})?)?")
_LAST = 999_999


def show(
    paths: Annotated[
        list[str], typer.Argument(metavar="SPEC|CASSETTE", help="Specs, FILE::CASE, or recordings: files of any name.")
    ],
    turns: Annotated[
        str | None, typer.Option("--turns", metavar="N|N-M|N-", help="Only these turns, counted from 1.")
    ] = None,
    models: ShownModels = None,
    cassettes: Cassettes = None,
    no_color: NoColor = False,
) -> None:
    """Print recorded conversations turn by turn: those of specs, and any recording of ours or of vcrpy.

    Nothing is run or imported. Exit codes: 0, 2 for what does not exist, 4 for a recording that cannot be read.
    """
    from convrun.review.showing import named_recordings  # other commands, and --help, do without

    with named_errors():
        wanted = None if turns is None else turns_named(turns)
        lines: list[Line] = []
        longest = 0
        for one in named_recordings(
            paths,
            cwd=Path.cwd(),
            environ=os.environ,
            models=tuple(dict.fromkeys(models or ())),
            cassettes=cassettes,
        ):
            if one.missing is not None:
                say([one.missing])
            if one.transcript is not None:
                lines += _lines(one.title, one.transcript, wanted)
                longest = max([longest, *(len(found.turns) for found in one.transcript.conversations)])
        if wanted is not None and longest < wanted.start:
            raise UsageError(f"--turns {turns}: no conversation has as many turns", fix="leave --turns out to see all")
        print_said(lines[1:], sys.stdout, refused=no_color)


def turns_named(text: str) -> range:
    """Return the indexes that `--turns` names.

    Raises:
        UsageError: for a text that names none.
    """
    found = _TURNS.fullmatch(text.strip())
    first, last = (int(found[1]), int(found[3] or (_LAST if found[2] else found[1]))) if found else (0, 0)
    if not 0 < first <= last:
        raise UsageError(f"--turns {text!r} names no turns", fix="write --turns 3, --turns 30-35 or --turns 30-")
    return range(first, last + 1)


def _lines(title: str | None, script: Transcript, wanted: range | None) -> Iterator[Line]:
    """The lines of a recording; before each conversation of it an empty one."""
    from convrun.report.style import Line
    from convrun.report.transcript import conversation_lines

    several = len(script.conversations) > 1
    for number, conversation in enumerate(script.conversations, start=1):
        name = ", ".join(filter(None, (title, f"conversation {number}" if several else None)))
        yield Line("")
        yield from [Line(name, "stale")] if name else []
        yield from conversation_lines(conversation, shown=wanted)
    others = script.others or (() if script.conversations else ("the recording is empty",))
    yield from [Line("")] if others else []
    yield from (Line(f"no conversation: {other}", "dim") for other in others)
