"""A real HTTP server on loopback that says what a test wrote down, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

from convrun.backends import pacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One scripted response.

    `body` is sent as it is when bytes (a list of bytes: one write each, `pause` seconds apart), else as JSON. `delay`:
    seconds before the first byte. `hold`: what has to be set before the second piece is sent. `cut`: more bytes are
    promised than are sent, and the connection is closed.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = b""
    delay: float = 0.0
    pause: float = 0.0
    hold: threading.Event | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it arrived; header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Any


Said: TypeAlias = Answer | Mapping[str, Any] | str


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # many clients may come at once


class Loopback:
    """The server: `answers` are given in order, the last one for ever; `requests` is what came in.

    An answer may be a function of what was received, which returns one.
    """

    def __init__(self) -> None:
        self.answers: list[Answer | Callable[[Received], Said]] = []
        self.requests: list[Received] = []
        self._stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def base_url(self) -> str:
        """The address, with `/v1`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def says(self, *answers: Said | Callable[[Received], Said]) -> Loopback:
        """Add answers: a text is a chat reply of the model, a mapping a JSON body with status 200."""
        self.answers += [answer if callable(answer) else _answer(answer) for answer in answers]
        return self

    def answer_to(self, received: Received) -> Answer:
        """Note what was received, and return what to say to it."""
        self.requests.append(received)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return _answer(answer(received)) if callable(answer) else answer

    def wait(self, seconds: float) -> None:
        """Sleep, but not past the end of the test."""
        self._stopped.wait(seconds)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and let go of the port."""
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def loopback_server() -> Iterator[Loopback]:
    """Serve for the length of the block."""
    server = Loopback()
    # Another server of this process may have had the port, and a pace that this one would be held to.
    pacing._paces.pop(pacing.origin(server.base_url), None)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def reply(text: str | None = None, *, calls: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a plain chat completion that says `text` or calls tools: `calls` maps names to arguments."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for name, arguments in calls.items()
        ]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "m-2025",
        "choices": [choice],
        "usage": usage,
    } | more


def event_stream(*payloads: Any, done: bool = True) -> bytes:
    """Return payloads as server-sent events; a str is sent as it is."""
    texts = [payload if isinstance(payload, str) else json.dumps(payload) for payload in payloads]
    return "".join(f"data: {text}\n\n" for text in [*texts, *(["[DONE]"] if done else [])]).encode()


def chunk(finish_reason: str | None = None, /, **delta: Any) -> dict[str, Any]:
    """Return one chunk of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m-2025", "choices": [choice]}


def output(*items: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return a plain reply of a Responses API with these items."""
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    given = {"id": "resp_1", "object": "response", "model": "m-2025", "status": "completed", "error": None}
    return {**given, "output": [*items], "usage": usage, **more}


def said(text: str, identity: str = "msg_1", **more: Any) -> dict[str, Any]:
    """Return the item of a Responses API that says a text."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    given = {"id": identity, "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    return given | more


def called(name: str, arguments: Any = None, *, call_id: str = "call_1", **more: Any) -> dict[str, Any]:
    """Return the item of a Responses API that calls a tool."""
    given = {"id": f"fc_{call_id}", "type": "function_call", "status": "completed", "call_id": call_id, "name": name}
    return given | {"arguments": json.dumps(arguments or {})} | more


def thought(*texts: str, identity: str = "rs_1", **more: Any) -> dict[str, Any]:
    """Return the item of a Responses API that holds its thinking."""
    summary = [{"type": "summary_text", "text": text} for text in texts]
    return {"id": identity, "type": "reasoning", "summary": summary} | more


def streamed(whole: Mapping[str, Any], *, pieces: int = 3) -> list[dict[str, Any]]:
    """Return the events in which a Responses API streams a reply; each text comes in that many pieces."""
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    names = ("created", "in_progress")
    events: list[dict[str, Any]] = [{"type": f"response.{name}", "response": begun} for name in names]
    for place, item in enumerate(whole["output"]):
        where = {"output_index": place, "item_id": item.get("id")}
        start = {key: [] if key in ("content", "summary") else value for key, value in item.items()}
        start |= {"arguments": ""} if "arguments" in item else {}
        events.append({"type": "response.output_item.added", "output_index": place, "item": start})
        for name, key, index, text in _streamed_texts(item):
            at = {**where, **index}
            size = max(1, -(-len(text) // pieces))
            cuts = [text[start : start + size] for start in range(0, len(text), size)]
            events += [{"type": f"response.{name}.delta", **at, "delta": cut} for cut in cuts]
            events.append({"type": f"response.{name}.done", **at, key: text})
        events.append({"type": "response.output_item.done", "output_index": place, "item": item})
    events.append({"type": f"response.{whole['status']}", "response": {**whole}})
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _streamed_texts(item: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, int], str]]:
    """The texts of an item: the name of their events, where the whole stands in the last, their place, the text."""
    for index, part in enumerate(item.get("summary", ())):
        yield "reasoning_summary_text", "text", {"summary_index": index}, part["text"]
    for index, part in enumerate(item.get("content", ())):
        names = {"output_text": "output_text", "refusal": "refusal", "reasoning_text": "reasoning_text"}
        key = "refusal" if part["type"] == "refusal" else "text"
        yield names[part["type"]], key, {"content_index": index}, part[key]
    if "arguments" in item:
        yield "function_call_arguments", "arguments", {}, item["arguments"]


def _answer(said: Said) -> Answer:
    given = reply(said) if isinstance(said, str) else said
    return given if isinstance(given, Answer) else Answer(body=given)


def _handler(loopback: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: each answer would wait 40 ms for the other's ACK

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = loopback.answer_to(Received(path=self.path, headers=headers, body=json.loads(body)))
            if answer.delay:
                loopback.wait(answer.delay)
            try:
                self._answer(answer)
            except OSError:
                self.close_connection = True  # the client has gone, as in a time-out test

        def _answer(self, answer: Answer) -> None:
            raw = isinstance(answer.body, bytes | list)
            whole = answer.body if raw else json.dumps(answer.body).encode()
            pieces = whole if isinstance(whole, list) else [whole]
            self.send_response(answer.status)
            for name, value in {"content-type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(sum(map(len, pieces)) + (100 if answer.cut else 0)))
            self.end_headers()
            for piece in pieces:
                self.wfile.write(piece)
                self.wfile.flush()
                if answer.hold is not None:
                    answer.hold.wait(20)
                if answer.pause:
                    loopback.wait(answer.pause)
            self.close_connection = answer.cut

        def log_message(self, *_: Any) -> None:
            """Say nothing: tests read `requests`."""

    return Handler
