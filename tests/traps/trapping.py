"""A trap: a reply as some provider sends it, and what the engine and the cassette must make of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from servers import Answer, Loopback, chunk, event_stream

from cassettes import save
from convrun.backends.chat_format import ChatFormat
from convrun.backends.model_backend import ModelBackend
from convrun.backends.resolving import resolve
from convrun.cassette.files import load
from convrun.cassette.interaction import Interaction, Recording, SentRequest
from convrun.cassette.kept.received import received
from convrun.cassette.kept.recording import Recorder
from convrun.cassette.playing import Player
from convrun.conversation.backend import Completion, ModelRequest, StreamEvent
from convrun.conversation.messages import (
    Message,
    ReasoningPart,
    RefusalPart,
    ToolCallPart,
    ToolResultPart,
    assistant,
    user,
)
from convrun.conversation.model import Model
from convrun.errors import ProviderError
from convrun.redaction import Redactor
from convrun.wire import Reply, Request

BASE = "https://api.example.com/v1"
SSE = {"content-type": "text/event-stream"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """What a reply says. `calls` are name, arguments as text, and id; `usage` is tokens in and out."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: tuple[tuple[str, str, str], ...] = ()
    finish: str | None = "stop"
    usage: tuple[int | None, int | None] = (None, None)
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fails:
    """The error that a reply is: its class and status, the provider's own words, words of ours, whether it may pass."""

    kind: type[ProviderError]
    status: int | None = 200
    told: str | None = None
    words: str = ""
    retryable: bool = False
    after: str = ""  # the text that was delivered before


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """One row: `line` are the first words of its line in the list of traps, `case` what of it this is.

    `bodies` are the bytes of the same reply, plain or streamed. `used` are ids of calls that were made before.
    """

    line: str
    case: str
    bodies: tuple[bytes, ...]
    means: Says | Fails
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    used: tuple[str, ...] = ()


def plain(message: Any, finish: str | None = "stop", **top: Any) -> bytes:
    """A plain reply with this message."""
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}], **top}).encode()


def stream(*deltas: Any, finish: str | None = "stop", usage: Any = None, **top: Any) -> bytes:
    """A streamed reply with these deltas, its finish reason, and usage in a last chunk."""
    last = [{"choices": [], "usage": usage}] if usage else []
    chunks = [chunk(**delta) for delta in deltas]
    return event_stream(*({**one, **top} for one in (*chunks, chunk(finish))), *last)


def both(message: dict[str, Any], finish: str | None = "stop", *, usage: Any = None, **top: Any) -> tuple[bytes, bytes]:
    """A message as a plain and as a streamed reply, whose only delta is all of it."""
    calls = message.get("tool_calls")
    indexed = {"tool_calls": [{"index": at, **call} for at, call in enumerate(calls)]} if calls else {}
    counted = {"usage": usage} if usage else {}
    return (
        plain({"role": "assistant", **message}, finish, **counted, **top),
        stream({"role": "assistant", **message, **indexed}, finish=finish, usage=usage, **top),
    )


def call(arguments: Any = "{}", *, identifier: Any = "call_a1", name: str = "look", **more: Any) -> dict[str, Any]:
    """An entry of `tool_calls`; `...` in the place of arguments or id leaves them out."""
    function = {"name": name} | ({} if arguments is ... else {"arguments": arguments})
    return ({} if identifier is ... else {"id": identifier}) | {"type": "function", "function": function} | more


def rows(table: Iterable[Trap]) -> list[Any]:
    """The rows of a table with each of their bodies, as parameters of a test."""
    return [
        pytest.param(trap, body, id=f"{trap.case}-{'stream' if is_stream(body) else 'plain'}".replace(" ", "-"))
        for trap in table
        for body in trap.bodies
    ]


def is_stream(body: bytes) -> bool:
    """Whether a body is made of events."""
    return b"data:" in body.partition(b"{")[0]


class Scripted:
    """A transport whose replies are bytes, in order."""

    def __init__(self, *answers: tuple[int, dict[str, str], Sequence[bytes]]) -> None:
        self._answers = [*answers]

    def send(self, _: Request) -> Reply:
        """Return the next reply."""
        status, headers, body = self._answers.pop(0)
        return Reply(status=status, headers=headers, body=body)


