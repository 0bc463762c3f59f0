"""Live calls: the real SDK against a real server that behaves badly."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from typing import Any

import pytest
from servers import Answer, Loopback, chunk, event_stream, reply

from convrun.backends.identity import identify
from convrun.backends.model_backend import ModelBackend
from convrun.backends.resolving import backend_for, live_transport, resolve
from convrun.conversation.backend import Completion, ModelRequest, StreamEvent
from convrun.conversation.messages import user
from convrun.errors import BrokenReplyError, ProviderError, SettingsError


def model(loopback: Loopback, environ: Mapping[str, str] | None = None, **settings: Any) -> ModelBackend:
    """A model on the loopback server, whose address the program names."""
    given = {"base_url": loopback.base_url, "max_retries": 0, "timeout": 5.0, **settings}
    return resolve("m", environ=environ or {}, **given)


def ask(backend: ModelBackend, *, stream: bool = False, **request: Any) -> Completion:
    """Send one message and return the reply."""
    *_, last = backend.send(ModelRequest(messages=(user("hello"),), stream=stream, **request))
    assert isinstance(last, Completion)
    return last


def test_a_plain_reply_arrives(loopback: Loopback) -> None:
    """A plain call sends the body once and gives the reply, its usage and its model."""
    loopback.says("hi")
    found = ask(model(loopback), options={"temperature": 0})
    assert (found.message.text, found.finish_reason, found.model) == ("hi", "stop", "m-2025")
    assert (found.usage.input, found.usage.output) == (3, 2)
    assert loopback.requests[0].path == "/v1/chat/completions"
    sent = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "temperature": 0}
    assert loopback.requests[0].body == sent


def test_a_stream_arrives_piece_by_piece(loopback: Loopback) -> None:
    """Events come while the stream is still running: the rest is sent once the first was seen."""
    pieces = [event_stream(chunk(content=text), done=False) for text in ("one ", "two")]
    pieces.append(event_stream(chunk("stop")))
    seen = threading.Event()
    loopback.says(Answer(body=pieces, hold=seen, headers={"content-type": "text/event-stream"}))
    replies = model(loopback).send(ModelRequest(messages=(user("hello"),), stream=True))
    assert next(replies) == StreamEvent("text", "one ")
    seen.set()
    *_, last = replies
    assert isinstance(last, Completion)
    assert last.message.text == "one two"
    assert loopback.requests[0].body["stream_options"] == {"include_usage": True}


def test_a_stream_that_is_given_up_is_closed(loopback: Loopback) -> None:
    """Closing the iterator early gives the connection up and the next call works."""
    pieces = [event_stream(chunk(content="one"), done=False)] * 50
    loopback.says(Answer(body=pieces, pause=0.05), "fine")
    backend = model(loopback)
    replies = backend.send(ModelRequest(messages=(user("hello"),), stream=True))
    next(replies)
    replies.close()  # type: ignore[attr-defined]  # a generator behind the seam
    assert ask(backend).message.text == "fine"


def test_a_wrong_key_is_named_and_not_shown(loopback: Loopback) -> None:
    """A 401 names the variable to look at, and an echoed key is not repeated."""
    body = {"error": {"message": "Incorrect API key provided: sk-very-secret", "code": "invalid_api_key"}}
    loopback.says(Answer(status=401, body=body, headers={"x-request-id": "req_1"}))
    with pytest.raises(ProviderError) as caught:
        ask(model(loopback, {"OPENAI_API_KEY": "sk-very-secret"}))
    error = caught.value
    assert (error.status, error.request_id, error.retryable) == (401, "req_1", False)
    assert error.fix == "check the key in OPENAI_API_KEY, and that it is set"
    assert error.provider_message == "Incorrect API key provided: <OPENAI_API_KEY>"
    assert "secret" not in str(error)
    assert loopback.requests[0].headers["authorization"] == "Bearer sk-very-secret"


def test_a_rate_limit_is_waited_out(loopback: Loopback) -> None:
    """A 429 with retry-after is retried by the SDK, after that time."""
    loopback.says(Answer(status=429, headers={"retry-after-ms": "150"}, body={"error": {"message": "slow"}}), "fine")
    started = time.monotonic()
    assert ask(model(loopback, max_retries=1)).message.text == "fine"
    assert time.monotonic() - started >= 0.15
    assert len(loopback.requests) == 2


def test_a_reply_that_the_provider_has_forgotten(loopback: Loopback) -> None:
    """A previous response that is not there any more: the fix is not to go on from it, or to record all of it."""
    said = "Previous response with id 'resp_1' not found."
    loopback.says(Answer(status=400, body={"error": {"message": said, "code": "previous_response_not_found"}}))
    with pytest.raises(ProviderError, match="not found") as caught:
        ask(model(loopback))
    assert "convrun record --all" in str(caught.value.fix)


def test_a_rate_limit_that_stays_is_an_error(loopback: Loopback) -> None:
    """A 429 that outlives the retries says how long to wait, and that a retry makes sense."""
    headers = {"retry-after": "1", "retry-after-ms": "10"}
    loopback.says(Answer(status=429, headers=headers, body={"error": {"message": "slow down"}}))
    with pytest.raises(ProviderError, match="429: slow down") as caught:
        ask(model(loopback, max_retries=2))
    assert caught.value.retryable
    assert caught.value.fix == "wait 1 second, or send less"
    assert len(loopback.requests) == 3


def test_a_server_error_is_retryable(loopback: Loopback) -> None:
    """A 500 says that the provider failed."""
    loopback.says(Answer(status=500, body={"error": "boom"}))
    with pytest.raises(ProviderError, match="answered 500: boom") as caught:
        ask(model(loopback))
    assert (caught.value.status, caught.value.retryable) == (500, True)


@pytest.mark.parametrize("status", [200, 404, 502])
def test_a_web_page_is_recognised(loopback: Loopback, status: int) -> None:
    """HTML where JSON should be is called a web page, with its title."""
    page = b"<!DOCTYPE html><html><head><title> 404\nNot here </title></head></html>"
    loopback.says(Answer(status=status, body=page, headers={"content-type": "text/html"}))
    with pytest.raises(ProviderError, match=r"web page instead of JSON \('404 Not here'\)") as caught:
        ask(model(loopback))
    assert caught.value.status == status
    assert caught.value.fix


@pytest.mark.parametrize("stream", [False, True])
def test_an_empty_body_is_an_error(loopback: Loopback, stream: bool) -> None:
    """A 200 without a body is no reply."""
    loopback.says(Answer(body=b""))
    with pytest.raises(ProviderError, match="empty body") as caught:
        ask(model(loopback), stream=stream)
    assert caught.value.retryable


def test_half_a_stream_is_an_error(loopback: Loopback) -> None:
    """A connection cut in the middle of a stream loses nothing silently: its text came, then an error."""
    body = event_stream(chunk(content="half"), done=False)
    loopback.says(Answer(body=body, cut=True, headers={"content-type": "text/event-stream"}))
    replies = model(loopback).send(ModelRequest(messages=(user("hello"),), stream=True))
    assert next(replies) == StreamEvent("text", "half")
    with pytest.raises(ProviderError, match="broke off") as caught:
        next(replies)
    assert caught.value.retryable


def test_a_stream_that_ends_politely_and_early_is_an_error(loopback: Loopback) -> None:
    """A stream without a finish reason and without [DONE] is not taken for a whole reply."""
    loopback.says(Answer(body=event_stream(chunk(content="half"), done=False)))
    with pytest.raises(ProviderError, match="broke off before it was complete"):
        ask(model(loopback), stream=True)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "answer",
    [Answer(body=b'{"choices": [', cut=True), Answer(body=b"\x1f\x8bxyz", headers={"content-encoding": "gzip"})],
    ids=["cut", "garbled"],
)
def test_half_a_body_is_an_error(loopback: Loopback, answer: Answer, stream: bool) -> None:
    """A body that is cut, or cannot be unpacked, is a broken reply with its status, and can be retried."""
    loopback.says(answer)
    with pytest.raises(BrokenReplyError, match="broke off") as caught:
        ask(model(loopback), stream=stream)
    assert (caught.value.retryable, caught.value.status) == (True, 200)


@pytest.mark.parametrize("stream", [False, True])
def test_silence_ends_with_the_time_out(loopback: Loopback, stream: bool) -> None:
    """A server that says nothing is given up after the time-out."""
    loopback.says(Answer(delay=20))
    started = time.monotonic()
    with pytest.raises(ProviderError, match=r"no answer from 127\.0\.0\.1 within 0\.2 s") as caught:
        ask(model(loopback, timeout=0.2), stream=stream)
    assert time.monotonic() - started < 15  # of 20
    assert (caught.value.status, caught.value.retryable) == (None, True)


def test_silence_in_a_stream_ends_with_the_time_out(loopback: Loopback) -> None:
    """A stream that falls silent is given up after the time-out."""
    body = [event_stream(chunk(content="one"), done=False), event_stream(chunk("stop"))]
    loopback.says(Answer(body=body, pause=20))
    with pytest.raises(ProviderError, match="no more answer"):
        ask(model(loopback, timeout=0.3), stream=True)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=500, body={"error": {"message": "No."}}),
        Answer(body=event_stream(chunk(content="half"), {"error": {"message": "No."}}, done=False)),
        Answer(body=event_stream(chunk(content="half"), done=False)),
        Answer(body=event_stream(chunk(content="half"), done=False), cut=True),
        Answer(delay=20),
    ],
    ids=["status", "told", "ended", "cut", "silent"],
)
def test_a_host_has_one_name(loopback: Loopback, answer: Answer) -> None:
    """Whatever goes wrong, the host is called the same: not by a provider who is elsewhere."""
    loopback.says(answer)
    environ = {"OPENAI_BASE_URL": loopback.base_url, "OPENAI_API_KEY": "k"}
    with pytest.raises(ProviderError, match=r"(^|of |from )127\.0\.0\.1 ") as caught:
        ask(resolve("m", environ=environ, max_retries=0, timeout=0.2), stream=True)
    assert "openai" not in caught.value.what


def test_nobody_listening_is_an_error() -> None:
    """A refused connection names the address."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    with pytest.raises(ProviderError, match=r"cannot be reached: .*refused") as caught:
        ask(resolve("m", base_url=url, environ={}, max_retries=0))
    assert url in str(caught.value.fix)


