"""Plain values as YAML that a person reviews: block text for anything with line breaks, short values on one line.

What YAML cannot hold (lone surrogates, very long keys, deep nesting) is written as JSON text below the key `$json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from convrun.cassette.stored.json_text import JSON_TEXT, MARKS
from convrun.values import Json

_ONE_LINE = 100  # longest value written on the line of its key, in characters
_DEEPEST = 40
_LONGEST_KEY = 200
_LARGEST = 2**63
_STEP = 2

# Neither an indicator in front nor ": " or " #" inside: such a text needs no quotes, in a flow collection neither.
_PLAIN = re.compile(r"[A-Za-z0-9_/<(+$.\u00a1-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff][^\xa0,\[\]{}]*")
_BREAKING = re.compile(r": |:$| #| $")
# Texts that some YAML version takes for a number, a boolean, null or a date.
_TYPED = re.compile(
    r"(?i)~|null|true|false|yes|no|on|off|y|n|=|<<|0x[\da-f_]+|0[ob][\d_]+|[-+]?[.\d][\d_.,:e+\-]*|[-+]?\.(inf|nan)|\d{4}-\d.*"
)
# With what changes the order of a line: a reviewer would read another text than the one that is played.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def emit(value: dict[str, Json], lines: Mapping[int, frozenset[str]], *, cautious: bool = False) -> str:
    """Return `value` as a YAML document.

    `lines` gives, by the indent of a key, the keys whose values stay on one line; `cautious` quotes every text.
    """
    return "\n".join(_Emitter(lines, cautious=cautious).mapping(value, 0)) + "\n"


def escaped(value: Json, depth: int = 0) -> Json:
    """Return `value` with everything YAML cannot hold as JSON text; the same object where there is nothing to do."""
    if isinstance(value, str):
        return {JSON_TEXT: json.dumps(value)} if _SURROGATE.search(value) else value
    if isinstance(value, dict):
        if depth >= _DEEPEST or any(_needs_json(key) for key in value):
            return {JSON_TEXT: json.dumps(value)}
        pairs = {key: escaped(item, depth + 1) for key, item in value.items()}
        return value if all(pairs[key] is value[key] for key in value) else pairs
    if isinstance(value, list):
        if depth >= _DEEPEST:
            return {JSON_TEXT: json.dumps(value)}
        items = [escaped(item, depth + 1) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return {JSON_TEXT: str(value)} if isinstance(value, int) and abs(value) > _LARGEST else value


def _needs_json(key: str) -> bool:
    return key in MARKS or len(key) > _LONGEST_KEY or _SURROGATE.search(key) is not None


class _Emitter:
    def __init__(self, lines: Mapping[int, frozenset[str]], *, cautious: bool) -> None:
        self._lines = lines
        self._cautious = cautious

    def mapping(self, value: dict[str, Json], indent: int) -> Iterator[str]:
        """The lines of a block mapping; each begins with the indent."""
        single = self._lines.get(indent, frozenset())
        for key, item in value.items():
            head = f"{' ' * indent}{self._text(key)}:"
            if key in single:
                yield f"{head} {self._flow(item)}"
            else:
                yield from self._entry(head, item, indent)

    def _entry(self, head: str, item: Json, indent: int) -> Iterator[str]:
        """The lines of `head` (a key or a dash) and its value."""
        if isinstance(item, str) and "\n" in item and not self._cautious and fits_block(item):
            yield from _block(head, item, indent + _STEP)
        elif not item or not isinstance(item, dict | list):
            yield f"{head} {self._flow(item)}"
        elif (line := self._short(item, indent)) is not None:
            yield f"{head} {line}"
        elif isinstance(item, dict):
            yield head
            yield from self.mapping(item, indent + _STEP)
        else:
            yield head
            yield from self._sequence(item, indent)

    def _sequence(self, value: list[Json], indent: int) -> Iterator[str]:
        """The lines of a block sequence: its dashes stand below its key."""
        dash = " " * indent + "-"
        for item in value:
            if isinstance(item, dict) and item:
                inner = self.mapping(item, indent + _STEP)
                yield f"{dash} {next(inner)[indent + _STEP :]}"
                yield from inner
            elif isinstance(item, list) and item and self._short(item, indent) is None:
                yield dash
                yield from self._sequence(item, indent + _STEP)
            else:
                yield from self._entry(dash, item, indent)

    def _short(self, value: dict[str, Json] | list[Json], indent: int) -> str | None:
        """A collection on one line, where it is short, below the outer levels, and no list of mappings."""
        if (
            indent <= _STEP
            or _is_long(value)
            or (isinstance(value, list) and any(isinstance(item, dict) for item in value))
        ):
            return None
        line = self._flow(value)
        return line if len(line) <= _ONE_LINE else None

    def _flow(self, value: Json) -> str:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return "{" + ", ".join(f"{self._text(key)}: {self._flow(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self._flow, value)) + "]"
        return json.dumps(value, allow_nan=False)

    def _text(self, text: str) -> str:
        """A text on one line: plain where nobody can take it for something else, else quoted."""
        if self._cautious or "\n" in text or "\t" in text or _UNPRINTABLE.search(text):
            return _double_quoted(text)
        if _PLAIN.fullmatch(text) and not _BREAKING.search(text) and not _TYPED.fullmatch(text):
            return text
        return "'" + text.replace("'", "''") + "'"


def _is_long(value: Json) -> bool:
    """Whether a collection surely does not fit on one line, or holds line breaks; found out without writing it."""
    if isinstance(value, str):
        return len(value) > _ONE_LINE or "\n" in value
    if isinstance(value, dict):
        return len(value) > _ONE_LINE // 6 or any(len(key) > _ONE_LINE or _is_long(item) for key, item in value.items())
    return isinstance(value, list) and (len(value) > _ONE_LINE // 3 or any(map(_is_long, value)))


def fits_block(text: str) -> bool:
    """Return whether a text can stand in a block; it has a line break."""
    return (
        not _UNPRINTABLE.search(text) and text.strip("\n ") != "" and "\t" not in text[: len(text) - len(text.lstrip())]
    )


def _block(head: str, text: str, indent: int) -> Iterator[str]:
    """A literal block: its first line says how line breaks at the end count, and the indent where it cannot be seen."""
    chomp = "+" if text.endswith("\n\n") else "" if text.endswith("\n") else "-"
    hint = str(_STEP) if text[0] in " \n" else ""
    yield f"{head} |{hint}{chomp}"
    body = text[:-1] if text.endswith("\n") else text
    for line in body.split("\n"):
        yield " " * indent + line if line else ""


def _double_quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
