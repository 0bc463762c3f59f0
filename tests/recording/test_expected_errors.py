"""Turns that expect the provider to refuse: recorded, replayed, judged, and left out of the history."""

import json

import pytest
from live_specs import CASSETTE, KEY, KEYED, SPEC, echo
from servers import Answer, chunk, event_stream, reply

TOO_LONG = {"error": {"message": "This model's maximum context length is 8", "code": "context_length_exceeded"}}
SLOW_DOWN = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
TOO_MUCH = Answer(status=400, body=TOO_LONG)
BUSY = Answer(status=429, body=SLOW_DOWN)
EXPECTED = {"status": 400, "matches": "context"}
STREAM_HEADERS = {"content-type": "text/event-stream"}


def written(project, loopback, *turns, model=(), **more):
    """A spec of these turns against the server, without retries."""
    named = {"name": "m", "base_url": loopback.base_url, "max_retries": 0, "timeout": "5s", **dict(model)}
    project.write(SPEC, json.dumps({"model": named, "turns": list(turns), **more}))


def said(text):
    """A turn whose reply is checked to repeat it."""
    return {"user": text, "expect": [{"equals": text}]}


def refused(text="Overflow?", **wanted):
    """A turn that is to be refused."""
    return {"user": text, "expect_error": wanted or EXPECTED}


def cassette(project):
    """The text of the recording."""
    return (project.root / CASSETTE).read_text("utf-8")


def seen(result):
    """What reports see of the turns, their place in the file apart."""
    return [
        (turn.verdict, turn.reply, turn.error and (turn.error.type, turn.error.message), turn.model_calls, turn.checks)
        for turn in result.turns
    ]


def test_an_expected_error_is_recorded_and_replayed(project, loopback):
    """The turn passes with its error and no reply, live and from the cassette, and the conversation goes on."""
    written(project, loopback, said("one"), refused(), said("two"), each_turn=[{"finish_reason": "stop"}])
    loopback.says(echo, TOO_MUCH, echo)
    recorded = project.record()
    assert (recorded.verdict, recorded.live_calls, recorded.model_calls) == ("passed", 3, 3)
    replayed = project.one()
    assert (replayed.verdict, replayed.live_calls, replayed.stale, replayed.findings) == ("passed", 0, None, ())
    assert seen(recorded) == seen(replayed)
    turn = replayed.turns[1]
    assert (turn.verdict, turn.reply, turn.finish_reason) == ("passed", None, None)
    assert turn.error.type == "ContextOverflowError"
    assert "maximum context length" in turn.error.message
    (check,) = turn.checks
    assert (check.kind, check.verdict, check.expected, check.where.line) == ("expect_error", "passed", EXPECTED, 1)
    assert check.actual == {"status": 400, "message": TOO_LONG["error"]["message"]}
    assert [len(one.checks) for one in replayed.turns] == [2, 1, 2]


def test_a_refused_turn_is_not_in_the_history(project, loopback):
    """What follows is sent as if the turn had not been: neither its text nor its system prompt is in it."""
    turn = {**refused(), "system": "Be brief."}
    written(project, loopback, said("one"), turn, said("two"), system="Be kind.")
    loopback.says(echo, TOO_MUCH, echo)
    project.record()
    sent = [[message["content"] for message in request.body["messages"]] for request in loopback.requests]
    assert sent == [["Be kind.", "one"], ["Be brief.", "one", "one", "Overflow?"], ["Be kind.", "one", "one", "two"]]
    assert project.one().verdict == "passed"


@pytest.mark.parametrize(
    ("answer", "wanted", "message"),
    [
        (BUSY, EXPECTED, "refuse with status 400 and a message that matches 'context', got status 429: 'slow down'"),
        (BUSY, {"status": 400}, "refuse with status 400, got status 429: 'slow down'"),
        (BUSY, {"matches": "context"}, "refuse with a message that matches 'context', got status 429: 'slow down'"),
        (
            Answer(status=429),
            {"matches": "x"},
            "refuse with a message that matches 'x', got status 429 without a message",
        ),
        (reply("Fine."), {"status": 400}, "refuse with status 400, got an answer: 'Fine.'"),
    ],
)
def test_another_answer_fails_the_turn(project, loopback, answer, wanted, message):
    """An answer and any other error fail the turn; nothing stops the recording, and replay says the same."""
    written(project, loopback, refused(**wanted, because="the window is small"), said("two"))
    loopback.says(answer, echo)
    run = project.run(record="all")
    (recorded,) = run.conversations
    assert (run.exit_code, recorded.verdict, recorded.live_calls) == (1, "failed", 2)
    replayed = project.one(keep_going=True)
    assert seen(recorded) == seen(replayed)
    (check,) = replayed.turns[0].checks
    assert check.message == f"expected the provider to {message}"
    assert check.because == "the window is small"
    assert [turn.verdict for turn in replayed.turns] == ["failed", "passed"]
    assert [turn.verdict for turn in project.one().turns] == ["failed", "skipped"]


