"""Which parts of two sequences belong together: the turns of two recordings, those of a spec and of its recording."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeAlias

Pair: TypeAlias = tuple[int | None, int | None]
Keys: TypeAlias = tuple[Sequence[Hashable], Sequence[Hashable]]
Likeness: TypeAlias = Callable[[int, int], float]

_ALIKE = 0.5  # from here on two parts are one that was changed
_MOST = 400  # comparisons of parts that have no equal


def unlike(old: int, new: int) -> float:  # noqa: ARG001  (the signature is that of every Likeness)
    """Return 0: no two parts are alike that are not equal."""
    return 0.0


def pairs_of(levels: Sequence[Keys], likeness: Likeness = unlike) -> list[Pair]:
    """Return all indexes of two sequences, in order: partners together, those without one beside None.

    `levels` are the keys of both sequences: first those of parts that are equal are partners, then in the gaps those by
    the next keys. What is left between them is paired in order where it is as many on both sides, else by likeness.
    """
    old, new = levels[0]
    return list(_pairs(levels, likeness, range(len(old)), range(len(new))))


def _pairs(levels: Sequence[Keys], likeness: Likeness, old: range, new: range) -> Iterator[Pair]:
    if not old or not new or not levels:
        yield from _rest(likeness, old, new)
        return
    from difflib import SequenceMatcher  # only where something differs

    before, after = levels[0]
    matcher = SequenceMatcher(None, before[old.start : old.stop], after[new.start : new.stop], autojunk=False)
    at, other = old.start, new.start
    for block in matcher.get_matching_blocks():
        start, begin = old.start + block.a, new.start + block.b
        yield from _pairs(levels[1:], likeness, range(at, start), range(other, begin))
        yield from zip(range(start, start + block.size), range(begin, begin + block.size), strict=True)
        at, other = start + block.size, begin + block.size


def _rest(likeness: Likeness, old: range, new: range) -> Iterator[Pair]:
    """What has no equal."""
    if len(old) == len(new):
        yield from zip(old, new, strict=True)
        return
    best = _most_alike(likeness, old, new)
    if best is None:
        yield from ((index, None) for index in old)
        yield from ((None, index) for index in new)
        return
    one, other = best
    yield from _rest(likeness, range(old.start, one), range(new.start, other))
    yield one, other
    yield from _rest(likeness, range(one + 1, old.stop), range(other + 1, new.stop))


def _most_alike(likeness: Likeness, old: range, new: range) -> tuple[int, int] | None:
    """The two that are most alike, if they are at all; the first of several."""
    if not 0 < len(old) * len(new) <= _MOST:
        return None
    alike, one, other = max((likeness(one, other), -one, -other) for one in old for other in new)
    return (-one, -other) if alike >= _ALIKE else None
