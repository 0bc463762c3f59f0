"""Where a run that does not begin has its mistakes told by the reports."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from convrun.errors import ConvrunError
from convrun.report.stop_token import StopToken
from convrun.run.project import Project

_NO_TOKEN = StopToken()


class Opening:
    """What is known so far of a run that is about to begin: its project, once that is open."""

    project: Project | None = None


@contextmanager
def mistakes_told(
    reports: Mapping[str, str | None],
    paths: Sequence[str],
    *,
    stdout: TextIO | None = None,
    token: StopToken = _NO_TOKEN,
) -> Iterator[Opening]:
    """Have the reports tell the mistake that ends this block, for which nothing runs.

    What an earlier run has left in their files would be taken for the result of this one. `token` is what was begun on
    stderr.
    """
    opening = Opening()
    cwd = Path.cwd() if reports else Path()  # user code may change it
    try:
        yield opening
    except ConvrunError as error:
        if reports:
            from convrun.cli.refusing import Refusal  # only there

            refusal = Refusal(reports=reports, paths=paths, cwd=cwd, project=opening.project)
            refusal.tell(error, stdout or sys.stdout, token)
        raise
