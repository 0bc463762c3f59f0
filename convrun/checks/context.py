"""What a check sees: one turn, or the whole conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, ClassVar

from convrun.frozen import frozen
from convrun.results import ToolCallResult, UsageResult, known_sum, total_usage
from convrun.templates import TurnList
from convrun.values import Json

if TYPE_CHECKING:
    from convrun.checks.lanes import Lanes


@frozen
class ErrorAnswer:
    """The error that a provider answered with: its HTTP status, and its own words (empty: it had none)."""

    status: int | None
    message: str = ""


@frozen
class Prompted:
    """What a provider's prompt cache sees of a model call, in its order: tools, then messages, the system's first.

    What two calls share is equal, and mostly the same object.
    """

    tools: Sequence[object]
    messages: Sequence[object]


@frozen
class TurnView:
    """A finished turn as checks and templates see it.

    `index` counts from 1. `reply` is the text of the turn's last model call, `parsed` its JSON value (None: it is no
    JSON), `refusal` its own words for refusing. `latency_s` and `cost_usd` are what the answered model calls took
    together, as recorded; None where that is not known of each. `error` is what the provider refused with where the
    turn expects that; there is no reply then. Templates do not see the rest: `model` is who answered last, in its own
    words, `response` the engine's Response of that call, and `prompted` gives what was sent with each.
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
    refusal: str | None = None
    latency_s: float | None = None
    cost_usd: float | None = None
    model: str | None = field(default=None, compare=False, metadata={"hidden": True})
    response: object = field(default=None, repr=False, compare=False, metadata={"hidden": True})
    prompted: Callable[[], Iterable[Prompted]] | None = field(
        default=None, repr=False, compare=False, metadata={"hidden": True}
    )


@frozen
class CheckContext:
    """What a check may look at; a `python` check is given it.

    `turn` is the turn that is judged, for a conversation's checks the last one with a reply; `turns` are all so far.
    `tool_calls`, `usage` and the figures behind `turns` are the turn's, or everything's for a conversation's checks,
    which have the `whole` in view. `judged` are the indexes in `turns` of those that are looked at. `lanes` answer
    checks that ask a model; None where there are none.
    """

    reply: str
    parsed: Json
    tool_calls: tuple[ToolCallResult, ...]
    usage: UsageResult
    finish_reason: str | None
    turn: TurnView
    turns: Sequence[TurnView]
    vars: Mapping[str, Json]
    refusal: str | None = None
    model_calls: int = 1
    latency_s: float | None = None
    cost_usd: float | None = None
    judged: range = field(default=range(0), repr=False, compare=False)
    response: object = field(default=None, repr=False, compare=False)
    whole: bool = False
    lanes: Lanes | None = field(default=None, repr=False, compare=False)


def for_turn(
    turns: Sequence[TurnView], names: Mapping[str, Json] | None = None, lanes: Lanes | None = None
) -> CheckContext:
    """Return what the checks of the last of `turns` see; `names` are the vars. There is at least one turn."""
    return _context(turns, turns[-1], range(len(turns) - 1, len(turns)), names, lanes)


def for_conversation(
    turns: Sequence[TurnView], names: Mapping[str, Json] | None = None, lanes: Lanes | None = None
) -> CheckContext:
    """Return what the checks of the whole conversation see; `names` are the vars. There is at least one turn."""
    replied = (turn for turn in reversed(turns) if turn.model_calls and turn.error is None)
    return _context(turns, next(replied, turns[-1]), range(len(turns)), names, lanes, whole=True)


@frozen
class _Unplayed:
    """A turn without a reply, as templates see it."""

    called: ClassVar[str] = "turn that was passed over or refused"
    index: int
    id: str | None
    user: str


def seen_by_templates(turns: Sequence[TurnView]) -> TurnList[object]:
    """Return the turns as templates see them.

    Of one that was passed over, or that the provider refused, what the model would have said is undefined.
    """
    return TurnList(turns, shown=_seen)


def _seen(turn: TurnView) -> object:
    if turn.model_calls and turn.error is None:
        return turn
    return _Unplayed(index=turn.index, id=turn.id, user=turn.user)


def _context(
    turns: Sequence[TurnView],
    last: TurnView,
    judged: range,
    names: Mapping[str, Json] | None,
    lanes: Lanes | None,
    *,
    whole: bool = False,
) -> CheckContext:
    """What there is to see of `last`; calls and figures are those of all that are judged, and were not passed over."""
    played = [turns[index] for index in judged if turns[index].model_calls]
    return CheckContext(
        reply=last.reply,
        parsed=last.parsed,
        tool_calls=tuple(call for turn in played for call in turn.tool_calls),
        usage=total_usage(turn.usage for turn in played),
        finish_reason=last.finish_reason,
        turn=last,
        turns=turns,
        vars=names or {},
        refusal=last.refusal,
        model_calls=sum(turn.model_calls for turn in played),
        latency_s=known_sum(turn.latency_s for turn in played),
        cost_usd=known_sum(turn.cost_usd for turn in played),
        judged=judged,
        response=last.response,
        whole=whole,
        lanes=lanes,
    )
