"""What a check is tried with to see whether it could fail: replies, and whole conversations that might have been."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from convrun.checks.context import CheckContext, TurnView
from convrun.checks.views import parsed_reply
from convrun.frozen import frozen
from convrun.results import ToolCallResult, UsageResult
from convrun.templates import TurnList

LONG = "wub kjx. " * 5_000
_HUGE = 10**12
_LONGEST = 20_000  # characters of a reply that is as long as a check says
_FIGURES = ((None, None), (_HUGE, _HUGE), (0, 0), (_HUGE, 0), (0, _HUGE))  # tokens of input and output
_QUOTED = re.compile(r"'((?:\\.|[^'\\])*)'|\"((?:\\.|[^\"\\])*)\"", re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.])\d{1,9}(?![\w.])")


@frozen
class _Look:
    """What a turn may have come to: `said` is why it ended, and how the model refused."""

    reply: str
    calls: tuple[str, ...] = ()
    figures: tuple[int | None, int | None] = (None, None)
    said: str | None = None


def texts_of(value: object) -> Iterator[str]:
    """Yield the texts in a check's value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from texts_of(item)


def numbers_of(value: object) -> Iterator[int]:
    """Yield the numbers in a check's value, whole ones."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _HUGE:
        yield int(value)
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from numbers_of(item)


def quoted(source: str) -> list[str]:
    """Return the texts that an expression quotes."""
    return [match[1] or match[2] or "" for match in _QUOTED.finditer(source)]


def numbers_in(source: str) -> list[int]:
    """Return the numbers that an expression names, whole ones."""
    return [int(match[0]) for match in _NUMBER.finditer(source)]


def near(texts: Sequence[str], numbers: Iterable[int]) -> Iterator[str]:
    """Yield replies at which checks with these texts and numbers turn over: with each text, with all, so long."""
    yield LONG
    spelt = list(dict.fromkeys(form for text in texts for form in (text, text.upper(), text.lower())))
    for text in [*spelt, " ".join(texts), " ".join(reversed(texts))]:
        yield from (text, f"{text}kjx", f"{text} {LONG}", f"kjx {text}", f"{LONG}{text}", f"kjx {text} plo")
    for length in _lengths(numbers):
        yield from ("x" * length, ("x " * length)[:length], ("kjx " * length).strip())
    yield from ("x" * len(LONG), "[1]", '"wub"', "7", '{"k7": [1')


def played(context: CheckContext, replies: Iterable[str], source: str = "") -> Iterator[CheckContext]:
    """Yield the conversation as it might have gone: with such replies, calls, and figures known and unknown.

    In each its turns are alike, or differ from one another; for an expression, `source`, there is one more as well.
    """
    looks = list(_looks([*replies, context.turn.user], source))
    added = replace(context.turn)
    longer = replace(context, turn=added, turns=(*context.turns, added))
    for number, look in enumerate(looks):
        yield _played(context, [look])
        yield _played(context, [*looks[number:], *looks[:number]])
        if source:
            yield _played(longer, [look])


def _looks(replies: Sequence[str], source: str) -> Iterator[_Look]:
    if not source:
        yield from (_Look(reply=reply) for reply in (*replies, LONG))
        return
    yield _Look(reply=replies[0])
    for text in quoted(source):  # what is not to be there
        yield from (_Look(reply=text, calls=(text,), said=text, figures=figures) for figures in _FIGURES[:2])
    for number, reply in enumerate(replies):
        yield _Look(reply=reply, figures=_FIGURES[(number + 1) % len(_FIGURES)], said="wub")
    yield _Look(reply="wub", calls=("kjx",), said="stop")
    yield _Look(reply=LONG, calls=("wub",) * 200, figures=_FIGURES[1])
    for number in numbers_in(source):
        yield _Look(reply="", figures=(number, number))
        yield from (_Look(reply="x" * length) for length in _lengths([number]))
    yield from (_Look(reply=reply, figures=figures) for reply in replies for figures in _FIGURES)


def _lengths(numbers: Iterable[int]) -> list[int]:
    return sorted({one for number in numbers for one in (number - 1, number, number + 1) if 0 < one <= _LONGEST})


def _played(context: CheckContext, looks: Sequence[_Look]) -> CheckContext:
    """The conversation with the first look for the turn that is judged, and the others for those before it."""
    turns, judged = context.turns, _turned(context.turn, looks[0])

    def seen(place: int) -> TurnView:
        turn = turns[place]
        if turn is context.turn:
            return judged
        # One that was passed over stays so: there is nothing that it might have said.
        return _turned(turn, looks[(len(turns) - 1 - place) % len(looks)]) if _ran(turn) else turn

    return replace(
        context,
        reply=judged.reply,
        parsed=judged.parsed,
        tool_calls=judged.tool_calls,
        usage=judged.usage,
        finish_reason=judged.finish_reason,
        refusal=judged.refusal,
        model_calls=judged.model_calls,
        latency_s=judged.latency_s,
        cost_usd=judged.cost_usd,
        turn=judged,
        turns=TurnList(range(len(turns)), shown=seen),  # most checks look at one or two of them
    )


def _ran(turn: TurnView) -> bool:
    return bool(turn.model_calls) and turn.error is None


def _turned(turn: TurnView, look: _Look) -> TurnView:
    first, second = look.figures
    return replace(
        turn,
        reply=look.reply,
        parsed=parsed_reply(look.reply),
        tool_calls=tuple(
            ToolCallResult(id=str(number), name=name, arguments={}) for number, name in enumerate(look.calls)
        ),
        usage=UsageResult(input=first, output=second),
        finish_reason=look.said,
        refusal=look.said,
        model_calls=first or 1,
        latency_s=first,
        cost_usd=second,
    )
