"""What differs in two JSON values, a line for each place: `$.items[1].price: expected 12, got '12' (a text, not …)`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from convrun.checks.call_pattern import fits_value, show_wanted
from convrun.checks.check import Explanation
from convrun.checks.explaining.alignment import aligned
from convrun.checks.explaining.remarks import text_remark, type_remark
from convrun.checks.explaining.shared import shared_start
from convrun.checks.explaining.texts import difference, part_missing, texts_differ
from convrun.checks.explaining.windows import place
from convrun.checks.matcher import Matcher
from convrun.checks.reply import read_json
from convrun.source import printable
from convrun.values import canonical, equal, show

_NAME = re.compile(r"[^\W\d]\w*")
_MOST = 16  # lines
_COUNTED = 200  # lines beyond which nobody counts
_ALIKE = 70  # percent in which a misspelt key is like the other
_BRIEF = 100  # characters of a value in a line
_LONG = 60  # of a text; of longer ones that differ windows are shown


def values_differ(expected: object, actual: object, path: str = "$") -> Explanation:
    """Return what differs in two values that are not equal as JSON."""
    return _explained(expected, actual, path, exact=True)


def results_differ(expected: str, actual: str) -> Explanation:
    """Return what differs in two results of tools: by path where both are JSON mappings or lists, else as texts."""
    recorded, now = read_json(expected).value, read_json(actual).value
    if isinstance(recorded, dict | list) and isinstance(now, dict | list) and not equal(recorded, now):
        return values_differ(recorded, now, path="result")
    return texts_differ(expected, actual)


def subset_missing(expected: object, actual: object, path: str = "$") -> Explanation:
    """Return what of a value is not in another: mappings there may have more keys."""
    return _explained(expected, actual, path, exact=False)


def difference_lines(expected: object, actual: object, path: str, *, exact: bool) -> Iterator[str]:
    """Yield a line for each place below `path` where a value is not as wanted; Matchers may stand in what is wanted.

    Unless `exact`, mappings at every depth may have more keys.
    """
    if fits_value(expected, actual, exact=exact):
        return
    if isinstance(expected, Matcher):
        yield from unmet_lines(expected, actual, path)
    elif isinstance(expected, Mapping) and isinstance(actual, Mapping):
        yield from _mappings(expected, actual, path, exact)
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _lists(expected, actual, path, exact)
    else:
        yield from _leaves(expected, actual, path)


def step(path: str, key: str | int) -> str:
    """Return the path of what is at a key or index: `$.items[0]['a b']`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _NAME.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{printable(show(key, _LONG))}]"


def dotted(steps: Iterable[str | int]) -> str:
    """Return the path of a place in a whole value."""
    path = "$"
    for one in steps:
        path = step(path, one)
    return path


def bounded(lines: Iterable[str], most: int = _MOST) -> list[str]:
    """Return the lines; of many the first ones, and how many more there are."""
    every = iter(lines)
    shown = list(islice(every, most))
    more = sum(1 for line in islice(every, _COUNTED) if not line.startswith("  "))
    if not more:
        return shown
    return [*shown, f"... and {'many' if more == _COUNTED else more} more {'place' if more == 1 else 'places'}"]


def _explained(expected: object, actual: object, path: str, *, exact: bool) -> Explanation:
    if isinstance(expected, str) and isinstance(actual, str):
        return texts_differ(expected, actual) if exact else part_missing(expected, actual)
    if isinstance(expected, Mapping | list) and isinstance(actual, Mapping | list):
        return Explanation(lines=tuple(bounded(difference_lines(expected, actual, path, exact=exact))))
    return Explanation(remark=type_remark(expected, actual))


def _mappings(expected: Mapping[str, object], actual: Mapping[str, object], path: str, exact: bool) -> Iterator[str]:
    extra = [key for key in actual if key not in expected]
    for key, wanted in expected.items():
        if key in actual:
            yield from difference_lines(wanted, actual[key], step(path, key), exact=exact)
        else:
            yield f"{step(path, key)}: missing{_other_name(key, extra)}, expected {_brief(wanted)}"
    for key in extra if exact else ():
        yield f"{step(path, key)}: not expected, got {_brief(actual[key])}"


def _other_name(key: str, others: Sequence[str]) -> str:
    from rapidfuzz.fuzz import ratio
    from rapidfuzz.process import extractOne

    found = extractOne(key, others[:_COUNTED], scorer=ratio, score_cutoff=_ALIKE)
    return f" (there is {show(found[0], _LONG)})" if found else ""


