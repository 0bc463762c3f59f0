"""Errors as values: what a result keeps of an exception."""

from __future__ import annotations

import shlex
from dataclasses import replace

from convrun.cassette.interaction import RECORD_ANEW
from convrun.errors import ConvrunError, traceback_of
from convrun.results import Problem
from convrun.source import Where


def problem(error: ConvrunError, where: Where | None = None, *, conversation: str | None = None) -> Problem:
    """Return the error as a result keeps it, placed at `where` if it has no place of its own.

    With the id of the `conversation` a fix that is to record it anew is the command for that.
    """
    fix = error.fix
    if fix and conversation:
        fix = fix.replace(RECORD_ANEW, f"record it anew: convrun record --all {shlex.quote(conversation)}")
    return Problem(
        type=type(error).__name__,
        message=error.what or type(error).__name__,
        where=error.where or where,
        fix=fix,
        details=traceback_of(error, error.__traceback__),
    )


def advised(problem: Problem, more: str) -> Problem:
    """Return the problem with more to do about it."""
    return replace(problem, fix=f"{problem.fix}; {more}" if problem.fix else more)
