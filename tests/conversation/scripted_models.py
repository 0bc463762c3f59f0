"""A model whose answers are written in the test: a transport of a few lines below the real backend."""

from __future__ import annotations

import json
from typing import Any

from convrun.backends.chat_format import ChatFormat
from convrun.backends.model_backend import ModelBackend
from convrun.conversation.model import Model
from convrun.wire import Reply, Request


class Script:
    """A transport that gives canned replies in order and keeps the requests."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.requests: list[Request] = []

    def send(self, request: Request) -> Reply:
        """Return the next reply; an exception among them is raised."""
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        if isinstance(reply, Reply):
            return reply
        return Reply(status=200, headers={}, payloads=tuple(reply) if isinstance(reply, list) else (reply,))

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the requests so far."""
        return [request.body for request in self.requests]

    @property
    def messages(self) -> list[list[Any]]:
        """The messages of the requests so far."""
        return [body["messages"] for body in self.bodies]


def scripted(*replies: Any, stream: bool = False, **options: Any) -> tuple[Model, Script]:
    """Return a model that gives these replies, and its transport."""
    script = Script(*replies)
    backend = ModelBackend(
        name="script/one", format=ChatFormat(model="one"), transport=script, base_url="http://model.test/v1"
    )
    return Model(backend, stream=stream, options=options), script


def says(text: str, *, usage: tuple[int, int] | None = None, finish: str = "stop") -> dict[str, Any]:
    """Return a plain reply with a text."""
    return _reply({"role": "assistant", "content": text}, finish, usage)


def calls(*wanted: tuple[str, Any], ids: tuple[str, ...] = (), text: str | None = None) -> dict[str, Any]:
    """Return a plain reply that calls tools; arguments that are a text go out as they are."""
    tool_calls = [
        {
            "id": ids[index] if ids else f"call_{name}_{index}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for index, (name, arguments) in enumerate(wanted)
    ]
    return _reply({"role": "assistant", "content": text, "tool_calls": tool_calls}, "tool_calls", None)


def streams(*pieces: str) -> list[dict[str, Any]]:
    """Return a streamed reply of these pieces of text."""
    deltas = [{"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces]
    return [*deltas, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]


def _reply(message: dict[str, Any], finish: str, usage: tuple[int, int] | None) -> dict[str, Any]:
    reply: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "one",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }
    if usage:
        reply["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return reply