def _lists(expected: list[object], actual: list[object], path: str, exact: bool) -> Iterator[str]:
    if len(expected) == len(actual) and exact and _reordered(expected, actual):
        yield f"{path}: the same items in another order: expected {_brief(expected)}, got {_brief(actual)}"
        return
    if len(expected) != len(actual):
        yield f"{path}: expected {len(expected)} {'item' if len(expected) == 1 else 'items'}, got {len(actual)}"
    rows = aligned(expected, actual, same=lambda one, other: fits_value(one, other, exact=exact), alike=likeness)
    for i, j in rows:
        if j is None and i is not None:
            yield f"{path}: missing {_brief(expected[i])} (item {i} of those expected)"
        elif i is None and j is not None:
            yield f"{step(path, j)}: not expected, got {_brief(actual[j])}"
        elif i is not None and j is not None:
            yield from difference_lines(expected[i], actual[j], step(path, j), exact=exact)


def _reordered(expected: list[object], actual: list[object]) -> bool:
    try:
        return sorted(map(canonical, expected)) == sorted(map(canonical, actual))
    except ValueError:  # conditions stand in it
        return False


def likeness(one: object, other: object) -> float:
    """Return how much two values have in common, from 0 to 1; only their first level counts."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        shared = sum(key in other and fits_value(value, other[key], exact=False) for key, value in one.items())
        return shared / max(len(one), len(other), 1)
    if isinstance(one, list) and isinstance(other, list):
        return shared_start(one, other) / max(len(one), len(other), 1)
    return 0.1 if type(one) is type(other) else 0.0


def _leaves(expected: object, actual: object, path: str) -> Iterator[str]:
    """The lines for two values of which one at least has nothing inside."""
    if not isinstance(expected, str) or not isinstance(actual, str):
        yield f"{path}: expected {_brief(expected)}, got {_brief(actual)}{type_remark(expected, actual)}"
        return
    remark = text_remark(expected, actual)
    if max(len(expected), len(actual)) <= _LONG:
        yield f"{path}: expected {_brief(expected)}, got {_brief(actual)}{remark}"
        return
    lines = difference(expected, actual)
    if lines:
        yield f"{path}: the texts differ from {place(actual, shared_start(expected, actual))}{remark}"
        yield from (f"  {line}" for line in lines)
    else:
        yield f"{path}: expected {_brief(expected)}, got {_brief(actual)}{remark}"


def unmet_lines(matcher: Matcher, actual: object, path: str) -> Iterator[str]:
    """Yield the lines for the conditions that a value does not meet."""
    for name, wanted in matcher.failing(actual):
        if name == "equals":
            yield from difference_lines(wanted, actual, path, exact=True)
        elif name == "contains" and isinstance(wanted, Mapping) and isinstance(actual, Mapping):
            yield from difference_lines(wanted, actual, path, exact=False)
        else:
            number = name in ("min", "max") and isinstance(actual, str)
            remark = " (a text, not a number)" if number else ""
            yield f"{path}: expected to {Matcher(conditions={name: wanted})}, got {_brief(actual)}{remark}"


def _brief(value: object) -> str:
    return printable(_short(show_wanted(value)) if _has_conditions(value) else show(value, _BRIEF))


def _short(text: str) -> str:
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF // 2]}...{text[-_BRIEF // 2 :]}"


def _has_conditions(value: object) -> bool:
    if isinstance(value, Mapping | list):
        return any(map(_has_conditions, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, Matcher)


def nearest_item(wanted: object, items: Sequence[object], path: str) -> Explanation:
    """Return what differs in the item of a list that is most like one that is not in it; nothing where none is."""
    looked = items[:_COUNTED]
    if isinstance(wanted, Mapping):
        index, item = max(enumerate(looked), key=lambda pair: likeness(wanted, pair[1]), default=(0, None))
        if not isinstance(item, Mapping) or not likeness(wanted, item):
            return Explanation()
        lines = bounded(difference_lines(wanted, item, step(path, index), exact=False))
        return Explanation(lines=("the nearest item:", *lines))
    for index, item in enumerate(looked):
        texts = isinstance(wanted, str) and isinstance(item, str)
        if remark := text_remark(str(wanted), str(item)) if texts else type_remark(wanted, item):
            return Explanation(remark=f"; {step(path, index)} is {_brief(item)}{remark}")
    return Explanation()
