"""Checks of how long the reply is: words, chars."""

from __future__ import annotations

from typing import Literal

from convrun.checks.bounds import Bounds, read_bounds
from convrun.checks.check import Claim, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.reader import Reader
from convrun.frozen import frozen
from convrun.values import show

_SHOWN = 120  # characters of the reply


@frozen
class Length:
    """The reply has so many words, which are runs between white space, or characters, which are code points."""

    unit: Literal["word", "character"]
    bounds: Bounds

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"have {self.bounds} {self.unit}{_plural(self.bounds.last)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether it has."""
        length = len(context.reply.split()) if self.unit == "word" else len(context.reply)
        shown = f": {show(context.reply, _SHOWN)}" if context.reply else ""
        found = f"got {length} {self.unit}{_plural(length)}{shown}"
        return Outcome(passed=self.bounds.hold(length), actual=length, found=found)


def _plural(number: float) -> str:
    return "" if number == 1 else "s"


def read_words(reader: Reader, value: object, path: Path) -> Length:
    """Read the value of `words`."""
    return Length(unit="word", bounds=read_bounds(reader, value, path, of="words"))


def read_chars(reader: Reader, value: object, path: Path) -> Length:
    """Read the value of `chars`."""
    return Length(unit="character", bounds=read_bounds(reader, value, path, of="characters"))
