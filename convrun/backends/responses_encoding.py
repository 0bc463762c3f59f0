"""Requests to a Responses API, encoded: a ModelRequest becomes the JSON body of a request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from convrun.backends.encoded_messages import EncodedMessages, EncodedTools
from convrun.backends.responses_content import encode_content
from convrun.backends.responses_items import items_of, result_item
from convrun.conversation.backend import ModelRequest, ToolSchema
from convrun.conversation.messages import Message, ToolResultPart
from convrun.errors import ConversationError
from convrun.values import Json, JsonObject

_PREVIOUS = "previous_response_id"


class ResponsesEncoder:
    """Encodes requests to one model.

    An item or tool that was encoded before is the same object in the next body: transports rely on it to tell what is
    new, and a long history costs nothing. Conversations may take turns, also in threads.
    """

    def __init__(self, *, model: str) -> None:
        self.model = model
        self._messages = EncodedMessages(encode_message)
        self._tools = EncodedTools(encode_tool)

    def body(self, request: ModelRequest) -> JsonObject:
        """Return the body of a request.

        Raises:
            AttachmentError: for an attachment that a Responses API cannot carry.
            ConversationError: where nothing is new since the reply it goes on from, or that one is not kept.
        """
        messages = request.messages
        body: JsonObject = {"model": self.model}
        if messages and messages[0].role == "system":
            body["instructions"] = messages[0].text
        start, options = 0, dict(request.options)
        if options.get(_PREVIOUS) == "auto":
            from convrun.backends.previous import refuse_auto  # few send less than all

            refuse_auto(options, api="responses")
            start = _answered(messages)
            if start and start == len(messages):
                raise ConversationError("there is nothing to send: the model said the last word", fix="give a prompt")
            options[_PREVIOUS] = messages[start - 1].id if start else None
            options = {name: value for name, value in options.items() if name != _PREVIOUS or value is not None}
        body["input"] = self._messages.of(messages, first=start, system=False)
        body.update(options)
        if request.tools:
            body["tools"] = self._tools.of(request.tools)
        if request.schema is not None:
            wanted: JsonObject = {"type": "json_schema", "name": request.schema_name, "schema": request.schema}
            text = options.get("text")
            body["text"] = {**(text if isinstance(text, dict) else {}), "format": wanted}
        if request.stream:
            body["stream"] = True
        return body


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


def encode_message(message: Message, before: Iterable[Message] = ()) -> list[Json]:
    """Return a message as entries of `input`; `before` are the messages before it, the last first.

    Raises:
        AttachmentError: for an attachment that a Responses API cannot carry.
    """
    if message.role == "assistant":
        return items_of(message.parts)
    if message.role == "tool":
        result = next(part for part in message.parts if isinstance(part, ToolResultPart))
        return [result_item(result, before)]
    return [{"role": message.role, "content": encode_content(message)}]


def _answered(messages: Sequence[Message]) -> int:
    """How many messages the provider knows by the id of its last reply."""
    known = (index for index in reversed(range(len(messages))) if messages[index].id is not None)
    return next(known, -1) + 1
