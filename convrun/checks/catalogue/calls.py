"""Checks of the tool calls: called, not_called, calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias, cast

from convrun.checks.call_pattern import CallPattern, as_json, read_pattern, show_call, show_calls, show_patterns
from convrun.checks.check import Claim, Explanation, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.reader import Reader
from convrun.frozen import frozen
from convrun.results import ToolCallResult

Mode: TypeAlias = Literal["exactly", "in_order", "any_order", "only"]
_MODES: tuple[Mode, ...] = ("exactly", "in_order", "any_order", "only")
_ANY = "any"


@frozen
class Called:
    """Such a call was made: at least once, or this many `times`."""

    pattern: CallPattern
    times: int | None = None

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject=str(self.pattern), predicate=f"be called{_times(self.times)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether it was called so often."""
        fitting = sum(map(self.pattern.fits, context.tool_calls))
        passed = fitting > 0 if self.times is None else fitting == self.times
        results = self.pattern.judges_results
        calls = show_calls(context.tool_calls, results=results)
        found = f"it was called{_times(fitting)}: {calls}" if self.times is not None and fitting else calls
        if not fitting and any(map(self.pattern.misses_keys_of, context.tool_calls)):
            found += ", which has more keys: returns is the whole result, not a part of it"
        return Outcome(
            passed=passed,
            actual=as_json(context.tool_calls, results=results),
            found=found,
            explain=lambda: _counted(self, context.tool_calls, passed=passed),
        )


def _counted(check: Called, calls: Sequence[ToolCallResult], *, passed: bool) -> Explanation:
    from convrun.checks.explaining.calls import called  # what explains a failure is loaded once there is one

    return called(check.pattern, calls, times=check.times, passed=passed)


def _times(times: int | None) -> str:
    return "" if times is None else {1: " once", 2: " twice"}.get(times, f" {times} times")


@frozen
class NotCalled:
    """None of these tools was called; no names: no tool at all."""

    tools: tuple[str, ...]

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject=" and ".join(self.tools) or "tools", predicate="stay uncalled")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether no such call was made."""
        passed = not any(not self.tools or call.name in self.tools for call in context.tool_calls)
        return Outcome(
            passed=passed,
            actual=as_json(context.tool_calls),
            found=show_calls(context.tool_calls),
            explain=None if passed else lambda: _unwanted(self.tools, context.tool_calls),
        )


def _unwanted(tools: Sequence[str], calls: Sequence[ToolCallResult]) -> Explanation:
    from convrun.checks.explaining.calls import unwanted

    return unwanted(tools, calls)


@frozen
class Calls:
    """The calls are these, as the mode says.

    `exactly`: these in this order and no others; `in_order`: others may be between; `any_order`: others may be;
    `only`: none but these.
    """

    mode: Mode
    patterns: tuple[CallPattern, ...]

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        listed = show_patterns(self.patterns)
        how = {"exactly": "be exactly", "in_order": "have in order", "any_order": "have", "only": "be only of"}
        return Claim(subject="the tool calls", predicate=f"{how[self.mode]} {listed}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the calls are so."""
        faults = {"exactly": _not_exactly, "in_order": _not_in_order, "any_order": _not_matched, "only": _not_only}
        fault = faults[self.mode](self.patterns, context.tool_calls)
        results = any(pattern.judges_results for pattern in self.patterns)
        calls = show_calls(context.tool_calls, results=results)
        found = f"{fault}: {calls}" if fault and context.tool_calls else calls
        return Outcome(
            passed=fault is None,
            actual=as_json(context.tool_calls, results=results),
            found=found,
            explain=None if fault is None else lambda: _compared(self, context.tool_calls),
        )


def _compared(check: Calls, calls: Sequence[ToolCallResult]) -> Explanation:
    from convrun.checks.explaining.trajectory import trajectories

    return trajectories(check.mode, check.patterns, calls)


