"""A provider that fails while a conversation is recorded: one clear error, and the disk is as it was."""

import json
import socket
from contextlib import ExitStack

import pytest
from live_specs import CASSETTE, KEY, KEYED, SPEC, echo, files, spec
from servers import Answer, chunk, event_stream, loopback_server, reply

from convrun.report.console import FULL, closing

PAGE = b"<!DOCTYPE html><html><head><title>Bad gateway</title></head></html>"
SECRET_ECHO = {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}}
STREAM = {"content-type": "text/event-stream"}

# What goes wrong: the answer, what the error says of it, what mends it, and what the model needs for that.
FAILURES = {
    "401": (Answer(status=401, body=SECRET_ECHO), "answered 401: Incorrect API key provided", "OPENAI_API_KEY", {}),
    "429": (
        Answer(
            status=429,
            headers={"retry-after": "7", "retry-after-ms": "10"},
            body={"error": {"message": "slow down, org-1234"}},
        ),
        "answered 429: slow down",
        "wait 7 seconds",
        {"max_retries": 2},
    ),
    "500": (Answer(status=500, body={"error": "boom"}), "answered 500: boom", "try again later", {}),
    "html": (
        Answer(status=502, body=PAGE, headers={"content-type": "text/html"}),
        "a web page instead of JSON ('Bad gateway')",
        "try again later",
        {},
    ),
    "html with 200": (Answer(body=PAGE), "a web page instead of JSON", "check that base_url", {}),
    "empty": (Answer(body=b""), "with an empty body", "try again", {}),
    "empty stream": (Answer(body=b"", headers=STREAM), "with an empty body", "try again", {"stream": True}),
    "not JSON": (Answer(body=b"welcome"), "text that is not JSON: 'welcome'", "check that base_url", {}),
    "an error with 200": (
        Answer(body={"error": {"message": "no credit", "code": "insufficient_quota"}}),
        "answered 200 with an error: no credit",
        "OPENAI_API_KEY has no credit left",
        {},
    ),
    "no choice": (Answer(body={"object": "list"}), "without a choice", "check that base_url", {}),
    "half a reply": (
        Answer(body=b'{"choices": [', cut=True),
        "broke off before it was complete",
        "the connection was cut",
        {},
    ),
    "half a stream": (
        Answer(body=event_stream(chunk(content="half"), done=False), cut=True, headers=STREAM),
        "broke off before it was complete",
        "the connection was cut",
        {"stream": True},
    ),
    "a stream without an end": (
        Answer(body=event_stream(chunk(content="half"), done=False), headers=STREAM),
        "broke off before it was complete",
        "the connection was cut",
        {"stream": True},
    ),
    "an error in a stream": (
        Answer(
            body=event_stream(chunk(content="half"), {"error": {"message": "overloaded", "code": 503}}), headers=STREAM
        ),
        "broke its stream off with an error: overloaded",
        "try again later",
        {"stream": True},
    ),
    "silence": (Answer(delay=20), "within 0.3 s", "raise the model's timeout", {"timeout": "0.3s"}),
    "silence in a stream": (
        Answer(body=[event_stream(chunk(content="one"), done=False), event_stream(chunk("stop"))], pause=20),
        "no more answer",
        "raise the model's timeout",
        {"timeout": "0.3s", "stream": True},
    ),
}

TYPES = {
    "401": "AuthenticationError",
    "429": "RateLimitError",
    "500": "ServerError",
    "html": "ServerError",
    "an error with 200": "QuotaError",
    "an error in a stream": "ServerError",
    "silence": "ProviderTimeoutError",
    "silence in a stream": "ProviderTimeoutError",
}  # all others are broken replies


@pytest.mark.parametrize("recorded", [False, True], ids=["missing", "recorded"])
@pytest.mark.parametrize("kind", FAILURES)
def test_a_failing_provider_changes_nothing(project, loopback, locks, kind, recorded):
    """The turn is an error that says where, what and how to mend it; only what was answered before it is kept."""
    failure, what, fix, model = FAILURES[kind]
    options = {"environ": KEYED, "base_url": loopback.base_url, "record": "all"}
    if recorded:
        project.write(SPEC, spec(loopback.base_url, "old", "older", **model))
        loopback.says(echo, echo)
        project.record(environ=KEYED, base_url=loopback.base_url)
        loopback.answers.clear()
    project.write(SPEC, spec(loopback.base_url, "first", "second", "third", **model))
    before = files(project.root)

    loopback.says(echo, failure)
    run = project.run(**options)

    (result,) = run.conversations
    assert (run.exit_code, result.verdict) == (4, "error")
    assert [turn.verdict for turn in result.turns] == ["passed", "error"]
    error = result.turns[1].error
    assert (error.type, error.where.file) == (TYPES.get(kind, "BrokenReplyError"), SPEC)
    assert error.where.line
    assert what in error.message
    assert fix in (error.fix or "")
    assert error.fix
    after = files(project.root)
    assert after.pop(f"{CASSETTE}.partial").count(b"\n") == 2
    assert after == before
    assert files(locks) == {}
    assert_told_once(run, error)


