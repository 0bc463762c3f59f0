"""`convrun status`: how the recordings stand to the specs and the code of today."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convrun.cli.asked import Selection
from convrun.cli.ending import ERROR, NOTHING_TO_RUN, named_errors, nothing_to_run, say
from convrun.cli.flattening import flat
from convrun.cli.parameters import NoColor

if TYPE_CHECKING:
    from convrun.run.project import Prepared
    from convrun.transcript import RecordingStates

STALE = 3


@flat
def status(
    *,
    selection: Selection,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    every: Annotated[bool, typer.Option("-v", "--verbose", help="A line for each conversation, what changed.")] = False,
    no_color: NoColor = False,
) -> None:
    """Say which recordings are fresh, stale (because of what), missing or orphaned, and what a refresh would take.

    No model, tool or hook is run; modules are imported. Exit codes: 0, 2 wrong specs or options, 3 stale or missing
    recordings, 4 unreadable ones, 5 nothing selected.
    """
    from convrun.cli.output import own_stdout, print_said  # other commands, and --help, do without
    from convrun.report.status import status_json, status_lines
    from convrun.review.states import recording_states
    from convrun.run.project import open_project, prepare

    with named_errors():
        options, overrides = selection.options(), {"cassettes": selection.cassettes}
        with own_stdout():  # what modules print while they are imported is no part of the answer
            project = open_project(selection.paths or [], cwd=Path.cwd(), environ=os.environ, overrides=overrides)
            prepared = prepare(project, options, environ=os.environ)
            whole = not selection.paths
            found = recording_states(prepared, options, environ=os.environ, whole=whole)
            found = _clean(found, project.settings.root)
        if prepared.plan.remarks:
            say(prepared.plan.remarks)
        code = _exit_code(found, prepared)
        if code == NOTHING_TO_RUN:
            say([nothing_to_run(project.settings.root / project.settings.specs, bool(project.specs))])
        if as_json:
            print(status_json(found, code))
        else:
            lines = status_lines(found, command=_command(selection), every=every)
            print_said(lines, sys.stdout, refused=no_color)
        raise typer.Exit(code)


def _clean(found: RecordingStates, root: Path) -> RecordingStates:
    """The states without secrets, but in what a conversation is found by."""
    from convrun.run.secrets import secrets_of, without_secrets

    keys = secrets_of([root], os.environ)
    clean = [(one, without_secrets(one, keys)) for one in found.states]
    states = (replace(made, id=one.id, spec=one.spec, cassette=one.cassette) for one, made in clean)
    return replace(found, states=tuple(states))


def _exit_code(found: RecordingStates, prepared: Prepared) -> int:
    states = {one.state for one in found.states}
    if "error" in states:
        return ERROR
    if not states.isdisjoint({"stale", "missing", "partial"}):
        return STALE
    return NOTHING_TO_RUN if not states and not prepared.plan.elsewhere else 0


def _command(selection: Selection) -> str:
    """The start of the line that asks the same again."""
    words = ["convrun", "status"]
    for pair in selection.define or ():
        words += ["-D", pair]
    for model in selection.models or ():
        words += ["-m", model]
    return shlex.join([*words, *(["--cassettes", selection.cassettes] if selection.cassettes is not None else [])])
