"""The messages before the first turn: from a spec's `history` to the engine's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convrun.conversation.messages import Message, TextPart, ToolCallPart, ToolResultPart
from convrun.spec.model import HistoryMessage
from convrun.templates import render_text


def history_messages(history: Sequence[HistoryMessage], names: Mapping[str, object]) -> list[Message]:
    """Return the messages, their texts rendered.

    Raises:
        TemplateError: where a template fails.
    """
    tools = {call.id: call.name for message in history for call in message.tool_calls}
    return [_message(message, tools, names) for message in history]


def _message(message: HistoryMessage, tools: Mapping[str, str], names: Mapping[str, object]) -> Message:
    text = render_text(message.text, names) if message.text is not None else ""
    if message.role == "tool":
        identity = message.tool_call_id or ""
        return Message("tool", (ToolResultPart(identity, tools.get(identity, ""), text),))
    calls = tuple(ToolCallPart(call.name, call.arguments, call.id) for call in message.tool_calls)
    said = (TextPart(text),) if text or not calls else ()
    return Message(message.role, (*said, *calls))
