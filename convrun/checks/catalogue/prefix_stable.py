"""The check `prefix_stable`: each request extends the one before, so that the provider's prompt cache stays warm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convrun.checks.check import Claim, Outcome, Path
from convrun.checks.context import CheckContext, Prompted, TurnView
from convrun.checks.reader import Pending, Reader
from convrun.conversation.messages import SharedMessages
from convrun.errors import CheckError
from convrun.frozen import frozen
from convrun.values import Json, show

_SYSTEM = frozenset({"system", "developer"})


@frozen(kw_only=False)
class PrefixStable:
    """Each request has the tools and messages of the one before, unchanged and in front.

    Options are no part of what a prompt cache sees. A turn that the provider refused is not in the history: what
    follows it extends what was before it.
    """

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="each request", predicate="extend the one before")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether it does; the outcome says which request is the first that does not, and what changed.

        Raises:
            CheckError: where nobody knows what was sent.
        """
        compared = 0
        for turn, number, before, now in _pairs(context):
            compared += 1
            if part := _changed(before, now):
                place: Json = {"turn": turn.index, "model_call": number, "changed": part}
                found = f"that of turn {turn.index}, model call {number} does not: {part}"
                return Outcome(passed=False, actual=place, found=found)
        return Outcome(passed=True, actual=compared, found=_all(compared))


def _all(compared: int) -> str:
    if not compared:
        return "there is one request only"
    return "the one that follows another does" if compared == 1 else f"all {compared} that follow another do"


def _pairs(context: CheckContext) -> Iterator[tuple[TurnView, int, Prompted, Prompted]]:
    """Each request that is judged and has one before it: its turn and number in it, what was sent before, and now."""
    last: Prompted | None = None
    for place in range(_answered_before(context), max(context.judged, default=-1) + 1):
        turn, kept = context.turns[place], last
        for number, now in enumerate(_sent(turn), start=1):
            if kept is not None and place in context.judged:
                yield turn, number, kept, now
            kept = now
        last = kept if turn.error is None else last


def _answered_before(context: CheckContext) -> int:
    """The place of the last turn with a reply before those that are judged, 0 if there is none."""
    turns, first = context.turns, min(context.judged, default=0)
    answered = (place for place in reversed(range(first)) if turns[place].error is None and _sent(turns[place]))
    return next(answered, 0)


def _sent(turn: TurnView) -> list[Prompted]:
    if not turn.model_calls:
        return []
    if turn.prompted is None:
        raise CheckError("what was sent to the model is not known", fix="take the check out")
    return list(turn.prompted())


def _changed(before: Prompted, now: Prompted) -> str | None:
    """The first part that is not as it was, in words; None where what is sent now extends what was sent before."""
    if list(now.tools) != list(before.tools):
        return _changed_tools(before.tools, now.tools)
    if _goes_on(now.messages, before.messages):
        return None
    pairs = zip(before.messages, now.messages, strict=False)
    at = next((index for index, (one, other) in enumerate(pairs) if one != other), len(now.messages))
    told = [_role(messages[at]) for messages in (before.messages, now.messages) if at < len(messages)]
    if not _SYSTEM.isdisjoint(told):
        return "the system prompt is another"
    what = "is another" if at < len(now.messages) else "is gone"
    return f"message {at + 1} ({told[0]}) {what}"


def _goes_on(now: Sequence[object], before: Sequence[object]) -> bool:
    if isinstance(now, SharedMessages):  # of the engine, which has what both begin with once
        return now.goes_on_from(before)
    return list(now[: len(before)]) == list(before)


def _changed_tools(before: Sequence[object], now: Sequence[object]) -> str:
    was, known = [_name(tool) for tool in before], [_name(tool) for tool in now]
    if was == known:
        different = [name for name, old, new in zip(known, before, now, strict=True) if old != new]
        return f"the tool {show(different[0], 60)} is another"
    gone, new = [name for name in was if name not in known], [name for name in known if name not in was]
    if not gone and not new:
        return "the tools stand in another order"
    return f"the tool {show((gone or new)[0], 60)} is {'gone' if gone else 'new'}"


def _role(message: object) -> str:
    """The role of a message, be it the engine's or JSON."""
    return str(message.get("role") if isinstance(message, dict) else getattr(message, "role", "message"))


def _name(tool: object) -> str:
    """The name of a tool, be it the engine's or JSON."""
    if not isinstance(tool, dict):
        return str(getattr(tool, "name", tool))
    function = tool.get("function")
    return str(function.get("name") if isinstance(function, dict) else tool.get("name"))


def read_prefix_stable(reader: Reader, value: object, path: Path) -> PrefixStable:
    """Read the value of `prefix_stable`: true."""
    if value is False:
        reader.wrong(path, "prefix_stable is true", "where it is to break write not: {prefix_stable: true}")
    elif value is not True and not (isinstance(value, Pending) and value.whole):
        reader.wrong(path, "true is wanted", "write prefix_stable: true")
    return PrefixStable()
