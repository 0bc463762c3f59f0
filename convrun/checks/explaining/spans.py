"""Which pieces of two texts differ, word by word."""

from __future__ import annotations

import re
from itertools import islice, pairwise

from convrun.checks.explaining.shared import shared_end, shared_start
from convrun.frozen import frozen

_TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")
_COMPARED = 2_000  # words of each text that are compared with each other
_ALIKE = 0.3  # share of the characters that two texts have in common to be worth setting against each other
_LONGEST_WORD = 40  # characters that are gone back to where a word begins


@frozen
class Span:
    """A piece of a text, from `start` to before `end`, and what stands for it in the other; one may be empty."""

    start: int
    end: int
    other_start: int
    other_end: int


def differing_spans(expected: str, actual: str) -> list[Span] | None:
    """Return the pieces that differ, in their order; None where the texts have next to nothing in common.

    Of very long texts what comes behind the first few hundred words that may differ is one piece.
    """
    start = _word_start(expected, shared_start(expected, actual))
    end = min(shared_end(expected, actual), len(expected) - start, len(actual) - start)
    ends = len(expected) - end, len(actual) - end
    left, right = _bounds(expected, start, ends[0]), _bounds(actual, start, ends[1])
    spans = _compared(expected, actual, left, right)
    if (left[-1], right[-1]) != ends:
        spans.append(Span(start=left[-1], end=ends[0], other_start=right[-1], other_end=ends[1]))
    differing = sum(max(span.end - span.start, span.other_end - span.other_start) for span in spans)
    if differing > max(len(expected), len(actual)) * (1 - _ALIKE):
        return None
    return spans


def _word_start(text: str, at: int) -> int:
    """The start of the word at which two texts begin to differ, with the white space before it."""
    lowest = max(at - _LONGEST_WORD, 0)
    while at > lowest and text[at - 1].isalnum():
        at -= 1
    while at > lowest and text[at - 1].isspace():
        at -= 1
    return at


def _bounds(text: str, start: int, end: int) -> list[int]:
    """Where the words of a piece begin, and where the last of them ends; of a long piece only the first ones."""
    return [start, *(match.end() for match in islice(_TOKEN.finditer(text, start, end), _COMPARED))]


def _compared(expected: str, actual: str, left: list[int], right: list[int]) -> list[Span]:
    from rapidfuzz.distance import Levenshtein  # in time that any text may take; loaded only once something differs

    words = [expected[one:two] for one, two in pairwise(left)]
    others = [actual[one:two] for one, two in pairwise(right)]
    spans: list[Span] = []
    for block in Levenshtein.opcodes(words, others):
        if block.tag == "equal":
            continue
        start, other = left[block.src_start], right[block.dest_start]
        if spans and (spans[-1].end, spans[-1].other_end) == (start, other):
            start, other = spans[-1].start, spans[-1].other_start
            spans.pop()
        spans.append(Span(start=start, end=left[block.src_end], other_start=other, other_end=right[block.dest_end]))
    return [_narrowed(expected, actual, span) for span in spans]


def _narrowed(expected: str, actual: str, span: Span) -> Span:
    """The span without what both pieces have in common at their ends."""
    one, other = expected[span.start : span.end], actual[span.other_start : span.other_end]
    start = shared_start(one, other)
    end = min(shared_end(one, other), len(one) - start, len(other) - start)
    return Span(
        start=span.start + start,
        end=span.end - end,
        other_start=span.other_start + start,
        other_end=span.other_end - end,
    )
