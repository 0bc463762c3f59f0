"""Checks of how the reply begins and ends: starts_with, ends_with."""

from __future__ import annotations

from unicodedata import normalize

from convrun.checks.catalogue.containing import folded
from convrun.checks.check import Claim, Explanation, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.difference import ends_differ, found_at
from convrun.checks.reader import Reader
from convrun.frozen import frozen

_MORE = 20  # characters shown beyond as many as were expected
_LONGEST = 100  # characters shown of a text


@frozen
class StartsWith:
    """The reply begins with this text."""

    text: str

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"start with {_start(self.text, _LONGEST)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether it does."""
        reply, text = normalize("NFC", context.reply), normalize("NFC", self.text)
        passed = reply.startswith(text)
        found = f"it starts with {_start(reply, len(text) + _MORE)}" if reply else "got an empty reply"
        if not passed and reply.lstrip().startswith(text):
            found += ", where white space stands before it"
        elif not passed and folded(reply[: len(text)]) == folded(text):
            found += ", where only upper and lower case differ"
        explain = None if passed else lambda: _differing(text, reply[: len(text)], reply)
        return Outcome(passed=passed, actual=context.reply, found=found, explain=explain)


@frozen
class EndsWith:
    """The reply ends with this text."""

    text: str

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"end with {_end(self.text, _LONGEST)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether it does."""
        reply, text = normalize("NFC", context.reply), normalize("NFC", self.text)
        passed = reply.endswith(text)
        found = f"it ends with {_end(reply, len(text) + _MORE)}" if reply else "got an empty reply"
        if not passed and reply.rstrip().endswith(text):
            found += ", where white space stands behind it"
        elif not passed and folded(reply[-len(text) :]) == folded(text):
            found += ", where only upper and lower case differ"
        explain = None if passed else lambda: _differing(text, reply[-len(text) :], reply)
        return Outcome(passed=passed, actual=context.reply, found=found, explain=explain)


def _differing(text: str, there: str, reply: str) -> Explanation:
    """What differs at that end of the reply, or where else the text is."""
    if (at := reply.find(text)) >= 0:
        return found_at(reply, at, at + len(text))
    return ends_differ(text, there)


def _start(text: str, length: int) -> str:
    length = min(length, _LONGEST)
    return f"{text[:length]!r}{'…' if len(text) > length else ''}"


def _end(text: str, length: int) -> str:
    length = min(length, _LONGEST)
    return f"{'…' if len(text) > length else ''}{text[-length:]!r}"


def read_starts_with(reader: Reader, value: object, path: Path) -> StartsWith:
    """Read the value of `starts_with`."""
    return StartsWith(text=reader.text(value, path, empty="every reply starts with it"))


def read_ends_with(reader: Reader, value: object, path: Path) -> EndsWith:
    """Read the value of `ends_with`."""
    return EndsWith(text=reader.text(value, path, empty="every reply ends with it"))
