"""What recording takes, as it is quoted before: calls and tokens within a fifth of what it then uses."""

from __future__ import annotations

import json

import pytest
from live_specs import SPEC
from servers import Answer, chunk, event_stream, reply

from convrun.report.console import closing
from convrun.report.quote import quote_lines
from convrun.review.outlook import outlooks
from convrun.review.states import recording_states
from convrun.run.planning.options import RecordMode, Rehearsal, RunOptions

WORDS = "It is a long way to the next harbour, and the wind blows from the north all day long. "
CODE = '''
    """What the tools know."""

    def now() -> str:
        """Say what time it is."""
        return "2026-01-31 12:00"

    def weather(city: str) -> str:
        """Say what the weather is."""
        return "sunny in " + city
'''


def model(received, loopback):
    """A model whose replies are fixed by what it hears, and whose usage by how long that and they are."""
    body = received.body
    last = body["messages"][-1]
    content = last["content"] if isinstance(last["content"], str) else json.dumps(last["content"])
    if last["role"] == "user" and "weather" in content:
        said = reply(calls={"weather": {"city": "Oslo"}})
    elif last["role"] == "user" and "time" in content:
        said = reply(calls={"now": {}})
    else:
        said = reply(WORDS * (1 + ord(content[0]) % 3))
    message = said["choices"][0]["message"]
    usage = {
        "prompt_tokens": len(json.dumps(body)) // 4,
        "completion_tokens": len(json.dumps(message)) // 4,
        "total_tokens": 0,
    }
    loopback.said += usage["completion_tokens"]
    if not body.get("stream"):
        return said | {"usage": usage}
    delta = {key: value for key, value in message.items() if value}
    if "tool_calls" in delta:
        delta["tool_calls"] = [{"index": 0, **delta["tool_calls"][0]}]
    last = chunk() | {"choices": [], "usage": usage}
    stream = event_stream(chunk(**delta), chunk("tool_calls" if "tool_calls" in delta else "stop"), last)
    return Answer(body=stream, headers={"content-type": "text/event-stream"})


@pytest.fixture
def harbour(project, loopback):
    """A project with a spec of eight turns, two of which call tools, and a server that counts."""
    loopback.says(lambda received: model(received, loopback))
    project.loopback = loopback
    loopback.said = 0
    project.write("harbour.py", CODE)
    return project


def spec(harbour, *users, system="You are a pilot. " * 20, stream=False, cases=None):
    """Write the spec."""
    settings = {"name": "m", "base_url": harbour.loopback.base_url, "max_retries": 0, "stream": stream}
    written = {
        "model": settings,
        "system": system,
        "tools": ["harbour:now", "harbour:weather"],
        "turns": [{"user": text} for text in users],
    }
    harbour.write(SPEC, json.dumps(written | ({"cases": cases} if cases else {})))


