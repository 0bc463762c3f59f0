"""Expected and actual tool calls side by side, a row for each: the same, missing, extra, or with other arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal, TypeAlias

from convrun.checks.call_pattern import CallPattern
from convrun.checks.check import Explanation
from convrun.checks.explaining.alignment import Costs, Row, aligned
from convrun.checks.explaining.calls import brief_call, call_likeness, call_lines, cut
from convrun.checks.explaining.values import bounded
from convrun.checks.pairing import Pairing
from convrun.frozen import frozen
from convrun.results import ToolCallResult
from convrun.source import cells, printable

Mode: TypeAlias = Literal["exactly", "in_order", "any_order", "only"]
_Mark: TypeAlias = Literal["same", "differs", "missing", "extra", "other"]

_COLUMN = 44  # characters of a call in a column, at least
_WIDE = 104  # columns of the table
_LINES = 22
_DIFFERING = 4  # lines of what differs in one call
_ALIKE = {"same": 3, "other": 3, "missing": 6, "extra": 6}  # rows in a run that are all shown
_SAID = {"same": "as expected", "other": "between"}
_LOOKED = 500  # calls that are looked at where the order does not matter
_BEGIN = {"same": "  same", "other": "  other", "differs": "  differs", "missing": "- missing", "extra": "+ extra"}
_COSTS = {"exactly": Costs(), "in_order": Costs(extra=1 / 128, unlike=0.95, late=True)}


@frozen
class _Compared:
    """One row: a pattern and a call, or only one of them."""

    mark: _Mark
    pattern: CallPattern | None = None
    call: ToolCallResult | None = None


def trajectories(mode: Mode, patterns: Sequence[CallPattern], calls: Sequence[ToolCallResult]) -> Explanation:
    """Return the table of what was expected and what was called; nothing where no tool was called."""
    if not calls:
        return Explanation()
    rows = _ordered(mode, patterns, calls) if mode in _COSTS else _unordered(mode, patterns, calls)
    return Explanation(lines=tuple(_table(rows)))


def _ordered(mode: Mode, patterns: Sequence[CallPattern], calls: Sequence[ToolCallResult]) -> list[_Compared]:
    rows = aligned(patterns, calls, same=_same, alike=_alike, costs=_COSTS[mode])
    return [_compared(mode, patterns, calls, row) for row in rows]


def _same(pattern: CallPattern, call: ToolCallResult) -> bool:
    return pattern.fits(call)


def _alike(pattern: CallPattern, call: ToolCallResult) -> float | None:
    return call_likeness(pattern, call) if pattern.tool == call.name else None


def _compared(mode: Mode, patterns: Sequence[CallPattern], calls: Sequence[ToolCallResult], row: Row) -> _Compared:
    pattern = None if row[0] is None else patterns[row[0]]
    call = None if row[1] is None else calls[row[1]]
    if pattern is None:
        return _Compared(mark="other" if mode in ("in_order", "any_order") else "extra", call=call)
    if call is None:
        return _Compared(mark="missing", pattern=pattern)
    if pattern.tool != call.name:  # behind what was aligned they stand as they are
        return _Compared(mark="other", pattern=pattern, call=call)
    return _Compared(mark="same" if pattern.fits(call) else "differs", pattern=pattern, call=call)


def _unordered(mode: Mode, patterns: Sequence[CallPattern], calls: Sequence[ToolCallResult]) -> list[_Compared]:
    """For `any_order` each pattern with a call of its own, for `only` each call with a pattern that it may be."""
    if mode == "only":
        looked = enumerate(calls[:_LOOKED])
        return [_compared(mode, patterns, calls, (_best(patterns, call), at)) for at, call in looked]
    taken = _equal(patterns, calls) if max(len(calls), len(patterns)) > _LOOKED else {}
    held = set(taken.values())
    left = {at: call for at, call in enumerate(calls) if at not in held}
    alone = [number for number in range(len(patterns)) if number not in taken][:_LOOKED]
    for fitting in (True, False):
        for number in alone:
            pattern, some = patterns[number], islice(left.items(), _LOOKED)
            near = [at for at, call in some if _may(pattern, call, fitting)] if number not in taken else []
            if near:
                taken[number] = max(near, key=lambda at: call_likeness(pattern, left[at]))
                del left[taken[number]]
    rows = [_compared(mode, patterns, calls, (number, taken.get(number))) for number in range(len(patterns))]
    return [*rows, *(_compared(mode, patterns, calls, (None, at)) for at in left)]


def _equal(patterns: Sequence[CallPattern], calls: Sequence[ToolCallResult]) -> dict[int, int]:
    """The calls that are plainly those of a pattern, by the number of the pattern."""
    pairing = Pairing(patterns, calls)
    for number in range(len(patterns)):
        pairing.take_equal(number)
    return pairing.held


def _may(pattern: CallPattern, call: ToolCallResult, fitting: bool) -> bool:
    return pattern.fits(call) if fitting else pattern.tool == call.name


def _best(patterns: Sequence[CallPattern], call: ToolCallResult) -> int | None:
    """The pattern that a call fits, else the nearest one of its tool."""
    mine = [number for number, pattern in enumerate(patterns[:_LOOKED]) if pattern.tool == call.name]
    fitting = next((number for number in mine if patterns[number].fits(call)), None)
    if fitting is not None:
        return fitting
    return max(mine, key=lambda number: call_likeness(patterns[number], call), default=None)


def _table(rows: Sequence[_Compared]) -> list[str]:
    """The rows as lines, long runs of those that are as expected shortened, and all of them bounded."""
    shown: list[_Compared | str] = list(_shortened(rows))
    left = [_pattern(row) for row in shown if isinstance(row, _Compared)]
    width = max(cells(text) for text in [*left, "expected"])
    lines = [f"  {'':<9}{_padded('expected', width)} | actual"]
    for row in shown:
        if len(lines) > _LINES:
            lines.append("  ... and more below")
            break
        lines += [f"  {row}"] if isinstance(row, str) else _row_lines(row, width)
    return lines


def _row_lines(row: _Compared, width: int) -> Iterator[str]:
    call = brief_call(row.call, max(_COLUMN, _WIDE - width - 14)) if row.call is not None else ""
    yield f"{_BEGIN[row.mark]:<11}{_padded(_pattern(row), width)} | {call}".rstrip()
    if row.mark == "differs" and row.pattern is not None and row.call is not None:
        yield from (f"    {'':<9}{line}" for line in bounded(call_lines(row.pattern, row.call), _DIFFERING))


def _pattern(row: _Compared) -> str:
    return "" if row.pattern is None else cut(printable(str(row.pattern)), _COLUMN)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _shortened(rows: Sequence[_Compared]) -> Iterator[_Compared | str]:
    """The rows; of a long run of one mark only the ends."""
    start = 0
    while start < len(rows):
        end = start
        mark = rows[start].mark
        while end < len(rows) and mark in _ALIKE and rows[end].mark == mark:
            end += 1
        if end - start > _ALIKE.get(mark, 0) > 0:
            yield rows[start]
            yield f"... {end - start - 2} more calls {_SAID.get(mark, mark)}"
            yield rows[end - 1]
        else:
            end = max(end, start + 1)
            yield from rows[start:end]
        start = end
