"""Faults of a spec on recordings: injected on replay, left out of what is recorded, and recorded where more follows."""

from __future__ import annotations

import json
from time import perf_counter

import pytest
from live_specs import CASSETTE, SPEC, echo
from servers import Answer, chunk, event_stream, reply

CODE = """
def lookup(city: str) -> str:
    return f"It is warm in {city}."
"""
CALL = {"reply": "Warm.", "calls": {"lookup": {"city": "Rome"}}}


def written(project, loopback, turns, faults=(), **more):
    """A spec of these turns against the server."""
    model = {"name": "m", "base_url": loopback.base_url, "timeout": "5s", **more.pop("model", {})}
    project.write(SPEC, json.dumps({"model": model, "turns": turns, "faults": [*faults], **more}))


def said(text, *checks):
    """A turn whose reply is checked, by default to repeat it."""
    return {"user": text, "expect": [*checks] or [{"equals": text}]}


def refused(**wanted):
    """A turn that is to end in an error."""
    return {"user": "two", "expect_error": wanted}


REFUSED = said("two", {"refusal": True}, {"finish_reason": "stop"}, {"model_calls": 1})
EMPTY = said("two", {"equals": ""}, {"finish_reason": "stop"}, {"model_calls": 1})
# The fault, the model, the turn that it is in, and what is said of it.
CASES = [
    ({"inject": 429}, {}, said("two"), "429 once, then sent again"),
    ({"inject": 500, "times": 2}, {}, said("two"), "500 twice, then sent again"),
    ({"inject": "timeout", "times": 3}, {"max_retries": 3}, said("two"), "timeout 3 times, then sent again"),
    (
        {"inject": 429, "times": 3},
        {},
        refused(status=429, matches="^Rate limit reached"),
        "429 in each of 3 attempts",
    ),
    (
        {"inject": 500},
        {"max_retries": 0},
        refused(status=500, matches="had an error while processing"),
        "500 in its only attempt",
    ),
    (
        {"inject": "timeout", "times": 9},
        {"max_retries": 1},
        refused(matches="^no answer from 127.0.0.1 within 5 s$"),
        "timeout in each of 2 attempts",
    ),
    ({"inject": "cut_stream"}, {}, said("two"), "cut_stream once, then sent again"),
    (
        {"inject": "cut_stream"},
        {"max_retries": 0},
        refused(matches="^the reply of .* broke off before it was complete"),
        "cut_stream in its only attempt",
    ),
    (
        {"inject": "cut_stream"},
        {"stream": True},
        refused(status=200, matches="broke off before it was complete"),
        "cut_stream",
    ),
    (
        {"inject": "context_length"},
        {},
        refused(status=400, matches="maximum context length"),
        "context_length",
    ),
    ({"inject": "refusal"}, {}, REFUSED, "refusal"),
    ({"inject": "refusal"}, {"stream": True}, REFUSED, "refusal"),
    ({"inject": "empty"}, {}, EMPTY, "empty"),
    ({"inject": "empty"}, {"stream": True}, EMPTY, "empty"),
]
NAMES = [
    f"{fault['inject']}-{'-'.join([*map(str, model)])}-{number}" for number, (fault, model, *_) in enumerate(CASES)
]


@pytest.mark.parametrize(("fault", "model", "turn", "note"), CASES, ids=NAMES)
def test_each_fault_is_injected(project, loopback, fault, model, turn, note):
    """On a recording made without it, and while one is made: that costs no more calls, and holds what was said."""
    loopback.says(echo)
    written(project, loopback, [said("one"), said("two")], model=model)
    project.record()
    cassette = (project.root / CASSETTE).read_text("utf-8").partition("timings:")[0]
    asked = len(loopback.requests)

    written(project, loopback, [said("one"), turn], [{"turn": 2, **fault}], model=model)
    replayed = project.one()
    assert (replayed.verdict, replayed.live_calls, len(loopback.requests)) == ("passed", 0, asked)
    assert [one.faults for one in replayed.turns] == [(), (f"model call 1: {note}",)]
    assert [one.usage.input for one in replayed.turns] == [3, 0 if "expect_error" in turn else 3]

    began = perf_counter()
    recorded = project.record()
    assert (recorded.verdict, recorded.live_calls, len(loopback.requests)) == ("passed", 2, 2 * asked)
    assert perf_counter() - began < 5  # no attempt is waited for
    assert (project.root / CASSETTE).read_text("utf-8").partition("timings:")[0] == cassette
    assert [(one.verdict, one.faults, one.reply) for one in recorded.turns] == [
        (one.verdict, one.faults, one.reply) for one in replayed.turns
    ]


