"""Requests to a Responses API, encoded: a ModelRequest becomes the JSON body of a request."""

from __future__ import annotations

from collections.abc import Sequence

from convrun.backends.responses_content import encode_content
from convrun.backends.responses_items import items_of, result_item
from convrun.conversation.backend import ModelRequest, ToolSchema
from convrun.conversation.messages import Message, ToolResultPart
from convrun.values import Json, JsonObject

_SLACK = 4096  # encoded messages kept beyond those of the latest request, for other conversations of the same model
_PREVIOUS = "previous_response_id"


class ResponsesEncoder:
    """Encodes requests to one model.

    An item or tool that was encoded before is the same object in the next body: transports rely on it to tell what is
    new, and a long history costs nothing.
    """

    def __init__(self, *, model: str) -> None:
        self._model = model
        self._items: dict[int, tuple[Message, list[Json]]] = {}  # by identity; the Message keeps its id its own
        self._tools: dict[int, tuple[ToolSchema, JsonObject]] = {}

    def body(self, request: ModelRequest) -> JsonObject:
        """Return the body of a request.

        Raises:
            AttachmentError: for an attachment that a Responses API cannot carry.
        """
        messages = request.messages
        body: JsonObject = {"model": self._model}
        if messages and messages[0].role == "system":
            body["instructions"] = messages[0].text
        start, options = 0, dict(request.options)
        if options.get(_PREVIOUS) == "auto":
            start = _answered(messages)
            options[_PREVIOUS] = messages[start - 1].id if start else None
            options = {name: value for name, value in options.items() if name != _PREVIOUS or value is not None}
        body["input"] = self._input(messages, max(start, "instructions" in body))
        body.update(options)
        if request.tools:
            body["tools"] = [self._tool(tool) for tool in request.tools]
        if request.schema is not None:
            wanted: JsonObject = {"type": "json_schema", "name": request.schema_name, "schema": request.schema}
            text = options.get("text")
            body["text"] = {**(text if isinstance(text, dict) else {}), "format": wanted}
        if request.stream:
            body["stream"] = True
        return body

    def _input(self, messages: Sequence[Message], start: int) -> list[Json]:
        known = self._items
        found: list[Json] = []
        for index in range(start, len(messages)):
            message = messages[index]
            entry = known.get(id(message))
            if entry is None:
                entry = known[id(message)] = (message, encode_message(message, messages[:index]))
            found += entry[1]
        if len(known) > len(messages) + _SLACK:
            self._items = {id(message): known[id(message)] for message in messages[start:]}
        return found

    def _tool(self, tool: ToolSchema) -> JsonObject:
        entry = self._tools.get(id(tool))
        if entry is None:
            if len(self._tools) > _SLACK:
                self._tools = {}
            entry = self._tools[id(tool)] = (tool, encode_tool(tool))
        return entry[1]


def encode_tool(tool: ToolSchema) -> JsonObject:
    """Return a tool as an entry of `tools`; a declared one as it was written.

    Where it is not said whether arguments follow the schema strictly, they need not, as with chat completions: left
    out, this API would make every argument required.
    """
    if tool.verbatim is not None:
        return {"type": "function", **tool.verbatim}
    made: JsonObject = {"type": "function", "name": tool.name}
    if tool.description:
        made["description"] = tool.description
    return {**made, "parameters": tool.parameters, "strict": bool(tool.strict)}


def encode_message(message: Message, before: Sequence[Message] = ()) -> list[Json]:
    """Return a message as entries of `input`; `before` are the messages before it.

    Raises:
        AttachmentError: for an attachment that a Responses API cannot carry.
    """
    if message.role == "assistant":
        return items_of(message.parts)
    if message.role == "tool":
        result = next(part for part in message.parts if isinstance(part, ToolResultPart))
        return [result_item(result, reversed(before))]
    return [{"role": message.role, "content": encode_content(message)}]


def _answered(messages: Sequence[Message]) -> int:
    """How many messages the provider knows by the id of its last reply."""
    known = (index for index in reversed(range(len(messages))) if messages[index].id is not None)
    return next(known, -1) + 1
