"""Replies of models that are not there, in the wire format of those that are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from convrun.values import Json, JsonObject
from convrun.wire import Reply, Request

_WORD = re.compile(r"\S*\s*")


def reply_with(request: Request, *, text: str | None = None, calls: Sequence[tuple[str, str]] = ()) -> Reply:
    """Return a reply that says `text` or makes `calls` (name, arguments as JSON text); streamed if asked for.

    It took no time, and nothing is to pay.
    """
    finish = "tool_calls" if calls else "stop"
    messages = request.body["messages"]
    before = len(messages) if isinstance(messages, list) else 0  # never the same twice in a conversation
    made = [_call(f"call_{before}_{index}", *call) for index, call in enumerate(calls, start=1)]
    if request.body.get("stream"):
        return Reply(
            status=200,
            headers={"content-type": "text/event-stream"},
            payloads=tuple(_chunk(request, delta, reason) for delta, reason in _deltas(text, made, finish)),
            elapsed_ms=0.0,
            cost_usd=0.0,
        )
    message: JsonObject = {"role": "assistant", "content": text}
    if made:
        message["tool_calls"] = [*made]
    payload: JsonObject = {
        "object": "chat.completion",
        "model": request.body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }
    headers = {"content-type": "application/json"}
    return Reply(status=200, headers=headers, payloads=(payload,), elapsed_ms=0.0, cost_usd=0.0)


def _deltas(text: str | None, calls: Sequence[JsonObject], finish: str) -> list[tuple[JsonObject, str | None]]:
    pieces: list[JsonObject] = [{"content": word} for word in _WORD.findall(text or "") if word]
    pieces += [{"tool_calls": [{"index": index, **call}]} for index, call in enumerate(calls)]
    return [({"role": "assistant"}, None), *((piece, None) for piece in pieces), ({}, finish)]


def _call(identity: str, name: str, arguments: str) -> JsonObject:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def _chunk(request: Request, delta: JsonObject, finish: str | None) -> Json:
    return {
        "object": "chat.completion.chunk",
        "model": request.body["model"],
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
