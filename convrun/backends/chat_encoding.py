"""Chat completions, encoded: a ModelRequest becomes the JSON body of a request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256

from convrun.backends.content_parts import UNNAMED, attachment_part, content_of
from convrun.backends.encoded_messages import EncodedMessages, EncodedTools
from convrun.backends.presets import QuirkKind
from convrun.conversation.attachments import Attachment
from convrun.conversation.backend import ModelRequest, ToolSchema
from convrun.conversation.messages import (
    Message,
    ReasoningPart,
    RefusalPart,
    ToolCallPart,
    ToolResultPart,
)
from convrun.errors import AttachmentError
from convrun.values import Json, JsonObject

_NINE = re.compile(r"[a-zA-Z0-9]{9}")


class ChatEncoder:
    """Encodes requests to one model, heeding the quirks of its provider.

    A message or tool that was encoded before is the same object in the next body: transports rely on it to tell what
    is new, and a long history costs nothing. Conversations may take turns, also in threads.
    """

    def __init__(self, *, model: str, system_role: str = "system", quirks: frozenset[QuirkKind] = frozenset()) -> None:
        def encode(message: Message, _: object) -> Sequence[Json]:
            return (encode_message(message, system_role=system_role, quirks=quirks),)

        self.model = model
        self._messages = EncodedMessages(encode)
        self._tools = EncodedTools(encode_tool)

    def body(self, request: ModelRequest) -> JsonObject:
        """Return the body of a request.

        Raises:
            AttachmentError: for an attachment that chat completions cannot carry.
            ConversationError: for an option that only a Responses API has.
        """
        if "previous_response_id" in request.options:
            from convrun.backends.previous import refuse_auto

            refuse_auto(request.options, api="chat")
        body: JsonObject = {"model": self.model, "messages": self._messages.of(request.messages)}
        body.update(request.options)
        if request.tools:
            body["tools"] = self._tools.of(request.tools)
        if request.schema is not None:
            wanted: JsonObject = {"name": request.schema_name, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        if request.stream:
            body["stream"] = True
            body.setdefault("stream_options", {"include_usage": True})
        return body


def encode_tool(tool: ToolSchema) -> JsonObject:
    """Return a tool as an entry of `tools`; a declared one as it was written."""
    if tool.verbatim is not None:
        return {"type": "function", "function": tool.verbatim}
    function: JsonObject = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def encode_message(
    message: Message, *, system_role: str = "system", quirks: frozenset[QuirkKind] = frozenset()
) -> JsonObject:
    """Return a message as an entry of `messages`."""
    if message.role == "assistant":
        return _assistant(message, quirks)
    if message.role == "tool":
        result = next(part for part in message.parts if isinstance(part, ToolResultPart))
        return {"role": "tool", "tool_call_id": _call_id(result.tool_call_id, quirks), "content": result.output}
    role = system_role if message.role == "system" else "user"
    return {"role": role, "content": content_of(message, text="text", attachment=encode_attachment)}


def _assistant(message: Message, quirks: frozenset[QuirkKind]) -> JsonObject:
    calls: list[Json] = [_call(call, quirks) for call in message.tool_calls]
    refusal = "".join(part.text for part in message.parts if isinstance(part, RefusalPart))
    content = message.text or (None if calls or refusal else "")
    encoded: JsonObject = {"role": "assistant", "content": content}
    if refusal:
        encoded["refusal"] = refusal
    # Who calls it so wants it back, and refuses the next request without it; the others do not know the field.
    thinking = [part for part in message.parts if isinstance(part, ReasoningPart)]
    thoughts = "".join(part.text for part in thinking if part.field == "reasoning_content")
    if thoughts:
        encoded["reasoning_content"] = thoughts
    details = [detail for part in thinking if isinstance(part.details, list) for detail in part.details]
    if details and "signed_reasoning" in quirks:
        encoded["reasoning_details"] = details
    if calls:
        encoded["tool_calls"] = calls
    return encoded


def _call(call: ToolCallPart, quirks: frozenset[QuirkKind]) -> JsonObject:
    function: JsonObject = {"name": call.name, "arguments": call.arguments or "{}"}
    encoded: JsonObject = {"id": _call_id(call.id, quirks), "type": "function", "function": function}
    if call.extra and "signed_calls" in quirks:
        encoded["extra_content"] = call.extra
    return encoded


def _call_id(identifier: str, quirks: frozenset[QuirkKind]) -> str:
    """The id of a call as the provider takes it: the same for the call and its result, and in every request."""
    if "nine_character_ids" not in quirks or _NINE.fullmatch(identifier):
        return identifier
    return sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:9]


def encode_attachment(attachment: Attachment) -> JsonObject:
    """Return the content part of an attachment.

    Raises:
        AttachmentError: where a chat model takes no such thing, or it cannot be read.
    """
    return attachment_part(attachment, image=_image, document=_document)


def _image(attachment: Attachment) -> JsonObject:
    detail: JsonObject = {"detail": attachment.detail} if attachment.detail else {}
    return {"type": "image_url", "image_url": {"url": attachment.as_url(), **detail}}


def _document(attachment: Attachment) -> JsonObject:
    return {"type": "file", "file": {"filename": attachment.file_name or UNNAMED, "file_data": attachment.as_url()}}


def decode_attachment(part: JsonObject) -> Attachment | None:
    """Return the attachment that is encoded to exactly this content part; None where there is none."""
    try:
        found = _decoded(part)
        return found if found is not None and encode_attachment(found) == part else None
    except AttachmentError:
        return None


def _decoded(part: JsonObject) -> Attachment | None:
    match part:
        case {"type": "image_url", "image_url": {"url": str(url), **more}}:
            detail = more.get("detail")
            kind = None if url.startswith("data:") else "image/*"  # a link's name need not show it
            return Attachment(url=url, type=kind, detail=detail if isinstance(detail, str) else None)
        case {"type": "file", "file": {"filename": str(name), "file_data": str(url)}}:
            own = None if name == UNNAMED else name
            return Attachment(url=url, type="application/pdf", file_name=own)
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(sound)}}:
            return Attachment(url=f"data:audio/{sound};base64,{data}")
    return None