def backend(transport: Any) -> ModelBackend:
    """The model behind a transport."""
    return ModelBackend(name="m", format=ChatFormat(model="m"), transport=transport, base_url=BASE, provider="acme")


def asked(transport: Any, *messages: Message, turn: int = 1) -> tuple[str, Completion]:
    """The text of the events of a reply, and its completion."""
    *events, last = backend(transport).send(ModelRequest(messages=messages or (user("Hi"),), turn=turn))
    assert isinstance(last, Completion)
    return "".join(event.chunk for event in events if isinstance(event, StreamEvent) and event.type == "text"), last


def history(trap: Trap) -> tuple[Message, ...]:
    """A history in which calls with the ids of `used` were made."""
    calls = tuple(ToolCallPart("look", "{}", one) for one in trap.used)
    results = [Message("tool", (ToolResultPart(one, "look", "seen"),)) for one in trap.used]
    return (user("Hi"), *([assistant("", calls), *results] if calls else []))


def said(found: Completion) -> Says:
    """What a completion says, in the words of the tables."""
    parts = found.message.parts
    return Says(
        text=found.message.text,
        reasoning="".join(part.text for part in parts if isinstance(part, ReasoningPart)),
        refusal="".join(part.text for part in parts if isinstance(part, RefusalPart)),
        calls=tuple((one.name, one.arguments, one.id) for one in found.message.tool_calls),
        finish=found.finish_reason,
        usage=(found.usage.input, found.usage.output),
        model=found.model,
    )


def must_say(found: Completion, means: Says) -> None:
    """Compare all that the row names; a model that it does not name may be any."""
    now = said(found)
    model = now.model if means.model is None else means.model
    assert now == Says(**{name: getattr(means, name) for name in means.__slots__} | {"model": model})


def failure(transport: Any, *messages: Message) -> tuple[str, ProviderError]:
    """The text that was delivered, and the error that came instead of an end."""
    texts: list[str] = []
    try:
        for piece in backend(transport).send(ModelRequest(messages=messages or (user("Hi"),))):
            assert isinstance(piece, StreamEvent)
            texts += [piece.chunk] if piece.type == "text" else []
    except ProviderError as error:
        return "".join(texts), error
    raise AssertionError("there was no error")


def must_fail(error: ProviderError, means: Fails) -> None:
    """Compare an error with its row."""
    assert type(error) is means.kind
    assert (error.status, error.retryable) == (means.status, means.retryable)
    assert error.provider_message == means.told
    assert means.words in error.what
    assert error.fix


def live(trap: Trap, body: bytes, *, cut: bool = False) -> Scripted:
    """The provider of a row; `cut`: its bytes come one by one."""
    pieces = [body[at : at + 1] for at in range(len(body))] if cut else [body]
    return Scripted((trap.status, trap.headers, pieces))


def recorded(path: Path, trap: Trap, body: bytes) -> tuple[Completion, Player]:
    """Record a reply, and one to the request that sends it back; return the first, and what plays both."""
    provider = Scripted((200, SSE if is_stream(body) else {}, [body]), (200, {}, [plain({"content": "And on."})]))
    with Recorder(path, shown_as="a.yaml", live=lambda: provider) as recorder:
        _, first = asked(recorder, *history(trap))
        asked(recorder, *history(trap), first.message, user("More"))
        recorder.finish()
    return first, Player(load(path, "a.yaml"))


def stored(path: Path, trap: Trap, body: bytes, redactor: Redactor | None = None) -> Player:
    """Put an error into a cassette, as an expected one is; return what plays it."""
    request = SentRequest(
        url=f"{BASE}/chat/completions", body={"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    )
    reply = received(trap.status, trap.headers, body, redactor or Redactor())
    save(path, Recording(interactions=(Interaction(request=request, reply=reply),), file="a.yaml"))
    return Player(load(path, "a.yaml"))


def model(loopback: Loopback, trap: Trap, body: bytes, **settings: Any) -> Model:
    """The model of a server that gives the reply of a row, then another."""
    headers = {**trap.headers, **(SSE if is_stream(body) else {})}
    loopback.says(Answer(status=trap.status, headers=headers, body=body))
    return Model(resolve("m", environ={}, base_url=loopback.base_url, max_retries=0, timeout=5.0, **settings))
