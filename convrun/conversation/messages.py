"""Messages and the parts they are made of; frozen, so that a history can be shared and compared by identity."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Literal, TypeAlias, cast

from convrun.conversation.attachments import Attachment
from convrun.errors import ConversationError
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, show

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@frozen(kw_only=False)
class TextPart:
    """Text that somebody said."""

    text: str


@frozen(kw_only=False)
class ReasoningPart:
    """Text of the model's thinking; `field` is the provider's name for it, `details` its own structure, if any."""

    text: str
    field: str = "reasoning"
    details: Json = None


@frozen(kw_only=False)
class RefusalPart:
    """The model's own words for refusing."""

    text: str


@frozen(kw_only=False)
class ToolCallPart:
    """A call the model wants; `arguments` is the text as the provider sent it (empty: no arguments).

    `extra` is what a provider adds of its own, and wants back.
    """

    name: str
    arguments: str = ""
    id: str = ""
    extra: JsonObject | None = None


@frozen(kw_only=False)
class ToolResultPart:
    """What a tool gave back; `tool_call_id` says to which call."""

    tool_call_id: str
    name: str
    output: str


@frozen(kw_only=False)
class AttachmentPart:
    """An image, a document or a sound beside the text."""

    attachment: Attachment


Part: TypeAlias = TextPart | ReasoningPart | RefusalPart | ToolCallPart | ToolResultPart | AttachmentPart


@frozen(kw_only=False)
class Message:
    """What one side said at once. A `tool` message holds exactly one ToolResultPart."""

    role: Role
    parts: tuple[Part, ...] = ()

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @classmethod
    def of_attachments(cls, attachments: Iterable[Attachment]) -> Message:
        """Return a user message of nothing but attachments."""
        return cls("user", tuple(AttachmentPart(attachment) for attachment in attachments))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The calls in this message, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart))

    def to_dict(self) -> JsonObject:
        """Return it as a JSON object, attachments as base64."""
        return {"role": self.role, "parts": [_part_to_dict(part) for part in self.parts]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Message:
        """Return the message that `to_dict` wrote.

        Raises:
            ConversationError: where it is none.
        """
        try:
            return cls(data["role"], tuple(map(_part_from_dict, data["parts"])))
        except (KeyError, TypeError, ValueError) as error:
            raise ConversationError(
                f"{show(data)} is no message: {error!r}", fix="give what to_dict() returned"
            ) from error


def system(text: str) -> Message:
    """Return a system message."""
    return Message("system", (TextPart(text),))


def user(text: str, *attachments: Attachment) -> Message:
    """Return a user message: the text (none if empty), then the attachments."""
    parts: tuple[Part, ...] = (TextPart(text),) if text or not attachments else ()
    return Message("user", parts + tuple(AttachmentPart(attachment) for attachment in attachments))


def assistant(text: str = "", tool_calls: tuple[ToolCallPart, ...] = ()) -> Message:
    """Return a message of the model: its text (none if empty), then its tool calls."""
    parts: tuple[Part, ...] = (TextPart(text),) if text or not tool_calls else ()
    return Message("assistant", parts + tool_calls)


@frozen
class Usage:
    """Tokens as the provider counted them; None where it says nothing. `details` is its own breakdown."""

    input: int | None = None
    output: int | None = None
    details: JsonObject = field(default_factory=dict)


def _part_to_dict(part: Part) -> JsonObject:
    match part:
        case TextPart(text):
            return {"type": "text", "text": text}
        case ReasoningPart(text, field, details):
            metadata: JsonObject = {"field": field} if details is None else {"field": field, "details": details}
            return {"type": "reasoning", "text": text, "provider_metadata": metadata}
        case RefusalPart(text):
            return {"type": "refusal", "text": text}
        case ToolCallPart(name, arguments, call_id, extra):
            return {"type": "tool_call", "name": name, **_arguments_to_dict(arguments, extra), "tool_call_id": call_id}
        case ToolResultPart(call_id, name, output):
            return {"type": "tool_result", "name": name, "output": output, "tool_call_id": call_id}
        case AttachmentPart(attachment):
            return {"type": "attachment", "attachment": attachment.to_dict()}


def _arguments_to_dict(text: str, extra: JsonObject | None) -> JsonObject:
    """The arguments as an object, and beside them what is extra, and their text where the object would give another."""
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        arguments = {}
    if not isinstance(arguments, dict):
        arguments = {}
    exact = json.dumps(arguments, ensure_ascii=False) == text
    metadata: JsonObject = ({} if exact else {"arguments": text}) | ({} if extra is None else {"extra": extra})
    return {"arguments": arguments, "provider_metadata": metadata} if metadata else {"arguments": arguments}


def _part_from_dict(data: Mapping[str, Any]) -> Part:
    metadata = data.get("provider_metadata", {})
    match data["type"]:
        case "text":
            return TextPart(data["text"])
        case "reasoning":
            return ReasoningPart(data["text"], metadata.get("field", "reasoning"), metadata.get("details"))
        case "refusal":
            return RefusalPart(data["text"])
        case "tool_call":
            text = metadata.get("arguments")
            arguments = json.dumps(data["arguments"], ensure_ascii=False) if text is None else cast(str, text)
            return ToolCallPart(data["name"], arguments, data.get("tool_call_id") or "", metadata.get("extra"))
        case "tool_result":
            return ToolResultPart(data.get("tool_call_id") or "", data["name"], data["output"])
        case "attachment":
            return AttachmentPart(Attachment.from_dict(data["attachment"]))
        case other:
            raise ValueError(f"{other!r} is no part")
