"""Blocks whose models speak the Responses API, alone and beside chats."""

from __future__ import annotations

from pathlib import Path

import pytest
from servers import Answer, Loopback, Received, called, event_stream, output, reply, said, streamed, thought

import convrun
from convrun import BrokenReplyError, CassetteError, StaleError
from convrun.testing import cassette


def answer(received: Received) -> Answer | dict[str, object]:
    """Say what was said last, in the API that was asked; a call first where there is a tool."""
    if received.path.endswith("/chat/completions"):
        return reply(received.body["messages"][-1]["content"])
    last = received.body["input"][-1]
    if last.get("type") == "function_call_output":
        whole = output(said(f"It is {last['output']}."), id="resp_2")
    elif received.body.get("tools"):
        whole = output(thought("Hm."), called("upper", {"text": last["content"]}), id="resp_1")
    else:
        whole = output(said(last["content"]), id=f"resp_{len(received.body['input'])}")
    if not received.body.get("stream"):
        return whole
    return Answer(body=event_stream(*streamed(whole), done=False))


def program(loopback: Loopback) -> list[str]:
    """Two conversations in turn, a chat and one of items, and a chain with a tool."""

    def upper(text: str) -> str:
        """Return the text in capitals."""
        return text.upper()

    chat = convrun.get_model("m", base_url=loopback.base_url).conversation()
    items = convrun.get_model("m", base_url=loopback.base_url, api="responses").conversation()
    found = [one.prompt(text).text() for text in ("Hi", "Bye") for one in (chat, items)]
    chain = convrun.get_model("m", base_url=loopback.base_url, api="responses").conversation(tools=[upper])
    return [*found, "".join(chain.chain("panda"))]


def test_a_block_has_both(folder: Path, loopback: Loopback) -> None:
    """What was recorded is played, whichever API each call speaks; items are in the file once."""
    loopback.says(answer)
    expected = ["Hi", "Hi", "Bye", "Bye", "It is PANDA."]
    for record in ("all", "none"):
        with cassette("both.yaml", record):
            assert program(loopback) == expected
    assert len(loopback.requests) == 6
    text = (folder / "both.yaml").read_text("utf-8")
    assert [text.count(words) for words in ("user: Hi", "user: Bye", "user: panda")] == [2, 2, 1]


def test_a_request_that_differs_is_told(folder: Path, loopback: Loopback) -> None:
    """Another text is told at its place among the items, and the line for it is one of a program's."""
    loopback.says(answer)
    model = convrun.get_model("m", base_url=loopback.base_url, api="responses")
    with cassette("talk.yaml", "all"):
        model.prompt("It is 2025-01-01.", system="Be brief.").text()
    with pytest.raises(StaleError) as caught, cassette("talk.yaml"):
        model.prompt("It is 2025-01-02.", system="Be brief.").text()
    assert "is not the recorded one: user text" in str(caught.value)
    assert "ignore=['/input/0/content']" in str(caught.value)
    with cassette("talk.yaml", ignore=["/input/0/content"]):
        assert model.prompt("It is 2025-01-02.", system="Be brief.").text() == "It is 2025-01-01."


FAILED = {**output(), "status": "failed", "error": {"code": "server_error", "message": "Busy"}}
ERRORS = [
    {"type": "error", "code": "server_error", "message": "Busy", "param": None},
    {"type": "response.failed", "response": FAILED},
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error["type"])
@pytest.mark.parametrize("begun", [0, 6])
def test_an_error_within_a_stream_is_played(
    folder: Path, loopback: Loopback, error: dict[str, object], begun: int
) -> None:
    """What a provider told instead of the rest, and the program dealt with, is the same error from the cassette."""
    events = streamed(output(said("Hello")))[:begun]
    loopback.says(Answer(body=event_stream(*events, error, done=False)))
    heard = []
    for record in ("all", "none"):
        with cassette("a.yaml", record), pytest.raises(convrun.ServerError) as caught:
            convrun.get_model("m", base_url=loopback.base_url, api="responses", max_retries=0).prompt("Hi").text()
        heard.append((caught.value.what, caught.value.arrived, caught.value.retryable))
    assert heard[0] == heard[1]
    assert heard[0][1] == ("Hello" if begun else "")
    assert len(loopback.requests) == 1


def test_a_stream_without_its_end_is_not_recorded(folder: Path, loopback: Loopback) -> None:
    """Live it is an error, and so that it is no reply on replay, there is none."""
    loopback.says(Answer(body=event_stream(*streamed(output(said("Hello")))[:-1], done=False)))
    model = convrun.get_model("m", base_url=loopback.base_url, api="responses", max_retries=0)
    told = pytest.raises(CassetteError, match="call 1 broke off before it was complete")
    with told, cassette("a.yaml", "all"), pytest.raises(BrokenReplyError):
        model.prompt("Hi").text()
    assert not Path("a.yaml").exists()
