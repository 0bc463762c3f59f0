"""Checks of the reply's text: equals, contains, one_of, matches."""

from __future__ import annotations

import re
from unicodedata import normalize

from convrun.checks.check import Claim, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.difference import found_at, got, none_of, part_missing, texts_differ, unmatched
from convrun.checks.reader import Reader
from convrun.frozen import frozen
from convrun.values import show


@frozen
class Equals:
    """The reply is this text, white space at both ends apart."""

    text: str

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"equal {show(self.text, 80)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the reply is the text."""
        actual, expected = _trimmed(context.reply), _trimmed(self.text)
        passed = actual == expected
        found = got(actual, None if passed else expected)
        explain = None if passed else lambda: texts_differ(expected, actual)
        return Outcome(passed=passed, actual=context.reply, found=found, explain=explain)


@frozen
class Contains:
    """The text is in the reply."""

    text: str

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"contain {show(self.text, 80)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the text is in the reply."""
        actual, expected = normalize("NFC", context.reply), normalize("NFC", self.text)
        at = actual.find(expected)
        return Outcome(
            passed=at >= 0,
            actual=context.reply,
            found=got(actual),
            explain=lambda: part_missing(expected, actual) if at < 0 else found_at(actual, at, at + len(expected)),
        )


@frozen
class OneOf:
    """The reply is one of these texts, white space at both ends apart."""

    texts: tuple[str, ...]

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"be one of {', '.join(show(text, 60) for text in self.texts)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the reply is one of the texts."""
        actual, texts = _trimmed(context.reply), [_trimmed(text) for text in self.texts]
        passed = actual in texts
        explain = None if passed else lambda: none_of(texts, actual)
        return Outcome(passed=passed, actual=context.reply, found=got(actual), explain=explain)


@frozen
class Matches:
    """The regular expression is found in the reply."""

    pattern: re.Pattern[str]

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"match {show(self.pattern.pattern, 80)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the expression is found."""
        reply, match = context.reply, self.pattern.search(context.reply)
        return Outcome(
            passed=match is not None,
            actual=reply,
            found=got(reply),
            explain=lambda: unmatched(self.pattern, reply) if match is None else found_at(reply, *match.span()),
        )


def _trimmed(text: str) -> str:
    return normalize("NFC", text).strip()


def read_equals(reader: Reader, value: object, path: Path) -> Equals:
    """Read the value of `equals`."""
    return Equals(text=reader.text(value, path))


def read_contains(reader: Reader, value: object, path: Path) -> Contains:
    """Read the value of `contains`."""
    return Contains(text=reader.text(value, path, empty="every reply contains it"))


def read_one_of(reader: Reader, value: object, path: Path) -> OneOf:
    """Read the value of `one_of`."""
    listed = reader.items(value, path, of="texts", empty="no reply can be one of none")
    return OneOf(texts=tuple(reader.text(item, (*path, index)) for index, item in enumerate(listed)))


def read_matches(reader: Reader, value: object, path: Path) -> Matches:
    """Read the value of `matches`."""
    return Matches(pattern=reader.regex(value, path))
