"""What `run` and `record` share: prepare, run, print as it goes, report, exit."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TextIO, TypeAlias

import typer

from convrun.cli.behaviour import remembered_behaviour
from convrun.cli.ending import BUG, INTERRUPTED, nothing_to_run, say, say_bug
from convrun.cli.mistakes import mistakes_told
from convrun.cli.output import commands_stopped, own_stdout
from convrun.cli.reporting import Reports, targets
from convrun.cli.screen import Screen
from convrun.errors import ReportError
from convrun.frozen import frozen
from convrun.report.console import QUIET
from convrun.report.stop_token import StopToken
from convrun.results import FROM_TURN, ConversationResult, RunResult
from convrun.run.planning.last_failed import remember
from convrun.run.planning.options import RunOptions
from convrun.run.project import Prepared, open_project, prepare
from convrun.run.verdicts import did_not_pass
from convrun.suite.run import run_all

_Told: TypeAlias = Callable[[ConversationResult], None]
_Run: TypeAlias = Callable[[Prepared, RunOptions, _Told], RunResult]
Conduct: TypeAlias = Callable[[Prepared, RunOptions, _Run, Screen, _Told], RunResult]


@frozen
class Presentation:
    """How a run is shown. `reports` are formats with their files, None for stdout; `command` is `run` or `record`.

    `more` are options of this command that stand in the line which repeats a conversation, beside those of the run.
    """

    command: str
    more: tuple[str, ...] = ()
    reports: Mapping[str, str | None] = field(default_factory=dict)
    quiet: bool = False
    verbosity: int = 0
    plain: bool = False


def execute(
    paths: Sequence[str],
    options: RunOptions,
    presentation: Presentation,
    *,
    overrides: Mapping[str, str | None],
    on_result: Callable[[ConversationResult, bool], None] | None = None,
    conduct: Conduct | None = None,
) -> None:
    """Run what the command line asks for, print it, write the reports; `overrides` are settings that it gives.

    `on_result` hears of each conversation, as the console does, and whether it passed. `conduct` runs what is
    prepared in another way than all at once.

    Raises:
        typer.Exit: always, with the run's exit code.
        ConvrunError: where nothing could run.
    """
    started = time.perf_counter()
    if not gc.get_freeze_count():
        # What is loaded by now stays to the end: collections, also the last ones at exit, need not look through it.
        gc.freeze()
    # On GitHub a line of a reply, also one that a tool prints, could be taken for a command to the runner.
    token = StopToken.made(os.environ)
    with own_stdout() as stdout, commands_stopped(token):
        with mistakes_told(presentation.reports, paths, stdout=stdout, token=token) as opening:
            project = open_project(paths, cwd=Path.cwd(), environ=os.environ, overrides=overrides, only=options.only)
            opening.project = project
            settings = project.settings
            options = replace(options, jobs=settings.jobs, strict=options.strict or settings.strict)
            reports = targets(presentation.reports, project, os.environ)
            reports.clear()
            prepared = prepare(project, options, environ=os.environ)
        if prepared.plan.remarks:
            say(prepared.plan.remarks)
        if not prepared.conversations and not prepared.plan.elsewhere:
            say([nothing_to_run(project.settings.root / project.settings.specs, bool(project.specs))])
        behaviour = remembered_behaviour(prepared, options, quiet=presentation.quiet)
        console = sys.stderr if reports.take_stdout(token) else stdout
        with _screen(console, presentation, prepared, token) as screen:

            def show(one: ConversationResult) -> None:
                screen.show(one)
                if on_result is not None:
                    on_result(one, not did_not_pass(one, strict=options.strict))

            command = _reproducing(presentation, options, overrides.get("cassettes"))
            run = _runner(screen, quiet=presentation.quiet, command=command, started=started)
            with mistakes_told(presentation.reports, paths, stdout=stdout, token=token) as opening:
                opening.project = project
                result = (conduct or _at_once)(prepared, options, run, screen, show)
            screen.tell(behaviour())
            screen.close(result)
        strict = options.strict or project.settings.strict
        remember(project.settings.root, result.conversations, strict=strict)
        _write(reports, result, stdout)
    if result.bug is not None:
        say_bug(result.bug.message, result.bug.details if presentation.verbosity > 1 else None)
    raise typer.Exit(result.exit_code)


def _write(reports: Reports, result: RunResult, stdout: TextIO) -> None:
    try:
        reports.write(result, stdout)
    except ReportError as error:
        if result.exit_code not in {BUG, INTERRUPTED}:  # those say more
            raise
        say(error.lines())


def _runner(screen: Screen, *, quiet: bool, command: str, started: float) -> _Run:
    """What runs conversations with the screen in view."""

    def run(which: Prepared, how: RunOptions, told: _Told) -> RunResult:
        return run_all(
            which,
            how if quiet else replace(how, heard=screen.say),
            environ=os.environ,
            command=command,
            on_result=told,
            on_standing=screen.stand if screen.shows_progress else None,
            started=started,
        )

    return run


def _at_once(prepared: Prepared, options: RunOptions, run: _Run, _: Screen, show: _Told) -> RunResult:
    """A run as it is."""
    return run(prepared, options, show)


def _screen(stream: TextIO, presentation: Presentation, prepared: Prepared, stop_token: StopToken) -> Screen:
    return Screen(
        stream,
        [*prepared.tests],
        stop_token,
        verbosity=QUIET if presentation.quiet else presentation.verbosity,
        plain_text=presentation.plain,
    )


def _reproducing(presentation: Presentation, options: RunOptions, cassettes: str | None) -> str:
    """The start of the line that repeats one conversation of this run."""
    import shlex

    command = presentation.command
    words = ["convrun", command]
    for key, value in options.defines.items():
        from convrun.run.said import said_without_secrets  # nothing else here may be a secret

        words += ["-D", *said_without_secrets([f"{key}={value}"], os.environ)]
    for model in options.models:
        words += ["-m", model]
    if cassettes is not None:
        words += ["--cassettes", cassettes]
    if options.base_url is not None:
        words += ["--base-url", options.base_url]
    if command == "run" and options.record.value != "none":
        words += ["--record", options.record.value]
    if options.from_turn is not None:
        words += [FROM_TURN, str(options.from_turn)]
    if options.meter is not None and options.meter.limit is not None:
        words += ["--max-cost", f"{options.meter.limit:.10g}"]
    return shlex.join([*words, *presentation.more])
