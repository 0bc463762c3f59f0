"""Why a regular expression is not found in a text: what would have to be otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import perf_counter

from convrun.checks.check import Explanation

_SECONDS = 0.1  # that an expression may take to be tried in other ways as well
_FLAGS = (
    (re.IGNORECASE, "without regard to case it would be found: begin it with (?i)"),
    (re.MULTILINE, "^ and $ stand for the ends of the reply, not of its lines: begin it with (?m)"),
    (re.DOTALL, "the dot does not match a line break: begin it with (?s)"),
)


def unmatched(pattern: re.Pattern[str], text: str) -> Explanation:
    """Return what keeps an expression from being found, where one change would let it; slow ones are let be."""
    begun = perf_counter()
    pattern.search(text)
    if perf_counter() - begun > _SECONDS:
        return Explanation()
    for remark, changed, where in _changes(pattern, text):
        if changed.search(where) is not None:
            return Explanation(remark=f"; {remark}")
        if perf_counter() - begun > _SECONDS * len(_FLAGS):
            break
    return Explanation()


def _changes(pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, re.Pattern[str], str]]:
    """What may be told, with the expression and the text that have to agree for that."""
    if text.strip() != text:
        yield "white space at the ends of the reply keeps it from being found", pattern, text.strip()
    for flag, remark in _FLAGS:
        if not pattern.flags & flag:
            yield remark, re.compile(pattern.pattern, pattern.flags | flag), text
