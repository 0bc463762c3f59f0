"""Turns: what the user said, with all the responses it led to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convrun.conversation.history import TurnRecord
from convrun.conversation.messages import Message, Usage
from convrun.conversation.model_call import ModelCall
from convrun.conversation.tools import ToolCall, ToolResult
from convrun.conversation.usage import total

if TYPE_CHECKING:
    from convrun.conversation.owner import Owner


def messages_of(calls: Sequence[ModelCall]) -> list[Message]:
    """Return what was said in these model calls: the model's messages, each followed by its tools' answers."""
    found: list[Message] = []
    for call in calls:
        if call.completion is None:
            continue
        message = call.completion.message
        found.append(message)
        found += [call.results[at].message(part) for at, part in enumerate(message.tool_calls) if at in call.results]
    return found


def text_of(calls: Sequence[ModelCall]) -> str:
    """Return the text of these model calls, whose replies are whole."""
    return "".join(call.whole.message.text for call in calls)


def tool_calls_of(calls: Sequence[ModelCall]) -> list[ToolCall]:
    """Return the calls that the model wanted, in order."""
    return [tool_call for call in calls for tool_call in call.tool_calls]


def tool_results_of(calls: Sequence[ModelCall]) -> list[ToolResult]:
    """Return what came of the tool calls, in order."""
    return [result for call in calls for result in call.tool_results]


def usage_of(calls: Sequence[ModelCall]) -> Usage:
    """Return the tokens of these model calls, whose replies are whole."""
    return total(call.whole.usage for call in calls)


class Turn:
    """One turn of a conversation that is over: what the user said and what came of it."""

    def __init__(self, record: TurnRecord, conversation: Owner) -> None:
        self._record = record
        self._conversation = conversation

    def __repr__(self) -> str:
        """Show what the user said."""
        return f"<Turn prompt={self.prompt!r} responses={len(self._record.calls)}>"

    @property
    def prompt(self) -> str:
        """What the user said."""
        return self._record.prompt

    @property
    def responses(self) -> list[Any]:
        """One for each model call, in order: of the conversation's kind, sync or async."""
        return [self._conversation.shown(call) for call in self._record.calls]

    @property
    def reply(self) -> str:
        """The text of the last model call."""
        return self._record.calls[-1].whole.message.text

    def messages(self) -> list[Message]:
        """Return what the model and the tools said."""
        return messages_of(self._record.calls)

    def tool_calls(self) -> list[ToolCall]:
        """Return the calls the model wanted, in order."""
        return tool_calls_of(self._record.calls)

    def tool_results(self) -> list[ToolResult]:
        """Return what came of them, in order."""
        return tool_results_of(self._record.calls)

    def usage(self) -> Usage:
        """Return the tokens of all its model calls."""
        return usage_of(self._record.calls)
