"""Whatever comes over the wire is a completion or a ProviderError."""

from __future__ import annotations

import json
from collections.abc import Iterable
from time import thread_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_bodies import CHAT, RESPONSES, cut_at, cuttings

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.chat_encoding import encode_message
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.backends.responses_decoding import ResponsesDecoder
from convrun.conversation.backend import Completion, StreamEvent
from convrun.conversation.messages import ReasoningPart
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
messages = st.dictionaries(st.sampled_from(KEYS), values, max_size=8)  # of few keys: each costs time
choices = st.fixed_dictionaries(
    {}, optional={"index": values, "finish_reason": values, "message": messages, "delta": messages}
)
payloads = values | st.fixed_dictionaries(
    {"choices": st.lists(choices | values, max_size=3)}, optional={"usage": values}
)


def found(reply: Reply, api: str = "chat") -> tuple[list[StreamEvent], Completion | ProviderError]:
    """The events of a reply, and what it comes to; anything but these two is raised."""
    errors = ReplyErrors(provider="acme", status=reply.status, headers={})
    decoder = ChatDecoder(errors) if api == "chat" else ResponsesDecoder(errors)
    events: list[StreamEvent] = []
    try:
        for item in decode(reply, decoder, errors):
            if isinstance(item, Completion):
                json.dumps(item.message.to_dict(), ensure_ascii=False).encode()
                return events, item
            events.append(item)
    except ProviderError as error:
        assert error.fix
        str(error).encode("utf-8", "backslashreplace")
        return events, error
    raise AssertionError("it ended without an end")


def outcome(reply: Reply) -> Completion | ProviderError:
    """What a reply of either API comes to; a chat message can be sent back."""
    found(reply, "responses")
    _, last = found(reply)
    if isinstance(last, Completion):
        json.dumps(encode_message(last.message), ensure_ascii=False).encode()
    return last


def heard(pieces: Iterable[bytes], api: str = "chat", status: int = 200) -> object:
    """All that is heard of bytes that arrive in pieces, as what can be compared."""
    events, last = found(Reply(status=status, headers={}, body=[*pieces]), api)
    return events, (type(last), str(last), last.status) if isinstance(last, ProviderError) else last


@given(st.lists(payloads, max_size=4), st.sampled_from([200, 400, 500]))
@settings(max_examples=150, deadline=None)
def test_any_payloads(given: list[Any], status: int) -> None:
    """JSON of any shape is read or refused, plain, streamed and recorded."""
    texts = [json.dumps(payload) for payload in given]
    body = "".join(f"data: {text}\n\n" for text in texts).encode()
    outcome(Reply(status=status, headers={}, body=[body]))
    outcome(Reply(status=status, headers={}, body=[texts[0].encode()] if texts else []))
    outcome(Reply(status=status, headers={}, payloads=tuple(given)))


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"data: ", b"\n\n", b"\r", b"{", b"[", b'"', b"<html>"])))
@settings(max_examples=150, deadline=None)
def test_any_bytes(chunks: list[bytes]) -> None:
    """Bytes of any kind are read or refused."""
    outcome(Reply(status=200, headers={}, body=chunks))
    outcome(Reply(status=503, headers={}, body=chunks))


BODIES = [
    *(pytest.param("chat", body, id=name) for name, body in CHAT.items()),
    *(pytest.param("responses", body, id=f"responses {name}") for name, body in RESPONSES.items()),
]


@pytest.mark.parametrize(("api", "body"), BODIES)
def test_every_cut_is_heard_alike(api: str, body: bytes) -> None:
    """Cut in two anywhere, within a character or a line end, or byte by byte, a reply gives the same events and end."""
    whole = heard([body], api)
    for pieces in cuttings(body):
        assert heard(pieces, api) == whole, pieces


@pytest.mark.parametrize("name", CHAT)
@pytest.mark.parametrize("status", [400, 503])
def test_a_refusal_is_the_same_however_it_is_cut(name: str, status: int) -> None:
    """What comes with a bad status, a stream as well, is the same error byte by byte."""
    body = CHAT[name]
    whole = heard([body], status=status)
    assert heard([body[at : at + 1] for at in range(len(body))], status=status) == whole
    for at in range(0, len(body), 17):
        assert heard([body[:at], b"", body[at:]], status=status) == whole


GARBAGE = [b"\n", b"\r", b"\r\n\r\n", b":", b"data", b"data: ", b"data: [DONE]\n\n", b"event: error\n", b"\xef\xbb\xbf"]
GARBAGE += [
    b"\x00",
    b"\xc3",
    b'"',
    b"{",
    b"[[",
    b"<html>",
    b"data: {}\n\n",
    b"data: null\n\n",
    b"retry: x\n",
    b'{"error": 1}',
]


