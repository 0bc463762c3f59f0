"""What new recordings changed in the behaviour of their conversations, told behind a run that may record."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from convrun.run.planning.options import RecordMode, RunOptions
from convrun.run.project import Prepared

if TYPE_CHECKING:
    from convrun.report.style import Line


def remembered_behaviour(prepared: Prepared, options: RunOptions, *, quiet: bool) -> Callable[[], list[Line]]:
    """Remember the recordings that a run may replace; return what tells behind it what the new ones changed."""
    if quiet or options.record in {RecordMode.NONE, RecordMode.ONCE}:
        return list
    from convrun.report.behaviour import behaviour_lines  # a replay does without
    from convrun.review.replaced import Replaced

    root = prepared.project.settings.root
    before = Replaced([one.planned for one in prepared.conversations], root=root)
    return lambda: behaviour_lines(list(before.differences(os.environ)))
