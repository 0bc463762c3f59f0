"""Cassettes of a Responses API: each item once, replies that read, streams that are the same events again."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from counting import calls_made
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from response_conversations import (
    SEALED,
    asked,
    called,
    conversation,
    events,
    response,
    result,
    said,
    sent,
    thought,
    tools_called,
    user,
)

from convrun.cassette.interaction import Recording
from convrun.cassette.playing import Player
from convrun.cassette.stored.format import read
from convrun.cassette.stored.writing import write
from convrun.errors import CassetteError
from convrun.values import equal

WRITTEN = """\
version: convrun/1
interactions:
- request:
    url: https://api.openai.com/v1/responses
    model: gpt-5-mini
    options: {stream: true}
    tools:
    - type: function
      name: upper
      description: Return the text in capitals.
      parameters: {type: object, properties: {text: {type: string}}, required: [text]}
      strict: false
    instructions: Be brief.
    input:
    - user: Shout panda
  response:
    id: resp_1
    output:
    - reasoning: [It wants capitals.]
      id: rs_1
      encrypted_content: SEALED
    - call: upper
      arguments: {text: panda}
      style: spaced
      id: call_1
      item: fc_1
    deltas: [summary-1 5x3 3, arguments-2 5x3 2]
    usage: {input_tokens: 11, input_tokens_details: {cached_tokens: 4}, output_tokens: 7, \
output_tokens_details: {reasoning_tokens: 2}, total_tokens: 18}
    extra: {service_tier: default}
    model: gpt-5-mini-2025-08-07
- request:
    input:
    - tool: PANDA
      id: call_1
  response:
    id: resp_2
    output:
    - text: PANDA!
      id: msg_1
    deltas: text-1 5 1
