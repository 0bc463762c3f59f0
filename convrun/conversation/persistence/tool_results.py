"""Results of tools, kept: what stands in a message already is told by its number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from convrun.conversation.attachments import Attachment
from convrun.conversation.messages import AttachmentPart, Message, ToolCallPart, ToolResultPart, attachment_of
from convrun.conversation.persistence.kept_value import KeptValue
from convrun.conversation.persistence.message_table import KeptMessages
from convrun.conversation.tools import ToolResult
from convrun.errors import KeptError, named
from convrun.values import Json, JsonObject


class KeptAnswers:
    """Where the results of a reply's tool calls stand in messages.

    `behind` are those that were sent right behind the reply, with their numbers: its answers, and at most one more.
    """

    def __init__(self, reply: Message, behind: Iterable[tuple[int, Message]] = ()) -> None:
        self._calls = reply.tool_calls
        self._behind = [*behind]
        self._files: list[tuple[int, int, Attachment]] = []  # what the message behind the answers hands over
        for number, message in self._behind[len(self._calls) :]:
            for index, part in enumerate(message.parts):
                if isinstance(part, AttachmentPart):
                    self._files.append((number, index, part.attachment))

    def to_json(self, results: Mapping[int, ToolResult]) -> list[Json]:
        """Return the results by the positions of their calls, null where there is none; nothing at all as []."""
        if not results:
            return []
        return [
            self._result(position, call, results[position]) if position in results else None
            for position, call in enumerate(self._calls)
        ]

    def by_position(self, results: Iterable[ToolResult]) -> dict[int, ToolResult]:
        """Return results by the positions of their calls."""
        found: dict[int, ToolResult] = {}
        for result in results:
            free = [position for position in range(len(self._calls)) if position not in found]
            own = [position for position in free if self._calls[position].id == (result.tool_call_id or "")]
            if free:
                found[(own or free)[0]] = result
        return found

    def _result(self, position: int, call: ToolCallPart, result: ToolResult) -> JsonObject:
        found: JsonObject = {"output": result.output}
        if position < len(self._behind) and self._behind[position][1] == result.message(call):
            found = {"message": self._behind[position][0]}
        if result.name != call.name:
            found["name"] = result.name
        if result.exception is not None:
            error = result.exception
            found["error"] = error.what if isinstance(error, KeptError) else named(error)
        if result.attachments:
            found["attachments"] = [self._attachment(attachment) for attachment in result.attachments]
        return found

    def _attachment(self, attachment: Attachment) -> Json:
        for number, index, known in self._files:
            if known is attachment:
                return [number, index]
        return attachment.to_dict()


def results_of(kept: KeptValue, reply: Message, messages: KeptMessages | None = None) -> dict[int, ToolResult]:
    """Return the results that `KeptAnswers.to_json` wrote, by position.

    Raises:
        ConversationError: where they are none.
    """
    items, calls = kept.items(), reply.tool_calls
    if len(items) > len(calls):
        raise kept.wrong(f"has {len(items)} results, and the reply has {len(calls)} tool calls")
    return {
        position: _result(item, calls[position], messages)
        for position, item in enumerate(items)
        if item.value is not None
    }


def answered_in(messages: Sequence[Message]) -> int | None:
    """Return the place of the latest reply among messages that were sent, if it called tools: they answer it."""
    for place in reversed(range(len(messages))):
        if messages[place].role == "assistant":
            return place if messages[place].tool_calls else None
    return None


def results_sent(kept: KeptValue, sent: Sequence[Message], messages: KeptMessages) -> tuple[ToolResult, ...]:
    """Return the results that went out with the messages that were sent, as `KeptAnswers.to_json` wrote them.

    Raises:
        ConversationError: where they are none.
    """
    place = answered_in(sent)
    return tuple(results_of(kept, Message("assistant") if place is None else sent[place], messages).values())


def _result(kept: KeptValue, call: ToolCallPart, messages: KeptMessages | None) -> ToolResult:
    kept.only("output", "message", "name", "error", "attachments")
    if messages is not None and "message" in kept.mapping():
        parts = messages.at(kept["message"]).parts
        if len(parts) != 1 or not isinstance(parts[0], ToolResultPart):
            raise kept["message"].wrong("is not the number of a tool's message")
        output = parts[0].output
    else:
        output = kept["output"].text()
    error = kept.get("error").text_or_none()
    return ToolResult(
        kept.get("name", call.name).text(),
        output,
        call.id,
        tuple(_attachment(item, messages) for item in kept.get("attachments", ()).items()),
        None if error is None else KeptError(error),
    )


def _attachment(kept: KeptValue, messages: KeptMessages | None) -> Attachment:
    if messages is None or not isinstance(kept.value, list):
        return attachment_of(kept)
    place = kept.items()
    parts = messages.at(place[0]).parts if len(place) == 2 else ()
    part = parts[place[1].whole(below=len(parts))] if parts else None
    if not isinstance(part, AttachmentPart):
        raise kept.not_a("the place of an attachment")
    return part.attachment
