"""Errors as real providers send them: the table, and the error of ours that each row is, live, stored and recorded."""

from __future__ import annotations

import json

import pytest
from servers import Answer, chunk, event_stream, reply
from trapping import SSE, Fails, Trap, asked, failure, live, model, must_fail, rows, stored

from convrun.backends.resolving import resolve
from convrun.cassette.files import load
from convrun.cassette.playing import Player
from convrun.conversation.backend import ModelRequest
from convrun.conversation.messages import user
from convrun.errors import (
    AuthenticationError,
    BadRequestError,
    ModelNotFoundError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
)

BODIES = "Bodies differ"
RETRIES = "The SDK retries"


def openai(message, **more):
    """The body of an error as OpenAI writes it."""
    return json.dumps({"error": {"message": message, "type": "t", "param": None, "code": None, **more}}).encode()


ERRORS = [
    Trap(
        line=BODIES,
        case="OpenAI 400",
        bodies=(openai("Unsupported parameter: 'stop'", param="stop", code="unsupported_parameter"),),
        status=400,
        means=Fails(
            kind=BadRequestError, status=400, told="Unsupported parameter: 'stop'", words="answered 400: Unsupported"
        ),
    ),
    Trap(
        line=BODIES,
        case="OpenAI 401",
        bodies=(openai("Incorrect API key provided", code="invalid_api_key"),),
        status=401,
        means=Fails(
            kind=AuthenticationError, status=401, told="Incorrect API key provided", words="answered 401: Incorrect"
        ),
    ),
    Trap(
        line=BODIES,
        case="OpenAI 404",
        bodies=(openai("The model 'm' does not exist", code="model_not_found"),),
        status=404,
        means=Fails(
            kind=ModelNotFoundError, status=404, told="The model 'm' does not exist", words="answered 404: The model"
        ),
    ),
    Trap(
        line=BODIES,
        case="OpenAI 429",
        bodies=(openai("Rate limit reached", code="rate_limit_exceeded"),),
        status=429,
        headers={"retry-after": "7"},
        means=Fails(
            kind=RateLimitError, status=429, told="Rate limit reached", words="answered 429: Rate", retryable=True
        ),
    ),
    Trap(
        line=BODIES,
        case="OpenAI 429 without credit",
        bodies=(openai("You exceeded your current quota", type="insufficient_quota", code="insufficient_quota"),),
        status=429,
        means=Fails(
            kind=QuotaError, status=429, told="You exceeded your current quota", words="answered 429: You exceeded"
        ),
    ),
    Trap(
        line=BODIES,
        case="Groq 400",
        bodies=(openai("Failed to call a function", code="tool_use_failed", failed_generation="<function=look>"),),
        status=400,
        means=Fails(
            kind=BadRequestError, status=400, told="Failed to call a function", words="answered 400: Failed to call"
        ),
    ),
    Trap(
        line=BODIES,
        case="OpenRouter 404",
        bodies=(b'{"error":{"message":"No endpoints found","code":404},"user_id":"user_2abcDEFghiJKLmnoPQR"}',),
        status=404,
        means=Fails(kind=ModelNotFoundError, status=404, told="No endpoints found", words="answered 404: No endpoints"),
    ),
    Trap(
        line=BODIES,
        case="OpenRouter from behind",
        bodies=(b'{"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"m is overloaded"}}}',),
        status=429,
        means=Fails(
            kind=RateLimitError,
            status=429,
            told="Provider returned error: m is overloaded",
            words="answered 429: Provider returned error",
            retryable=True,
        ),
    ),
    Trap(
        line=BODIES,
        case="Azure 404",
        bodies=(b'{"error":{"code":"DeploymentNotFound","message":"The deployment does not exist."}}',),
        status=404,
        means=Fails(
            kind=ModelNotFoundError,
            status=404,
            told="The deployment does not exist.",
            words="answered 404: The deployment",
        ),
    ),
    Trap(
        line=BODIES,
        case="Azure 401",
        bodies=(b'{"error":{"code":"401","message":"Access denied due to invalid key"}}',),
        status=401,
        means=Fails(
            kind=AuthenticationError,
            status=401,
            told="Access denied due to invalid key",
            words="answered 401: Access denied",
        ),
    ),
    *(
        Trap(
            line=BODIES,
            case=f"{status} {case}",
            bodies=(body,),
            status=status,
            means=Fails(kind=ServerError, status=status, told=told, words=f"answered {status}", retryable=True),
        )
        for status, case, body, told in (
            (500, "JSON", openai("The server had an error", type="server_error"), "The server had an error"),
            (502, "page", b"<html><head><title>502 Bad Gateway</title></head></html>", "502 Bad Gateway"),
            (503, "words", b"no healthy upstream", "no healthy upstream"),
            (504, "nothing", b"", None),
            (
                529,
                "overloaded",
                b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
                "Overloaded",
            ),
        )
    ),
]

