"""The tool calls of a chat reply, put together from whatever pieces a provider cuts them into."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import cast

from convrun.conversation.backend import StreamEvent
from convrun.conversation.messages import ToolCallPart
from convrun.values import Json, JsonObject


@dataclass(slots=True, kw_only=True)
class _Call:
    """A call being read. `given_id` is the provider's, `id` the one that is unique in the conversation."""

    position: int
    given_id: str
    id: str
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    extra: JsonObject | None = None


class CallIds:
    """The ids of the tool calls of one reply; `used` are those that the conversation already has.

    An id that is missing, or that is used, becomes `call_<turn>_<n>`: never random, so that the same reply gives the
    same conversation.
    """

    def __init__(self, *, turn: int, used: Container[str]) -> None:
        self._turn = turn
        self._used = used
        self._own: set[str] = set()

    def unique(self, given_id: str) -> str:
        """Return the id of a call that has this one from the provider."""
        unique, number = given_id, 0
        while not unique or unique in self._own or unique in self._used:
            number += 1
            unique = f"call_{self._turn}_{number}"
        self._own.add(unique)
        return unique


class CallsDecoder:
    """Takes the entries of `tool_calls` as they come; sans-I/O. Their ids are those of a CallIds."""

    def __init__(self, *, turn: int, used_ids: Container[str]) -> None:
        self._ids = CallIds(turn=turn, used=used_ids)
        self._calls: list[_Call] = []
        self._by_index: dict[Json, _Call] = {}

    def feed(self, entry: Json, *, whole: bool) -> Iterator[StreamEvent]:
        """Yield what one entry adds. `whole`: it is a complete call, not a delta."""
        if not isinstance(entry, dict):
            return
        given_id = _text(entry.get("id"))
        name, arguments = _name_and_arguments(entry)
        call = None if whole else self._continued(entry, given_id, name, arguments)
        if call is None:
            call = self._open(entry, given_id)
        if isinstance(extra := entry.get("extra_content"), dict) and extra:
            call.extra = cast(JsonObject, sendable(extra))
        if name and not call.name:
            call.name = name
            yield StreamEvent("tool_call_name", name, call.position, call.id)
        if arguments:
            call.arguments.append(arguments)
            yield StreamEvent("tool_call_args", arguments, call.position, call.id)

    def finish(self) -> Iterator[ToolCallPart]:
        """Yield the calls in order, but those of which nothing came."""
        for call in self._calls:
            if call.name or call.arguments:
                yield ToolCallPart(call.name, mended(call.arguments), call.id, call.extra)

    def _continued(self, entry: JsonObject, given_id: str, name: str, arguments: str) -> _Call | None:
        """The call that a delta goes on with; None where it opens another."""
        index = entry.get("index")
        if isinstance(index, int):
            call = self._by_index.get(index)
        elif given_id:
            call = next((call for call in self._calls if call.given_id == given_id), None)
        else:
            call = self._calls[-1] if self._calls else None
        if call is None or not name or not call.name:
            return call
        # Some providers give index 0 to every call, others repeat the name in every delta of one call.
        if given_id and call.given_id:
            return call if given_id == call.given_id else None
        if name != call.name or (arguments and _is_json("".join(call.arguments))):
            return None
        return call

    def _open(self, entry: JsonObject, given_id: str) -> _Call:
        call = _Call(position=len(self._calls), given_id=given_id, id=self._ids.unique(given_id))
        self._calls.append(call)
        if isinstance(index := entry.get("index"), int):
            self._by_index[index] = call
        return call


def mended(pieces: list[str]) -> str:
    """Return the pieces as one text: a character split into two surrogates is whole again, half of one is U+FFFD."""
    text = "".join(pieces)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def sendable(value: Json) -> Json:
    """Return a value as it can go back: JSON of whole characters. Nearly always it is the same value."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:  # half a character, or a number that JSON does not have
        return _sendable(value)
    return value


def _sendable(value: Json) -> Json:
    if isinstance(value, str):
        return mended([value])
    if isinstance(value, list):
        return [*map(_sendable, value)]
    if isinstance(value, dict):
        return {mended([key]): _sendable(inner) for key, inner in value.items()}
    return value if not isinstance(value, float) or isfinite(value) else None


def _name_and_arguments(entry: JsonObject) -> tuple[str, str]:
    function, custom = entry.get("function"), entry.get("custom")
    if isinstance(function, dict):
        return _text(function.get("name")), _arguments(function.get("arguments"))
    if isinstance(custom, dict):
        return _text(custom.get("name")), _arguments(custom.get("input"))
    return "", ""


def _arguments(value: Json) -> str:
    """The arguments as text; some providers send the object itself."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _text(value: Json) -> str:
    """An id or a name; it goes back in the next request, and must be Unicode for that."""
    return mended([value]) if isinstance(value, str) else ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
