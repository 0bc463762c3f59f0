"""The finding of a recording that is longer than what plays it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from convrun.results import Finding
from convrun.source import Where


def unplayed_finding(
    own: Sequence[int], lanes: Sequence[int], *, conversation: str, cassette: str | None, where: Where | None
) -> Finding:
    """Return the finding; `own` and `lanes` are the indexes of what was never played of the turns and of checks."""
    every = sorted((*own, *lanes))
    count = "1 recorded interaction was" if len(every) == 1 else f"{len(every)} recorded interactions were"
    message = f"{count} never played, the first is number {every[0] + 1} in {cassette}"
    back = "put the turns back" if own else "put the checks back that asked for it"
    fix = f"{back}, or take {'them' if own or len(every) > 1 else 'it'} out of it: "
    fix += f"convrun cassette prune {shlex.quote(conversation)}"
    return Finding(kind="unplayed", message=message, where=where, fix=fix)