def used(harbour):
    """The calls and tokens that recording uses now: what the server counts."""
    harbour.loopback.requests.clear()
    harbour.loopback.said = 0
    harbour.run(record="new_episodes", refresh=True)
    calls = [request.body for request in harbour.loopback.requests]
    return len(calls), sum(len(json.dumps(body)) // 4 for body in calls), harbour.loopback.said


def quote(harbour):
    """The quote, as `record` makes it: with the tools."""
    prepared = harbour.prepared()
    options = RunOptions(record=RecordMode.NEW_EPISODES, refresh=True, rehearsal=Rehearsal.WITH_TOOLS)
    results = harbour.run(record="new_episodes", refresh=True, rehearsal=Rehearsal.WITH_TOOLS).conversations
    pairs = list(zip(prepared.conversations, results, strict=True))
    (state,) = outlooks(prepared, options, [one for one in pairs if one[1].verdict != "unchecked"], environ={})
    return state


USERS = (
    "Good morning, who are you?", "Which way is the harbour?", "What is the weather there?", "Is it far to go?",
    "What time is it now?", "Shall we wait for the tide?", "Who will take the ropes?", "Thank you, that is all.",
)  # fmt: skip
LONG = "And tell me more of it, in as many words as you like, since there is nothing else to do today. " * 5
EDITS = {
    "the system prompt": lambda users: {"system": "You are a pilot, and polite. " * 30, "users": users},
    "the first question": lambda users: {"users": (users[0] + LONG, *users[1:])},
    "one in the middle": lambda users: {"users": (*users[:3], users[3] + LONG, *users[4:])},
    "the last one": lambda users: {"users": (*users[:-1], users[-1] + LONG)},
    "an inserted turn": lambda users: {"users": (*users[:3], "Are there any rocks?", *users[3:])},
    "a turn at the end": lambda users: {"users": (*users, "One last thing: where do I pay?")},
    "a removed turn": lambda users: {"users": (*users[:1], *users[2:])},
    "two edits": lambda users: {"users": (*users[:2], users[2] + LONG, *users[3:6], users[6] + LONG, users[7])},
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_quote_is_within_a_fifth_of_what_recording_takes(harbour, edit):
    """Calls, and tokens of the requests, for edits at the start, in the middle and at the end."""
    spec(harbour, *USERS)
    harbour.record()
    changed = EDITS[edit](USERS)
    spec(harbour, *changed.pop("users"), **changed)
    found = quote(harbour).quote
    assert found == recording_states(harbour.prepared(), RunOptions(), environ={}, whole=False).quote
    calls, tokens, answers = used(harbour)
    assert calls > 0
    assert found.calls == pytest.approx(calls, rel=0.2)
    assert found.input == pytest.approx(tokens, rel=0.2)
    assert found.output == pytest.approx(answers, rel=0.2)
    assert (found.usd, found.unpriced, found.at_least) == (None, ("m",), False)


def test_a_streamed_one_is_quoted_alike(harbour):
    """The usage stands in the last event."""
    spec(harbour, *USERS, stream=True)
    harbour.record()
    spec(harbour, *USERS, stream=True, system="You are a captain. " * 25)
    found = quote(harbour).quote
    calls, tokens, answers = used(harbour)
    assert (found.calls, found.input) == (calls, pytest.approx(tokens, rel=0.2))
    assert found.output == pytest.approx(answers, rel=0.2)


def test_a_tool_that_answers_otherwise_is_told_with_what_replaying_it_would_save(harbour):
    """Everything behind its result goes live, and nothing would if the recorded one were played."""
    spec(harbour, *USERS)
    harbour.record()
    harbour.edit("harbour.py", "12:00", "12:01")
    state = quote(harbour)
    assert state.saved == state.quote.calls
    calls, tokens, _ = used(harbour)
    assert (state.quote.calls, state.quote.input) == (calls, pytest.approx(tokens, rel=0.2))


def test_what_else_differs_is_not_saved(harbour):
    """A later question that was edited goes live all the same."""
    spec(harbour, *USERS)
    harbour.record()
    harbour.edit("harbour.py", "12:00", "12:01")
    spec(harbour, *USERS[:-1], "Thank you all.")
    state = quote(harbour)
    assert (state.quote.calls, state.saved) == (4, 3)


def test_missing_cases_are_quoted_by_those_that_are_recorded(harbour):
    """As an average one of them."""
    cases = [{"place": place} for place in ("Oslo", "Bergen", "Bodo")]
    users = ("Where is {{ place }}?", "What is the weather in {{ place }}?", "Thanks")
    spec(harbour, *users, cases=cases[:1])
    harbour.record()
    spec(harbour, *users, cases=cases)
    found = recording_states(harbour.prepared(), RunOptions(), environ={}, whole=True)
    calls, tokens, answers = used(harbour)
    assert found.quote.calls == calls == 8
    assert found.quote.input == pytest.approx(tokens, rel=0.2)
    assert found.quote.output == pytest.approx(answers, rel=0.2)


def test_a_recording_that_broke_off_is_quoted_by_what_it_has(harbour):
    """With no cassette, and no other case: the requests that are left grow as they did, and there may be more."""
    spec(harbour, *USERS[:2], "Is it far to go?", "Shall we wait for the tide?", "Thank you, that is all.")
    harbour.loopback.answers[:] = [lambda received: model(received, harbour.loopback)] * 3
    harbour.loopback.says(Answer(status=500))
    assert harbour.one(record="new_episodes", refresh=True).verdict == "error"
    found = recording_states(harbour.prepared(), RunOptions(), environ={}, whole=False)
    harbour.loopback.answers[:] = [lambda received: model(received, harbour.loopback)]
    calls, tokens, answers = used(harbour)
    assert [one.state for one in found.states] == ["partial"]
    assert (found.quote.calls, found.quote.at_least, calls) == (2, True, 2)
    assert found.quote.input == pytest.approx(tokens, rel=0.2)  # requests grow
    assert found.quote.output == pytest.approx(answers, rel=0.3)


def test_cases_that_one_edit_made_stale_are_one_cause(harbour):
    """As in a run: the words that differ hold the values of the cases."""
    cases = [{"place": place} for place in ("Oslo", "Bergen", "Bodo")]
    spec(harbour, "Where is {{ place }}?", cases=cases)
    harbour.run(record="all")
    spec(harbour, "Where do I find the {{ place }}-harbour?", cases=cases)
    assert len(closing(harbour.run()).split("STALE")) == 2
    (line,) = (one for one in harbour.cli("status").stdout.split("\n") if one.startswith("  user text"))
    assert line.endswith("::Oslo, specs/a.yaml::Bergen, specs/a.yaml::Bodo")
    results = harbour.run(record="new_episodes", refresh=True, rehearsal=Rehearsal.WITH_TOOLS).conversations
    prepared = harbour.prepared()
    pairs = list(zip(prepared.conversations, results, strict=True))
    lines = quote_lines(outlooks(prepared, RunOptions(record=RecordMode.NEW_EPISODES, refresh=True), pairs, environ={}))
    assert len(lines) == 3


def test_from_scratch_all_is_quoted(harbour):
    """As it was recorded."""
    spec(harbour, *USERS)
    harbour.record()
    tokens = sum(len(json.dumps(request.body)) // 4 for request in harbour.loopback.requests)
    prepared = harbour.prepared()
    (state,) = outlooks(prepared, RunOptions(), [(prepared.conversations[0], None)], environ={})
    assert (state.quote.calls, state.quote.input) == (10, pytest.approx(tokens, rel=0.01))


def test_dollars_are_those_of_the_price_list(harbour):
    """Call by call, for a model that has a price: within a fifth of what the recording then says it spent."""
    spec(harbour, *USERS)
    harbour.edit(SPEC, '"name": "m"', '"name": "gpt-4.1-mini", "provider": "openai"')
    harbour.edit(SPEC, f'"base_url": "{harbour.loopback.base_url}", ', "")
    key = {"OPENAI_API_KEY": "sk-loopback-0123456789"}
    harbour.run(record="all", environ=key, base_url=harbour.loopback.base_url)
    harbour.edit(SPEC, "Shall we wait", "Should we wait long")
    quoted = recording_states(harbour.prepared(), RunOptions(), environ={}, whole=False).quote
    run = harbour.run(record="new_episodes", refresh=True, environ=key, base_url=harbour.loopback.base_url)
    (result,) = run.conversations
    assert quoted.calls == result.live_calls == 3
    assert quoted.usd > 0
    assert quoted.usd == pytest.approx(result.spent.total_usd, rel=0.2)


def test_from_scratch_what_such_a_recording_has_left_is_taken_off(harbour):
    """An interrupted one is gone on with, so that only the rest costs."""
    spec(harbour, *USERS)
    harbour.record()
    harbour.loopback.answers[:] = [lambda received: model(received, harbour.loopback)] * 4
    harbour.loopback.says(Answer(status=500))
    assert harbour.one(record="all").verdict == "error"
    prepared = harbour.prepared()
    options = RunOptions(record=RecordMode.ALL, refresh=True)
    (state,) = outlooks(prepared, options, [(prepared.conversations[0], None)], environ={})
    assert state.quote.calls == 10 - 4
    harbour.loopback.answers[:] = [lambda received: model(received, harbour.loopback)]
    harbour.loopback.requests.clear()
    harbour.run(record="all")
    assert len(harbour.loopback.requests) == 6