def test_what_follows_on_a_fault_is_an_error_until_it_is_recorded(project, loopback):
    """The error names the fault; `status` and `record` take the recording for stale, and record what follows alone."""
    loopback.says(echo)
    written(project, loopback, [said("one"), said("two"), said("three")])
    project.record()
    written(project, loopback, [said("one"), REFUSED, said("three")], [{"turn": 2, "inject": "refusal"}])
    broken = project.one()
    assert (broken.verdict, broken.stale, [turn.verdict for turn in broken.turns]) == (
        "error",
        None,
        ["passed", "passed", "error"],
    )
    error = broken.turns[2].error
    assert error.message == (
        "after the fault 'refusal' in turn 2, model call 1 the recording does not hold what comes next"
    )
    assert (error.type, error.fix) == ("StaleError", f"record it: convrun record {SPEC}")
    assert "what comes after the fault 'refusal' in turn 2, model call 1" in project.cli("status").stdout

    loopback.requests.clear()
    done = project.cli("record", "--only", "stale", SPEC, OPENAI_API_KEY="sk-loopback-0123456789")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [request.body["messages"][-1]["content"] for request in loopback.requests] == ["three"]
    replayed = project.one()
    assert (replayed.verdict, replayed.live_calls, replayed.findings) == ("passed", 0, ())


def test_a_turn_behind_an_expected_fault_goes_on_without_it(project, loopback):
    """Nothing of a turn that ended in an injected error is in the history; its own recording holds that."""
    loopback.says(echo)
    turns = [said("one"), refused(status=400), said("three")]
    written(project, loopback, turns, [{"turn": 2, "inject": "context_length"}])
    project.record()
    assert [len(request.body["messages"]) for request in loopback.requests] == [1, 3, 3]
    replayed = project.one()
    assert (replayed.verdict, replayed.live_calls, replayed.findings) == ("passed", 0, ())


def test_a_difference_before_the_fault_is_stale_as_ever(project, loopback):
    """So is one in the faulted request itself: nothing is injected there, and nothing counts."""
    loopback.says(echo)
    written(project, loopback, [said("one"), said("two")])
    project.record()
    fault = {"turn": 2, "inject": "refusal"}
    written(project, loopback, [said("one"), {**REFUSED, "system": "Be brief."}], [fault])
    found = project.one()
    assert (found.verdict, found.stale.turn, found.error) == ("stale", 2, None)
    assert [(turn.verdict, turn.faults) for turn in found.turns] == [("passed", ()), ("stale", ())]


def test_a_difference_after_a_fault_that_changed_nothing_is_stale(project, loopback):
    """Where the next attempt was answered, the recording has to go on as it did."""
    loopback.says(echo)
    written(project, loopback, [said("one"), said("two")])
    project.record()
    written(project, loopback, [said("one"), said("2")], [{"turn": 1, "inject": 429}])
    found = project.one()
    assert (found.verdict, found.stale.turn) == ("stale", 2)


