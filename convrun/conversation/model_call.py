"""One model call and all that is known of it. It does no I/O: a driver feeds it, a response shows it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from convrun.conversation.backend import Completion, ModelRequest, StreamEvent
from convrun.conversation.messages import Message, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from convrun.conversation.prompt import Prompt
from convrun.conversation.settings import TurnSettings
from convrun.conversation.structured import parsed_json
from convrun.conversation.tools import ToolCall, ToolResult
from convrun.errors import BrokenReplyError, ConversationError, ProviderError
from convrun.values import Json, JsonObject, show


class ModelCall:
    """A call that is to be made, is being made, was made or has failed.

    `events` grow as they arrive; `completion` is there once the reply is whole. `results` are those of its tool calls
    that have one, by position. `face` is the response that shows this call.
    """

    def __init__(self, prompt: Prompt, settings: TurnSettings) -> None:
        self.prompt = prompt
        self.settings = settings
        self.events: list[StreamEvent] = []
        self.request: ModelRequest | None = None
        self.source: Any = None  # the driver's iterator, sync or async
        self.completion: Completion | None = None
        self.tool_calls: tuple[ToolCall, ...] = ()
        self.results: dict[int, ToolResult] = {}
        self.when_done: list[Callable[[Any], object]] = []
        self.face: Any = None
        self.began: datetime | None = None
        self.duration: float | None = None  # seconds
        self._started = 0.0
        self._own_id: str | None = None

    @property
    def done(self) -> bool:
        """Whether the reply is whole."""
        return self.completion is not None

    @property
    def whole(self) -> Completion:
        """The reply, once it is whole."""
        assert self.completion is not None  # who reads it has driven it there
        return self.completion

    @property
    def text_so_far(self) -> str:
        """The text that has arrived; what is half of a character so far is a replacement character."""
        text = "".join(event.chunk for event in self.events if event.type == "text")
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    @property
    def refusal(self) -> str | None:
        """The model's own words for refusing, of a whole reply; None where it did not."""
        texts = [part.text for part in self.whole.message.parts if isinstance(part, RefusalPart)]
        return "".join(texts) if texts else None

    @property
    def duration_ms(self) -> int:
        """How long the reply took here, from the sending to its end."""
        return round((self.duration or 0) * 1000)

    @property
    def datetime_utc(self) -> str:
        """When it was sent, as ISO 8601; empty where that is not known."""
        return self.began.isoformat() if self.began else ""

    def parsed(self) -> object:
        """Return the value in a whole reply; see `Response.parsed`.

        Raises:
            ConversationError: where there is none.
        """
        schema, text = self.settings.schema, self.whole.message.text
        if self.refusal is not None and not text.strip():
            what = f"there is no value in the reply, as the model refused: {show(self.refusal)}"
            raise ConversationError(what, fix="look at refusal before parsed()")
        return parsed_json(text) if schema is None else schema.parsed(text)

    def payload(self) -> Json:
        """Return the provider's payload of a whole reply; of a streamed one, what is known of it."""
        found = self.whole
        if found.raw is not None:
            return found.raw
        known: JsonObject = {"id": found.id, "model": found.model, "content": found.message.text}
        return known | {"finish_reason": found.finish_reason}

    @property
    def open_calls(self) -> list[tuple[int, ToolCall]]:
        """The tool calls without a result, with their positions."""
        return [(position, call) for position, call in enumerate(self.tool_calls) if position not in self.results]

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """The results there are, in the order of the calls."""
        return tuple(self.results[position] for position in sorted(self.results))

    def give(self, results: Iterable[ToolResult]) -> None:
        """Note results that somebody brought along: by the call's id, those without one in the order of the open calls.

        What was given before may be given again, as by who tries again after an error.

        Raises:
            ConversationError: for a result that no call waits for; then none is noted.
        """
        waiting, found = dict(self.open_calls), dict(self.results)
        for result in results:
            position = next(
                (at for at, call in waiting.items() if result.tool_call_id in (None, call.tool_call_id)), None
            )
            if position is None and self._has(result):
                continue
            if position is None:
                named = f" with the id {show(result.tool_call_id, 80)}" if result.tool_call_id is not None else ""
                open_ids = ", ".join(show(call.tool_call_id, 80) for _, call in self.open_calls) or "none"
                raise ConversationError(
                    f"no call waits for the result of {show(result.name, 80)}{named}; open are {open_ids}",
                    fix="give each call's result once, with its id",
                )
            found[position] = replace(result, tool_call_id=waiting.pop(position).tool_call_id)
        self.results = found

    def _has(self, result: ToolResult) -> bool:
        """Whether a result is noted already, whatever its id where it has none."""
        return any(
            result.tool_call_id in (None, known.tool_call_id)
            and replace(result, tool_call_id=known.tool_call_id) == known
            for known in self.results.values()
        )

    @property
    def id(self) -> str:
        """The provider's id of the reply, else one of our own."""
        if self.completion is not None and self.completion.id:
            return self.completion.id
        if self._own_id is None:
            self._own_id = os.urandom(16).hex()
        return self._own_id

    def begin(self, request: ModelRequest, results: tuple[ToolResult, ...]) -> None:
        """Note what is going to be sent, and the tool results that are new in it."""
        self.request, self.prompt = request, replace(self.prompt, messages=request.messages, tool_results=results)

    def started(self) -> None:
        """Note that it is being sent now."""
        self.began, self._started = datetime.now(UTC), perf_counter()

    def take(self, item: StreamEvent | Completion) -> None:
        """Note one thing that arrived."""
        if isinstance(item, StreamEvent):
            self.events.append(item)
            return
        if not self.events:
            self.events.extend(_events_of(item.message))
        self.duration = perf_counter() - self._started
        self.completion = item
        self.tool_calls = tuple(map(ToolCall.from_part, item.message.tool_calls))

    def ended_early(self) -> ProviderError:
        """Return the error of a reply that ended before it was whole."""
        return BrokenReplyError("the reply ended before it was complete", retryable=True, fix="try again")

    def give_up(self, why: str) -> None:
        """Let the open tool calls have an error as their result."""
        for position, call in self.open_calls:
            self.results[position] = ToolResult(call.name, f"Error: {why}", call.tool_call_id)

    def answers(self) -> list[Message]:
        """Return the tool messages that answer all calls, an error where there is no result, then their attachments."""
        messages = [
            self.results.get(at, ToolResult(part.name, "Error: the tool was not called")).message(part)
            for at, part in enumerate(self.completion.message.tool_calls if self.completion else ())
        ]
        attachments = [attachment for result in self.tool_results for attachment in result.attachments]
        if attachments:
            messages.append(Message.of_attachments(attachments))
        return messages


def _events_of(message: Message) -> Iterator[StreamEvent]:
    """The events of a reply that came at once."""
    index = 0
    for part in message.parts:
        match part:
            case TextPart(text) if text:
                yield StreamEvent("text", text)
            case ReasoningPart(text) if text:
                yield StreamEvent("reasoning", text)
            case RefusalPart(text):
                yield StreamEvent("refusal", text)
            case ToolCallPart():
                yield StreamEvent("tool_call_name", part.name, index, part.id)
                yield StreamEvent("tool_call_args", part.arguments, index, part.id)
                index += 1
            case _:
                pass
