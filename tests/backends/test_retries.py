"""What the SDK tries again, how long it waits, and where `max_retries` comes from: against a real server."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from projects import Project
from servers import Answer, Loopback, Received, chunk, event_stream, reply

import convrun
from convrun.errors import BrokenReplyError, ProviderError, ProviderTimeoutError, RateLimitError, ServerError

SOON = {"retry-after-ms": "1"}
SSE = {"content-type": "text/event-stream"}


def failing(status: int, **headers: str) -> Answer:
    """An error with this status."""
    return Answer(status=status, headers={**SOON, **headers}, body={"error": {"message": "No."}})


def model(loopback: Loopback, **settings: Any) -> convrun.Model:
    """A model on the server."""
    return convrun.get_model("m", base_url=loopback.base_url, timeout=5.0, **settings)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_passing_statuses_are_tried_again(status: int, loopback: Loopback) -> None:
    """After one such answer the request goes out again, the same, and the reply is what counts."""
    loopback.says(failing(status), "fine")
    assert model(loopback).prompt("Hi").text() == "fine"
    first, second = loopback.requests
    assert first.body == second.body
    assert (first.headers["x-stainless-retry-count"], second.headers["x-stainless-retry-count"]) == ("0", "1")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 498])
def test_other_statuses_are_not(status: int, loopback: Loopback) -> None:
    """They are errors at once."""
    loopback.says(failing(status), "fine")
    with pytest.raises(ProviderError) as caught:
        model(loopback).prompt("Hi").text()
    assert (caught.value.status, len(loopback.requests)) == (status, 1)


@pytest.mark.parametrize(("status", "says", "requests"), [(500, "false", 1), (429, "false", 1), (400, "true", 2)])
def test_a_server_that_says_whether_to_try_again_is_believed(
    status: int, says: str, requests: int, loopback: Loopback
) -> None:
    """`x-should-retry` goes before the status."""
    loopback.says(failing(status, **{"x-should-retry": says}))
    with pytest.raises(ProviderError):
        model(loopback, max_retries=1).prompt("Hi").text()
    assert len(loopback.requests) == requests


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_server_is_waited_for_as_long_as_it_says(asynchronous: bool, loopback: Loopback) -> None:
    """Milliseconds go before seconds; without them half a second is waited, less a quarter at most."""
    when: list[float] = []

    def answer(received: Received) -> Answer:
        when.append(time.monotonic())
        headers = [{}, {"retry-after-ms": "60", "retry-after": "30"}, {}][len(when) - 1]
        status = 429 if len(when) < 3 else 200
        return Answer(status=status, headers=headers, body=reply("fine"))

    loopback.says(answer)
    settings: dict[str, Any] = {"base_url": loopback.base_url, "max_retries": 2}
    if asynchronous:
        assert asyncio.run(convrun.get_async_model("m", **settings).prompt("Hi").text()) == "fine"
    else:
        assert convrun.get_model("m", **settings).prompt("Hi").text() == "fine"
    first, second = when[1] - when[0], when[2] - when[1]
    assert first >= 0.375
    assert 0.06 <= second < 20


def test_who_asks_for_too_long_a_wait_is_not_waited_for(loopback: Loopback) -> None:
    """More than two minutes are an error at once, which says how long."""
    loopback.says(Answer(status=429, headers={"retry-after": "121"}, body={"error": {"message": "Later."}}))
    with pytest.raises(RateLimitError) as caught:
        model(loopback).prompt("Hi").text()
    assert (caught.value.fix, len(loopback.requests)) == ("wait 121 seconds, or send less", 1)


CUT = Answer(body=json.dumps(reply("Hi.")).encode()[:-9], cut=True)
SILENT = Answer(delay=20)
STREAM = event_stream(chunk(content="Hi."), done=False)


@pytest.mark.parametrize(("lost", "stream"), [(CUT, False), (SILENT, False), (SILENT, True)])
def test_a_reply_that_does_not_come_is_asked_for_again(lost: Answer, stream: bool, loopback: Loopback) -> None:
    """A plain reply that is cut and silence are tried again."""
    loopback.says(lost, "fine")
    found = convrun.get_model("m", base_url=loopback.base_url, timeout=0.3, max_retries=1)
    assert found.prompt("Hi", stream=stream).text() == "fine"
    assert len(loopback.requests) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(body=STREAM, headers=SSE, cut=True), BrokenReplyError),
        (Answer(body=[STREAM, event_stream(chunk("stop"))], pause=20, headers=SSE), ProviderTimeoutError),
        (Answer(body=STREAM + event_stream({"error": {"message": "No.", "code": 500}}), headers=SSE), ServerError),
        (Answer(body={"error": {"message": "No.", "code": 500}}), ServerError),
        (Answer(body=b""), BrokenReplyError),
    ],
    ids=["a cut stream", "silence in a stream", "an error in a stream", "an error with 200", "nothing"],
)
def test_what_came_with_a_good_status_is_not(answer: Answer, kind: type[ProviderError], loopback: Loopback) -> None:
    """An error then is one at once, however passing it is."""
    loopback.says(answer)
    with pytest.raises(kind) as caught:
        convrun.get_model("m", base_url=loopback.base_url, timeout=0.3).prompt("Hi").text()
    assert (caught.value.retryable, len(loopback.requests)) == (True, 1)


@pytest.mark.parametrize(("given", "requests"), [({}, 3), ({"max_retries": 0}, 1), ({"max_retries": 4}, 5)])
def test_get_model_says_how_often(given: dict[str, int], requests: int, loopback: Loopback) -> None:
    """`max_retries` of get_model reaches the SDK; without it, two are taken."""
    loopback.says(failing(500))
    with pytest.raises(ServerError):
        model(loopback, **given).prompt("Hi").text()
    assert len(loopback.requests) == requests


@pytest.mark.parametrize("place", ["spec", "settings", "base"])
def test_specs_and_settings_say_how_often(place: str, loopback: Loopback, project: Project) -> None:
    """`max_retries` of a spec's model, of the settings' defaults or of a base reaches the SDK."""
    described = f"{{name: m, base_url: '{loopback.base_url}', max_retries: 1}}"
    if place == "settings":
        table = f'{{name = "m", base_url = "{loopback.base_url}", max_retries = 1}}'
        project.write("convrun.toml", f"[defaults]\nmodel = {table}\n")
    project.write("base.yaml", f"model: {described}\n")
    head = {"spec": f"model: {described}\n", "settings": "", "base": "extends: ../base.yaml\n"}[place]
    project.write("specs/a.yaml", f"{head}turns: [{{user: Hi, expect: [{{contains: x}}]}}]\n")
    loopback.says(failing(503))
    found = project.one(record="all")
    assert found.turns[0].error.type == "ServerError"
    assert len(loopback.requests) == 2


def test_a_request_that_failed_for_good_leaves_no_trace(loopback: Loopback) -> None:
    """After all retries the history is as it was, and the next prompt is sent as if nothing had been."""
    conversation = model(loopback, max_retries=2).conversation(system="Be brief.")
    loopback.says("one")
    conversation.prompt("1").text()
    before = conversation.history
    loopback.answers.clear()
    loopback.says(failing(500), failing(503), failing(429), "two")
    with pytest.raises(RateLimitError):
        conversation.prompt("lost").text()
    assert (conversation.history, len(loopback.requests)) == (before, 4)
    assert conversation.prompt("2").text() == "two"
    sent = [(one["role"], one["content"]) for one in loopback.requests[-1].body["messages"]]
    assert sent == [("system", "Be brief."), ("user", "1"), ("assistant", "one"), ("user", "2")]


def test_a_chain_that_failed_for_good_leaves_no_open_call(loopback: Loopback) -> None:
    """A model call that fails after a tool has run leaves neither the call nor its result in the history."""
    ran = []

    def look(at: int) -> str:
        """Look."""
        ran.append(at)
        return "seen"

    conversation = model(loopback, max_retries=1).conversation(tools=[look])
    loopback.says(reply(calls={"look": {"at": 1}}), failing(500), failing(500), "fine")
    with pytest.raises(ServerError):
        conversation.chain("Hi").text()
    assert (conversation.history, ran, len(loopback.requests)) == ((), [1], 3)
    assert conversation.chain("And now?").text() == "fine"
    assert [one["role"] for one in loopback.requests[-1].body["messages"]] == ["user"]