def streamed_call(*pieces):
    """A stream that calls the tool, with its arguments in these pieces, and a second one."""
    first = chunk(tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": {"name": "lookup"}}])
    more = [chunk(tool_calls=[{"index": 0, "function": {"arguments": piece}}]) for piece in pieces]
    other = {
        "index": 1,
        "id": "c2",
        "type": "function",
        "function": {"name": "lookup", "arguments": '{"city": "Oslo"}'},
    }
    return event_stream(chunk(role="assistant"), first, *more, chunk(tool_calls=[other]), chunk("tool_calls"))


PLAIN_CALLS = reply(calls={"lookup": {"city": "Rome"}})
PLAIN_CALLS["choices"][0]["message"]["tool_calls"].append(
    {"id": "c2", "type": "function", "function": {"name": "lookup", "arguments": '{"city": "Oslo"}'}}
)


@pytest.mark.parametrize("policy", ["live", "replay", "verify"])
@pytest.mark.parametrize("stream", [False, True])
def test_malformed_arguments_are_what_the_engine_makes_of_them(project, loopback, policy, stream):
    """The model is told, and the other call is made; the recording that was made so holds what follows."""
    headers = {"content-type": "text/event-stream"}
    calls = Answer(body=streamed_call('{"ci', 'ty": ', '"Rome"}'), headers=headers) if stream else PLAIN_CALLS
    project.write("desk.py", CODE)
    wrong = {"called": {"tool": "lookup", "returns": {"matches": "^Error: the arguments are not a JSON object"}}}
    told = {"called": {"tool": "lookup", "with": {"city": "Oslo"}, "returns": "It is warm in Oslo."}}
    turns = [{"user": "How is it?", "expect": [wrong, told, {"model_calls": 2}]}]
    tools = [{"use": "desk:lookup", "policy": policy}]
    loopback.says(calls, echo)
    fault = {"turn": 1, "inject": "malformed_tool_json"}
    written(project, loopback, turns, [fault], tools=tools, model={"stream": stream})
    recorded = project.record()
    assert recorded.verdict == "passed", recorded
    sent = loopback.requests[-1].body["messages"]
    assert [message["content"] for message in sent if message["role"] == "tool"][1] == "It is warm in Oslo."
    replayed = project.one()
    assert (replayed.verdict, replayed.live_calls) == ("passed", 0), replayed
    (first, second) = replayed.turns[0].tool_calls
    assert (first.error is not None, second.error, type(first.arguments)) == (True, None, str)


def test_malformed_arguments_are_refused_for_a_tool_without_code(project, loopback):
    """The engine would not have called it either: its recorded result is not used."""
    tool = {"declare": {"name": "lookup"}, "policy": "stub", "returns": "It is warm."}
    turns = [{"user": "How is it?", "expect": [{"called": {"tool": "lookup", "returns": {"matches": "^Error: "}}}]}]
    loopback.says(reply(calls={"lookup": {"city": "Rome"}}), echo)
    faults = [{"turn": 1, "inject": "malformed_tool_json"}]
    written(project, loopback, turns, faults, tools=[tool])
    assert project.record().verdict == "passed"
    written(project, loopback, turns, faults, tools=[{"declare": {"name": "lookup"}}])
    found = project.one()
    assert (found.verdict, found.live_calls) == ("passed", 0)
    assert found.turns[0].tool_calls[0].error.startswith("ToolArgumentsError: the arguments are not a JSON object")


@pytest.mark.parametrize("policy", ["live", "replay", "verify", "stub", "declared"])
def test_a_tool_raises_whatever_its_policy(project, loopback, policy):
    """The call that is named raises, and no other; the code is not called, and the model is told."""
    project.write("desk.py", CODE.replace("return", "assert city != 'Rome'; return"))
    tools = {
        "stub": [{"use": "desk:lookup", "policy": "stub", "returns": "It is warm in Oslo."}],
        "declared": [{"declare": {"name": "lookup"}, "policy": "stub", "returns": "It is warm in Oslo."}],
    }.get(policy, [{"use": "desk:lookup", "policy": policy}])
    fault = {"tool": "lookup", "call": 2, "raise": "the disk of {{ owner }} is full"}
    checks = [
        {"called": {"tool": "lookup", "error": "the disk of Ann is full"}},
        {"called": {"tool": "lookup", "returns": "Error: the disk of Ann is full"}},
    ]
    oslo, rome = (reply(calls={"lookup": {"city": city}}) for city in ("Oslo", "Rome"))
    loopback.says(oslo, rome, echo)
    written(project, loopback, [{"user": "Where?", "expect": checks}], [fault], tools=tools, vars={"owner": "Ann"})
    assert project.record().verdict == "passed"
    replayed = project.one()
    assert (replayed.verdict, replayed.live_calls) == ("passed", 0)
    (turn,) = replayed.turns
    assert [(call.result, call.error) for call in turn.tool_calls] == [
        ("It is warm in Oslo.", None),
        ("Error: the disk of Ann is full", "RuntimeError: the disk of Ann is full"),
    ]
    assert turn.faults == ("lookup, call 2: raises the disk of Ann is full",)


def test_a_tool_that_raises_may_leave_the_recording_behind(project, loopback):
    """What the model would have said to the error is not known: an error that names the fault."""
    project.write("desk.py", CODE)
    loopback.says(PLAIN_CALLS, echo)
    tools = [{"use": "desk:lookup"}]
    written(project, loopback, [said("one", {"called": "lookup"})], tools=tools)
    project.record()
    fault = {"tool": "lookup", "raise": "no disk"}
    written(project, loopback, [said("one", {"called": "lookup"})], [fault], tools=tools)
    found = project.one()
    what = "after the fault in call 1 of 'lookup' the recording does not hold what comes next"
    assert (found.verdict, found.error.message, found.stale) == ("error", what, None)
    assert (found.error.where.file, found.turns[0].faults) == (SPEC, ("lookup, call 1: raises no disk",))


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ({"turn": 1, "model_call": 3, "inject": "empty"}, "turn 1 makes 2 model calls"),
        ({"turn": 2, "model_call": 2, "inject": 429}, "turn 2 makes 1 model call"),
        ({"tool": "lookup", "call": 4, "raise": "no disk"}, "'lookup' is called twice"),
        ({"tool": "other", "raise": "no disk"}, "'other' is called never"),
    ],
)
def test_a_fault_that_is_never_reached_is_an_error(project, loopback, fault, what):
    """Nothing is green that was not tried; what was paid for is recorded all the same."""
    project.write("desk.py", f"{CODE}\ndef other() -> str:\n    return ''\n")
    loopback.says(PLAIN_CALLS, reply("done"), reply("two"))
    turns = [said("one", {"equals": "done"}), said("two")]
    written(project, loopback, turns, [fault], tools=[{"use": "desk:lookup"}, {"use": "desk:other"}])
    for found in (project.record(), project.one()):
        assert (found.verdict, [turn.verdict for turn in found.turns]) == ("error", ["passed", "passed"])
        assert found.error.message.endswith(f"was never injected: {what}")


