"""How long what a template makes can become, told before it is made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from convrun.errors import TemplateError

LONGEST = 10_000_000  # characters of one text, or items of one list
WIDEST = 10_000  # characters to which a text is filled up

_CONVERSION = re.compile(r"%(?:\((?P<key>[^)]*)\))?[#0\- +]*(?P<width>\*|\d*)(?:\.(?P<precision>\*|\d*))?")
_NUMBER = re.compile(r"\d+")


def size(value: object) -> int:
    """Return about how many characters a value prints as; counting ends behind LONGEST."""
    total, left = 0, [value]
    while left and total <= LONGEST:
        one = left.pop()
        if isinstance(one, str):
            total += len(one) + 2
        elif isinstance(one, Mapping):
            total += 2
            left += [*one.keys(), *one.values()]
        elif isinstance(one, Sequence) and len(one) <= LONGEST:
            total += 2
            left += one
        else:
            total += 2 + (one.bit_length() // 3 if isinstance(one, int) else 18)
    return total


def printf_length(text: str, values: object) -> int:
    """Return how long `text % values` becomes at most.

    Raises:
        TemplateError: for a width that no text needs.
    """
    total = len(text)
    named = values if isinstance(values, Mapping) else None
    for found in _CONVERSION.finditer(text):
        for part in (found["width"], found["precision"]):
            if part == "*":
                total += max(map(_narrow, _integers(values)), default=0)
            elif part:
                total += _narrow(_digits(part))
        if named is not None and found["key"] is not None:
            total += size(named.get(found["key"]))
        if total > LONGEST:
            break
    return total + (size(values) if named is None else 0)


def refuse_wide(specification: str) -> None:
    """Refuse a width or precision in `{:>80}` that no text needs.

    Raises:
        TemplateError: where it is too wide.
    """
    for number in _NUMBER.findall(specification):
        _narrow(_digits(number))


def length(name: str, text: Any, given: Sequence[object], named: Mapping[str, object]) -> int:
    """Return how long the result of a filter or of a text's method becomes at most; 0 for those that add little.

    Raises:
        TemplateError: for a width that no text needs.
    """
    judge = _LENGTHS.get(name)
    return judge(text, [*given, *named.values()]) if judge is not None else 0


def _narrow(width: int) -> int:
    if width > WIDEST:
        raise TemplateError(f"a width of {_shown(width)} in a template", fix=f"{WIDEST:,} is the most")
    return max(width, 0)


def _shown(width: int) -> str:
    return f"{width:,}" if width < LONGEST * 1000 else "very many"


def _digits(text: str) -> int:
    return int(text) if len(text) <= 12 else LONGEST * 1000


def _integers(values: object) -> list[int]:
    several = values if isinstance(values, list | tuple) else [values]
    return [value for value in several if isinstance(value, int)]


def _filled(text: object, given: Sequence[object]) -> int:
    return size(text) + max(map(_narrow, _integers(list(given))), default=0)


def _tabs_expanded(text: object, given: Sequence[object]) -> int:
    width = max(map(_narrow, _integers(list(given))), default=8)
    return size(text) + str(text).count("\t") * width


def _indented(text: object, given: Sequence[object]) -> int:
    texts = [len(value) for value in given if isinstance(value, str)]
    width = max([*texts, *map(_narrow, _integers(list(given))), 4])
    return size(text) + (len(str(text).splitlines()) + 1) * width


def _wrapped(text: object, given: Sequence[object]) -> int:
    return size(text) * (1 + max((len(value) for value in given if isinstance(value, str)), default=1))


def _replaced(text: object, given: Sequence[object]) -> int:
    old, new = (str(value) for value in [*given, "", ""][:2])
    return size(text) + (str(text).count(old) * max(len(new) - len(old), 0) if size(text) <= LONGEST else 0)


def _joined(items: object, given: Sequence[object]) -> int:
    several = cast(Sequence[object], items)
    return size(several) + len(several) * max((len(value) for value in given if isinstance(value, str)), default=0)


def _joined_by(text: object, given: Sequence[object]) -> int:
    return _joined(given[0], [text]) if given and isinstance(given[0], Sequence) else 0


def _translated(text: object, given: Sequence[object]) -> int:
    table = given[0] if given and isinstance(given[0], Mapping) else {}
    return size(text) * max((len(value) for value in table.values() if isinstance(value, str)), default=1)


def _divided(_: object, given: Sequence[object]) -> int:
    return max(_integers(list(given)), default=0)


def _added(items: object, _: Sequence[object]) -> int:
    """Lists are added by copying all that was added before."""
    lists = [item for item in cast(Iterable[object], items) if isinstance(item, list | tuple)]
    return len(lists) * sum(map(len, lists))


def _dumped(value: object, given: Sequence[object]) -> int:
    width = max(map(_narrow, _integers(list(given))), default=0)
    return size(value) * max(width, 1)


_LENGTHS: dict[str, Callable[[Any, Sequence[object]], int]] = {
    "center": _filled,
    "ljust": _filled,
    "rjust": _filled,
    "zfill": _filled,
    "round": _filled,
    "expandtabs": _tabs_expanded,
    "indent": _indented,
    "wordwrap": _wrapped,
    "replace": _replaced,
    "join": _joined,
    "str.join": _joined_by,
    "translate": _translated,
    "batch": _divided,
    "slice": _divided,
    "sum": _added,
    "tojson": _dumped,
    "string": lambda value, _: size(value),
    "format": lambda text, given: printf_length(str(text), tuple(given)),
}
FILTERS = frozenset(_LENGTHS) - {"ljust", "rjust", "zfill", "expandtabs", "str.join", "translate"}
METHODS = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs", "replace", "join", "translate"})
