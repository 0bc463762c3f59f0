"""`convrun record`: go live for what is stale or missing, and keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from convrun.cli.asked import Manner, Selection
from convrun.cli.ending import named_errors
from convrun.cli.flattening import flat
from convrun.cli.parameters import one_of
from convrun.errors import UsageError
from convrun.run.planning.options import RecordMode, RunOptions

if TYPE_CHECKING:
    from convrun.suite.refreshing import Only


@flat
def record(
    *,
    selection: Selection,
    everything: Annotated[bool, typer.Option("--all", help="Record from scratch, fresh conversations too.")] = False,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="stale|missing|failed", help="Only these; failed: from scratch."),
    ] = None,
    from_turn: Annotated[
        str | None, typer.Option("--from-turn", metavar="N", help="Go live from turn N on, of one conversation.")
    ] = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask before going live.")] = False,
    manner: Manner,
) -> None:
    """Record what is stale or missing, live: a matching beginning is replayed for free, the rest is asked anew.

    Everything selected is played first, with its tools, up to where it would go live. Then stands what recording takes,
    and on a terminal it is asked for once.
    """
    with named_errors(tracebacks=manner.verbose > 1):
        from convrun.cli.asking import Asking  # other commands, and --help, do without
        from convrun.cli.mistakes import mistakes_told
        from convrun.cli.recording import Recording
        from convrun.cli.running import execute

        presentation, overrides = manner.presentation("record"), manner.overrides(selection)
        with mistakes_told(presentation.reports, selection.paths or []):
            presentation = replace(presentation, more=_more(everything=everything, only=only))
            options, kind = _options(selection, everything, manner), _only(only, everything)
            options = _from_turn(options, from_turn, {"--all": everything, "--only": only is not None})
        with Asking(wanted=not yes) as asking:
            recording = Recording(asking=asking, only=kind, quiet=manner.quiet)
            execute(selection.paths or [], options, presentation, overrides=overrides, conduct=recording.conduct)


def _more(*, everything: bool, only: str | None) -> tuple[str, ...]:
    """The options that say what alone, or anew, is recorded."""
    return (*(["--all"] if everything else []), *(["--only", only] if only is not None else []))


def _only(only: str | None, everything: bool) -> Only | None:
    """What alone is to be recorded.

    Raises:
        UsageError: for another word, and together with `--all`.
    """
    if only is None:
        return None
    if everything:
        raise UsageError("--all and --only exclude each other", fix="leave one of them out")
    one_of("--only", only, ("stale", "missing", "failed"))
    return "stale" if only == "stale" else "missing" if only == "missing" else "failed"


def _from_turn(options: RunOptions, text: str | None, others: Mapping[str, bool]) -> RunOptions:
    """The options of a recording that goes live from a turn on.

    Raises:
        UsageError: where it is none, and together with an option that says otherwise what is recorded.
    """
    if text is None:
        return options
    from convrun.run.playing.from_turn import turn_number

    for option, given in others.items():
        if given:
            raise UsageError(f"--from-turn and {option} exclude each other", fix="leave one of them out")
    return replace(options, from_turn=turn_number(text))


def _options(selection: Selection, everything: bool, manner: Manner) -> RunOptions:
    """What is to be recorded, and how."""
    if selection.define and selection.cassettes is None:
        raise UsageError(
            "-D changes what is recorded, and the cassettes here belong to the specs as they stand",
            fix="record into another folder with --cassettes DIR, or change the spec",
        )
    mode = RecordMode.ALL if everything else RecordMode.NEW_EPISODES
    return replace(manner.options(selection), record=mode, refresh=True)
