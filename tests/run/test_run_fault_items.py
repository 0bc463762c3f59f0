"""What faults make of replies of a Responses API, plain and streamed: what a provider could have sent."""

from __future__ import annotations

import copy
import json

import pytest
from servers import called, output, said, streamed, thought

from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.backends.responses_decoding import ResponsesDecoder
from convrun.errors import ProviderError
from convrun.run.playing.fault_replies import cut_off, malformed, read, saying, with_payloads
from convrun.wire import Reply, Request

REQUEST = Request(endpoint="responses", body={"input": []}, base_url="https://api.acme.test/v1")
TEXT = output(thought("Hm."), said("Hello, you."))
CALLED = output(thought("Hm."), called("f", {"a": 1}, call_id=""), called("g", {"b": 2}, call_id=""))
VALUE = output(called("f", arguments="12"), said("So."))
NOTHING = output(called("f", arguments=""))
REPLIES = {
    f"{form} {name}": streamed(whole) if form == "streamed" else [whole]
    for form in ("plain", "streamed")
    for name, whole in {"text": TEXT, "calls": CALLED, "call with a number": VALUE, "empty call": NOTHING}.items()
}
REPLIES["streamed calls that are not told again"] = [
    *streamed(CALLED)[:-1],
    {"type": "response.completed", "response": CALLED | {"output": []}},
]
WITH_CALLS = [name for name in REPLIES if "call" in name]


def decoded(reply):
    """The completion of a reply."""
    errors = ReplyErrors(provider="acme", headers={})
    return list(decode(reply, ResponsesDecoder(errors), errors))[-1]


def replied(payloads):
    """A reply of these payloads."""
    return Reply(status=200, headers={}, payloads=tuple(payloads))


def sent(payloads):
    """The same as bytes, as they come from a server."""
    events = "".join(f"event: {payload.get('type')}\ndata: {json.dumps(payload)}\n\n" for payload in payloads)
    body = (events if len(payloads) > 1 else json.dumps(payloads[0])).encode()
    return Reply(status=200, headers={"x-request-id": "r"}, body=[body[:20], body[20:]])


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("fault", ["refusal", "empty"])
def test_another_item_stands_in_the_same_reply(name, fault):
    """Its words alone are other ones: form, id, model and usage stay, and a reply that was cut is whole."""
    payloads = REPLIES[name]
    before = copy.deepcopy(payloads)
    old, new = decoded(replied(payloads)), decoded(with_payloads(sent(payloads), saying(fault, payloads)))
    assert payloads == before
    assert (new.message.text, new.message.tool_calls, new.finish_reason) == ("", (), "stop")
    words = "I'm sorry, but I can't help with that." if fault == "refusal" else ""
    assert [part.text for part in new.message.parts] == [words]
    assert (new.id, new.model, new.usage, new.raw is None) == (old.id, old.model, old.usage, old.raw is None)


@pytest.mark.parametrize("name", WITH_CALLS)
def test_the_first_call_alone_is_malformed(name):
    """Its arguments are no JSON any more, and are what is said to be left; all else stays."""
    payloads = REPLIES[name]
    before = copy.deepcopy(payloads)
    cut, left = malformed(payloads)
    assert payloads == before
    old, new = decoded(replied(payloads)), decoded(replied(cut))
    first, *others = new.message.tool_calls
    assert first.arguments == left
    with pytest.raises(ValueError, match=r"."):
        json.loads(left)
    assert (others, new.finish_reason, new.usage) == ([*old.message.tool_calls[1:]], old.finish_reason, old.usage)
    assert (first.name, first.id) == (old.message.tool_calls[0].name, old.message.tool_calls[0].id)
    told = [event.chunk for event in decode_events(cut) if event.index == 0 and event.type == "tool_call_args"]
    assert "".join(told) == left


def decode_events(payloads):
    """The events of a reply of these payloads."""
    errors = ReplyErrors(provider="acme", headers={})
    return list(decode(replied(payloads), ResponsesDecoder(errors), errors))[:-1]


@pytest.mark.parametrize("name", [name for name in REPLIES if name not in WITH_CALLS])
def test_without_a_call_nothing_is_malformed(name):
    """There is nothing to cut."""
    assert malformed(REPLIES[name]) is None


@pytest.mark.parametrize("name", REPLIES)
def test_a_cut_reply_breaks_off_within(name):
    """Something of it comes, and it is never whole."""
    reply, error = cut_off(REQUEST, sent(REPLIES[name]), REPLIES[name])
    errors = ReplyErrors(provider="acme", headers={})
    with pytest.raises(ProviderError, match="broke off before it was complete") as caught:
        list(decode(reply, ResponsesDecoder(errors), errors))
    assert caught.value is error


@pytest.mark.parametrize(
    "whole",
    [
        [output(status="failed", error={"message": "no"})],
        [output(status="cancelled")],
        [{"type": "response.failed", "response": output(said("a"), status="failed")}],
        [{"type": "response.created", "response": {"id": "resp_1"}}],
    ],
)
def test_what_is_no_answer_is_left_as_it_is(whole):
    """In a reply that failed, or is none, nothing is injected."""
    assert read(replied(whole))[1] == ()


def test_a_spec_has_its_faults(project, loopback):
    """A refusal and cut arguments come in the place of what was recorded, and the chain goes on as it does in life."""
    loopback.says(output(called("add", {"a": 1, "b": 2})), output(said("3"), id="resp_2"))
    project.write("desk.py", 'def add(a: int, b: int) -> int:\n    """Add."""\n    return a + b\n')
    spec = {
        "model": {"name": "m", "api": "responses", "base_url": loopback.base_url},
        "tools": ["desk:add"],
        "turns": [{"user": "1 + 2?", "expect": [{"equals": "3"}]}],
    }
    project.write("specs/a.yaml", json.dumps(spec))
    assert project.one(record="all").verdict == "passed"
    refused = [{"user": "1 + 2?", "expect": [{"refusal": True}, {"model_calls": 2}]}]
    faults = [{"turn": 1, "model_call": 2, "inject": "refusal"}]
    project.write("specs/a.yaml", json.dumps(spec | {"turns": refused, "faults": faults}))
    found = project.one()
    assert (found.verdict, found.turns[0].faults) == ("passed", ("model call 2: refusal",))
