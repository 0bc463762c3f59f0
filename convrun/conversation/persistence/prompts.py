"""Prompts, kept: the messages that were sent, and which of them was new."""

from __future__ import annotations

from collections.abc import Sequence

from convrun.conversation.messages import Message, attachments_in
from convrun.conversation.prompt import Prompt
from convrun.conversation.settings import TurnSettings
from convrun.conversation.tools import ToolResult


def is_said(prompt: Prompt) -> bool:
    """Whether the last message that was sent is what the user said just then."""
    return bool(prompt.prompt or prompt.attachments)


def prompt_of(
    messages: Sequence[Message],
    settings: TurnSettings,
    *,
    said: Message | None,
    system: str | None,
    tool_results: Sequence[ToolResult],
) -> Prompt:
    """Return the prompt that these messages were sent for; `said` is the one of them that was new."""
    return Prompt(
        prompt="" if said is None else said.text,
        messages=messages,
        system=system,
        attachments=() if said is None else tuple(attachments_in([said])),
        tools=tuple(settings.tools.values()),
        tool_results=tuple(tool_results),
        options=settings.options,
        schema=settings.schema.schema if settings.schema else None,
    )
