"""`-k` and `--tag`: which of the planned conversations are selected."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from convrun.errors import UsageError

Matches: TypeAlias = Callable[[str], bool]

_TOKEN = re.compile(r"\s*(\(|\)|\"[^\"]*\"|'[^']*'|[^\s()]+)")
_MOST = 200  # words and parentheses: more are nothing that a person wrote
_FIX = "write substrings with and, or, not and parentheses, as -k 'paris and not slow'; quote one with blanks"


def expression(text: str) -> Matches:
    """Return a test of ids for a `-k` expression: substrings (case ignored) joined by and, or, not, parentheses.

    Raises:
        UsageError: where the text is no such expression.
    """
    tokens = _TOKEN.findall(text)
    if not tokens:
        raise UsageError("-k is empty", fix=_FIX)
    if len(tokens) > _MOST:
        raise UsageError(f"-k has {len(tokens)} words and parentheses, at most {_MOST} are read", fix=_FIX)
    parser = _Parser(text, tokens)
    matches = parser.either()
    if parser.rest:
        raise UsageError(f"-k {text!r}: {parser.rest[0]!r} is not expected here", fix=_FIX)
    return matches


def tagged(tags: Iterable[str], wanted: Sequence[str]) -> bool:
    """Return whether one of the wanted tags is among `tags`; no wanted tag selects everything."""
    return not wanted or not set(tags).isdisjoint(wanted)


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str, tokens: list[str]) -> None:
        self.text = text
        self.rest = tokens

    def either(self) -> Matches:
        """`a or b`."""
        options = [self.both()]
        while self._take("or"):
            options.append(self.both())
        return options[0] if len(options) == 1 else lambda name: any(option(name) for option in options)

    def both(self) -> Matches:
        """`a and b`."""
        parts = [self.negated()]
        while self._take("and"):
            parts.append(self.negated())
        return parts[0] if len(parts) == 1 else lambda name: all(part(name) for part in parts)

    def negated(self) -> Matches:
        """`not a`, `(a)`, `a`."""
        if self._take("not"):
            inner = self.negated()
            return lambda name: not inner(name)
        if self._take("("):
            inner = self.either()
            if not self._take(")"):
                raise UsageError(f"-k {self.text!r}: a parenthesis is not closed", fix=_FIX)
            return inner
        if not self.rest or self.rest[0] in {"and", "or", ")"}:
            raise UsageError(f"-k {self.text!r}: a substring is missing", fix=_FIX)
        wanted = self.rest.pop(0).strip("'\"").casefold()
        return lambda name: wanted in name.casefold()

    def _take(self, token: str) -> bool:
        if self.rest and self.rest[0] == token:
            self.rest.pop(0)
            return True
        return False