@given(st.sampled_from(BODIES), st.data())
@settings(max_examples=80, deadline=None)
def test_garbage_in_between(body: Any, data: st.DataObject) -> None:
    """Whatever is put between the bytes of a reply, it is read or refused, and the same however it is cut."""
    api, given = body.values
    places = data.draw(st.lists(st.integers(0, len(given)), max_size=4))
    damaged = b"".join(
        piece + data.draw(st.sampled_from(GARBAGE) | st.binary(max_size=8)) for piece in cut_at(given, places)
    )
    cut = cut_at(damaged, data.draw(st.lists(st.integers(0, len(damaged)), max_size=8)))
    assert heard(cut, api) == heard([damaged], api)


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
NOISE: list[Any] = [
    ": OPENROUTER PROCESSING",
    "retry: 3000",
    "id: 7",
    "event: message",
    {"choices": []},
    {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
    {"choices": [], "usage": None},
    {"choices": [{"index": 0}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None, "tool_calls": None}}]},
    {"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]},
]


@st.composite
def channels(draw: st.DrawFn) -> tuple[list[list[dict[str, Any]]], dict[str, Any]]:
    """What a reply says as deltas, those of a channel in order, and what it says as a whole."""
    thoughts, words = draw(st.lists(texts, max_size=3)), draw(st.lists(texts, max_size=4))
    said: dict[str, Any] = {"reasoning": "".join(thoughts), "text": "".join(words), "calls": []}
    found = [[{"reasoning": one} for one in thoughts], [{"content": one} for one in words]]
    for index in range(draw(st.integers(0, 2))):
        arguments = json.dumps({"at": draw(texts)}, ensure_ascii=draw(st.booleans()))
        middle = draw(st.integers(0, len(arguments)))
        first = {"name": f"f{index}", "arguments": arguments[:middle]}
        again = {"name": f"f{index}"} if draw(st.booleans()) else {}
        head = {"index": index, "id": f"c{index}", "type": "function", "function": first}
        rest = {"index": index, "function": {**again, "arguments": arguments[middle:]}}
        found.append([{"tool_calls": [head]}, {"tool_calls": [rest]}])
        said["calls"].append((f"f{index}", arguments, f"c{index}"))
    return found, said


def shuffled(draw: st.DrawFn, value: Any) -> Any:
    """JSON with the keys of its objects in another order."""
    if isinstance(value, dict):
        return {key: shuffled(draw, value[key]) for key in draw(st.permutations(list(value)))}
    return [shuffled(draw, item) for item in value] if isinstance(value, list) else value


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, dict[str, Any]]:
    """A stream that says something in one of the orders in which providers say it, and what it says."""
    waiting, said = draw(channels())
    payloads: list[Any] = []
    while any(waiting):
        channel = draw(st.sampled_from([one for one in waiting if one]))
        payloads.append({"id": "r", "choices": [{"index": 0, "delta": channel.pop(0), "finish_reason": None}]})
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    place = draw(st.sampled_from(["nowhere", "finish", "end", "each"]))
    finish: dict[str, Any] = {
        "choices": [{"index": 0, "delta": {}, "finish_reason": draw(st.sampled_from(["stop", "eos"]))}]
    }
    if place == "each":
        payloads = [{**payload, "usage": {"prompt_tokens": None}} for payload in payloads]
    payloads.append({**finish, "usage": usage} if place == "finish" else finish)
    payloads += [{"choices": [], "usage": usage}] if place in ("end", "each") else []
    payloads += [{"choices": [], "moderation": {}, "usage": None}] if draw(st.booleans()) else []
    for noise in draw(st.lists(st.sampled_from(NOISE), max_size=4)):
        payloads.insert(draw(st.integers(0, len(payloads) - 1)), noise)
    payloads += ["data: [DONE]"] if draw(st.booleans()) else []
    space, ascii_only = draw(st.sampled_from(["", " "])), draw(st.booleans())
    events = [
        one if isinstance(one, str) else f"data:{space}{json.dumps(shuffled(draw, one), ensure_ascii=ascii_only)}"
        for one in payloads
    ]
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    return "".join(f"{event}{end}{end}" for event in events).encode(), {**said, "usage": place != "nowhere"}


@given(streams(), st.lists(st.integers(0, 10_000), max_size=6))
@settings(max_examples=50, deadline=None)
def test_any_order_says_the_same(stream: tuple[bytes, dict[str, Any]], places: list[int]) -> None:
    """Channels in turn, keys in any order, noise between, usage anywhere, any line ends, cut anywhere: one reply."""
    body, said = stream
    events, last = found(Reply(status=200, headers={}, body=cut_at(body, places)))
    assert isinstance(last, Completion)
    parts = last.message.parts
    assert last.message.text == said["text"]
    assert "".join(part.text for part in parts if isinstance(part, ReasoningPart)) == said["reasoning"]
    assert sorted((call.name, call.arguments, call.id) for call in last.message.tool_calls) == said["calls"]
    assert (last.finish_reason, last.usage.input) == ("stop", 3 if said["usage"] else None)
    for kind in ("text", "reasoning"):
        assert "".join(event.chunk for event in events if event.type == kind) == said[kind]
    for _, arguments, call_id in said["calls"]:
        pieces = [one.chunk for one in events if one.type == "tool_call_args" and one.tool_call_id == call_id]
        assert "".join(pieces) == arguments


def test_blank_lines_while_a_reply_is_made_cost_nothing() -> None:
    """Two hundred thousand of them, sent one by one before the reply, are over at once."""
    began = thread_time()
    pieces = [b"\n"] * 200_000 + [CHAT["escaped"]]
    assert heard(pieces) == heard([CHAT["escaped"]])
    assert thread_time() - began < 4
