"""`convrun record`: go live for what is stale or missing, and keep it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from convrun.cli.asked import Manner, Selection
from convrun.cli.ending import named_errors
from convrun.cli.flattening import flat
from convrun.errors import UsageError
from convrun.run.options import RecordMode, RunOptions


@flat
def record(
    *,
    selection: Selection,
    everything: Annotated[bool, typer.Option("--all", help="Record from scratch, fresh conversations too.")] = False,
    manner: Manner,
) -> None:
    """Record what is stale or missing, live: a matching beginning is replayed for free, the rest is asked anew."""
    with named_errors(tracebacks=manner.verbose > 1):
        from convrun.cli.mistakes import mistakes_told  # other commands, and --help, do without
        from convrun.cli.running import execute

        presentation, overrides = manner.presentation("record"), manner.overrides(selection)
        with mistakes_told(presentation.reports, selection.paths or []):
            options = _options(selection, everything, manner)
        execute(selection.paths or [], options, presentation, overrides=overrides)


def _options(selection: Selection, everything: bool, manner: Manner) -> RunOptions:
    """What is to be recorded, and how."""
    if selection.define and selection.cassettes is None:
        raise UsageError(
            "-D changes what is recorded, and the cassettes here belong to the specs as they stand",
            fix="record into another folder with --cassettes DIR, or change the spec",
        )
    mode = RecordMode.ALL if everything else RecordMode.NEW_EPISODES
    return replace(manner.options(selection), record=mode, refresh=True)
