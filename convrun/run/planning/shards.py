"""`--shard I/N`: parts of a suite that take about the same time, the same on every machine that has the same files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convrun.errors import UsageError
from convrun.frozen import frozen

_MOST = 1_000
_HALVINGS = 12  # of the span between the best that could be and what was found: it ends below a thousandth of it


@frozen
class Shard:
    """Part number `index` of `count`, from 1."""

    index: int
    count: int

    @classmethod
    def of(cls, text: str) -> Shard:
        """Return the shard that `I/N` names.

        Raises:
            UsageError: where the text is something else.
        """
        parts = text.split("/")
        if len(parts) == 2 and all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
            index, count = map(int, parts)
            if 1 <= index <= count <= _MOST:
                return cls(index=index, count=count)
        what = f"--shard {text!r} is no part I/N, with I from 1 to N and N at most {_MOST}"
        raise UsageError(what, fix="write --shard 1/4 for the first of four")

    def __str__(self) -> str:
        """As it is written: `1/4`."""
        return f"{self.index}/{self.count}"


def share(weights: Mapping[str, int | None], count: int) -> list[list[str]]:
    """Return the names in `count` parts of about the same weight; an unknown one is the average of those known.

    What the order of the names is does not matter. The heaviest part is at most 13/11 of the best that could be.
    """
    known = [weight for weight in weights.values() if weight is not None]
    average = sum(known) // len(known) if known else 1
    # What weighs nothing counts all the same: it would all go into one part.
    heavy = {name: max(average if weight is None else weight, 1) for name, weight in weights.items()}
    names = sorted(heavy, key=lambda name: (-heavy[name], name))
    best = _to_the_lightest(names, heavy, count)
    least, most = max(-(-sum(heavy.values()) // count), *heavy.values(), 0), _heaviest(best, heavy)
    for _ in range(_HALVINGS):
        if least >= most:
            break
        limit = (least + most) // 2
        parts = _filled_up_to(limit, names, heavy, count)
        if parts is None:
            least = limit + 1
        else:
            best, most = parts, _heaviest(parts, heavy)
    return best


def _heaviest(parts: Sequence[Sequence[str]], heavy: Mapping[str, int]) -> int:
    return max(sum(heavy[name] for name in part) for part in parts)


def _to_the_lightest(names: Sequence[str], heavy: Mapping[str, int], count: int) -> list[list[str]]:
    """The heaviest first, each to the part that is the lightest so far."""
    from heapq import heapify, heapreplace  # only where there are shards

    parts: list[list[str]] = [[] for _ in range(count)]
    loads = [(0, number) for number in range(count)]
    heapify(loads)
    for name in names:
        load, number = loads[0]
        parts[number].append(name)
        heapreplace(loads, (load + heavy[name], number))
    return parts


def _filled_up_to(limit: int, names: Sequence[str], heavy: Mapping[str, int], count: int) -> list[list[str]] | None:
    """The heaviest first, each to the first part that has room for it; None where one finds none."""
    parts: list[list[str]] = [[] for _ in range(count)]
    room = [limit] * count
    for name in names:
        number = next((number for number, left in enumerate(room) if left >= heavy[name]), None)
        if number is None:
            return None
        parts[number].append(name)
        room[number] -= heavy[name]
    return parts
