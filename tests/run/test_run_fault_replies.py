"""What faults make of replies of both APIs, in any form: whatever they become, a provider could have sent it."""

from __future__ import annotations

import copy
import json

import pytest
from fault_samples import REPLIES, WITH_CALLS, WITHOUT_CALLS, replied
from servers import called, output, said

from convrun.errors import ProviderError
from convrun.run.playing.fault_replies import cut_off, malformed, read, saying, with_payloads
from convrun.wire import Reply


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("fault", ["refusal", "empty"])
def test_another_message_stands_in_the_same_reply(name, fault):
    """Its words alone are other ones: form, id, model and usage stay, and a reply that was cut is whole."""
    sample = REPLIES[name]
    before = copy.deepcopy(sample.payloads)
    old = sample.decoded(replied(sample.payloads))[-1]
    new = sample.decoded(with_payloads(sample.sent(), saying(fault, sample.payloads)))[-1]
    assert sample.payloads == before
    assert (new.message.text, new.message.tool_calls, new.finish_reason) == ("", (), "stop")
    words = ["I'm sorry, but I can't help with that."] if fault == "refusal" else sample.nothing
    assert [part.text for part in new.message.parts] == words
    assert (new.id, new.model, new.usage, new.raw is None) == (old.id, old.model, old.usage, old.raw is None)


@pytest.mark.parametrize("name", WITH_CALLS)
def test_the_first_call_alone_is_malformed(name):
    """Its arguments are no JSON any more, and are what is said and told to be left; all else stays."""
    sample = REPLIES[name]
    before = copy.deepcopy(sample.payloads)
    cut, left = malformed(sample.payloads)
    assert sample.payloads == before
    old = sample.decoded(replied(sample.payloads))[-1]
    *events, new = sample.decoded(replied(cut))
    first, *others = new.message.tool_calls
    assert first.arguments == left
    with pytest.raises(ValueError, match=r"."):
        json.loads(left)
    assert (others, new.finish_reason, new.usage) == ([*old.message.tool_calls[1:]], old.finish_reason, old.usage)
    assert (first.name, first.id) == (old.message.tool_calls[0].name, old.message.tool_calls[0].id)
    told = [event.chunk for event in events if event.index == 0 and event.type == "tool_call_args"]
    assert "".join(told) == left


@pytest.mark.parametrize("name", WITHOUT_CALLS)
def test_without_a_call_nothing_is_malformed(name):
    """There is nothing to cut."""
    assert malformed(REPLIES[name].payloads) is None


@pytest.mark.parametrize("name", REPLIES)
def test_a_cut_reply_breaks_off_within(name):
    """Something of it comes, and it is never whole."""
    sample = REPLIES[name]
    reply, error = cut_off(sample.request, sample.sent(), sample.payloads)
    with pytest.raises(ProviderError, match="broke off before it was complete") as caught:
        sample.decoded(reply)
    assert caught.value is error
    assert (error.status, error.request_id, error.retryable, error.is_answer) == (200, "r", True, False)


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_is_read_to_its_end(name):
    """What comes as bytes is the same as what was recorded, and can be decoded once more."""
    sample = REPLIES[name]
    live, payloads = read(sample.sent())
    assert payloads == sample.payloads == [*read(replied(sample.payloads))[1]]
    assert sample.decoded(live) == sample.decoded(sample.sent())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=429, headers={}, payloads=({"error": {"message": "slow"}},)),
        Reply(status=500, headers={}, body=[b"<html>oops</html>"]),
        Reply(status=200, headers={}, body=[b"<html>oops</html>"]),
        Reply(status=200, headers={}, payloads=({"error": {"message": "no"}},)),
        Reply(status=200, headers={}, payloads=("text",)),
        Reply(status=200, headers={}, body=[b'data: {"choices": [{"delta": {}}]}\n\ndata: {oops\n\n']),
        Reply(status=200, headers={}, payloads=({"choices": []},)),
        Reply(status=200, headers={}, body=[]),
        replied([output(status="failed", error={"message": "no"})]),
        replied([output(status="cancelled")]),
        replied([{"type": "response.failed", "response": output(said("a"), status="failed")}]),
        replied([{"type": "response.created", "response": {"id": "resp_1"}}]),
    ],
)
def test_what_is_no_answer_is_left_as_it_is(reply):
    """In an error, or what nobody can read, nothing is injected."""
    found, payloads = read(reply)
    assert (found.status, found.payloads, [*found.body], [*payloads]) == (
        reply.status,
        reply.payloads,
        [*reply.body],
        [],
    )


def test_a_time_out_says_what_it_is_and_uses_up_no_line_of_a_script(project):
    """There is no status and no host to tell of; the next turn hears the line that the call would have been given."""
    model = "model: {script: [{reply: One}, {reply: Two}]}"
    turns = "turns:\n- user: a\n  expect_error: {matches: TEXT}\n- user: b\n  expect: [equals: One]"
    spec = f"{model}\n{turns}\nfaults: [{{turn: 1, inject: timeout, times: 3}}]"
    project.write("specs/a.yaml", spec.replace("TEXT", "^no answer from the model in time$"))
    assert [one.verdict for one in project.run().conversations] == ["passed"]
    project.write("specs/a.yaml", spec.replace("TEXT", "status"))
    (check,) = project.run().conversations[0].turns[0].checks
    assert check.message.endswith("got no answer: 'no answer from the model in time'")


def test_a_fault_in_a_chain_of_items(project, loopback):
    """A refusal comes in the place of the recorded answer to a tool's result, over a Responses API, too."""
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
