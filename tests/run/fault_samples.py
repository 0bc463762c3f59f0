"""Replies of both APIs, plain and streamed, that faults are tried on; and what becomes of them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from servers import called, output, said, streamed, thought

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.backends.responses_decoding import ResponsesDecoder
from convrun.wire import Reply, Request

USAGE = {"prompt_tokens": 3, "completion_tokens": 2}


class Sample(NamedTuple):
    """A reply: of which API (`endpoint`, `decoder`), its payloads, and the texts of one that says nothing there."""

    endpoint: str
    decoder: Any
    payloads: list[Any]
    nothing: list[str]

    @property
    def request(self) -> Request:
        """A request that it answers."""
        return Request(endpoint=self.endpoint, body={}, base_url="https://api.acme.test/v1")

    def decoded(self, reply: Reply) -> list[Any]:
        """The events of a reply of this API, last its completion."""
        errors = ReplyErrors(provider="acme", headers={})
        return [*decode(reply, self.decoder(errors), errors)]

    def sent(self) -> Reply:
        """The reply as bytes, as they come from a server."""
        if len(self.payloads) == 1:
            body = json.dumps(self.payloads[0]).encode()
        else:
            body = "".join(map(_event, self.payloads)).encode()
        return Reply(status=200, headers={"x-request-id": "r"}, body=[body[:20], body[20:]])


def replied(payloads):
    """A reply of these payloads."""
    return Reply(status=200, headers={}, payloads=tuple(payloads))


def _event(payload: dict[str, Any]) -> str:
    """A payload of a stream; those of a Responses API have names, those of chats an end behind the last."""
    name = f"event: {payload['type']}\n" if "type" in payload else ""
    end = "data: [DONE]\n\n" if payload.get("choices") == [] else ""
    return f"{name}data: {json.dumps(payload)}\n\n{end}"


def plain(**message):
    """A plain reply with this message."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "tool_calls"}
    return [{"id": "c-1", "model": "m", "choices": [choice], "usage": USAGE}]


def stream(*deltas, **last):
    """A stream of these deltas."""
    chunks = [{"id": "c-1", "model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    end = {"id": "c-1", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    return [*chunks, end, {"id": "c-1", "model": "m", "choices": [], "usage": USAGE, **last}]


def entry(arguments, name="f", **more):
    """An entry of `tool_calls`."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


_CHATS = {
    "plain text": plain(content="Hello, you."),
    "plain calls": plain(content=None, tool_calls=[entry('{"a": 1}', id="c1"), entry('{"b": 2}', id="c2")]),
    "plain call with a value": plain(tool_calls=[entry({"a": 1}, id="c1")]),
    "plain call with nothing": plain(tool_calls=[entry("", id="c1")]),
    "plain call without arguments": plain(tool_calls=[{"id": "c1", "function": {"name": "f"}}]),
    "plain call with a number": plain(tool_calls=[entry("1234", id="c1")]),
    "plain old call": plain(function_call={"name": "f", "arguments": '{"a": 1}'}),
    "streamed text": stream({"role": "assistant"}, {"content": "Hello, "}, {"content": "you."}),
    "streamed calls": stream(
        {"role": "assistant", "content": ""},
        {"tool_calls": [entry("", id="c1", index=0)]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '": 1}'}}]},
        {"tool_calls": [entry('{"b": 2}', id="c2", index=1)]},
    ),
    "streamed call at once": stream({"tool_calls": [entry('{"a": 1}', id="c1", index=0)]}),
    "streamed call without arguments": stream({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f"}}]}),
    "stream with the usage elsewhere": stream({"content": "Hello"}, usage=None, x_groq={"usage": USAGE}),
}
_TEXT = output(thought("Hm."), said("Hello, you."))
_CALLED = output(thought("Hm."), called("f", {"a": 1}, call_id=""), called("g", {"b": 2}, call_id=""))
_VALUE = output(called("f", arguments="12"), said("So."))
_NOTHING = output(called("f", arguments=""))
_ITEMS = {
    f"{form} {name}": streamed(whole) if form == "streamed" else [whole]
    for form in ("plain", "streamed")
    for name, whole in {"text": _TEXT, "calls": _CALLED, "call with a number": _VALUE, "empty call": _NOTHING}.items()
}
_ITEMS["streamed calls that are not told again"] = [
    *streamed(_CALLED)[:-1],
    {"type": "response.completed", "response": _CALLED | {"output": []}},
]
REPLIES = {
    **{f"{name}, of a chat": Sample("chat/completions", ChatDecoder, reply, []) for name, reply in _CHATS.items()},
    **{f"{name}, of items": Sample("responses", ResponsesDecoder, reply, [""]) for name, reply in _ITEMS.items()},
}
WITH_CALLS = [name for name in REPLIES if "call" in name]
WITHOUT_CALLS = [name for name in REPLIES if "call" not in name]
