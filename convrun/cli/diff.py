"""`convrun diff`: what differs between recordings, as conversations."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convrun.cli.ending import WRONG_INPUT, named_errors
from convrun.cli.output import print_said
from convrun.cli.parameters import Cassettes, NoColor, reports
from convrun.errors import UsageError

if TYPE_CHECKING:
    from convrun.report.style import Line
    from convrun.transcript import ConversationDifference

_FORMATS = ("markdown",)


def diff(
    sides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[A [B]]", help="Two recordings (files, REV:FILE, FILE::CASE), or REV..REV, REV.., REV."
        ),
    ] = None,
    report: Annotated[
        list[str] | None,
        typer.Option("--report", metavar="markdown[=FILE]", help="Write it as Markdown; without FILE to stdout."),
    ] = None,
    cassettes: Cassettes = None,
    verbose: Annotated[
        int,
        typer.Option(
            "-v", "--verbose", count=True, show_default=False, help="-vv: long texts whole, and tracebacks of bugs."
        ),
    ] = 0,
    no_color: NoColor = False,
) -> None:
    """Compare recordings turn by turn: texts, replies, tool calls, arguments, usage, and what the checks say.

    Of two revisions all cassettes that differ; REV.. and REV are compared with the working tree, nothing is HEAD.
    Nothing is run or imported. Exit codes: 0 whatever differs, 2 for what cannot be compared.
    """
    from convrun.report.style import Line

    with named_errors(tracebacks=verbose > 1):
        if len(sides or ()) > 2:
            raise UsageError("more than two recordings", fix="compare two, or two revisions as main..HEAD")
        wanted = reports(report or (), _FORMATS)
        target = (wanted["markdown"] or "") if wanted else None  # empty: stdout
        found = _differences(sides or (), cassettes, target)
        if target is not None:
            _write(found, target)
        lines: list[Line] = []
        for one in found:
            lines += [*_lines(one, full=verbose > 1), Line("")]
        print_said([*lines, *_closing(found)], sys.stderr if target == "" else sys.stdout, refused=no_color)
        if found and all(one.unreadable for one in found):
            raise typer.Exit(WRONG_INPUT)


def _differences(sides: Sequence[str], cassettes: str | None, target: str | None) -> list[ConversationDifference]:
    """What differs; a report at `target` is refused where it would take the place of what is compared."""
    from convrun.review.differences import differences  # --help does without
    from convrun.review.recordings import Recordings

    with Recordings(cwd=Path.cwd(), environ=os.environ, cassettes=cassettes) as recordings:
        pairs = recordings.compared(sides)
        if target:
            from convrun.cli.reporting import refuse_sources

            refuse_sources(Path(target).resolve(), *recordings.sources(pairs), option=f"--report markdown={target}")
        keys = recordings.secrets()
        return [one for pair in pairs for one in differences(pair, keys)]


def _lines(found: ConversationDifference, *, full: bool) -> list[Line]:
    from convrun.report.conversation_diff import difference_lines

    return difference_lines(found, full=full)


def _closing(found: Sequence[ConversationDifference]) -> list[Line]:
    from convrun.report.conversation_diff import RESERVE, judges, summary
    from convrun.report.style import Line

    return [*([Line(RESERVE, "dim")] if judges(found) else []), Line(summary(found))]


def _write(found: Sequence[ConversationDifference], target: str) -> None:
    from convrun.report.conversation_diff_markdown import to_markdown

    text = to_markdown(found)
    if not target:
        print(text)
        return
    from convrun.cli.reporting import write_text

    write_text(Path(target), f"{text}\n", shown_as=target)