def _not_exactly(patterns: Sequence[CallPattern], calls: Sequence[ToolCallResult]) -> str | None:
    for number, (pattern, call) in enumerate(zip(patterns, calls, strict=False), start=1):
        if not pattern.fits(call):
            return f"call {number} is not {pattern}"
    if len(patterns) == len(calls):
        return None
    return f"{'1 call was' if len(calls) == 1 else f'{len(calls)} calls were'} made, not {len(patterns)}"


def _not_in_order(patterns: Sequence[CallPattern], calls: Sequence[ToolCallResult]) -> str | None:
    rest = iter(calls)
    for number, pattern in enumerate(patterns):
        if not any(map(pattern.fits, rest)):
            after = f" after {patterns[number - 1]}" if number else ""
            return f"{pattern} is missing{after}"
    return None


def _not_matched(patterns: Sequence[CallPattern], calls: Sequence[ToolCallResult]) -> str | None:
    """Find for every pattern a call of its own."""
    from convrun.checks.pairing import Pairing  # only this mode needs it

    pairing = Pairing(patterns, calls)
    return next((f"{pattern} is missing" for number, pattern in enumerate(patterns) if not pairing.take(number)), None)


def _not_only(patterns: Sequence[CallPattern], calls: Sequence[ToolCallResult]) -> str | None:
    for call in calls:
        if not any(pattern.fits(call) for pattern in patterns):
            return f"{show_call(call.name, call.arguments)} is none of them"
    return None


def read_called(reader: Reader, value: object, path: Path) -> Called:
    """Read the value of `called`: a tool's name, or a mapping."""
    pattern = read_pattern(reader, value, path, extra=("times",))
    times = None
    if isinstance(value, dict) and "times" in value:
        fix = "write how often, as 2; without times it is once or more often"
        times = reader.count(value["times"], (*path, "times"), fix)
    return Called(pattern=pattern, times=times)


def read_not_called(reader: Reader, value: object, path: Path) -> NotCalled:
    """Read the value of `not_called`: a tool's name, a list of them, or `any`."""
    if isinstance(value, list):
        return NotCalled(tools=reader.texts(value, path, of="tool names", empty="write any for no call at all"))
    name = reader.text(value, path, empty="a tool's name is wanted")
    return NotCalled(tools=() if name == _ANY else (name,))


def read_calls(reader: Reader, value: object, path: Path) -> Calls:
    """Read the value of `calls`: a mapping with one key, the mode, and a list of tool names or `called` mappings."""
    named = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
    fix = f"write {{in_order: [{', '.join(named) or '…'}]}}, or another of these"
    given = reader.mapping(value, path, _MODES, "a mapping with exactly, in_order, any_order or only", fix)
    if len(given) != 1 and isinstance(value, dict):
        reader.wrong(path, f"one of {', '.join(_MODES)} is wanted, not {len(given)}", "write a check for each")
    for mode, listed in given.items():
        empty = None if mode in ("exactly", "only") else "every conversation has none"
        items = reader.items(listed, (*path, mode), of="tool names", empty=empty)
        patterns = tuple(read_pattern(reader, item, (*path, mode, index)) for index, item in enumerate(items))
        return Calls(mode=cast(Mode, mode), patterns=patterns)
    return Calls(mode="exactly", patterns=())


def tools_named(kind: str, value: object) -> Iterator[tuple[Path, str]]:
    """Yield the tools that a call check's settled value names, each with its path."""
    if kind == "called":
        yield from _tool_in(value, ())
    elif kind == "not_called":
        for index, name in enumerate(value) if isinstance(value, list) else ():
            yield from _tool_in(name, (index,))
        if value != _ANY:
            yield from _tool_in(value, ())
    elif kind == "calls" and isinstance(value, dict):
        for mode, listed in value.items():
            for index, item in enumerate(listed) if isinstance(listed, list) else ():
                yield from _tool_in(item, (mode, index))


def _tool_in(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        path, value = (*path, "tool"), value.get("tool")
    if isinstance(value, str):
        yield path, value
