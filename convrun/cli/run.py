"""`convrun run`: run specs and check what came out."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from convrun.cli.asked import Manner, Selection
from convrun.cli.ending import named_errors
from convrun.cli.flattening import flat
from convrun.cli.parameters import ForWatch, KeepGoing, OnStale, Watching, one_of, record_mode


@flat
def run(
    *,
    selection: Selection,
    record: Annotated[
        str, typer.Option("--record", metavar="none|once|new_episodes|all", help="Whether to go live. none: never.")
    ] = "none",
    keep_going: KeepGoing = False,
    on_stale: OnStale = "fail",
    watching: Watching = False,
    for_watch: ForWatch = False,
    manner: Manner,
) -> None:
    """Run specs and check what came out: offline, from cassettes, unless --record says otherwise.

    Exit codes: 0 passed, 1 a check failed, 2 wrong specs or options, 3 stale or missing recordings, 4 an error while
    running, 5 nothing to run, 130 interrupted.
    """
    with named_errors(tracebacks=manner.verbose > 1):
        from convrun.cli.mistakes import mistakes_told  # other commands, and --help, do without
        from convrun.cli.running import execute

        presentation, overrides = manner.presentation("run"), manner.overrides(selection)
        with mistakes_told(presentation.reports, selection.paths or []):
            options = replace(
                manner.options(selection),
                record=record_mode(record),
                keep_going=keep_going,
                stale_is_fatal=one_of("--on-stale", on_stale, ("fail", "warn")) == "fail",
            )
        if for_watch:
            from convrun.watching.rounds import Task  # only here

            task = Task.awaited()
            options = replace(options, only=task.only)
            execute(selection.paths or [], options, presentation, overrides=overrides, on_result=task.finished)
        if watching:
            from convrun.cli.watch import watch  # only here

            watch(selection.paths or [], options, presentation, overrides=overrides)
        execute(selection.paths or [], options, presentation, overrides=overrides)
