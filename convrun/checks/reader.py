"""The reader of a check's value: every mistake is noted with its path, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TypeGuard

from convrun.checks.check import Path, ValueProblem
from convrun.errors import ConvrunError, did_you_mean
from convrun.frozen import frozen
from convrun.templates import Text
from convrun.values import seconds, show, type_name


@frozen(kw_only=False)
class Pending:
    """A template that is not rendered yet; a `whole` one may become anything, any other a text."""

    whole: bool


def settled(value: object) -> object:
    """Return a value with literal texts as str and templates as Pending."""
    if isinstance(value, Text):
        return Pending(value.whole) if value.is_template else value.source
    if isinstance(value, Mapping):
        return {key: settled(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [settled(item) for item in value]
    return value


class Reader:
    """Reads parts of a value as the types a check wants; `problems` are the mistakes found.

    Where a part is wrong or pending, something empty of the right type is returned: the check that is made of it only
    says that nothing else is wrong.
    """

    def __init__(self) -> None:
        self.problems: list[ValueProblem] = []

    def wrong(self, path: Path, what: str, fix: str | None = None) -> None:
        """Note a mistake."""
        self.problems.append(ValueProblem(path=path, what=what, fix=fix))

    def text(self, value: object, path: Path, *, empty: str | None = None) -> str:
        """Return a text; `empty` says why it may not be empty."""
        if isinstance(value, str):
            if not value and empty is not None:
                self.wrong(path, f"an empty text: {empty}", "write what is expected")
            return value
        if not isinstance(value, Pending):
            what = f"a text is wanted, not {_described(value)}"
            fix = "write a check for each" if isinstance(value, list) else _quoted(value)
            self.problems.append(ValueProblem(path=path, what=what, fix=fix, needs_text=True))
        return ""

    def regex(self, value: object, path: Path) -> re.Pattern[str]:
        """Return a compiled regular expression."""
        source = self.text(value, path, empty="it is found in every text")
        try:
            return re.compile(source)
        except (re.error, OverflowError, RecursionError, Warning) as error:
            what = f"{show(source, 80)} is not a regular expression: {error}"
            self.wrong(path, what, "put a backslash before a sign that is meant literally")
            return re.compile("")

    def number(self, value: object, path: Path, fix: str | None = None) -> int | float:
        """Return a number; `fix` is said of what is none."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if not _may_be_anything(value):
            self._not(value, path, "a number", fix)
        return 0

    def count(self, value: object, path: Path, fix: str | None = None) -> int:
        """Return a whole number from 0; `fix` is said of what is none."""
        number = self.number(value, path, fix)
        if number < 0 or (isinstance(number, float) and not number.is_integer()):
            self.wrong(path, f"a whole number from 0 is wanted, not {number}", fix)
            return 0
        return int(number)

    def duration(self, value: object, path: Path) -> float:
        """Return a duration in seconds."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.wrong(path, f"a duration is wanted, not the number {value}", f"write {value}s")
            return 0.0
        text = self.text(value, path, empty="a duration is wanted, as 2s")
        try:
            return seconds(text) if text else 0.0
        except ConvrunError as error:
            self.wrong(path, error.what, error.fix)
            return 0.0

    def items(self, value: object, path: Path, *, of: str, empty: str | None = None) -> list[object]:
        """Return a list; `of` names its items, `empty` says why it may not be empty."""
        if isinstance(value, list):
            if not value and empty is not None:
                self.wrong(path, f"an empty list: {empty}", f"list at least one of the {of}")
            return value
        if not _may_be_anything(value):
            self._not(value, path, f"a list of {of}", f"write [{value}]" if isinstance(value, str) else None)
        return []

    def texts(self, value: object, path: Path, *, of: str, empty: str | None = None) -> tuple[str, ...]:
        """Return a list of texts that are not empty."""
        listed = self.items(value, path, of=of, empty=empty)
        return tuple(self.text(item, (*path, index), empty=f"one of the {of}") for index, item in enumerate(listed))

    def mapping(
        self, value: object, path: Path, known: Collection[str], wanted: str, fix: str | None = None
    ) -> dict[str, object]:
        """Return a mapping that has only `known` keys; `wanted` describes it, `fix` is said of what is none."""
        if isinstance(value, dict):
            for key in value:
                if key not in known:
                    near = did_you_mean(str(key), known) or f"known are {', '.join(known)}"
                    self.wrong((*path, key), f"unknown key {key!r}", near)
            return {key: item for key, item in value.items() if key in known}
        if not _may_be_anything(value):
            self._not(value, path, wanted, fix)
        return {}

    def _not(self, value: object, path: Path, wanted: str, fix: str | None = None) -> None:
        got = "a text with a template" if isinstance(value, Pending) else _described(value)
        self.wrong(path, f"{wanted} is wanted, not {got}", fix)


def _may_be_anything(value: object) -> TypeGuard[Pending]:
    return isinstance(value, Pending) and value.whole


def _described(value: object) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return f"the {type_name(value)} {show(value, 60)}"
    return f"a {type_name(value)}" if isinstance(value, list | dict) else show(value, 60)


def _quoted(value: object) -> str | None:
    if value is None or isinstance(value, bool | int | float):
        return f"quote it: '{show(value)}'"
    return None
