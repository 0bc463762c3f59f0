"""Two lists side by side: which item of one stands for which of the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from convrun.frozen import frozen

_Left = TypeVar("_Left")
_Right = TypeVar("_Right")
Row: TypeAlias = tuple[int | None, int | None]  # indexes; None: the other side has nothing there

_CELLS = 8_000  # pairs that are compared


@frozen
class Costs:
    """What is avoided when lists are aligned: items without partner. A pair of different items costs up to `unlike`.

    `late`: of two alignments of one price the one is taken in which what is missing is missing later.
    """

    missing: float = 1.0
    extra: float = 1.0
    unlike: float = 1.9
    late: bool = False


def aligned(
    left: Sequence[_Left],
    right: Sequence[_Right],
    *,
    same: Callable[[_Left, _Right], bool],
    alike: Callable[[_Left, _Right], float | None],
    costs: Costs | None = None,
) -> list[Row]:
    """Return the rows of the cheapest alignment, in order.

    `alike` says how much two items that are not the `same` have in common, from 0 to 1, None: they are no pair. Of very
    long lists those behind the first ones that differ are set side by side as they stand.
    """
    costs = costs or Costs()
    shortest = min(len(left), len(right))
    start = next((index for index in range(shortest) if not same(left[index], right[index])), shortest)
    room = shortest - start
    end = next((index for index in range(room) if not same(left[-1 - index], right[-1 - index])), room)
    height, width = len(left) - start - end, len(right) - start - end
    if height * width > _CELLS:
        height = min(height, max(_CELLS // max(width, 1), 100))
        width = min(width, _CELLS // height)
    middle = _cheapest(left[start : start + height], right[start : start + width], same, alike, costs)
    rows: list[Row] = [(index, index) for index in range(start)]
    rows += [(None if i is None else i + start, None if j is None else j + start) for i, j in middle]
    return rows + _rest(start + height, start + width, len(left), len(right))


def _rest(left: int, right: int, left_end: int, right_end: int) -> list[Row]:
    """The rows behind what was compared: the ends, which are the same, stand side by side."""
    extra = (right_end - right) - (left_end - left)
    rows: list[Row] = [(None, right + index) for index in range(extra)]
    rows += [(left + index, None) for index in range(-extra)]
    left, right = left + max(-extra, 0), right + max(extra, 0)
    return [*rows, *((left + index, right + index) for index in range(left_end - left))]


def _cheapest(
    left: Sequence[_Left],
    right: Sequence[_Right],
    same: Callable[[_Left, _Right], bool],
    alike: Callable[[_Left, _Right], float | None],
    costs: Costs,
) -> list[Row]:
    """The alignment by dynamic programming, from the ends backwards, so that the rows come in order."""
    apart = costs.missing + costs.extra
    price = [[costs.extra * (len(right) - j) for j in range(len(right) + 1)]]
    pairs: list[list[float]] = []
    for item in reversed(left):
        below = price[-1]
        row, paired = [below[-1] + costs.missing], []
        for j in range(len(right) - 1, -1, -1):
            cost = _pair_cost(item, right[j], same, alike, costs)
            paired.append(cost)
            row.append(min(below[j + 1] + cost, below[j] + costs.missing, row[-1] + costs.extra))
        price.append(row[::-1])
        pairs.append(paired[::-1])
    price.reverse()
    pairs.reverse()
    rows: list[Row] = []
    i = j = 0
    while i < len(left) or j < len(right):
        here = price[i][j]
        if i < len(left) and j < len(right) and pairs[i][j] < apart + 1 and here == price[i + 1][j + 1] + pairs[i][j]:
            rows.append((i, j))
            i, j = i + 1, j + 1
        elif costs.late and j < len(right) and here == price[i][j + 1] + costs.extra:
            rows.append((None, j))
            j += 1
        elif i < len(left) and here == price[i + 1][j] + costs.missing:
            rows.append((i, None))
            i += 1
        else:
            rows.append((None, j))
            j += 1
    return rows


def _pair_cost(
    item: _Left,
    other: _Right,
    same: Callable[[_Left, _Right], bool],
    alike: Callable[[_Left, _Right], float | None],
    costs: Costs,
) -> float:
    if same(item, other):
        return 0.0
    likeness = alike(item, other)
    if likeness is None:
        return costs.missing + costs.extra + 1.0
    return costs.unlike * (1 - likeness / 2)