"""
texts = st.text(max_size=12)
parts = st.builds(
    lambda text, more: {"type": "output_text", "text": text, **more},
    texts,
    st.sampled_from(
        [{}, {"annotations": []}, {"annotations": [], "logprobs": []}, {"annotations": [{"type": "url", "url": "u"}]}]
    ),
)
more = st.dictionaries(
    st.sampled_from(["id", "status", "phase", "raw", "text", "part", "item", "name", "style"]),
    texts | st.none(),
    max_size=3,
)
items = st.one_of(
    st.builds(
        lambda parts, rest: {"type": "message", "role": "assistant", "content": parts, **rest},
        st.lists(parts, max_size=2),
        more,
    ),
    st.builds(
        lambda role, text, rest: {"role": role, "content": text, **rest},
        st.sampled_from(["user", "assistant", "developer"]),
        texts | st.none() | st.lists(parts, max_size=2),
        more,
    ),
    st.builds(
        lambda name, given_arguments, rest: {
            "type": "function_call",
            "name": name,
            "arguments": given_arguments,
            **rest,
        },
        texts,
        texts | st.sampled_from(['{"a": 1}', "{}", '{"a":1.0}']),
        more,
    ),
    st.builds(
        lambda output, rest: {"type": "function_call_output", "output": output, "call_id": "c", **rest}, texts, more
    ),
    st.builds(
        lambda summary, rest: {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": one} for one in summary],
            **rest,
        },
        st.lists(texts, max_size=2),
        more,
    ),
    st.dictionaries(st.sampled_from(["type", "role", "content", "summary", "raw"]), texts, max_size=3),
)
slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_a_conversation_reads_well() -> None:
    """What is written is what a reviewer wants to know: who says what, calls, results, and of thoughts each once."""
    text = write(tools_called(streamed=True))
    assert text.replace(SEALED, "SEALED").startswith(WRITTEN)
    assert text.count(SEALED) == text.count("It wants capitals.") == text.count("Return the text in capitals.") == 1


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("by_id", [False, True])
def test_requests_and_replies_are_rebuilt(streamed: bool, by_id: bool) -> None:
    """Requests are the same JSON again, and replies the same payloads, event by event."""
    recording = tools_called(streamed=streamed, by_id=by_id)
    again = read(write(recording), recording.file)
    assert again.interactions == recording.interactions
    assert write(again) == write(recording)


def test_a_response_that_goes_on_is_named() -> None:
    """`continues: true` is the id of the reply before; that of another response is written."""
    text = write(tools_called(by_id=True))
    assert text.count("    continues: true\n") == 2
    assert text.count("resp_2") == 1
    first, _, third = tools_called(by_id=True).interactions
    text = write(Recording(interactions=(first, third)))
    assert "    continues: resp_2\n" in text
    assert read(text, "x").interactions == (first, third)


def test_what_repeats_the_request_is_not_kept() -> None:
    """The id stays, usage too; dates and what the response repeats of its request go."""
    reply = tools_called().interactions[0].reply
    (payload,) = reply.payloads or ()
    assert isinstance(payload, dict)
    assert list(payload) == ["id", "object", "status", "model", "service_tier", "output", "usage"]


@slow
@given(pairs=st.lists(st.tuples(st.lists(items, max_size=3), st.lists(items, max_size=3)), min_size=1, max_size=3))
def test_any_items_read_back(pairs: list[tuple[list[Any], list[Any]]]) -> None:
    """Whatever items a request or a reply has, they are the same JSON again."""
    recording = conversation(*pairs)
    again = read(write(recording), "x")
    for before, after in zip(recording.interactions, again.interactions, strict=True):
        assert json.dumps(before.request.body, sort_keys=True) == json.dumps(after.request.body, sort_keys=True)
        assert before.reply == after.reply


ODD: dict[str, Any] = {
    "a text as its input": {"input": "Hi"},
    "an item that is none": {"input": [user("Hi"), "there"]},
    "no input": {},
    "null for what is written where it changes": {"input": [user("Hi")], "tools": None, "instructions": None},
    "messages": {"messages": [user("Hi")]},
    "a response that is null": {"input": [user("Hi")], "previous_response_id": None},
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_an_odd_request_is_kept_as_it_was(body: dict[str, Any]) -> None:
    """What a difference cannot say is stored whole, and what comes behind it is right."""
    usual = tools_called().interactions
    recording = Recording(interactions=(usual[0], asked({"model": "m"} | body, response(said("Hi"))), *usual[1:]))
    again = read(write(recording), "x")
    for before, after in zip(recording.interactions, again.interactions, strict=True):
        assert equal(before.request.body, after.request.body)
        assert before.reply == after.reply


def changed(*changes: tuple[str, str]) -> bytes:
    """Return the stream of a reply with something in it replaced."""
    text = events(response(thought("Well."), said("Hello there"))).decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


STRANGE = {
    "a search": changed(("response.content_part.added", "response.web_search_call.searching")),
    "another text at the end": changed(('"delta": "Hello"', '"delta": "Hallo"')),
    "an end that is missing": changed(("response.completed", "response.failed")),
    "an item too many": changed(('"output_index": 1', '"output_index": 2')),
    "a type that is none": changed(('"type": "response.output_text.done"', '"type": ["response."]')),
    "a number for a piece": changed(('"delta": "Hello"', '"delta": 5')),
}


@pytest.mark.parametrize("stream", STRANGE.values(), ids=STRANGE)
def test_a_strange_stream_is_kept_event_by_event(stream: bytes) -> None:
    """Events that cannot be rebuilt from what they come to are stored as they came."""
    recording = Recording(interactions=(asked({"model": "m", "input": [user("Hi")]}, stream),))
    text = write(recording)
    assert "    chunks:\n" in text
    assert read(text, "cassette") == Recording(interactions=recording.interactions, file="cassette")


def test_an_incomplete_reply_and_a_refusal() -> None:
    """Why a reply ended stands beside it; a refusal comes in pieces, too."""
    cut = response(said("Once upon", status="incomplete"), status="incomplete")
    cut["incomplete_details"] = {"reason": "max_output_tokens"}
    refusal = said("", 2) | {"content": [{"type": "refusal", "refusal": "I cannot help."}]}
    body = {"model": "m", "input": [user("Hi")]}
    recording = Recording(
        interactions=(
            asked(body, events(cut, end="response.incomplete")),
            asked(body | {"temperature": 1}, cut),
            asked(body | {"temperature": 0}, events(response(refusal, number=2))),
        )
    )
    text = write(recording)
    line = "    response: {status: incomplete, incomplete_details: {reason: max_output_tokens}}\n"
    assert text.count(line) == 2
    assert "    deltas: refusal-1 5x2 4\n" in text
    assert read(text, "cassette").interactions == recording.interactions


DAMAGED = {
    "output: {}": "'output' is a list, and 'response' is a mapping",
    "output: [{text: a, call: b}]": "an item names one of text, call, reasoning, tool,",
    "output: [{call: b}]": "a 'call' has 'arguments'",
    "output: [{reasoning: why}]": "'reasoning' is a list of its summary's texts, not 'why'",
    "output: [{text: a, part: b}]": "'part' is a mapping, not 'b'",
    "output: [7]": "an item is a mapping, not 7",
    "output: []\n    deltas: text-1 5": "there is nothing that the deltas could be pieces of",
    "output: [{text: abc}]\n    deltas: text-1 5": "the lengths of the deltas do not add up to the text",
    "output: [{text: abc}]\n    deltas: text-0 3": "'text-0' is no text of a response that comes in pieces",
    "output: [{text: abc}]\n    deltas: words-1 3": "'words-1' is no text of a response that comes in pieces",
}


@pytest.mark.parametrize(("node", "what"), DAMAGED.items(), ids=DAMAGED)
def test_a_damaged_reply_is_an_error(node: str, what: str) -> None:
    """What stands for no reply is refused with what is wrong in it."""
    text = write(Recording(interactions=(asked({"model": "m", "input": []}, response()),)))
    head, _, rest = text.partition("    output: []\n")
    assert rest
    with pytest.raises(CassetteError, match="interaction 1") as caught:
        read(redigested(f"{head}    {node}\n{rest}"), "x")
    assert what in caught.value.what


REQUESTS = {
    "input: 7": "'input' is a list",
    "input: [7]": "an item is a mapping, not 7",
    "keep: 4": "'keep' is at most 0 here, the items of the request before and its reply, not 4",
    "continues: true": "'continues: true' has no reply with an id before it",
    "continues: 7": "'continues' is true or the id of a response, not 7",
    "options: 7": "'options' is a mapping",
}


@pytest.mark.parametrize(("node", "what"), REQUESTS.items(), ids=REQUESTS)
def test_a_damaged_request_is_an_error(node: str, what: str) -> None:
    """What stands for no request is refused with what is wrong in it."""
    text = write(Recording(interactions=(asked({"model": "m", "input": [user("Hi")]}, response()),)))
    head, _, rest = text.partition("    input:\n    - user: Hi\n")
    assert rest
    with pytest.raises(CassetteError, match="interaction 1") as caught:
        read(redigested(f"{head}    {node}\n{rest}"), "x")
    assert what in caught.value.what


def test_items_of_another_api_are_an_error() -> None:
    """`input` in a request that goes to chat completions is no chat."""
    text = write(Recording(interactions=(asked({"model": "m", "input": [user("Hi")]}, response()),)))
    with pytest.raises(CassetteError, match="are for requests to 'responses'"):
        read(redigested(text.replace("v1/responses", "v1/chat/completions")), "x")


def redigested(text: str) -> str:
    """Return the text of a cassette with the digests of what it holds now."""
    from convrun.cassette.stored.format import chained_digest
    from convrun.document import read_values

    document: Any = read_values(text, "x")
    digests = [chained_digest(node, "") for node in document["interactions"]]
    head, _, _ = text.partition("digests: ")
    return f"{head}digests: [{', '.join(map(repr, digests))}]\n"


def turns(count: int) -> Recording:
    """Return a conversation of so many turns, each with a call."""
    steps: list[tuple[list[Any], list[Any]]] = []
    for number in range(count):
        steps.append(([user(f"Shout word {number}")], [thought(number=number), called("upper", number, text="word")]))
        steps.append(([result("WORD", number)], [said("It is WORD.", number)]))
    return conversation(*steps)


@pytest.mark.parametrize("by_id", [False, True])
def test_growth_is_linear(by_id: bool) -> None:
    """The text of a conversation, and the work of writing and replaying it, grow with the turns, not their square."""
    sizes, work, writing = [], [], []
    replay(write(turns(2)))  # what is loaded and made once is no growth
    for count in (10, 20, 40):
        recording = turns(count)
        text, calls = calls_made(partial(write, recording))
        sizes.append(len(text))
        writing.append(calls)
        work.append(calls_made(partial(replay, text))[1])
    assert sizes[2] - sizes[1] < 2.1 * (sizes[1] - sizes[0])
    for each in (work, writing):
        assert each[2] - each[1] < 2.3 * (each[1] - each[0])


def replay(text: str) -> None:
    """Read a cassette and play all its requests against it."""
    recording = read(text, "x")
    player = Player(recording)
    for item in recording.interactions:
        assert player.play(sent(item)) is not None
    assert player.unplayed == ()
