"""Why a check of what stands at a JSONPath fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice

from convrun.checks.check import Explanation
from convrun.checks.explaining.remarks import typed
from convrun.checks.explaining.values import (
    bounded,
    nearest_item,
    subset_missing,
    unmet_lines,
    values_differ,
)
from convrun.checks.matcher import Matcher
from convrun.source import printable
from convrun.values import Json, show, type_name

_KEYS = 12  # that are named
_LONGEST = 40  # characters of one
_COMPARED = 1_000  # with a misspelt one


def unmet(matcher: Matcher, wrong: Mapping[str, Json], *, alone: bool) -> Explanation:
    """Return how the values at these places fall short of the conditions; `alone`: the path leads to no others."""
    if not alone:
        return Explanation(lines=tuple(bounded(_everywhere(matcher, wrong))))
    ((path, value),) = wrong.items()
    (name, wanted), *others = matcher.failing(value)
    if others:
        return Explanation(lines=tuple(bounded(unmet_lines(matcher, value, path))))
    if name == "equals":
        return values_differ(wanted, value, path)
    if name == "contains":
        return nearest_item(wanted, value, path) if isinstance(value, list) else subset_missing(wanted, value, path)
    if name == "matches" and not isinstance(value, str):
        return Explanation(remark=f" ({typed(type_name(value))}, not a text)" if value is not None else "")
    if name in ("min", "max") and (isinstance(value, bool) or not isinstance(value, int | float)):
        return Explanation(remark=f" ({typed(type_name(value))}, not a number)" if value is not None else "")
    return Explanation()


def _everywhere(matcher: Matcher, wrong: Mapping[str, Json]) -> Iterator[str]:
    for path, value in wrong.items():
        yield from unmet_lines(matcher, value, path)


def absent(steps: Sequence[str], find: Callable[[str], Mapping[str, Json]]) -> Explanation:
    """Return how far a path leads into a value, and what is there in place of its next step.

    `steps` are the path's, as it is written; `find` gives the values at a path, by their own paths.
    """
    for count in range(len(steps) - 1, -1, -1):
        nodes = find("$" + "".join(steps[:count]))
        if len(nodes) > 1:
            break
        for path, value in nodes.items():
            remark, line = _there(path, value, steps[count]), f"{path} is {show(value)}"
            return Explanation(remark=f": {printable(remark)}", lines=(printable(line),))
    return Explanation()


def _there(path: str, value: Json, wanted: str) -> str:
    """What stands where a path ends; `wanted` is its next step."""
    if isinstance(value, dict):
        if not value:
            return f"{path} is an empty mapping"
        names = ", ".join(show(key, _LONGEST) for key in islice(value, _KEYS))
        more = f" and {len(value) - _KEYS} more" if len(value) > _KEYS else ""
        near = get_close_matches(wanted.strip("[]'\""), islice(value, _COMPARED), 1)
        return f"{path} has {names}{more}{f'; did you mean {near[0]!r}?' if near else ''}"
    if isinstance(value, list):
        return f"{path} is a list of {len(value)}" if value else f"{path} is an empty list"
    return f"{path} is {show(value, _LONGEST)}"
