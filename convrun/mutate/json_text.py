"""A JSON text in which one value is another one: all else stays as it was written, so that nothing else differs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from convrun.frozen import frozen
from convrun.mutate.alterations import DEEPEST, Gone, Steps
from convrun.values import Json

_BLANK = re.compile(r"[ \t\n\r]*")
_value = json.JSONDecoder().raw_decode


@frozen(kw_only=False)
class Span:
    """Where a value stands in a text; `entry` is where it begins with its key, and `comma` the one before it."""

    start: int
    end: int
    entry: int
    comma: int | None


class JsonText:
    """A text that is JSON, with the place of each value in it, as deep as alterations go."""

    def __init__(self, text: str) -> None:
        self.text = text
        spans = list(_spans(text, _after(text, 0), ()))
        self._spans: Mapping[Steps, Span] = dict(spans)
        self.doubled = len(spans) > len(self._spans)  # a mapping has a key twice: without one there is the other

    def altered(self, path: Steps, new: Json | Gone) -> str:
        """Return the text with another value at a path, or without what is there."""
        span = self._spans[path]
        text = self.text
        if not isinstance(new, Gone):
            return f"{text[: span.start]}{json.dumps(new, ensure_ascii=False)}{text[span.end :]}"
        if span.comma is not None:
            return f"{text[: span.comma]}{text[span.end :]}"
        following = _after(text, span.end)
        end = _after(text, following + 1) if text[following] == "," else span.end
        return f"{text[: span.entry]}{text[end:]}"


def _after(text: str, at: int) -> int:
    """The place of the next sign that is no blank."""
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _spans(
    text: str, at: int, path: Steps, entry: int | None = None, comma: int | None = None
) -> Iterator[tuple[Steps, Span]]:
    """The places of the value that begins at `at`, and of all within it."""
    _, end = _value(text, at)
    yield path, Span(at, end, at if entry is None else entry, comma)
    if len(path) >= DEEPEST or text[at] not in "{[" or text[_after(text, at + 1)] in "}]":
        return
    step, place, before = 0, _after(text, at + 1), None
    while True:
        key, start = _value(text, place) if text[at] == "{" else (step, place)
        start = start if text[at] == "[" else _after(text, _after(text, start) + 1)
        _, end = _value(text, start)
        yield from _spans(text, start, (*path, key), place, before)
        before = _after(text, end)
        if text[before] != ",":
            return
        step, place = step + 1, _after(text, before + 1)
