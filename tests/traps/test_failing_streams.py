"""Streams that fail after they began: the text that came is delivered, and the error has it, wherever it comes from."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers import Answer, Loopback, chunk, event_stream, reply
from trapping import SSE

import convrun
from convrun.errors import (
    BadRequestError,
    BrokenReplyError,
    CassetteError,
    ContentFilterError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitError,
    ServerError,
)
from convrun.testing import cassette

HI = event_stream(chunk(role="assistant", content=""), chunk(content="Grüß "), chunk(content="Gott"), done=False)
NOTHING = event_stream(chunk(role="assistant", content=""), done=False)
THOUGHT = event_stream(chunk(reasoning="Hm."), chunk(tool_calls=[{"index": 0, "id": "c", "function": {}}]), done=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A stream that fails: its answer, the error's class, and the text that came before."""

    answer: Answer
    kind: type[ProviderError]
    arrived: str = "Grüß Gott"
    is_answer: bool = False


def told(before: bytes, error: Any, **more: Any) -> Answer:
    """A stream that ends in an error."""
    return Answer(body=before + event_stream(error, **more), headers=SSE)


STREAMS = {
    "error": Failing(answer=told(HI, {"error": {"message": "Busy", "code": 503}}), kind=ServerError, is_answer=True),
    "event: error": Failing(
        answer=Answer(body=HI + b'event: error\ndata: {"message": "Slow", "code": "429"}\n\n', headers=SSE),
        kind=RateLimitError,
        is_answer=True,
    ),
    "error with the status of Groq": Failing(
        answer=told(HI, {"error": {"message": "No", "code": "tool_use_failed", "status_code": 400}}, done=False),
        kind=BadRequestError,
        is_answer=True,
    ),
    "error before any text": Failing(
        answer=told(NOTHING, {"error": {"message": "Busy", "code": "server_error"}}),
        kind=ServerError,
        arrived="",
        is_answer=True,
    ),
    "error at once": Failing(
        answer=told(b"", {"error": {"message": "No", "code": "content_filter"}}, done=False),
        kind=ContentFilterError,
        arrived="",
        is_answer=True,
    ),
    "cut": Failing(answer=Answer(body=HI, headers=SSE, cut=True), kind=BrokenReplyError),
    "cut within a character": Failing(
        answer=Answer(body=HI + b'data: {"choices": [{"delta": {"content": "\xc3', headers=SSE, cut=True),
        kind=BrokenReplyError,
    ),
    "cut before any text": Failing(
        answer=Answer(body=NOTHING, headers=SSE, cut=True), kind=BrokenReplyError, arrived=""
    ),
    "cut within a thought": Failing(
        answer=Answer(body=THOUGHT, headers=SSE, cut=True), kind=BrokenReplyError, arrived=""
    ),
    "ended early": Failing(answer=Answer(body=HI, headers=SSE), kind=BrokenReplyError),
    "silent": Failing(
        answer=Answer(body=[HI, event_stream(chunk("stop"))], pause=20, headers=SSE), kind=ProviderTimeoutError
    ),
    "silent before any text": Failing(
        answer=Answer(body=[NOTHING, event_stream(chunk("stop"))], pause=20, headers=SSE),
        kind=ProviderTimeoutError,
        arrived="",
    ),
}
each_stream = pytest.mark.parametrize("name", STREAMS)


def settings(loopback: Loopback, failing: Failing) -> dict[str, Any]:
    """How a model reaches the server, which answers once rightly, then with the stream, then rightly again."""
    loopback.says("one", failing.answer, "three")
    return {"base_url": loopback.base_url, "max_retries": 2, "timeout": 0.25}


def must_be(error: ProviderError, failing: Failing) -> None:
    """The error is of its class, and has the text that came."""
    assert type(error) is failing.kind
    assert (error.arrived, error.is_answer) == (failing.arrived, failing.is_answer)


def listen(response: convrun.Response, heard: list[str]) -> None:
    """Hear a response piece by piece."""
    for piece in response:
        heard.append(piece)  # noqa: PERF402  (what came before an error is kept)


async def alisten(response: convrun.AsyncResponse, heard: list[str]) -> None:
    """Hear an awaited response piece by piece."""
    async for piece in response:
        heard.append(piece)  # noqa: PERF401  (as above)


