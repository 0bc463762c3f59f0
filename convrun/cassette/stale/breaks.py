"""Recorded tool calls that today's tools would no longer take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from convrun.cassette.canonical import plain_arguments
from convrun.cassette.interaction import Interaction, SentRequest
from convrun.cassette.stale.attached import only_attachments
from convrun.cassette.stale.changed_tools import renamed_tools
from convrun.cassette.stored.reply_nodes import reply_message
from convrun.values import Json, JsonObject, equal, show, type_name

_TYPES = {
    "string": ("text",),
    "boolean": ("true/false",),
    "object": ("mapping",),
    "array": ("list",),
    "null": ("null",),
} | dict.fromkeys(("number", "integer"), ("number",))


def breaks(interactions: Iterable[Interaction], now: SentRequest, *, before: int = 0) -> tuple[str, ...]:
    """Return a line per recorded call that today's tools refuse, as `turn 2, call 1: city is no longer a parameter`.

    The recording begins behind so many turns `before`.
    """
    today = _tools(now)
    tools = dict(_signatures(today))
    found: dict[str, None] = {}
    turns = _Turns()
    turn, number = 0, 0
    for interaction in interactions:
        here = turns.of(interaction)
        turn, number = (here, number) if here == turn else (here, 0)
        message = reply_message(interaction.reply) or {}
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            number += 1
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                name = str(function.get("name"))
                known = name in tools
                other = None if known else renamed_tools(_tools(interaction.request), today).get(name)
                problems = _problems(function, tools, other)
                found.update((f"turn {before + turn}, call {number}: {problem}", None) for problem in problems)
    return tuple(found)


def _tools(request: SentRequest) -> Json:
    return request.body.get("tools") if isinstance(request.body, dict) else None


def _signatures(tools: Json) -> Iterator[tuple[str, JsonObject]]:
    for tool in tools if isinstance(tools, list) else []:
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict):
            parameters = function.get("parameters")
            yield str(function.get("name")), parameters if isinstance(parameters, dict) else {}


class _Turns:
    """Counts turns, request by request: one begins where the newest message is the user's, and no retry."""

    def __init__(self) -> None:
        self._turn = 0
        self._before: Interaction | None = None

    def of(self, interaction: Interaction) -> int:
        """Return the turn that a request belongs to, from 1."""
        body, before = interaction.request.body, self._before
        messages = body.get("messages") if isinstance(body, dict) else None
        newest = messages[-1] if isinstance(messages, list) and messages else None
        retried = before is not None and before.reply.retryable and equal(before.request.body, body)
        if isinstance(newest, dict) and newest.get("role") == "user" and not only_attachments(newest) and not retried:
            self._turn += 1
        self._before = interaction
        return max(self._turn, 1)


def _problems(function: JsonObject, tools: Mapping[str, JsonObject], renamed: str | None) -> Iterator[str]:
    name, arguments = str(function.get("name")), plain_arguments(function.get("arguments"))
    if name not in tools:
        yield f"{name} is called {renamed} now" if renamed else f"{name} is no longer a tool"
        name = renamed or ""
    properties, required = (tools.get(name, {}).get(key) for key in ("properties", "required"))
    if not isinstance(arguments, dict) or not isinstance(properties, dict):
        return
    for key, value in arguments.items():
        schema = properties.get(key)
        if key not in properties:
            if tools[name].get("additionalProperties") in (None, False):
                yield f"{key} is no longer a parameter"
        elif isinstance(schema, dict) and not _has_type(schema, value):
            yield f"{key} no longer takes a {type_name(value)}"
        elif isinstance(schema, dict) and not _is_listed(schema, value):
            yield f"{key} no longer takes {show(value)}"
    yield from (
        (f"{key} is required now" for key in required if key not in arguments) if isinstance(required, list) else ()
    )


def _has_type(schema: JsonObject, value: Json) -> bool:
    """Whether a value has one of the types that a schema names outright; anything finer is the tool's to judge."""
    choices = schema.get("anyOf")
    if isinstance(choices, list):
        return any(not isinstance(choice, dict) or _has_type(choice, value) for choice in choices)
    types = schema.get("type")
    named = types if isinstance(types, list) else [types]
    if not all(isinstance(name, str) and name in _TYPES for name in named):
        return True
    return any(type_name(value) in _TYPES[str(name)] for name in named)


def _is_listed(schema: JsonObject, value: Json) -> bool:
    """Whether a value is one of those that a schema lists; true where it lists none."""
    listed = schema.get("enum")
    return not isinstance(listed, list) or any(equal(value, one) for one in listed)
