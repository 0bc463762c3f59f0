"""What the tools gave back when a conversation was recorded, found by the link from call to result, not by ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice

from convrun.cassette.canonical import History, Links, plain_arguments
from convrun.cassette.interaction import Interaction
from convrun.cassette.stored.reply_nodes import reply_message
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, canonical, equal


@dataclass(slots=True)
class _Call:
    """One call in the recorded history, and its result once it has one.

    `attachments` are the content parts sent behind the results of all calls of a reply; the last of them has them.
    """

    name: str
    arguments: Json
    result: str | None = None
    attachments: tuple[JsonObject, ...] = ()


@frozen
class Attached:
    """The content parts sent behind the results of all calls of a reply, without a word on whose they are.

    `reply` is the reply's number, `names` are the tools it calls, `position` is the call that was asked about.
    """

    reply: int
    names: tuple[str, ...]
    position: int
    parts: tuple[JsonObject, ...]

    @property
    def at_last(self) -> bool:
        """Whether it is the reply's last call that was asked about."""
        return self.position == len(self.names) - 1


class RecordedResults:
    """The results of a recording's tool calls."""

    def __init__(self, interactions: Iterable[Interaction]) -> None:
        self._interactions = tuple(interactions)
        self._calls: list[_Call] = []
        self._links = Links()
        self._answered = False
        self._histories: list[
            tuple[int, list[_Call]]
        ] = []  # of each request: how many calls it had, and all of its history's
        self._given: dict[str, int] = {}
        history = History(self._read, self._restart)
        for interaction in self._interactions:
            history.follow([*interaction.request.messages])
            self._histories.append((self._links.count, self._calls))

    def _restart(self) -> None:
        self._calls, self._links, self._answered = [], Links(), False

    def _read(self, message: JsonObject) -> None:
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            name, arguments = _named(call)
            self._links.call(call.get("id") if isinstance(call, dict) else None)
            self._calls.append(_Call(name, arguments))
        if message.get("role") == "tool":
            number = self._links.result(message.get("tool_call_id"))
            if isinstance(number, int) and number < len(self._calls) and self._calls[number].result is None:
                self._calls[number].result = _text(message.get("content"))
        elif self._answered and message.get("role") == "user" and self._calls:
            self._calls[-1].attachments = _attachments(message.get("content"))
        self._answered = message.get("role") == "tool"

    def of_call(self, index: int, identifier: str, name: str, arguments: Json, taken: dict[str, int]) -> str | None:
        """Return the result of a call that the reply of interaction `index` made; None where no request tells it.

        `taken` remembers which call of the reply each identifier stands for.
        """
        message = reply_message(self._interactions[index].reply) or {}
        calls = message.get("tool_calls")
        position = _position(
            calls if isinstance(calls, list) else [], identifier, name, plain_arguments(arguments), taken
        )
        if position is None:
            return None
        taken[identifier] = position
        found = self._recorded(index, position, name)
        return found.result if found is not None else None

    def attached(self, index: int, position: int) -> Attached:
        """Return what was sent behind the results of a reply's calls, for the call at `position`."""
        calls = (reply_message(self._interactions[index].reply) or {}).get("tool_calls")
        names = tuple(_named(call)[0] for call in calls) if isinstance(calls, list) else ()
        found = self._recorded(index, len(names) - 1, names[-1]) if names else None
        return Attached(reply=index, names=names, position=position, parts=found.attachments if found else ())

    def _recorded(self, index: int, position: int, name: str) -> _Call | None:
        """The call at `position` in the reply of interaction `index`, as the first request that has it tells it."""
        before, own = self._histories[index]
        later = (calls for _, calls in islice(self._histories, index + 1, None))
        for history in chain((own,), later):
            if before + position < len(history) and history[before + position].name == name:
                return history[before + position]
        return None

    def anywhere(self, name: str, arguments: Json) -> str | None:
        """Return the result of the next call with this name and these arguments; the last one again after the end."""
        wanted = plain_arguments(arguments)
        histories = {id(calls): calls for _, calls in self._histories}.values()
        every = [call for calls in histories for call in calls if call.name == name and equal(call.arguments, wanted)]
        found = [call.result for call in every if call.result is not None]
        key = f"{name} {canonical(wanted)}"
        turn = self._given.get(key, 0)
        self._given[key] = turn + 1
        return found[min(turn, len(found) - 1)] if found else None


def _named(call: Json) -> tuple[str, Json]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return "", {}
    return str(function.get("name")), plain_arguments(function.get("arguments"))


def _position(calls: list[Json], identifier: str, name: str, arguments: Json, taken: dict[str, int]) -> int | None:
    """Which call of a reply is meant: the one of this id, else the first free one of this name and these arguments."""
    if identifier in taken:
        return taken[identifier]
    named = [index for index, call in enumerate(calls) if isinstance(call, dict) and call.get("id") == identifier]
    if len(named) == 1 and identifier:
        return named[0]
    free = (index for index in range(len(calls)) if index not in taken.values())
    same = [(index, _named(calls[index])) for index in free]
    exact = [index for index, (called, given) in same if called == name and equal(given, arguments)]
    return next(iter(exact or [index for index, (called, _) in same if called == name]), None)


def _attachments(content: Json) -> tuple[JsonObject, ...]:
    """The parts of a message of nothing but attachments."""
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return tuple(parts) if all(part.get("type") != "text" for part in parts) else ()


def _text(content: Json) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")
