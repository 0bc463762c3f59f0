"""The judge of requests in other tests: what it lets through, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from valid_requests import InvalidRequestError, check_chat, check_responses

SYSTEM, USER, SAID = ({"role": role, "content": "x"} for role in ("system", "user", "assistant"))


def calling(*ids: str) -> dict[str, Any]:
    """Return a message of the assistant that calls tools."""
    calls = [{"id": one, "type": "function", "function": {"name": "f", "arguments": "{}"}} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def answer(call: str) -> dict[str, Any]:
    """Return the answer to a call."""
    return {"role": "tool", "tool_call_id": call, "content": "x"}


CALL, OUTPUT = ({"type": kind, "call_id": "a"} for kind in ("function_call", "function_call_output"))


@pytest.mark.parametrize(
    "messages",
    [
        [USER],
        [SYSTEM, USER, SAID, USER],
        [USER, calling("a", "b"), answer("b"), answer("a"), USER],
        [USER, calling("a"), answer("a"), calling("a"), answer("a")],
    ],
)
def test_what_a_chat_api_takes(messages: list[Any]):
    """Roles in order and each call answered once."""
    check_chat({"messages": messages})


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([], "no messages"),
        ([USER, SYSTEM], "is a system message"),
        ([USER, calling("a")], "are not answered"),
        ([USER, calling("a"), USER], "are answered"),
        ([USER, calling("a"), answer("a"), answer("a")], "answers no call"),
        ([USER, answer("a")], "answers no call"),
        ([USER, calling("a", "a"), answer("a"), answer("a")], "told apart"),
        ([USER, calling(""), answer("")], "told apart"),
        ([USER, {"role": "assistant", "content": None}], "says nothing"),
        ([{"role": "robot", "content": "x"}], "of nobody"),
    ],
)
def test_what_a_chat_api_refuses(messages: list[Any], why: str):
    """Anything else, by its place."""
    with pytest.raises(InvalidRequestError, match=why):
        check_chat({"messages": messages})


def test_what_a_responses_api_takes():
    """Items in any order but that calls are answered before the user speaks."""
    check_responses({"input": [USER, CALL, OUTPUT, SAID, USER]})


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([], "no input"),
        ([USER, CALL], "are not answered"),
        ([USER, CALL, USER], "are answered"),
        ([USER, OUTPUT], "answers no call"),
        ([USER, CALL, OUTPUT, OUTPUT], "answers no call"),
        ([USER, CALL, OUTPUT, CALL, OUTPUT], "repeats"),
    ],
)
def test_what_a_responses_api_refuses(items: list[Any], why: str):
    """Anything else, by its place."""
    with pytest.raises(InvalidRequestError, match=why):
        check_responses({"input": items})
