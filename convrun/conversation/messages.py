"""Messages and the parts they are made of; frozen, so that a history can be shared and compared by identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from convrun.values import Json, JsonObject

if TYPE_CHECKING:
    from convrun.conversation.attachments import Attachment

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """Text that somebody said."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningPart:
    """Text of the model's thinking; `field` is the provider's name for it, `details` its own structure, if any."""

    text: str
    field: str = "reasoning"
    details: Json = None


@dataclass(frozen=True, slots=True)
class RefusalPart:
    """The model's own words for refusing."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A call the model wants; `arguments` is the text as the provider sent it (empty: no arguments)."""

    name: str
    arguments: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What a tool gave back; `tool_call_id` says to which call."""

    tool_call_id: str
    name: str
    output: str


@dataclass(frozen=True, slots=True)
class AttachmentPart:
    """An image, a document or a sound beside the text."""

    attachment: Attachment


Part: TypeAlias = TextPart | ReasoningPart | RefusalPart | ToolCallPart | ToolResultPart | AttachmentPart


@dataclass(frozen=True, slots=True, eq=True)
class Message:
    """What one side said at once. A `tool` message holds exactly one ToolResultPart."""

    role: Role
    parts: tuple[Part, ...] = ()

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The calls in this message, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the provider counted them; None where it says nothing. `details` is its own breakdown."""

    input: int | None = None
    output: int | None = None
    details: JsonObject = field(default_factory=dict)
