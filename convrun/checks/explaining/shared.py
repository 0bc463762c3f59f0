"""What two texts or lists have in common at their ends, however long they are."""

from __future__ import annotations

from collections.abc import Sequence

_STEP = 4096


def shared_start(left: Sequence[object], right: Sequence[object]) -> int:
    """Return how much two texts or lists have in common at the start; whole pieces are compared at once."""
    shortest = min(len(left), len(right))
    at = 0
    while at < shortest and left[at : at + _STEP] == right[at : at + _STEP]:
        at += _STEP
    end = min(at + _STEP, shortest)
    return next((index for index in range(at, end) if left[index] != right[index]), min(end, shortest))


def shared_end(left: Sequence[object], right: Sequence[object]) -> int:
    """Return how much two texts or lists have in common at the end."""
    shortest = min(len(left), len(right))
    at = 0
    while at + _STEP <= shortest and _back(left, at) == _back(right, at):
        at += _STEP
    end = min(at + _STEP, shortest)
    return next((index for index in range(at, end) if left[-1 - index] != right[-1 - index]), end)


def _back(items: Sequence[object], at: int) -> Sequence[object]:
    return items[len(items) - at - _STEP : len(items) - at]