def test_a_missing_key_is_found_before_anything_is_sent() -> None:
    """Without a key nothing goes out, and the variable is named."""
    with pytest.raises(SettingsError, match="OPENAI_API_KEY is not set"):
        ask(resolve("gpt-4.1-mini", environ={}))


def test_conversations_share_connections_and_no_keys(loopback: Loopback) -> None:
    """Each model sends its own key over the connections of all; a key is gone with its model."""
    for variable in ("TEAM_KEY", "OTHER_KEY"):
        loopback.says("hi")
        backend = model(loopback, {variable: f"k-{variable}"}, api_key_env=variable)
        ask(backend)
        assert loopback.requests[-1].headers["authorization"] == f"Bearer k-{variable}"
        client = weakref.ref(backend.transport._client)  # type: ignore[attr-defined]
        del backend
        gc.collect()
        assert client() is None


FIRST_CALLS = """
import sys, threading
from convrun.backends.resolving import resolve
from convrun.conversation.backend import ModelRequest
from convrun.conversation.messages import user

models = [resolve("m", environ={}, base_url=sys.argv[1]) for _ in range(8)]
barrier = threading.Barrier(8)

def ask(model):
    barrier.wait()
    list(model.send(ModelRequest(messages=(user("hello"),))))

threads = [threading.Thread(target=ask, args=[model]) for model in models]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len({id(model.transport._client._client) for model in models}))
"""


