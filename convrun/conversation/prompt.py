"""Prompts: what one model call was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from convrun.conversation.attachments import Attachment
from convrun.conversation.messages import Message
from convrun.conversation.tools import Tool, ToolResult
from convrun.frozen import frozen
from convrun.values import Json, JsonObject


@frozen
class Prompt:
    """What one model call was asked.

    `prompt` is what the user said ("" where only tool results went out); `messages` is everything that was sent, the
    system message first, and empty before it was sent. `schema` is the JSON Schema for the reply.
    """

    prompt: str = ""
    messages: Sequence[Message] = ()
    system: str | None = None
    attachments: tuple[Attachment, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    options: Mapping[str, Json] = field(default_factory=dict)
    schema: JsonObject | None = None