def must_go_on(loopback: Loopback, history: Any) -> None:
    """The failed turn is not in the history, was sent once, and the next request is as if it had not been."""
    assert [(message.role, message.text) for message in history] == [
        ("user", "1"),
        ("assistant", "one"),
        ("user", "3"),
        ("assistant", "three"),
    ]
    assert [len(one.body["messages"]) for one in loopback.requests] == [1, 3, 3]
    assert [one["content"] for one in loopback.requests[-1].body["messages"]] == ["1", "one", "3"]


@each_stream
def test_a_stream_that_fails(name: str, loopback: Loopback) -> None:
    """Its text is heard, the error has it too, each reading raises it again, and the next prompt is valid."""
    failing = STREAMS[name]
    conversation = convrun.get_model("m", **settings(loopback, failing)).conversation()
    assert conversation.prompt("1", stream=False).text() == "one"
    response, heard = conversation.prompt("2"), list[str]()
    with pytest.raises(ProviderError) as caught:
        listen(response, heard)
    must_be(caught.value, failing)
    assert "".join(heard) == failing.arrived
    with pytest.raises(ProviderError) as again:
        response.text()
    assert again.value is caught.value
    assert conversation.prompt("3", stream=False).text() == "three"
    must_go_on(loopback, conversation.history)


@each_stream
def test_an_awaited_stream_that_fails(name: str, loopback: Loopback) -> None:
    """Awaited, it is the same: piece by piece the text, then the error with it, and the conversation goes on."""
    failing = STREAMS[name]

    async def converse() -> None:
        conversation = convrun.get_async_model("m", **settings(loopback, failing)).conversation()
        await conversation.prompt("1", stream=False).text()
        heard: list[str] = []
        with pytest.raises(ProviderError) as caught:
            await alisten(conversation.prompt("2"), heard)
        must_be(caught.value, failing)
        assert "".join(heard) == failing.arrived
        await conversation.prompt("3", stream=False).text()
        must_go_on(loopback, conversation.history)

    asyncio.run(converse())


@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_that_fails(
    name: str, loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the provider told is recorded, and from the cassette the same error with the same text; nothing else is."""
    monkeypatch.chdir(tmp_path)
    failing = STREAMS[name]
    loopback.says(failing.answer)
    model = convrun.get_model("m", base_url=loopback.base_url, max_retries=0, timeout=0.1)

    def fail() -> None:
        with pytest.raises(ProviderError) as caught:
            model.prompt("Hi").text()
        must_be(caught.value, failing)

    if not failing.is_answer:
        with pytest.raises(CassetteError, match="reply to live call 1"), cassette("a.yaml", "all"):
            fail()
        assert not Path("a.yaml").exists()
        return
    for record in ("all", "none"):
        with cassette("a.yaml", record):
            fail()
    assert len(loopback.requests) == 1


def test_pieces_are_heard_before_the_error(loopback: Loopback) -> None:
    """Who listens piece by piece has each before the error comes."""
    loopback.says(STREAMS["cut"].answer)
    pieces = iter(convrun.get_model("m", base_url=loopback.base_url, max_retries=0).prompt("Hi"))
    assert [next(pieces), next(pieces)] == ["Grüß ", "Gott"]
    with pytest.raises(BrokenReplyError) as caught:
        next(pieces)
    assert caught.value.arrived == "Grüß Gott"


def test_a_reply_of_a_chain_that_fails_has_its_own_text_alone(loopback: Loopback) -> None:
    """What had arrived is that of the model call that failed; of the turn nothing is in the history."""
    loopback.says(reply("Let me see. ", calls={"look": {}}), STREAMS["cut"].answer, "Hello")

    def look() -> str:
        """Look."""
        return "seen"

    conversation = convrun.get_model("m", base_url=loopback.base_url, max_retries=0).conversation(tools=[look])
    with pytest.raises(BrokenReplyError) as caught:
        conversation.chain("Hi").text()
    assert caught.value.arrived == "Grüß Gott"
    assert conversation.history == ()
    assert conversation.chain("Hello").text() == "Hello"
    assert [one["role"] for one in loopback.requests[-1].body["messages"]] == ["user"]


def test_what_arrived_can_be_written(loopback: Loopback) -> None:
    """Half of a character in what arrived is no half in the error: it can be printed."""
    cut = event_stream(chunk(content="\ud83d"), chunk(content="\ude00 \ud83d"), done=False)
    loopback.says(Answer(body=cut, headers=SSE))
    with pytest.raises(BrokenReplyError) as caught:
        convrun.get_model("m", base_url=loopback.base_url, max_retries=0).prompt("Hi").text()
    assert json.loads(json.dumps(caught.value.arrived)).encode().decode() == "😀 \ufffd"
