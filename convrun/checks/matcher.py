"""Conditions on one JSON value: equals, contains, matches, min, max."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeGuard

from convrun.checks.check import Path
from convrun.checks.reader import Reader
from convrun.frozen import frozen
from convrun.values import contains, equal, show


@frozen
class Matcher:
    """Conditions by their names; a value has to meet all of them."""

    conditions: Mapping[str, object]

    def holds(self, value: object) -> bool:
        """Return whether the value meets every condition."""
        return all(_holds(name, wanted, value) for name, wanted in self.conditions.items())

    def failing(self, value: object) -> Iterator[tuple[str, object]]:
        """Yield the conditions that a value does not meet, by name."""
        for name, wanted in self.conditions.items():
            if not _holds(name, wanted, value):
                yield name, wanted

    def __str__(self) -> str:
        """`equal 5 and be at most 7`."""
        return " and ".join(f"{_VERBS[name]} {_shown(wanted)}" for name, wanted in self.conditions.items())


_VERBS = {"equals": "equal", "contains": "contain", "matches": "match", "min": "be at least", "max": "be at most"}


def _shown(wanted: object) -> str:
    return show(wanted.pattern if isinstance(wanted, re.Pattern) else wanted, 80)


def _holds(name: str, wanted: object, value: object) -> bool:
    if name == "equals":
        return equal(value, wanted)
    if name == "contains":
        return _contains(value, wanted)
    if isinstance(wanted, re.Pattern):
        return isinstance(value, str) and wanted.search(value) is not None
    if not isinstance(wanted, int | float) or not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return value >= wanted if name == "min" else value <= wanted


def _contains(value: object, wanted: object) -> bool:
    """A text contains a part, a list an item, a mapping a subset at every depth."""
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    if isinstance(value, list):
        return any(contains(item, wanted) for item in value)
    return isinstance(value, Mapping) and isinstance(wanted, Mapping) and contains(value, wanted)


def read_matcher(reader: Reader, value: Mapping[str, object], path: Path) -> Matcher:
    """Read a mapping of conditions; its keys are known to be names of conditions."""
    readers: dict[str, Callable[[object, Path], object]] = {
        "equals": lambda wanted, _: wanted,
        "contains": lambda wanted, at: _some(reader, wanted, at),
        "matches": reader.regex,
        "min": reader.number,
        "max": reader.number,
    }
    conditions = {name: readers[name](wanted, (*path, name)) for name, wanted in value.items()}
    low, high = conditions.get("min"), conditions.get("max")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        reader.wrong((*path, "max"), f"max {high} is below min {low}", "no number is between them: swap them")
    return Matcher(conditions=conditions)


def _some(reader: Reader, wanted: object, path: Path) -> object:
    if wanted in ("", {}):
        reader.wrong(path, "everything contains what is empty", "write what is expected")
    return wanted


def is_matcher(value: object, known: Collection[str]) -> TypeGuard[dict[str, object]]:
    """Return whether a value is a mapping of nothing but conditions with `known` names."""
    return isinstance(value, dict) and bool(value) and all(key in known for key in value)
