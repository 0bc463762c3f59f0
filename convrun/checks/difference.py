"""What a check got, at a glance; and, loaded once there is something to tell, what differs in texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from convrun.checks.check import Explanation
from convrun.values import show

_SHORT = 60  # a text up to here is shown whole where it is compared with another


def got(actual: str, expected: str | None = None) -> str:
    """Return `got 'NO'`; of a long text that is compared with an expected one, its beginning and end."""
    if not actual:
        return "got an empty reply"
    short = expected is None or max(len(actual), len(expected)) <= _SHORT
    return f"got {show(actual)}" if short else f"got {show(actual, _SHORT)}"


def texts_differ(expected: str, actual: str) -> Explanation:
    """Return what differs in two different texts."""
    from convrun.checks.explaining import texts

    return texts.texts_differ(expected, actual)


def ends_differ(expected: str, actual: str) -> Explanation:
    """Return what differs in two texts, however short they are."""
    from convrun.checks.explaining import texts

    return Explanation(lines=tuple(texts.difference(expected, actual)))


def part_missing(part: str, text: str) -> Explanation:
    """Return what is nearest to a part that is not in a text, if anything is near."""
    from convrun.checks.explaining import texts

    return texts.part_missing(part, text)


def parts_missing(parts: Sequence[str], text: str) -> Explanation:
    """Return what is nearest to each of several parts that are not in a text."""
    from convrun.checks.explaining import texts

    return texts.parts_missing(parts, text)


def none_of(several: Sequence[str], actual: str) -> Explanation:
    """Return what differs in the text of several that a text is nearest to; nothing where it is near none."""
    from convrun.checks.explaining import texts

    return texts.none_of(several, actual)


def found_at(text: str, start: int, end: int) -> Explanation:
    """Return where the piece of a text is that should not be there; nothing where the text is short."""
    from convrun.checks.explaining import texts

    return texts.found_at(text, start, end)


def unmatched(pattern: re.Pattern[str], text: str) -> Explanation:
    """Return what keeps an expression from being found, where one change would let it."""
    from convrun.checks.explaining import patterns

    return patterns.unmatched(pattern, text)
