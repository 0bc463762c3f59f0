"""Whether a request is one that the API takes, by its rules for messages; written without a look at the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class InvalidRequestError(AssertionError):
    """A request that the API would refuse."""


def check_chat(body: Mapping[str, Any]) -> None:
    """Raise InvalidRequestError for a body that chat completions would refuse for its messages.

    A system message stands first or nowhere; each call of the assistant is answered once, right behind it; an answer
    stands nowhere else.
    """
    messages: Sequence[Mapping[str, Any]] = body["messages"]
    if not messages:
        raise InvalidRequestError("no messages")
    open_calls: list[str] = []
    for number, message in enumerate(messages):
        role = message["role"]
        if role == "tool":
            if message["tool_call_id"] not in open_calls:
                raise InvalidRequestError(f"message {number} answers no call")
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            raise InvalidRequestError(f"message {number} comes before {open_calls} are answered")
        if role in ("system", "developer") and number:
            raise InvalidRequestError(f"message {number} is a system message")
        if role == "assistant":
            open_calls = [call["id"] for call in message.get("tool_calls", ())]
            if len({*open_calls}) < len(open_calls) or "" in open_calls:
                raise InvalidRequestError(f"message {number} has calls that cannot be told apart")
            if not open_calls and message.get("content") is None and not message.get("refusal"):
                raise InvalidRequestError(f"message {number} says nothing")
        elif role not in ("user", "system", "developer"):
            raise InvalidRequestError(f"message {number} is of nobody: {role!r}")
    if open_calls:
        raise InvalidRequestError(f"{open_calls} are not answered")


def check_responses(body: Mapping[str, Any]) -> None:
    """Raise InvalidRequestError for a body that a Responses API would refuse for its items.

    Each call is answered once, behind it; an answer stands behind its call; nothing is left open at the end.
    """
    items: Sequence[Mapping[str, Any]] = body["input"]
    if not items:
        raise InvalidRequestError("no input")
    known: set[str] = set()
    open_calls: list[str] = []
    for number, item in enumerate(items):
        kind = item.get("type", "message")
        if kind in ("function_call", "custom_tool_call"):
            if item["call_id"] in known or not item["call_id"]:
                raise InvalidRequestError(f"item {number} repeats a call's id")
            known.add(item["call_id"])
            open_calls.append(item["call_id"])
        elif kind in ("function_call_output", "custom_tool_call_output"):
            if item["call_id"] not in open_calls:
                raise InvalidRequestError(f"item {number} answers no call")
            open_calls.remove(item["call_id"])
        elif kind == "message" and item["role"] == "user" and open_calls:
            raise InvalidRequestError(f"item {number} comes before {open_calls} are answered")
    if open_calls:
        raise InvalidRequestError(f"{open_calls} are not answered")
