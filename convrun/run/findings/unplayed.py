"""The finding of a recording that is longer than what plays it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from convrun.results import Finding
from convrun.source import Where


def unplayed_finding(
    own: Sequence[int],
    lanes: Sequence[int],
    *,
    conversation: str,
    cassette: str | None,
    where: Where | None,
    twice: Mapping[int, bool],
) -> Finding:
    """Return the finding; `own` and `lanes` are the indexes of what was never played of the turns and of checks.

    `twice` are those of `lanes` that ask what a played one asked, each with whether its answer is another one.
    """
    every = sorted((*own, *lanes))
    count = "1 recorded interaction was" if len(every) == 1 else f"{len(every)} recorded interactions were"
    message = f"{count} never played, the first is number {every[0] + 1} in {cassette}"
    again = next((index for index in lanes if index in twice), None)
    if again is not None:
        message += f"; what number {again + 1} asks was asked twice"
        message += " and answered differently: the first answer counts" if twice[again] else ""
    back = "put the turns back, or " if own else "put the checks back that asked for it, or "
    if not own and twice.keys() >= {*lanes}:
        back = ""
    fix = f"{back}take {'them' if own or len(every) > 1 else 'it'} out of it: "
    fix += f"convrun cassette prune {shlex.quote(conversation)}"
    return Finding(kind="unplayed", message=message, where=where, fix=fix)
