"""What faults make of replies of a Responses API: whatever they become, it is what a provider could have sent."""

from __future__ import annotations

import json

import pytest
from servers import called, event_stream, output, said, streamed, thought

from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.backends.responses_decoding import ResponsesDecoder
from convrun.errors import ProviderError
from convrun.run.playing.fault_replies import cut_off, malformed, read, saying, with_payloads
from convrun.wire import Reply, Request

REQUEST = Request(endpoint="responses", body={"input": []}, base_url="https://api.acme.test/v1")
CALLS = output(thought("Hm."), called("f", {"city": "Rome"}), called("g", call_id="call_2"), id="resp_7")
TEXT = output(said("Hello, you."), id="resp_7", status="incomplete", incomplete_details={"reason": "max_output_tokens"})


def came(whole, how):
    """A reply as it comes: parsed, as the bytes of a plain reply, or as those of a stream."""
    if how == "parsed":
        return Reply(status=200, headers={}, payloads=(whole,))
    body = event_stream(*streamed(whole), done=False) if how == "streamed" else json.dumps(whole).encode()
    return Reply(status=200, headers={}, body=[body[:30], body[30:]])


def decoded(reply):
    """The completion of a reply."""
    errors = ReplyErrors(provider="acme", headers={})
    return list(decode(reply, ResponsesDecoder(errors), errors))[-1]


WAYS = ["parsed", "plain", "streamed"]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("whole", [CALLS, TEXT], ids=["calls", "text"])
@pytest.mark.parametrize(
    ("fault", "text", "refusal"), [("refusal", "", "I'm sorry, but I can't help with that."), ("empty", "", None)]
)
def test_another_reply_takes_its_place(fault, text, refusal, whole, how):
    """A refusal, or nothing: no call is left, the reply has ended, and its id and usage are those that came."""
    reply, payloads = read(came(whole, how))
    found = decoded(with_payloads(reply, saying(fault, payloads)))
    refusals = [part.text for part in found.message.parts if type(part).__name__ == "RefusalPart"]
    assert (found.message.text, refusals) == (text, [refusal] if refusal else [])
    assert (found.message.tool_calls, found.finish_reason, found.id) == ((), "stop", "resp_7")
    assert (found.usage.input, found.usage.output) == (3, 2)


@pytest.mark.parametrize("how", WAYS)
def test_the_arguments_of_the_first_call_are_cut(how):
    """Half of the first call's arguments is left, and the other call is as it was."""
    reply, payloads = read(came(CALLS, how))
    changed, left = malformed(payloads)
    found = decoded(with_payloads(reply, changed)).message.tool_calls
    whole = CALLS["output"][1]["arguments"]
    assert [call.arguments for call in found] == [left, "{}"] == [whole[: len(whole) // 2], "{}"]
    assert decoded(came(CALLS, how)).message.tool_calls[0].arguments == whole


def test_without_a_call_there_is_nothing_to_cut():
    """A reply that calls nothing has no arguments."""
    assert malformed(read(came(TEXT, "plain"))[1]) is None


@pytest.mark.parametrize("how", WAYS)
def test_a_reply_is_cut_in_the_middle(how):
    """Its first half comes, then the connection ends."""
    reply, payloads = read(came(CALLS, how))
    reply, error = cut_off(REQUEST, reply, payloads)
    with pytest.raises(ProviderError) as caught:
        decoded(reply)
    assert caught.value is error


@pytest.mark.parametrize(
    "payload", [{"error": {"message": "no"}}, {"object": "list", "data": []}, {"type": "response.created"}]
)
def test_what_is_no_answer_stays(payload):
    """In an error, and in what says nothing, nothing is injected."""
    assert read(Reply(status=200, headers={}, payloads=(payload,)))[1] == ()
