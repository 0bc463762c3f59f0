"""Texts and values of specs, models and tools, as reports show them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from convrun.report.style import Line, Role

_LIMIT = 600  # characters of one text, unless all of it is asked for
_LINES = 20
_LINE = 300  # characters of one line of a text


def block(label: str, value: object, *, full: bool = False, role: Role = "text") -> list[Line]:
    """Return `label: value`; a text of several lines stands behind a gutter below, so that none passes for our own."""
    text = value if isinstance(value, str) else dumped(value, indent=None)
    text = text if full else cut(text)
    lines = text.split("\n")
    if len(lines) == 1:
        return [Line(f"{label}: {quoted(text) if isinstance(value, str) else text}".rstrip(), role)]
    return [Line(f"{label}:", role), *(Line(f"  | {line}".rstrip(), role) for line in lines)]


def quoted(text: str) -> str:
    """Return a text between quotation marks that it does not contain, if possible; nothing is escaped."""
    mark = '"' if "'" in text and '"' not in text else "'"
    return f"{mark}{text}{mark}"


def cut(text: str) -> str:
    """Return the text without the middle, if it is long; what is missing is counted."""
    lines = text.split("\n")
    if len(lines) > _LINES:
        left_out = len(lines) - _LINES + 1
        half = _LINES // 2
        lines = [*lines[:half], f"... {left_out} lines more, -vv shows them ...", *lines[half + left_out :]]
        text = "\n".join(line if len(line) <= _LINE else short(line, _LINE) for line in lines)
    return text if len(text) <= _LIMIT * 2 and len(lines) > 1 else short(text, _LIMIT)


def dumped(value: object, *, indent: int | None = 2) -> str:
    """Return a value as JSON text for people, whatever it is."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent, default=repr)
    except (TypeError, ValueError):  # keys that JSON does not have, or a value inside itself
        return repr(value)


def noun(number: int, name: str) -> str:
    """Return `1 turn` or `2 turns`."""
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def duration(seconds: float) -> str:
    """Return a time for people: milliseconds below one second, then seconds, then minutes."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 59.95 else f"{int(seconds + 0.5) // 60} min {int(seconds + 0.5) % 60} s"


def short(text: str, limit: int) -> str:
    """Return the text without the middle, if it is longer than about `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]} ... {len(text) - 2 * half} characters more, -vv shows them ... {text[-half:]}"


def without_options(words: Sequence[str], options: Mapping[str, int]) -> list[str]:
    """Return a command line without these options, each with so many words behind it."""
    left = list(words)
    for option, values in options.items():
        if option in left:
            at = left.index(option)
            del left[at : at + 1 + values]
    return left