CUT = {
    "cut stream": (event_stream(chunk(content="Hi."), done=False), SSE, True, "Hi."),
    "cut event": (event_stream(chunk(content="Hi."), done=False) + b'data: {"choi', SSE, True, "Hi."),
    "cut reply": (json.dumps(reply("Hi."))[:-9].encode(), {}, False, ""),
}


@pytest.mark.parametrize(("trap", "body"), rows(ERRORS))
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "byte-by-byte"])
def test_a_refusal_has_the_words_of_the_provider(trap, body, cut):
    """Status, the provider's own words and whether it may pass are those of the row; nothing was delivered."""
    text, error = failure(live(trap, body, cut=cut))
    must_fail(error, trap.means)
    assert text == ""


@pytest.mark.parametrize(("trap", "body"), rows(ERRORS))
def test_a_stored_refusal_is_the_same(trap, body, tmp_path):
    """From a cassette it is the error that it was, with the same text."""
    _, error = failure(live(trap, body))
    _, again = failure(stored(tmp_path / "a.yaml", trap, body))
    must_fail(again, trap.means)
    assert str(again) == str(error)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("trap", "body"), rows(ERRORS))
def test_a_conversation_is_refused(trap, body, stream, loopback):
    """Over HTTP it is that error, streamed or not, and the turn is not in the history."""
    conversation = model(loopback, trap, body).conversation(stream=stream)
    with pytest.raises(ProviderError) as caught:
        conversation.prompt("Hi").text()
    must_fail(caught.value, trap.means)
    assert conversation.history == ()


@pytest.mark.parametrize("case", CUT)
def test_what_is_cut_is_never_whole(case, loopback):
    """A connection that is closed too early is an error that may pass, after what came of the text."""
    body, headers, stream, after = CUT[case]
    loopback.says(Answer(body=body, headers=headers, cut=True))
    backend = resolve("m", environ={}, base_url=loopback.base_url, max_retries=0, timeout=5.0)
    heard = []
    with pytest.raises(ProviderError, match="broke off before it was complete") as caught:
        heard += (event.chunk for event in backend.send(ModelRequest(messages=(user("Hi"),), stream=stream)))
    assert caught.value.retryable
    assert loopback.requests[0].body.get("stream", False) == stream
    assert "".join(heard) in {"", after}


def test_a_provider_that_is_silent_is_a_time_out(loopback):
    """No answer within the time-out is an error without a status that may pass."""
    loopback.says(Answer(body=reply("late"), delay=20))
    backend = resolve("m", environ={}, base_url=loopback.base_url, max_retries=0, timeout=0.2)
    with pytest.raises(ProviderError, match=r"no answer from 127\.0\.0\.1 within 0\.2 s") as caught:
        list(backend.send(ModelRequest(messages=(user("Hi"),))))
    assert (caught.value.status, caught.value.retryable) == (None, True)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_only_the_last_answer_of_a_retried_call_is_recorded(status, project, loopback):
    """What the SDK retries by itself is one call, and the cassette holds its last answer."""
    spec = {
        "model": {"name": "m", "base_url": loopback.base_url, "max_retries": 2},
        "turns": [{"user": "Hi", "expect": [{"equals": "Hello."}]}],
    }
    project.write("specs/a.yaml", json.dumps(spec))
    loopback.says(Answer(status=status, headers={"retry-after-ms": "5"}, body=openai("Slow down")), "Hello.")
    found = project.record()
    assert (found.verdict, found.live_calls, len(loopback.requests)) == ("passed", 1, 2)
    (kept,) = load(project.root / found.cassette, "a.yaml").interactions
    assert kept.reply.status == 200
    assert project.one().verdict == "passed"


def test_the_retries_of_a_recording_are_not_slept_through(tmp_path):
    """A refusal before an equal request, as other recorders keep it, is passed over on replay, at once."""
    sent = {"messages": [{"role": "user", "content": "Hi"}], "model": "m"}
    request = {"method": "POST", "uri": "https://h/v1/chat/completions", "headers": {}, "body": json.dumps(sent)}
    answers = [
        {"status": {"code": 429}, "headers": {"retry-after": ["600"]}, "body": {"string": openai("Slow").decode()}},
        {"status": {"code": 200}, "headers": {}, "body": {"string": json.dumps(reply("Hello."))}},
    ]
    path = tmp_path / "a.yaml"
    path.write_text(
        json.dumps({"version": 1, "interactions": [{"request": request, "response": one} for one in answers]})
    )
    player = Player(load(path, "a.yaml"))
    _, found = asked(player)
    assert (found.message.text, player.unplayed) == ("Hello.", ())
