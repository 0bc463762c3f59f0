"""One value of JSON changed at a time: another number, another text, a key that is gone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, TypeAlias

from convrun.frozen import frozen
from convrun.transcript import PartDifference
from convrun.values import Json, type_name

Steps: TypeAlias = tuple[str | int, ...]

ANOTHER_TEXT = "something else"
DEEPEST = 20  # levels that are gone into
_MOST = 200  # of one value
_NUMBER = re.compile(r"[0-9]+(?:[.,:][0-9]+)*")
_LAST_DIGIT = re.compile(r"[0-9](?=[^0-9]*\Z)")


class Gone:
    """What stands in the place of a value that is not there."""


GONE: Final = Gone()


@frozen
class Alteration:
    """Another value at a path; on the side that has none there it is GONE."""

    path: Steps
    old: Json | Gone
    new: Json | Gone

    @property
    def called(self) -> str:
        """What was done, for people: `missing`, `added`, or `changed: number`."""
        return "missing" if self.new is GONE else "added" if self.old is GONE else f"changed: {type_name(self.old)}"

    def difference(self, name: str) -> PartDifference:
        """Return it as a difference in the part of this name."""
        old, new = (None if isinstance(side, Gone) else _shown(side) for side in (self.old, self.new))
        return PartDifference(part=f"{name}{json_path(self.path)}", old=old, new=new, literal=True)


def alterations(value: Json) -> Iterator[Alteration]:
    """Yield the ways to change one thing in a value, in the order in which it is written, 200 at most.

    Of each mapping each key is left out once, of each list its last item, and each value becomes another one.
    """
    return islice(_alterations(value, ()), _MOST)


def _alterations(value: Json, path: Steps) -> Iterator[Alteration]:
    if isinstance(value, dict | list):
        if len(path) >= DEEPEST:
            return
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for step, item in entries:
            if isinstance(value, dict) or step == len(value) - 1:
                yield Alteration(path=(*path, step), old=item, new=GONE)
            yield from _alterations(item, (*path, step))
    else:
        yield Alteration(path=path, old=value, new=another(value))


def another(value: Json) -> Json:
    """Return another value of the same kind: what no check that looks at it should take for the same."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if value + 1 != value else -value
    if isinstance(value, str) and _LAST_DIGIT.search(value):
        return other_number(value)
    return ANOTHER_TEXT if value != ANOTHER_TEXT else f"{ANOTHER_TEXT} still"


def other_number(text: str) -> str:
    """Return a text with its last digit counted on, from 9 to 0."""
    return _LAST_DIGIT.sub(lambda digit: str((int(digit[0]) + 1) % 10), text)


def numbers(text: str) -> Iterator[re.Match[str]]:
    """Yield the numbers in a text."""
    return _NUMBER.finditer(text)


def _shown(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def altered(value: Json, path: Steps, new: Json | Gone) -> Json:
    """Return the value with `new` at a path, or without what is there; what is above it is copied."""
    if not path:
        assert not isinstance(new, Gone)
        return new
    made: Any = value.copy() if isinstance(value, dict | list) else value
    step, *rest = path
    if rest:
        made[step] = altered(made[step], tuple(rest), new)
    elif isinstance(new, Gone):
        del made[step]
    else:
        made[step] = new
    return made  # type: ignore[no-any-return]  # a copy of JSON


def json_path(path: Steps) -> str:
    """Return a path as RFC 9535 has it: `$.a[0]["b c"]`."""
    return "$" + "".join(map(_segment, path))


def _segment(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", step):
        return f".{step}"
    return f"[{_shown(step)}]"