def test_a_fault_of_a_call_that_is_refused_has_nothing_to_change(project, loopback):
    """The error says that, and not that there is no such call."""
    loopback.says(echo, Answer(status=400, body={"error": {"message": "no"}}))
    turns = [said("one"), refused(status=400)]
    written(project, loopback, turns, [{"turn": 2, "inject": "empty"}])
    what = "the recorded reply to that call is an error: there is nothing to change"
    for found in (project.record(), project.one()):
        assert found.error.message == f"the fault 'empty' in turn 2, model call 1 was never injected: {what}"
        assert (found.verdict, found.error.fix) == ("error", "take it out, or name a call that is answered")


def test_a_fault_behind_a_failed_turn_is_no_second_error(project, loopback):
    """The conversation ended before it, and failed for that."""
    loopback.says(echo)
    turns = [said("one", {"equals": "other"}), said("two")]
    written(project, loopback, turns, [{"turn": 2, "inject": 429}])
    assert project.run(record="all").conversations[0].verdict == "failed"
    found = project.one()
    assert (found.verdict, found.error) == ("failed", None)


def test_each_conversation_of_a_spec_has_the_faults(project, loopback):
    """Cases, combinations of a matrix and samples: each is played with them, and its own values."""
    project.write("desk.py", CODE)
    checks = [{"called": {"tool": "lookup", "error": "no disk in {{ city }}"}}]
    project.write(
        SPEC,
        json.dumps(
            {
                "model": {"script": [{"call": "lookup", "with": {"city": "Rome"}}, {"reply": "done"}]},
                "tools": [{"use": "desk:lookup"}],
                "turns": [{"user": "{{ city }} {{ kind }}", "expect": checks}],
                "faults": [{"tool": "lookup", "raise": "no disk in {{ city }}"}, {"turn": 1, "inject": 500}],
                "cases": [{"city": "Rome"}, {"city": "Oslo"}],
                "matrix": {"kind": ["a", "b"]},
                "samples": {"times": 2},
            }
        ),
    )
    found = [one for group in project.run().conversations for one in group.singles]
    assert [(one.verdict, len(one.turns[0].faults)) for one in found] == [("passed", 2)] * 8


def test_what_hooks_ask_before_the_first_turn_has_no_fault(project, loopback):
    """Model calls are counted within a turn; its first call is the one that it makes itself."""
    project.write(
        "desk.py",
        """
        def ask(conversation):
            assert conversation.prompt("zero").text() == "zero"
            yield
            assert conversation.prompt("last").text() == "last"
        """,
    )
    loopback.says(echo)
    hooks = {"before_conversation": "desk:ask"}
    written(project, loopback, [said("one", {"refusal": True})], [{"turn": 1, "inject": "refusal"}], hooks=hooks)
    assert (project.record().verdict, project.one().verdict) == ("passed", "passed")


def test_a_name_that_is_unknown_in_what_is_raised_is_a_mistake(project, loopback):
    """As in all templates, before anything runs."""
    project.write("desk.py", CODE)
    fault = {"tool": "lookup", "raise": "no {{ disc }}"}
    written(project, loopback, [said("one")], [fault], tools=[{"use": "desk:lookup"}], vars={"disk": "C"})
    (mistake,) = project.mistakes()
    assert "unknown name 'disc'" in mistake
    assert "did you mean 'disk'?" in mistake


def test_a_secret_that_is_raised_is_told_by_its_name(project, loopback):
    """Neither the note on the fault nor the recording has its value."""
    secret = "s3cr3t 'with' \\ everything"
    project.write("desk.py", CODE)
    loopback.says(PLAIN_CALLS, echo)
    fault = {"tool": "lookup", "raise": "no {{ env.DISK }}"}
    checks = [{"called": {"tool": "lookup", "error": "no <DISK>"}}]
    turns = [{"user": "Hi", "expect": checks}]
    written(project, loopback, turns, [fault], tools=[{"use": "desk:lookup"}])
    project.write("convrun.toml", f"base_urls = [{json.dumps(loopback.base_url)}]")
    found = project.record(environ={"DISK": secret, "OPENAI_API_KEY": "sk-loopback-0123456789"})
    assert (found.verdict, found.turns[0].faults) == ("passed", ("lookup, call 1: raises no <DISK>",))
    assert "s3cr3t" not in (project.root / CASSETTE).read_text("utf-8")
