"""What differs in tool calls: a call and what was expected of it, argument by argument."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from convrun.checks.call_pattern import CallPattern, fits_value, show_call
from convrun.checks.check import Explanation
from convrun.checks.explaining.values import bounded, difference_lines, likeness
from convrun.checks.matcher import Matcher
from convrun.checks.reply import read_json
from convrun.results import ToolCallResult
from convrun.source import printable
from convrun.values import show

_LOOKED = 1_000  # calls of a tool that are looked at
_SHOWN = 5  # calls in a list
_LINES = 8  # lines of what differs in one
_WIDE = 100  # characters of a call


def called(pattern: CallPattern, calls: Sequence[ToolCallResult], *, times: int | None, passed: bool) -> Explanation:
    """Return which call is nearest to what was expected, and what differs in it; of calls enough, which they are."""
    every = [*enumerate(calls, start=1)]
    mine = [(number, call) for number, call in every if call.name == pattern.tool]
    fitting = [(number, call) for number, call in mine if pattern.fits(call)]
    if passed or (times is not None and len(fitting) > times):
        return _listed(fitting, len(calls))
    others = [(number, call) for number, call in mine[:_LOOKED] if not pattern.fits(call)]
    if not others:
        return _listed(fitting or every, len(calls))
    number, near = max(others, key=lambda one: call_likeness(pattern, one[1]))
    lines = bounded(call_lines(pattern, near), _LINES)
    if len(calls) == 1:
        return Explanation(lines=tuple(lines))
    head = f"{'nearest of the others' if fitting else 'nearest'} is call {number} of {len(calls)}, {brief_call(near)}:"
    return Explanation(lines=(head, *(f"  {line}" for line in lines)))


def unwanted(tools: Sequence[str], calls: Sequence[ToolCallResult]) -> Explanation:
    """Return which calls should not be there; `tools` are those that should stay uncalled, none: all."""
    return _listed(
        [(number, call) for number, call in enumerate(calls, 1) if call.name in tools or not tools], len(calls)
    )


def _listed(calls: Sequence[tuple[int, ToolCallResult]], count: int) -> Explanation:
    """The calls by their numbers, unless there is only one."""
    if not calls or count == 1:
        return Explanation()
    lines = [f"call {number} of {count}: {brief_call(call)}" for number, call in calls[:_SHOWN]]
    more = len(calls) - _SHOWN
    return Explanation(lines=(*lines, *([f"... and {more} more calls"] if more > 0 else [])))


def brief_call(call: ToolCallResult, limit: int = _WIDE) -> str:
    """Return a call on one line, without its middle where it is long."""
    return cut(printable(show_call(call.name, call.arguments)), limit)


def cut(text: str, limit: int) -> str:
    """Return a text without its middle where it is longer than `limit`."""
    if len(text) <= limit:
        return text
    half = (limit - 3) // 2
    return f"{text[: limit - 3 - half]}...{text[-half:]}"


def call_likeness(pattern: CallPattern, call: ToolCallResult) -> float:
    """Return how much of what is expected a call of the same tool has, from 0 to 1."""
    arguments = next(iter(pattern.arguments), {})
    if not isinstance(arguments, Mapping) or not isinstance(call.arguments, Mapping):
        return 0.0
    shares = [_share(wanted, call.arguments.get(key), key in call.arguments) for key, wanted in arguments.items()]
    return sum(shares) / len(shares) if shares else 1.0


def _share(wanted: object, there: object, given: bool) -> float:
    if not given:
        return 0.0
    if fits_value(wanted, there, exact=False):
        return 1.0
    return min(0.2 + likeness(wanted, there) / 2 + _words(wanted, there) / 2, 0.9)


def _words(wanted: object, there: object) -> float:
    if not isinstance(wanted, str) or not isinstance(there, str):
        return 0.0
    from rapidfuzz.fuzz import ratio

    return ratio(wanted[:_WIDE].lower(), there[:_WIDE].lower()) / 100


def call_lines(pattern: CallPattern, call: ToolCallResult) -> Iterator[str]:
    """Yield a line for each argument in which a call of the same tool differs, and for its result and error."""
    for wanted in pattern.arguments:
        if isinstance(call.arguments, Mapping):
            yield from difference_lines(wanted, call.arguments, "", exact=pattern.exact)
        else:
            yield f"the arguments are no JSON object: {printable(show(call.arguments, _WIDE))}"
    for wanted in pattern.returns:
        yield from _result_lines(wanted, call.result)
    for wanted in pattern.error:
        yield from _error_lines(wanted, call.error)


def _result_lines(wanted: object, result: str | None) -> Iterator[str]:
    if result is None:
        yield "result: there is none: the tool did not run"
        return
    read = read_json(result)
    if fits_value(wanted, result, exact=True) or (read.fault is None and fits_value(wanted, read.value, exact=True)):
        return
    plain = read.fault is not None or isinstance(wanted, str)
    yield from difference_lines(wanted, result if plain else read.value, "result", exact=True)


def _error_lines(wanted: object, error: str | None) -> Iterator[str]:
    there = "none" if error is None else printable(show(error, _WIDE))
    if isinstance(wanted, bool):
        if wanted is not (error is not None):
            yield f"error: expected {'one' if wanted else 'none'}, got {there}"
    elif isinstance(wanted, Matcher) and error is not None:
        yield from difference_lines(wanted, error, "error", exact=True)
    elif error is None or str(wanted) not in error:
        yield f"error: expected {printable(show(str(wanted), _WIDE))} in it, got {there}"
