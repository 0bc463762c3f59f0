"""Errors as values: what a result keeps of an exception."""

from __future__ import annotations

import traceback

from convrun.errors import ConvrunError
from convrun.results import Problem
from convrun.source import Where


def problem(error: ConvrunError, where: Where | None = None) -> Problem:
    """Return the error as a result keeps it, placed at `where` if it has no place of its own."""
    return Problem(
        type=type(error).__name__,
        message=error.what or type(error).__name__,
        where=error.where or where,
        fix=error.fix,
        details="".join(traceback.format_exception(error)),
    )
