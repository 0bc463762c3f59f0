"""What faults make of replies of any form: whatever they become, it is what a provider could have sent."""

from __future__ import annotations

import copy
import json

import pytest

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.errors import ProviderError
from convrun.run.playing.fault_replies import cut_off, malformed, read, saying, with_payloads
from convrun.wire import Reply, Request

USAGE = {"prompt_tokens": 3, "completion_tokens": 2}
REQUEST = Request(endpoint="chat/completions", body={"messages": []}, base_url="https://api.acme.test/v1")


def plain(**message):
    """A plain reply with this message."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "tool_calls"}
    return [{"id": "c-1", "model": "m", "choices": [choice], "usage": USAGE}]


def stream(*deltas, **last):
    """A stream of these deltas."""
    chunks = [{"id": "c-1", "model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    end = {"id": "c-1", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    return [*chunks, end, {"id": "c-1", "model": "m", "choices": [], "usage": USAGE, **last}]


def called(arguments, name="f", **more):
    """An entry of `tool_calls`."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def decoded(reply):
    """The completion of a reply."""
    errors = ReplyErrors(provider="acme", headers={})
    return list(decode(reply, ChatDecoder(errors), errors))[-1]


def replied(payloads):
    """A reply of these payloads."""
    return Reply(status=200, headers={}, payloads=tuple(payloads))


def sent(payloads):
    """The same as bytes, as they come from a server."""
    if "message" in payloads[0]["choices"][0]:
        body = json.dumps(payloads[0])
    else:
        body = "".join(f"data: {json.dumps(payload)}\n\n" for payload in payloads) + "data: [DONE]\n\n"
    return Reply(status=200, headers={"x-request-id": "r"}, body=[body[:20].encode(), body[20:].encode()])


REPLIES = {
    "plain text": plain(content="Hello, you."),
    "plain calls": plain(content=None, tool_calls=[called('{"a": 1}', id="c1"), called('{"b": 2}', id="c2")]),
    "plain call with a value": plain(tool_calls=[called({"a": 1}, id="c1")]),
    "plain call with nothing": plain(tool_calls=[called("", id="c1")]),
    "plain call without arguments": plain(tool_calls=[{"id": "c1", "function": {"name": "f"}}]),
    "plain call with a number": plain(tool_calls=[called("1234", id="c1")]),
    "plain old call": plain(function_call={"name": "f", "arguments": '{"a": 1}'}),
    "streamed text": stream({"role": "assistant"}, {"content": "Hello, "}, {"content": "you."}),
    "streamed calls": stream(
        {"role": "assistant", "content": ""},
        {"tool_calls": [called("", id="c1", index=0)]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '": 1}'}}]},
        {"tool_calls": [called('{"b": 2}', id="c2", index=1)]},
    ),
    "streamed call at once": stream({"tool_calls": [called('{"a": 1}', id="c1", index=0)]}),
    "streamed call without arguments": stream({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f"}}]}),
    "stream with the usage elsewhere": stream({"content": "Hello"}, usage=None, x_groq={"usage": USAGE}),
}
CALLS = [name for name in REPLIES if "call" in name]


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("fault", ["refusal", "empty"])
def test_another_message_stands_in_the_same_reply(name, fault):
    """Its words alone are other ones: form, id, model and usage stay."""
    payloads = REPLIES[name]
    before = copy.deepcopy(payloads)
    old, new = decoded(replied(payloads)), decoded(with_payloads(sent(payloads), saying(fault, payloads)))
    assert payloads == before
    assert (new.message.text, new.message.tool_calls, new.finish_reason) == ("", (), "stop")
    assert [part.text for part in new.message.parts] == (
        ["I'm sorry, but I can't help with that."] if fault == "refusal" else []
    )
    assert (new.id, new.model, new.usage, new.raw is None) == (old.id, old.model, old.usage, old.raw is None)


@pytest.mark.parametrize("name", CALLS)
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


@pytest.mark.parametrize("name", [name for name in REPLIES if name not in CALLS])
def test_without_a_call_nothing_is_malformed(name):
    """There is nothing to cut."""
    assert malformed(REPLIES[name]) is None


@pytest.mark.parametrize("name", REPLIES)
def test_a_cut_reply_breaks_off_within(name):
    """Something of it comes, and it is never whole."""
    reply, error = cut_off(REQUEST, sent(REPLIES[name]), REPLIES[name])
    errors = ReplyErrors(provider="acme", headers={})
    with pytest.raises(ProviderError, match="broke off before it was complete") as caught:
        list(decode(reply, ChatDecoder(errors), errors))
    assert caught.value is error
    assert (error.status, error.request_id, error.retryable, error.is_answer) == (200, "r", True, False)


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_is_read_to_its_end(name):
    """What comes as bytes is the same as what was recorded, and can be decoded once more."""
    live, payloads = read(sent(REPLIES[name]))
    assert payloads == REPLIES[name] == [*read(replied(REPLIES[name]))[1]]
    assert decoded(live) == decoded(sent(REPLIES[name]))


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
