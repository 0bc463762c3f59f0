"""`convrun mutate`: would the checks have noticed?"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convrun.cli.asked import Recorded
from convrun.cli.ending import ERROR, NOTHING_TO_RUN, named_errors, nothing_to_run, say
from convrun.cli.flattening import flat
from convrun.cli.parameters import NoColor, reports
from convrun.errors import UsageError

if TYPE_CHECKING:
    from convrun.mutation import MutationResult

_BELOW = 1
_FORMATS = ("json",)


@flat
def mutate(
    *,
    selection: Recorded,
    min_score: Annotated[
        str | None, typer.Option("--min-score", metavar="0..1", help="End with 1 if less than this part is noticed.")
    ] = None,
    report: Annotated[
        list[str] | None,
        typer.Option("--report", metavar="json[=FILE]", help="Write it as JSON; without FILE to stdout."),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only the score.")] = False,
    every: Annotated[bool, typer.Option("-v", "--verbose", help="Everything that no check notices.")] = False,
    no_color: NoColor = False,
) -> None:
    """Change what the model said in recordings, one thing at a time, and say which changes no check notices.

    With each comes a check that would. Nothing is run or imported. Exit codes: 0, 1 below --min-score, 2 wrong specs or
    options, 4 a recording that cannot be read, 5 nothing recorded.
    """
    from convrun.cli.output import print_said  # other commands, and --help, do without
    from convrun.cli.reporting import targets
    from convrun.mutate.mutating import mutation_result
    from convrun.report.mutate import mutation_lines
    from convrun.report.mutation_json import mutation_json
    from convrun.run.project import open_project, prepare
    from convrun.run.secrets import secrets_of
    from convrun.version import VERSION

    with named_errors():
        least, options, overrides = _least(min_score), selection.options(), {"cassettes": selection.cassettes}
        project = open_project(selection.paths or [], cwd=Path.cwd(), environ=os.environ, overrides=overrides)
        to = targets(reports(report or (), _FORMATS), project, os.environ)
        plan = prepare(project, options, environ=os.environ, imports=False).plan
        keys = secrets_of([project.settings.root], os.environ)
        found = mutation_result(plan.conversations, project, options, keys=keys)
        empty = not plan.conversations and not plan.elsewhere
        code = _exit_code(found, least) if plan.conversations or empty else 0  # another shard has them
        if plan.remarks:
            say(plan.remarks)
        if empty:
            say([nothing_to_run(project.settings.root / project.settings.specs, bool(project.specs))])
        json_alone = "json" in to.files and to.files["json"] is None
        lines = mutation_lines(found, every=every, quiet=quiet, least=least)
        print_said(lines, sys.stderr if json_alone else sys.stdout, refused=no_color)
        if to.files:
            text = mutation_json(found, version=VERSION, exit_code=code, least=least)
            for error in to.put("json", text, sys.stdout):
                raise error
        raise typer.Exit(code)


def _least(text: str | None) -> float | None:
    """The score that is wanted.

    Raises:
        UsageError: for what is no number from 0 to 1.
    """
    if text is None:
        return None
    try:
        least = float(text)
    except ValueError:
        least = -1.0
    if not 0 <= least <= 1:
        raise UsageError(f"--min-score {text!r} is no number from 0 to 1", fix="write --min-score 0.9")
    return least


def _exit_code(found: MutationResult, least: float | None) -> int:
    rate = found.total.rate
    if any(one.problem for one in found.passed_over):
        return ERROR
    if rate is None:
        return NOTHING_TO_RUN
    return _BELOW if least is not None and rate < least else 0