def assert_told_once(run, error):
    """The console names the error and its fix once; the traceback is there only where everything is asked for."""
    shown = closing(run)
    assert shown.count(error.message) == shown.count(error.fix) == 1
    assert "Traceback" not in shown
    assert len(shown.splitlines()) <= 14
    full = closing(run, verbosity=FULL)
    assert "Traceback" in full
    assert KEY not in shown
    assert KEY not in full


def test_nobody_listening_changes_nothing(project, locks):
    """A refused connection is an error that names the address, and nothing is written."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    project.write(SPEC, spec(url, "first"))
    before = files(project.root)
    run = project.run(record="all")
    (result,) = run.conversations
    assert (run.exit_code, result.verdict) == (4, "error")
    assert "cannot be reached" in result.turns[0].error.message
    assert url in result.turns[0].error.fix
    assert files(project.root) == before
    assert files(locks) == {}


@pytest.mark.parametrize("passing", ["429", "500"])
def test_what_passes_is_retried_and_only_the_last_attempt_is_stored(project, loopback, passing):
    """A rate limit with retry-after and a server error are retried; the recording holds the final answer alone."""
    refusals = {
        "429": Answer(status=429, headers={"retry-after": "1"}, body={"error": {"message": "slow down"}}),
        "500": Answer(status=500, headers={"retry-after-ms": "10"}, body={"error": "boom"}),
    }
    loopback.says(refusals[passing], echo)
    project.write(SPEC, spec(loopback.base_url, "first", max_retries=2))
    result = project.one(record="once")
    assert (result.verdict, result.live_calls, len(loopback.requests)) == ("passed", 1, 2)
    stored = (project.root / CASSETTE).read_text("utf-8")
    assert stored.count("- request:") == 1
    assert "status" not in stored
    assert project.one().verdict == "passed"


def test_a_process_reports_every_failing_provider(project, locks):
    """One run over many bad providers ends with 4; the key is in no output, report or file, whatever the verbosity."""
    urls = []
    with ExitStack() as servers:
        for number, (failure, _, _, model) in enumerate(FAILURES.values()):
            server = servers.enter_context(loopback_server())
            server.says(failure)
            project.write(f"specs/{number}.yaml", spec(server.base_url, "first", **{**model, "api_key_env": "MY_KEY"}))
            urls.append(server.base_url)
        project.write("convrun.toml", f"base_urls = {json.dumps(urls)}\n")
        before = files(project.root)
        brief = project.cli("run", "--record", "all", "--report", "json", MY_KEY=KEY)
        full = project.cli("record", "-vv", MY_KEY=KEY)
    assert (brief.returncode, full.returncode) == (4, 4)
    assert "Traceback" not in brief.stderr + brief.stdout
    assert "Traceback" in full.stdout
    assert json.loads(brief.stdout)["summary"]["error"] == len(FAILURES)
    assert "check the key in MY_KEY" in brief.stderr
    assert KEY not in brief.stdout + brief.stderr + full.stdout + full.stderr
    left = files(project.root)
    noted = left.pop(".convrun/last-failed.json") + left.pop(".convrun/.gitignore")
    assert (left, KEY.encode() in noted) == (before, False)
    assert files(locks) == {}


def test_an_error_in_a_chain_loses_nothing(project, loopback):
    """A provider that fails after a tool has run leaves no half a turn: no reply, and no recording."""
    project.write("desk.py", "def look(word: str) -> str:\n    return word.upper()\n")
    body = json.loads(spec(loopback.base_url, "first"))
    project.write(SPEC, json.dumps({**body, "tools": ["desk:look"]}))
    loopback.says(reply(calls={"look": {"word": "a"}}), Answer(status=500, body={"error": "boom"}))
    result = project.one(record="all")
    (turn,) = result.turns
    assert (result.verdict, turn.verdict, turn.reply) == ("error", "error", None)
    assert "boom" in turn.error.message
    assert not (project.root / CASSETTE).exists()
    loopback.answers[:] = [echo]
    loopback.requests.clear()
    assert project.one(record="all").turns[0].reply == "A"
    assert len(loopback.requests) == 1  # the rest of the turn


def test_the_line_that_reproduces_an_error_goes_to_the_same_address(project, loopback):
    """What is printed to be run again asks the endpoint of this run, not the one that the spec names."""
    loopback.says(Answer(status=500, body={"error": "boom"}))
    project.write(SPEC, spec("http://127.0.0.1:9/v1", "first"))
    ended = project.cli("run", "--record", "all", "--base-url", loopback.base_url)
    assert ended.returncode == 4
    assert f"convrun run --base-url {loopback.base_url} --record all specs/a.yaml" in ended.stdout
