"""What a check sees: one turn, or the whole conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import ClassVar

from convrun.frozen import frozen
from convrun.results import ToolCallResult, UsageResult, total_usage
from convrun.values import Json


@frozen
class ErrorAnswer:
    """The error that a provider answered with: its HTTP status, and its own words (empty: it had none)."""

    status: int | None
    message: str = ""


@frozen
class TurnView:
    """A finished turn as checks and templates see it.

    `index` counts from 1. `reply` is the text of the turn's last model call, `parsed` its JSON value (None: it is no
    JSON). `error` is what the provider refused with where the turn expects that; there is no reply then. `response` is
    the engine's Response of the last model call; templates do not see it.
    """

    called: ClassVar[str] = "turn"  # in what templates say of it
    index: int
    id: str | None = None
    user: str = ""
    reply: str = ""
    parsed: Json = None
    tool_calls: tuple[ToolCallResult, ...] = ()
    usage: UsageResult = field(default_factory=UsageResult)
    finish_reason: str | None = None
    model_calls: int = 1
    error: ErrorAnswer | None = None
    response: object = field(default=None, repr=False, compare=False, metadata={"hidden": True})


@frozen
class CheckContext:
    """What a check may look at; a `python` check is given it.

    `turn` is the turn that is judged, for a conversation's checks the last one with a reply; `turns` are all so far.
    `tool_calls` and `usage` are the turn's, or everything's for a conversation's checks.
    """

    reply: str
    parsed: Json
    tool_calls: tuple[ToolCallResult, ...]
    usage: UsageResult
    finish_reason: str | None
    turn: TurnView
    turns: Sequence[TurnView]
    vars: Mapping[str, Json]
    response: object = field(default=None, repr=False, compare=False)


def for_turn(turns: Sequence[TurnView], names: Mapping[str, Json] | None = None) -> CheckContext:
    """Return what the checks of the last of `turns` see; `names` are the vars. There is at least one turn."""
    return _context(turns, turns[-1], turns[-1].tool_calls, turns[-1].usage, names)


def for_conversation(turns: Sequence[TurnView], names: Mapping[str, Json] | None = None) -> CheckContext:
    """Return what the checks of the whole conversation see; `names` are the vars. There is at least one turn."""
    calls = tuple(call for turn in turns for call in turn.tool_calls)
    usage = total_usage(turn.usage for turn in turns)
    replied = (turn for turn in reversed(turns) if turn.model_calls and turn.error is None)
    return _context(turns, next(replied, turns[-1]), calls, usage, names)


def _context(
    turns: Sequence[TurnView],
    last: TurnView,
    calls: tuple[ToolCallResult, ...],
    usage: UsageResult,
    names: Mapping[str, Json] | None,
) -> CheckContext:
    return CheckContext(
        reply=last.reply,
        parsed=last.parsed,
        tool_calls=calls,
        usage=usage,
        finish_reason=last.finish_reason,
        turn=last,
        turns=turns,
        vars=names or {},
        response=last.response,
    )