def test_an_answer_that_was_not_wanted_is_in_the_history(project, loopback):
    """The model did say it: the turns behind it build on it, in the recording as on replay."""
    written(project, loopback, refused(), said("two"))
    loopback.says(echo)
    project.run(record="all")
    assert [len(request.body["messages"]) for request in loopback.requests] == [1, 3]
    assert project.one(keep_going=True).turns[1].verdict == "passed"


@pytest.mark.parametrize("expected", ["is {{ limit }}", "{file: _pattern.txt}"])
def test_the_pattern_is_a_template(project, loopback, expected):
    """`matches` may name vars and stand in a file."""
    project.write("specs/_pattern.txt", "length is {{ limit }}")
    written(project, loopback, {"user": "Hi", "expect_error": {"matches": "PATTERN"}}, vars={"limit": 8})
    project.edit(SPEC, '"PATTERN"', expected if expected.startswith("{file") else json.dumps(expected))
    loopback.says(TOO_MUCH)
    assert project.one(record="all").verdict == "passed"
    assert project.one().verdict == "passed"
    project.edit(SPEC, '"limit": 8', '"limit": 9')
    assert project.one().verdict == "failed"


def test_no_answer_is_not_the_providers_answer(project, loopback):
    """A server that cannot be reached, or hangs up, is an error whatever is expected; nothing is recorded."""
    written(project, loopback, refused(matches="."))
    loopback.says(Answer(body=TOO_LONG, cut=True))
    run = project.run(record="all")
    assert (run.exit_code, run.conversations[0].verdict) == (4, "error")
    assert not (project.root / CASSETTE).exists()


@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"{", b"oops", {"no": "choices"}])
def test_what_nobody_can_read_is_no_refusal(project, loopback, body):
    """A good status with something else than an answer is an error of the turn, not the one that is expected."""
    written(project, loopback, refused(matches="."))
    loopback.says(Answer(body=body))
    assert project.one(record="all").verdict == "error"
    assert not (project.root / CASSETTE).exists()


@pytest.mark.parametrize("first", [[], [chunk(role="assistant"), chunk(content="Once ")]])
@pytest.mark.parametrize("error", [TOO_LONG, {"object": "error", "message": "context", "code": 400}])
def test_an_error_within_a_stream_counts(project, loopback, first, error):
    """A stream that ends in an error is refused with the status that the error names, live and on replay."""
    error = {"error": {**TOO_LONG["error"], "code": 400}} if error is TOO_LONG else error
    written(project, loopback, refused(), said("two"), model={"stream": True})
    pieces = [event_stream(piece, done=False) for piece in (*first, error)]
    loopback.says(Answer(body=[*pieces, b'data: {"cut'], headers=STREAM_HEADERS), echo)
    recorded = project.record()
    assert (recorded.verdict, recorded.turns[0].reply) == ("passed", None)
    replayed = project.one()
    assert (replayed.verdict, replayed.stale, seen(replayed)) == ("passed", None, seen(recorded))


def test_an_error_after_tool_calls_counts(project, loopback):
    """The turn's calls are in its result and in the conversation's checks; its whole exchange is out of the history."""
    project.write("desk.py", "def look(word: str) -> str:\n    return word.upper()\n")
    checks = [{"called": "look"}, {"contains": "two"}, {"not": {"contains": "checking"}}]
    written(project, loopback, said("two"), refused(), tools=["desk:look"], expect=checks)
    calling = reply("checking", calls={"look": {"word": "a"}})
    loopback.says(echo, calling, TOO_MUCH)
    recorded = project.record()
    assert (recorded.verdict, recorded.live_calls) == ("passed", 3)
    assert [message["role"] for message in loopback.requests[2].body["messages"][2:]] == ["user", "assistant", "tool"]
    turn = recorded.turns[1]
    assert (turn.reply, turn.model_calls, turn.tool_calls[0].result) == (None, 2, "A")
    assert [check.verdict for check in recorded.checks] == ["passed"] * 3
    replayed = project.one()
    assert (replayed.verdict, seen(replayed)) == ("passed", seen(recorded))
    written(project, loopback, said("two"), refused(), said("three"), tools=["desk:look"], expect=checks[:1])
    loopback.answers[:] = [echo]
    assert project.one(record="new_episodes").live_calls == 1
    assert [message["content"] for message in loopback.requests[-1].body["messages"]] == ["two", "two", "three"]


