"""Whatever comes over the wire is a completion or a ProviderError."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.chat_encoding import encode_message
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.conversation.backend import Completion, StreamEvent
from convrun.errors import ProviderError
from convrun.wire import Reply

KEYS = [
    "choices",
    "delta",
    "message",
    "content",
    "role",
    "tool_calls",
    "function",
    "name",
    "arguments",
    "id",
    "index",
    "type",
    "finish_reason",
    "usage",
    "error",
    "code",
    "metadata",
    "raw",
    "detail",
    "errors",
    "object",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "refusal",
    "audio",
    "transcript",
    "function_call",
    "custom",
    "input",
    "thinking",
    "text",
    "x_groq",
    "prompt_tokens",
    "completion_tokens",
    "model",
]
VALUES = ["stop", "f", "{}", "[DONE]", "chat.completion", "thinking", "text", "\ud83d", "error", 0, 1, -1, 1e400, True]

scalars = st.none() | st.sampled_from(VALUES) | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
messages = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, values))
choices = st.fixed_dictionaries(
    {}, optional={"index": values, "finish_reason": values, "message": messages, "delta": messages}
)
payloads = values | st.fixed_dictionaries(
    {"choices": st.lists(choices | values, max_size=3)}, optional={"usage": values}
)


def outcome(reply: Reply) -> Completion | ProviderError:
    """What a reply comes to; anything but these two is raised."""
    errors = ReplyErrors(provider="acme", status=reply.status, headers={})
    found: list[StreamEvent | Completion] = []
    try:
        found += decode(reply, ChatDecoder(errors), errors)
    except ProviderError as error:
        return error
    last = found[-1]
    assert isinstance(last, Completion)
    json.dumps(encode_message(last.message), ensure_ascii=False).encode()
    return last


@given(st.lists(payloads, max_size=4), st.sampled_from([200, 400, 500]))
@settings(max_examples=150, deadline=None)
def test_any_payloads(found: list[Any], status: int) -> None:
    """JSON of any shape is read or refused, plain, streamed and recorded."""
    texts = [json.dumps(payload) for payload in found]
    body = "".join(f"data: {text}\n\n" for text in texts).encode()
    outcome(Reply(status=status, headers={}, body=[body]))
    outcome(Reply(status=status, headers={}, body=[texts[0].encode()] if texts else []))
    outcome(Reply(status=status, headers={}, payloads=tuple(found)))


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"data: ", b"\n\n", b"\r", b"{", b"[", b'"', b"<html>"])))
@settings(max_examples=150, deadline=None)
def test_any_bytes(chunks: list[bytes]) -> None:
    """Bytes of any kind are read or refused."""
    outcome(Reply(status=200, headers={}, body=chunks))
    outcome(Reply(status=503, headers={}, body=chunks))
