"""What replies decode to, for the tests of the decoder: plain bodies, streams, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.conversation.backend import Completion
from convrun.errors import ProviderError
from convrun.wire import Reply


def pieces(body: bytes | Any, *, status: int = 200, used_ids: tuple[str, ...] = (), turn: int = 1) -> list[Any]:
    """Everything a reply decodes to; what is not bytes is a plain JSON body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    errors = ReplyErrors(provider="acme", status=status, headers={"x-request-id": "req_1"}, key_variable="ACME_KEY")
    decoder = ChatDecoder(errors, turn=turn, used_ids=used_ids)
    return list(decode(Reply(status=status, headers={}, body=[raw]), decoder, errors))


def completion(body: bytes | Any, **settings: Any) -> Completion:
    """The whole reply."""
    last = pieces(body, **settings)[-1]
    assert isinstance(last, Completion)
    return last


def message(finish_reason: str | None = "stop", **message: Any) -> dict[str, Any]:
    """A plain reply with this message."""
    return {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}]}


def call(arguments: Any = "{}", *, name: str = "f", **more: Any) -> dict[str, Any]:
    """An entry of `tool_calls`."""
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}} | more


def error_of(body: bytes | Any, **settings: Any) -> ProviderError:
    """The error that a reply gives."""
    with pytest.raises(ProviderError) as caught:
        pieces(body, **settings)
    return caught.value
