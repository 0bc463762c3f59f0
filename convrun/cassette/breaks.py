"""Recorded tool calls that today's tools would no longer take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from convrun.cassette.canonical import History, plain_arguments
from convrun.cassette.interaction import Interaction, SentRequest
from convrun.cassette.reply_nodes import reply_message
from convrun.values import Json, JsonObject, type_name

_TYPES = {
    "string": ("text",),
    "boolean": ("true/false",),
    "object": ("mapping",),
    "array": ("list",),
    "null": ("null",),
} | dict.fromkeys(("number", "integer"), ("number",))


def breaks(interactions: Iterable[Interaction], now: SentRequest) -> tuple[str, ...]:
    """Return a line per recorded call that today's tools refuse, as `turn 2, call 1: city is no longer a parameter`."""
    tools = dict(_signatures(now))
    found: dict[str, None] = {}
    turns = _Turns()
    turn, number = 0, 0
    for interaction in interactions:
        here = turns.of(interaction.request)
        turn, number = (here, number) if here == turn else (here, 0)
        message = reply_message(interaction.reply) or {}
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            number += 1
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                found.update((f"turn {turn}, call {number}: {problem}", None) for problem in _problems(function, tools))
    return tuple(found)


def _signatures(request: SentRequest) -> Iterator[tuple[str, JsonObject]]:
    tools = request.body.get("tools") if isinstance(request.body, dict) else None
    for tool in tools if isinstance(tools, list) else []:
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict):
            parameters = function.get("parameters")
            yield str(function.get("name")), parameters if isinstance(parameters, dict) else {}


class _Turns:
    """Counts how often the user has spoken since the recording began; what follows tool results are attachments.

    All that stands before the last message of the first chat's user is the history it began with.
    """

    def __init__(self) -> None:
        self._history = History(self._read, self._restart)
        self._first: int | None = None
        self._restart()

    def _restart(self) -> None:
        self._spoken = 0
        self._before: Json = None

    def _read(self, message: JsonObject) -> None:
        role = message.get("role")
        self._spoken += role == "user" and self._before != "tool"
        self._before = role

    def of(self, request: SentRequest) -> int:
        """Return the turn that a request belongs to, from 1."""
        messages = request.messages
        self._history.follow(list[Json](messages))
        if self._first is None and messages:
            self._first = self._spoken
        return max(self._spoken - (self._first or 0) + 1, 1)


def _problems(function: JsonObject, tools: dict[str, JsonObject]) -> Iterator[str]:
    name, arguments = str(function.get("name")), plain_arguments(function.get("arguments"))
    if name not in tools:
        yield f"{name} is no longer a tool"
        return
    properties, required = tools[name].get("properties"), tools[name].get("required")
    if not isinstance(arguments, dict) or not isinstance(properties, dict):
        return
    for key, value in arguments.items():
        schema = properties.get(key)
        if key not in properties:
            if tools[name].get("additionalProperties") in (None, False):
                yield f"{key} is no longer a parameter"
        elif isinstance(schema, dict) and not _takes(schema, value):
            yield f"{key} no longer takes a {type_name(value)}"
    yield from (
        (f"{key} is required now" for key in required if key not in arguments) if isinstance(required, list) else ()
    )


def _takes(schema: JsonObject, value: Json) -> bool:
    """Whether a value has one of the types that a schema names outright; anything finer is the tool's to judge."""
    types = schema.get("type")
    named = types if isinstance(types, list) else [types]
    if not all(isinstance(name, str) and name in _TYPES for name in named):
        return True
    return any(type_name(value) in _TYPES[str(name)] for name in named)
