"""The engine's seam to a model: what goes to it, what comes from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Literal, Protocol, TypeAlias

from convrun.conversation.messages import Message, Usage
from convrun.frozen import frozen
from convrun.values import Json, JsonObject

EventType: TypeAlias = Literal["text", "reasoning", "refusal", "tool_call_name", "tool_call_args"]
FinishReason: TypeAlias = str  # normalised: stop, length, tool_calls, content_filter; else the provider's own word


@frozen
class ToolSchema:
    """A tool as the model sees it. `strict` None: not said."""

    name: str
    description: str | None = None
    parameters: JsonObject = field(default_factory=dict)
    strict: bool | None = None
    verbatim: JsonObject | None = None  # a declared tool goes out as it was written


@frozen
class ModelRequest:
    """One model call, complete and ready to be encoded.

    `messages` is everything, the system message first; those of a conversation share their storage with its earlier
    requests (SharedMessages). A Message or ToolSchema that was in one of them is the same object again. `schema` is a
    JSON Schema for structured output, `schema_name` its name. `turn` (from 1) and `call` (from 1) say where in the
    conversation the request stands; ids of tool calls that a provider gives not or twice are invented from them.
    """

    messages: Sequence[Message]
    tools: tuple[ToolSchema, ...] = ()
    options: Mapping[str, Json] = field(default_factory=dict)
    schema: JsonObject | None = None
    schema_name: str = "output"
    stream: bool = False
    turn: int = 1
    call: int = 1


@frozen(kw_only=False)
class StreamEvent:
    """A piece of a reply as it arrives; `index` counts the tool calls of the reply from 0."""

    type: EventType
    chunk: str
    index: int = 0
    tool_call_id: str | None = None


@frozen
class Completion:
    """The whole reply, once it is complete: the last thing a backend yields.

    `message` is the assistant's message (its tool calls have ids that are unique in the conversation). `raw` is the
    payload for a plain reply, None for a stream. `elapsed_ms` is how long it took, and `cost_usd` what it cost in
    dollars, both as recorded where it is; None: not known.
    """

    message: Message
    finish_reason: FinishReason | None = None
    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    id: str | None = None
    raw: Json = None
    elapsed_ms: float | None = None
    cost_usd: float | None = None


class Backend(Protocol):
    """A model that answers requests.

    `name` is the model's name as the user wrote it.
    """

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    def send(self, request: ModelRequest) -> Iterator[StreamEvent | Completion]:
        """Send one request; yield events as they arrive and one Completion at the end.

        Raises:
            ProviderError: where the provider answered with an error, or nothing, or what is no answer.
            StaleError: where a recording does not hold the request.
        """
        ...


def bound_here(backend: Backend) -> Backend:
    """Return the backend for a response that is made now, whenever it is read: that of the block around, if any.

    A backend that has such blocks has a method of this name.
    """
    bound = getattr(backend, "bound_here", None)
    found: Backend = backend if bound is None else bound()
    return found
