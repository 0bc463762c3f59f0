"""The check `similar`: the reply is much like a text, whatever the order of the words."""

from __future__ import annotations

from collections import Counter
from unicodedata import normalize

from convrun.checks.catalogue.containing import listed
from convrun.checks.check import Claim, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.difference import ends_differ
from convrun.checks.reader import Pending, Reader
from convrun.frozen import frozen
from convrun.values import show

_AT_LEAST = 0.8
_MOST = 20_000**2  # comparisons of characters: a twentieth of a second; two texts of 1 MB would take minutes


@frozen
class Similar:
    """The ratio of the reply and a text, their words sorted, is at least so much; 1 is for the same words.

    It is rapidfuzz's `token_sort_ratio`, in NFC, from 0 to 1. Texts that are together too long for that are compared by
    whole words, which gives the same or less: a word in which a letter differs is another one.
    """

    to: str
    at_least: float = _AT_LEAST

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"be similar to {show(self.to, 80)} by at least {self.at_least:g}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether it is; the outcome has the ratio, and the words that only one side has."""
        reply, to = normalize("NFC", context.reply), normalize("NFC", self.to)
        ratio = similarity(reply, to)
        passed = ratio >= self.at_least
        found = f"it is by {_told(ratio, self.at_least):g}"
        if not passed:
            found += _different(Counter(reply.split()), Counter(to.split()))
        explain = None if passed or not reply else lambda: ends_differ(to, reply)
        return Outcome(passed=passed, actual=round(ratio, 4), found=found, explain=explain)


def _told(ratio: float, at_least: float) -> float:
    """The ratio, rounded; never up to a limit that it does not reach, nor down below one that it does."""
    rounded = round(ratio, 3)
    return rounded if (rounded >= at_least) == (ratio >= at_least) else ratio


def similarity(left: str, right: str) -> float:
    """Return how similar two texts are, from 0 to 1, whatever the order of their words."""
    if len(left) * len(right) > _MOST:
        return _by_words(Counter(left.split()), Counter(right.split()))
    from rapidfuzz.fuzz import token_sort_ratio  # only this check needs it

    return round(token_sort_ratio(left, right) / 100, 9)  # without the dust of dividing


def _by_words(left: Counter[str], right: Counter[str]) -> float:
    """As if words were letters: what the words that both have are of all, blanks between them included."""
    shared, whole = _length(left & right), _length(left) + _length(right)
    return 2 * shared / whole if whole else 1.0


def _length(words: Counter[str]) -> int:
    """The characters of these words, joined by blanks."""
    return max(0, sum((len(word) + 1) * count for word, count in words.items()) - 1)


def _different(got: Counter[str], wanted: Counter[str]) -> str:
    """The words that only one of the two has, in words."""
    if not got:
        return ": got an empty reply"
    lacks, more = list((wanted - got).elements()), list((got - wanted).elements())
    told = [f"it lacks {listed(lacks)}"] if lacks else []
    told += [f"has in addition {listed(more)}" if lacks else f"it has in addition {listed(more)}"] if more else []
    return f": {' and '.join(told)}" if told else ""


def read_similar(reader: Reader, value: object, path: Path) -> Similar:
    """Read the value of `similar`."""
    if isinstance(value, str) or (isinstance(value, Pending) and not value.whole):
        reader.wrong(path, "a mapping with `to` is wanted, not a text", "write {to: '…'}")
        return Similar(to="")
    given = reader.mapping(value, path, ("to", "at_least"), "a mapping with `to`")
    if isinstance(value, dict) and "to" not in value:
        reader.wrong(path, "no `to`", "add the text that the reply is to be like, as to: '…'")
    to = reader.text(given["to"], (*path, "to"), empty="nothing is like it") if "to" in given else ""
    wanted = given.get("at_least", _AT_LEAST)
    at_least = reader.number(wanted, (*path, "at_least"))
    if isinstance(wanted, int | float) and not 0 < at_least <= 1:
        fix = f"write {at_least / 100:g}" if 1 < at_least <= 100 else "1 is for the same words, 0.8 is the default"
        reader.wrong((*path, "at_least"), f"a number above 0 and up to 1 is wanted, not {at_least}", fix)
    return Similar(to=to, at_least=at_least)
