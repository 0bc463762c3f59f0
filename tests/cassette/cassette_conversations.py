"""Conversations to record: requests as a client sends them, replies as a provider gives them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from convrun.cassette.interaction import Interaction, Recording, SentRequest
from convrun.cassette.kept.received import received
from convrun.redaction import Redactor
from convrun.wire import Reply, Request

URL = "https://api.openai.com/v1/chat/completions"
BASE = "https://api.openai.com/v1"
UPPER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "upper",
        "description": "Return the text in capitals.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
}


def completion(content: str | None = None, calls: Iterable[dict[str, Any]] = (), **top: Any) -> dict[str, Any]:
    """Return a provider's payload, with the fields that are noise."""
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
    if calls:
        message["tool_calls"] = list(calls)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if calls else "stop"}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4.1-mini-2025-04-14"}
    return head | {"choices": [choice], "usage": usage, "system_fingerprint": "fp_1"} | top


def call(identifier: str, text: str, name: str = "upper") -> dict[str, Any]:
    """Return a tool call."""
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": json.dumps({"text": text})}}


def stream(pieces: Iterable[str]) -> bytes:
    """Return a streamed reply as the bytes of its events."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)]
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}})
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1-mini-2025-04-14"}
    return b"".join(f"data: {json.dumps(head | chunk)}\n\n".encode() for chunk in chunks) + b"data: [DONE]\n\n"


def interaction(
    body: Any, reply: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, **more: Any
) -> Interaction:
    """Return one interaction; `reply` is bytes, or a JSON value."""
    data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
    request = SentRequest(
        url=more.pop("url", URL), body=body, provider=more.pop("provider", None), headers=more.pop("sent", {})
    )
    return Interaction(request=request, reply=received(status, headers or {}, data, Redactor()), **more)


def exchange(
    turns: Iterable[tuple[str, str]], *, streamed: bool = False, system: str = "Be brief.", **body: Any
) -> Recording:
    """Return a conversation in which the user says one text and the model answers another, turn by turn."""
    messages: list[Any] = [{"role": "system", "content": system}]
    found = []
    for said, answered in turns:
        messages = [*messages, {"role": "user", "content": said}]
        reply: Any = (
            stream(answered[i : i + 5] for i in range(0, len(answered), 5)) if streamed else completion(answered)
        )
        sent = {"model": "gpt-4.1-mini", "messages": messages} | body | ({"stream": True} if streamed else {})
        found.append(interaction(sent, reply, elapsed_ms=812))
        messages = [*messages, {"role": "assistant", "content": answered}]
    return Recording(interactions=tuple(found), file="cassettes/chat.yaml")


def tool_conversation(**body: Any) -> Recording:
    """Return a conversation with a tool call between its two turns."""
    start: list[Any] = [{"role": "system", "content": "Use tools."}, {"role": "user", "content": "Shout panda"}]
    asked = call("call_7", "panda")
    middle = [*start, {"role": "assistant", "content": None, "tool_calls": [asked]}]
    middle.append({"role": "tool", "tool_call_id": "call_7", "content": "PANDA"})
    end = [*middle, {"role": "assistant", "content": "PANDA!"}, {"role": "user", "content": "Thanks"}]
    same = {"model": "gpt-4.1-mini", "temperature": 0, "tools": [UPPER]} | body
    replies = [completion(None, [asked]), completion("PANDA!"), completion("You are welcome.")]
    pairs = zip((start, middle, end), replies, strict=True)
    found = tuple(interaction(same | {"messages": messages}, reply, elapsed_ms=100) for messages, reply in pairs)
    return Recording(interactions=found, file="cassettes/tools.yaml")


def request(body: Any, **more: Any) -> Request:
    """Return a request on its way."""
    return Request(endpoint="chat/completions", body=body, base_url=more.pop("base_url", BASE), **more)


def requests(recording: Recording) -> list[Request]:
    """Return the requests of a recording again, on their way."""
    return [request(item.request.body, provider=item.request.provider) for item in recording.interactions]


def text_of(reply: Reply) -> str:
    """Return the text in a reply that is already parsed."""
    payloads: Any = reply.payloads or ()
    deltas = [choice.get("message") or choice.get("delta") for item in payloads for choice in item["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)
