"""Adding up usage."""

from __future__ import annotations

from collections.abc import Iterable

from convrun.conversation.messages import Usage
from convrun.values import Json, JsonObject


def total(usages: Iterable[Usage]) -> Usage:
    """Return the sum; a figure that no provider gave stays None, and details are added number by number.

    A total stands in the details of a reply only where it is not the sum of input and output: it is left out.
    """
    given = list(usages)
    details: JsonObject = {}
    for usage in given:
        details = _added(details, {key: value for key, value in usage.details.items() if key != "total_tokens"})
    return Usage(
        input=_sum(usage.input for usage in given), output=_sum(usage.output for usage in given), details=details
    )


def _sum(figures: Iterable[int | None]) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None


def _added(left: JsonObject, right: JsonObject) -> JsonObject:
    found = dict(left)
    for key, value in right.items():
        found[key] = _sum_of(left[key], value) if key in left else value
    return found


def _sum_of(left: Json, right: Json) -> Json:
    if isinstance(left, dict) and isinstance(right, dict):
        return _added(left, right)
    if isinstance(left, int | float) and isinstance(right, int | float) and not isinstance(left, bool):
        return left + right
    return left if right is None else right