def test_threads_that_call_first_at_once_share_connections(loopback: Loopback) -> None:
    """Also where nothing was sent before in the process, all models have the connections of one client."""
    loopback.says("hi")
    command = [sys.executable, "-c", FIRST_CALLS, loopback.base_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert (done.stdout, done.stderr, len(loopback.requests)) == ("1\n", "", 8)


def test_no_account_data_goes_to_other_servers(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that gets no OpenAI key gets nothing else of the account either."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-one")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-secret-two")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Token: token-secret\nAuthorization: Bearer other-secret")
    loopback.says("hi")
    identity = identify("m", environ={}, base_url=loopback.base_url)
    ask(backend_for(identity, live_transport(identity, max_retries=0)))
    assert "secret" not in str(loopback.requests[0].headers)
    assert "authorization" not in loopback.requests[0].headers


def test_another_variable_carries_only_its_own_key(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key variable of the user's choice is sent, and the OpenAI account is not sent beside it."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer other-secret")
    loopback.says("hi")
    ask(model(loopback, {"TEAM_KEY": "k-123456 "}, api_key_env="TEAM_KEY"))
    assert loopback.requests[0].headers["authorization"] == "Bearer k-123456"
    assert "secret" not in str(loopback.requests[0].headers)


def test_own_headers_go_out(loopback: Loopback) -> None:
    """The headers of a model go with every request."""
    loopback.says("hi")
    ask(model(loopback, headers={"X-Title": "convrun", "authorization": "Basic abc"}))
    assert loopback.requests[0].headers["x-title"] == "convrun"
    assert loopback.requests[0].headers["authorization"] == "Basic abc"


def test_what_is_no_json_is_not_sent(loopback: Loopback) -> None:
    """A text that is no Unicode is an error before anything is sent."""
    loopback.says("hi")
    with pytest.raises(ProviderError, match="cannot be sent"):
        ask(model(loopback), options={"user": "\ud800"})
    assert loopback.requests == []


def test_a_plain_reply_to_a_stream_request_is_read(loopback: Loopback) -> None:
    """A server that does not stream although it was asked to is understood, and the other way round."""
    loopback.says(reply("plain"), Answer(body=event_stream(chunk(content="streamed"), chunk("stop"))))
    backend = model(loopback)
    assert ask(backend, stream=True).message.text == "plain"
    assert ask(backend).message.text == "streamed"


def test_naming_a_model_imports_no_sdk() -> None:
    """The SDK is imported when something is sent, not before."""
    code = (
        "import sys; from convrun.backends.resolving import resolve; resolve('gpt-4.1-mini'); resolve('echo');"
        "print([name for name in ('openai', 'httpx2', 'httpx', 'pydantic', 'vcr') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