def test_equal_requests_get_the_error_and_then_the_answer(project, loopback):
    """An error directly before an equal request is a retry for other turns, and the answer of one that expects it."""
    written(project, loopback, refused("Hi", status=429), refused("Hi", status=429), said("Hi"))
    loopback.says(BUSY, BUSY, echo)
    project.record()
    replayed = project.one()
    assert (replayed.verdict, replayed.findings) == ("passed", ())
    assert project.one(record="new_episodes").live_calls == 0
    written(project, loopback, said("Hi"))
    assert (project.one().verdict, project.one().findings) == ("passed", ())


def test_a_failed_call_of_another_turn_is_not_stored(project, loopback):
    """Without expect_error an error ends the recording, also behind a turn that has it."""
    written(project, loopback, refused(), said("two"))
    loopback.says(TOO_MUCH)
    assert project.one(record="all").verdict == "error"
    assert not (project.root / CASSETTE).exists()


def test_only_the_last_attempt_is_stored(project, loopback):
    """The SDK retries what passes; the error that stays is one interaction."""
    hurried = Answer(status=429, headers={"retry-after-ms": "10"}, body=SLOW_DOWN)
    written(project, loopback, refused(status=429), model={"max_retries": 2})
    loopback.says(hurried)
    recorded = project.record()
    assert (recorded.verdict, recorded.live_calls, len(loopback.requests)) == ("passed", 1, 3)
    assert cassette(project).count("user: Overflow?") == 1
    assert project.one().verdict == "passed"


def test_a_stored_error_holds_no_secret(project, loopback):
    """Its body is redacted, and of its headers the few are kept that all replies keep."""
    headers = {"x-account": "acme", "retry-after": "2", "set-cookie": "session=abc"}
    answer = Answer(status=401, headers=headers, body={"error": {"message": f"Incorrect API key provided: {KEY}"}})
    written(project, loopback, refused(status=401, matches="Incorrect API key"))
    project.write("convrun.toml", f'base_urls = ["{loopback.base_url}"]')
    loopback.says(answer)
    assert project.record(environ=KEYED).verdict == "passed"
    stored = cassette(project)
    assert "Incorrect API key provided: <OPENAI_API_KEY>" in stored
    assert "retry-after: '2'" in stored
    assert not any(secret in stored for secret in (KEY, "acme", "session"))
    assert project.one().verdict == "passed"


def test_a_changed_question_is_stale_and_stops_nothing(project, loopback):
    """Behind a stale request the error is shown as information, and the turns after it are played on."""
    written(project, loopback, said("one"), refused(), said("two"))
    loopback.says(echo, TOO_MUCH, echo)
    project.record()
    written(project, loopback, said("one"), refused(), said("two"), system="Be kind.")
    run = project.run()
    (found,) = run.conversations
    assert (run.exit_code, found.verdict, [turn.verdict for turn in found.turns]) == (3, "stale", ["stale"] * 3)
    assert [[(check.verdict, check.info) for check in turn.checks] for turn in found.turns] == [[("passed", True)]] * 3


def test_new_episodes_keeps_a_recorded_error(project, loopback):
    """The recorded refusal is played for free, and kept when the rest is replaced."""
    written(project, loopback, refused(), said("two"))
    loopback.says(TOO_MUCH, echo)
    project.record()
    written(project, loopback, refused(), said("three"))
    found = project.one(record="new_episodes")
    assert (found.verdict, found.live_calls) == ("passed", 1)
    assert project.one().verdict == "passed"


def test_templates_know_no_reply_of_a_refused_turn(project, loopback):
    """A template that reads what a refused turn would have said is a mistake before anything is asked."""
    later = {"user": "You said {{ turns[0].reply }}", "expect": [{"contains": "You"}]}
    written(project, loopback, refused(), later)
    loopback.says(TOO_MUCH, echo)
    (mistake,) = project.mistakes(record="all")
    assert "expects an error" in mistake
    assert loopback.requests == []


def test_a_refusal_alone_is_a_checked_conversation(project, loopback):
    """A conversation whose only turn expects an error passes, and is not unchecked; the JSON result has the error."""
    written(project, loopback, refused())
    loopback.says(TOO_MUCH)
    project.record()
    ended = project.cli("run", "--strict", "--report", "json")
    result = json.loads(ended.stdout)
    (turn,) = result["conversations"][0]["turns"]
    assert (ended.returncode, result["summary"]["passed"], result["summary"]["checks"]["passed"]) == (0, 1, 1)
    assert (turn["verdict"], turn["reply"], turn["error"]["type"]) == ("passed", None, "ContextOverflowError")
    shown = project.cli("run", "-v").stdout
    assert 'error: "127.0.0.1 answered 400: This model\'s maximum context length is 8"' in shown
    assert "passed expect_error" in shown
