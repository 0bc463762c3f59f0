"""Checks of several texts in the reply, and of one in upper or lower case: contains_all, contains_any, icontains."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import normalize

from convrun.checks.check import Claim, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.difference import found_at, got, part_missing, parts_missing
from convrun.checks.reader import Reader
from convrun.frozen import frozen
from convrun.values import show

_SHOWN = 5  # texts named in a message
_EMPTY = "every reply contains it"


def folded(text: str) -> str:
    """Return a text in which upper and lower case are the same, in NFC."""
    return normalize("NFC", normalize("NFD", text).casefold())


@frozen
class ContainsFolded:
    """The text is in the reply, in upper or lower case."""

    text: str

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"contain {show(self.text, 80)} in upper or lower case")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the text is in the reply."""
        text, reply = folded(self.text), normalize("NFC", context.reply)
        at = folded(reply).find(text)
        explain = None if at >= 0 else lambda: part_missing(normalize("NFC", self.text), reply)
        return Outcome(passed=at >= 0, actual=context.reply, found=got(context.reply), explain=explain)


@frozen
class ContainsAll:
    """Each of these texts is in the reply."""

    texts: tuple[str, ...]

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"contain all of {listed(self.texts)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether they are; the outcome names those that are missing."""
        reply = normalize("NFC", context.reply)
        missing = [text for text in self.texts if normalize("NFC", text) not in reply]
        found = got(context.reply)
        if missing:
            found += (
                f", where {listed(missing)} {'is' if len(missing) == 1 else 'are'} missing{_in_case(missing, reply)}"
            )
        explain = (lambda: parts_missing(missing, reply)) if missing else None
        return Outcome(passed=not missing, actual=context.reply, found=found, explain=explain)


@frozen
class ContainsAny:
    """At least one of these texts is in the reply."""

    texts: tuple[str, ...]

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"contain any of {listed(self.texts)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether one is; the outcome names those that are there."""
        reply = normalize("NFC", context.reply)
        there = [text for text in self.texts if normalize("NFC", text) in reply]
        more = f", which has {listed(there)}" if there else _in_case(self.texts, reply)
        at = reply.find(normalize("NFC", there[0])) if there else -1
        return Outcome(
            passed=bool(there),
            actual=context.reply,
            found=got(context.reply) + more,
            explain=lambda: found_at(reply, at, at + len(there[0])) if there else parts_missing(self.texts, reply),
        )


def listed(texts: Sequence[str]) -> str:
    """Return texts for a message, the first few of them."""
    rest = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(show(text, 60) for text in texts[:_SHOWN]) + rest


def _in_case(missing: Sequence[str], reply: str) -> str:
    """Which of the missing texts are there in another case."""
    whole = folded(reply)
    there = [text for text in missing if folded(text) in whole]
    return f"; of {listed(there)} only upper and lower case differ" if there else ""


def read_icontains(reader: Reader, value: object, path: Path) -> ContainsFolded:
    """Read the value of `icontains`."""
    return ContainsFolded(text=reader.text(value, path, empty=_EMPTY))


def read_contains_all(reader: Reader, value: object, path: Path) -> ContainsAll:
    """Read the value of `contains_all`."""
    return ContainsAll(texts=reader.texts(value, path, of="texts", empty="every reply contains all of none"))


def read_contains_any(reader: Reader, value: object, path: Path) -> ContainsAny:
    """Read the value of `contains_any`."""
    return ContainsAny(texts=reader.texts(value, path, of="texts", empty="no reply contains one of none"))
