"""The file format: what is written reads back the same, is small, and is reviewed easily."""

from __future__ import annotations

import difflib
import json
from dataclasses import replace
from typing import Any

import pytest
from cassette_conversations import URL, call, completion, exchange, interaction, stream, tool_conversation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convrun.cassette.interaction import Recording
from convrun.cassette.stored.emitting import emit, escaped
from convrun.cassette.stored.format import read
from convrun.cassette.stored.json_text import unescaped
from convrun.cassette.stored.streams import fold
from convrun.cassette.stored.writing import write
from convrun.document import read_values
from convrun.errors import CassetteError
from convrun.values import equal

texts = st.text(
    alphabet=st.one_of(st.characters(), st.sampled_from(" \n\t'\":#-?|>%@`&*!{}[],.\r\u2028\x85\ufeff😀\ud800"))
) | st.sampled_from(
    [
        "no",
        "12:30",
        "1_000",
        "0x1f",
        "2024-01-01",
        "~",
        "",
        " ",
        "\n",
        " a",
        "a\n",
        "a\n\n",
        "\n a",
        "- a",
        "a: b",
        "null",
        "1e5",
        "\ta\nb",
        "a\n  ",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
arguments = st.one_of(
    st.sampled_from(["", "{}", '{"a": 1}', '{"a":1.0,"b":[true]}', '{"ä": "ß"}', "not json", "null", "[1]", None]),
    texts,
)
calls = st.lists(
    st.builds(
        lambda identifier, name, given_arguments: {
            "id": identifier,
            "type": "function",
            "function": {"name": name, "arguments": given_arguments},
        },
        texts,
        texts,
        arguments,
    ),
    min_size=1,
    max_size=3,
)
messages = st.one_of(
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["user", "system", "assistant", "tool"]),
        values,
    ),
    st.builds(
        lambda content, made: {"role": "assistant", "content": content, "tool_calls": made}, st.none() | texts, calls
    ),
    st.builds(lambda made: {"role": "assistant", "tool_calls": made}, calls),
    st.builds(
        lambda content, identifier: {"role": "tool", "content": content, "tool_call_id": identifier}, texts, texts
    ),
    st.dictionaries(texts | st.sampled_from(["role", "content", "raw", "id", "calls"]), values, max_size=3),
)
bodies = st.builds(
    lambda model, said, options, tools: {"messages": said} | options | model | tools,
    st.just({}) | st.builds(lambda name: {"model": name}, texts | st.none()),
    st.lists(messages, max_size=4),
    st.dictionaries(st.sampled_from(["temperature", "stop", "metadata"]), values, max_size=2),
    st.just({}) | st.builds(lambda tools: {"tools": tools}, values),
)
replies = st.one_of(
    st.builds(completion, st.none() | texts, st.just([]) | calls),
    values,
    st.binary(max_size=20),
    st.lists(texts, max_size=5).map(stream),
)
slow = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@slow
@given(value=values)
def test_any_value_survives_the_emitter(value: Any) -> None:
    """What the emitter writes reads back the same, to the type and the character."""
    document = {"first": escaped(value), "list": [{"second": escaped(value)}, escaped(value)]}
    read_back: Any = read_values(emit(document, {}), "x")
    assert repr(unescaped(read_back["first"])) == repr(value)
    assert repr(read_back) == repr(document)


@slow
@given(value=values)
def test_cautious_writing_survives_too(value: Any) -> None:
    """With every text in double quotes the same values read back."""
    document = {"first": escaped(value)}
    assert repr(read_values(emit(document, {0: frozenset({"first"})}, cautious=True), "x")) == repr(document)


@slow
@given(pairs=st.lists(st.tuples(bodies, replies), max_size=5))
def test_any_conversation_reads_back(pairs: list[tuple[Any, Any]]) -> None:
    """Requests read back equal as JSON, replies with all that is stored of them."""
    recording = Recording(interactions=tuple(interaction(body, reply) for body, reply in pairs))
    again = read(write(recording), "cassette")
    for before, after in zip(recording.interactions, again.interactions, strict=True):
        assert equal(before.request.body, after.request.body)
        assert before.request == replace(after.request, body=before.request.body)
        if before.reply.stream:
            assert fold(after.reply.payloads or ()) == fold(before.reply.payloads or ())
        else:
            assert after.reply == before.reply


@slow
@given(conversation=st.lists(st.tuples(texts, texts), min_size=1, max_size=6), streamed=st.booleans())
def test_a_conversation_of_any_texts_reads_back(conversation: list[tuple[str, str]], streamed: bool) -> None:
    """A growing chat of arbitrary texts comes back message by message, and no text is written twice."""
    recording = exchange(conversation, streamed=streamed)
    again = read(write(recording), recording.file)
    assert [item.request for item in again.interactions] == [item.request for item in recording.interactions]
    assert "\n    keep: " not in write(recording)


def test_a_cassette_looks_like_a_conversation() -> None:
    """Each message stands once, as YAML, with what changed."""
    assert (
        write(tool_conversation())
        == f"""\
version: convrun/1
interactions:
- request:
    url: {URL}
    model: gpt-4.1-mini
    options: {{temperature: 0}}
    tools:
    - type: function
      function:
        name: upper
        description: Return the text in capitals.
        parameters: {{type: object, properties: {{text: {{type: string}}}}, required: [text]}}
    system: Use tools.
    messages:
    - user: Shout panda
  response:
    calls:
    - id: call_7
      name: upper
      arguments: {{text: panda}}
      style: spaced
    finish_reason: tool_calls
    usage: {{prompt_tokens: 11, completion_tokens: 7, total_tokens: 18}}
    model: gpt-4.1-mini-2025-04-14
- request:
    messages:
    - tool: PANDA
      id: call_7
  response:
    text: PANDA!
    finish_reason: stop
    usage: {{prompt_tokens: 11, completion_tokens: 7, total_tokens: 18}}
- request:
    messages:
    - user: Thanks
  response:
    text: You are welcome.
    finish_reason: stop
    usage: {{prompt_tokens: 11, completion_tokens: 7, total_tokens: 18}}
timings: [100, 100, 100]
digests: {write(tool_conversation()).splitlines()[-1].removeprefix("digests: ")}
"""
    )


def test_texts_with_line_breaks_are_blocks_and_streams_are_whole_texts() -> None:
    """A streamed reply of several lines is one block of text, with the lengths of its pieces on one line."""
    written = write(exchange([("Two lines\nplease", "One line\nand one more.")], streamed=True))
    assert "    - user: |-\n        Two lines\n        please\n" in written
    assert "    text: |-\n      One line\n      and one more.\n    deltas: text 5x4 2\n" in written


@pytest.mark.parametrize("streamed", [False, True])
def test_growth_is_linear(streamed: bool) -> None:
    """400 turns of 300 characters take under 500 KB, and at most 2.1 times what 200 take."""
    turns = [
        (f"{number:03d} {'question ' * 33}"[:300], f"{number:03d} {'answered ' * 33}"[:300]) for number in range(400)
    ]
    long, half = (len(write(exchange(turns[:count], streamed=streamed)).encode()) for count in (400, 200))
    assert long < 500_000
    assert long <= 2.1 * half


def test_a_changed_message_is_a_small_diff() -> None:
    """One message changed in fifty turns changes a few lines of the file."""
    turns = [(f"question {number}", f"answer {number}") for number in range(50)]
    changed = [*turns[:20], ("another question", "answer 20"), *turns[21:]]
    before, after = write(exchange(turns)).splitlines(), write(exchange(changed)).splitlines()
    assert sum(line[:1] in "+-" for line in difflib.unified_diff(before, after, lineterm="", n=0)) - 2 <= 4


def test_a_replaced_system_prompt_and_a_cut_history_are_differences() -> None:
    """A later system prompt is written where it changes, a shorter history as the number of messages that stay."""
    first: list[Any] = [{"role": "system", "content": "A"}, {"role": "user", "content": "one"}]
    second = [
        {"role": "developer", "content": "B"},
        *first[1:],
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
    ]
    third = [first[1], {"role": "user", "content": "other"}]
    recording = Recording(
        interactions=tuple(interaction({"messages": said}, completion("1")) for said in (first, second, third))
    )
    written = write(recording)
    assert "developer: B" in written
    assert "developer: null\n    keep: 1\n" in written
    assert [item.request for item in read(written, "x").interactions] == [
        item.request for item in recording.interactions
    ]


def test_what_is_sent_back_otherwise_is_said_in_a_line() -> None:
    """A reply that is sent back with other fields than usual is still written once."""
    said: list[Any] = [{"role": "user", "content": "one"}]
    back = {"role": "assistant", "content": "1", "reasoning": "hm", "audio": None}
    reply = completion("1")
    reply["choices"][0]["message"]["reasoning"] = "hm"
    pair = (interaction({"messages": said}, reply), interaction({"messages": [*said, back, *said]}, reply))
    written = write(Recording(interactions=pair))
    assert "returned: {with: [reasoning], set: {audio: null}}" in written
    assert read(written, "x").interactions[1].request == pair[1].request


def test_headers_providers_and_timings_survive() -> None:
    """The user's own headers, the provider and both times of a stream are kept."""
    item = interaction(
        {"messages": []}, stream(["a"]), provider="groq", sent={"x-title": "T"}, elapsed_ms=900, first_ms=80
    )
    written = write(Recording(interactions=(item, replace(item, elapsed_ms=None, first_ms=None))))
    assert "timings: [[80, 900], null]" in written
    again = read(written, "x").interactions
    assert (again[0].elapsed_ms, again[0].first_ms, again[1].elapsed_ms) == (900, 80, None)
    assert [(found.request.provider, found.request.headers) for found in again] == [("groq", {"x-title": "T"})] * 2


def test_costs_survive() -> None:
    """Dollars stand in a line of their own between timings and digests, and only where one of them is known."""
    item = interaction({"messages": []}, stream(["a"]))
    assert "costs" not in write(Recording(interactions=(item,)))
    costs = (2.1e-05, None, 0.0, 3.0, 0.000000000001)
    written = write(Recording(interactions=tuple(replace(item, cost_usd=cost) for cost in costs)))
    assert "timings: [null, null, null, null, null]\ncosts: [2.1e-05, null, 0, 3, 1e-12]\ndigests: " in written
    assert tuple(one.cost_usd for one in read(written, "x").interactions) == costs


def test_errors_and_odd_bodies_are_kept_as_they_are() -> None:
    """Error answers, web pages, bytes, several choices and replies without choices read back the same."""
    several = completion("a")
    several["choices"].append(several["choices"][0] | {"index": 1})
    replies_and_status = [
        ({"error": {"message": "slow down"}}, 429),
        (b"<html>502</html>", 502),
        (b"\xff\x00", 200),
        (b"", 200),
        (several, 200),
        ({"error": {"message": "in a 200"}}, 200),
        (b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"error": {"message": "broke"}}\n\n', 200),
        (b"data: not json\n\n", 200),
    ]
    found = tuple(
        interaction(
            {"messages": []},
            reply,
            status=status,
            headers={"Retry-After": "2", "X-Request-Id": "r", "Content-Type": "text/html"},
        )
        for reply, status in replies_and_status
    )
    again = read(write(Recording(interactions=found)), "x")
    assert [item.reply for item in again.interactions] == [item.reply for item in found]
    assert again.interactions[1].reply.headers == {"content-type": "text/html", "retry-after": "2"}


def test_a_reply_without_an_interesting_part_is_still_a_reply() -> None:
    """A streamed reply without text and one with a call in pieces keep their meaning."""
    part = call("c", "x")
    head = {"index": 0, "id": "c", "type": "function", "function": {"name": "upper", "arguments": ""}}
    pieces = [part["function"]["arguments"][:4], part["function"]["arguments"][4:]]
    deltas: list[dict[str, Any]] = [
        {"tool_calls": [head]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": p}}]} for p in pieces),
    ]
    data = b"".join(f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}]})}\n\n".encode() for delta in deltas)
    item = interaction({"messages": []}, data)
    written = write(Recording(interactions=(item, interaction({"messages": []}, stream([])))))
    assert "deltas: call-1 4 9" in written
    folded = fold(read(written, "x").interactions[0].reply.payloads or ())
    assert folded is not None
    assert folded.message["tool_calls"] == [part]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("user: Shout panda", "user: Shout bear", "interaction 1 is not what was recorded"),
        ("text: PANDA!", "text: BEAR!", "interaction 2 is not what was recorded"),
        ("timings: [100, 100, 100]", "timings: [100, 100]", "3 interactions, 2 timings, 3 digests"),
        ("timings: [100, 100, 100]", "timings: [100, soon, 100]", "'soon' among the timings"),
        ("digests: ", "costs: [1, 2]\ndigests: ", "the costs of 3 interactions are a list of as many"),
        ("digests: ", "costs: null\ndigests: ", "the costs of 3 interactions are a list of as many"),
        ("digests: ", "costs: [1, 2, free]\ndigests: ", "'free' among the costs is no number of dollars"),
        ("digests: ", "costs: [1, -2, 3]\ndigests: ", "-2 among the costs is no number of dollars"),
        ("digests: ", f"costs: [1, {10**400}, 3]\ndigests: ", "among the costs is no number of dollars"),
        ("timings: [100, 100, 100]", "timings: [100, [5, 1], 100]", "[5, 1] among the timings: the first piece came"),
        ("timings: [100, 100, 100]", f"timings: [100, {10**400}, 100]", "among the timings is no number"),
        ("digests: ", "cost: [1, 2, 3]\ndigests: ", "unknown key 'cost'"),
        ("version: convrun/1", "version: convrun/9", "version 'convrun/9' is not known"),
        ("timings:", "timing:", "unknown key 'timing'"),
        ("    system: Use tools.", "    sistem: Use tools.", "interaction 1 is not what was recorded"),
        (
            "- request:\n    messages:\n    - user: Thanks",
            "<<<<<<< HEAD\n- request:\n    messages:\n    - user: Thanks",
            "conflict marker",
        ),
        ("interactions:\n", "interactions: [\n", "not a whole cassette"),
    ],
)
def test_a_damaged_cassette_is_an_error(old: str, new: str, message: str) -> None:
    """Whatever a merge or an editor did to a cassette is found when it is read, with the file and a way out."""
    written = write(tool_conversation())
    assert old in written
    with pytest.raises(CassetteError) as caught:
        read(written.replace(old, new, 1), "cassettes/tools.yaml")
    assert message in caught.value.what
    assert caught.value.where is not None
    assert caught.value.where.file == "cassettes/tools.yaml"
    assert caught.value.fix


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.97])
def test_a_truncated_cassette_is_an_error(share: float) -> None:
    """A cassette that lost its end is never a shorter conversation."""
    written = write(tool_conversation())
    with pytest.raises(CassetteError):
        read(written[: int(len(written) * share)], "x")


def test_a_lost_or_moved_interaction_is_found() -> None:
    """An interaction that was taken out together with its digest and its time is still missed."""
    written = write(exchange([("one", "1"), ("two", "2"), ("three", "3")])).replace("[812, 812, 812]", "[812, 812]")
    blocks = written.split("- request:\n")
    digests = written.splitlines()[-1].removeprefix("digests: [").removesuffix("]").split(", ")
    shorter = "- request:\n".join([*blocks[:2], *blocks[3:]]).replace(f"{digests[1]}, ", "")
    with pytest.raises(CassetteError, match="interaction 2 is not what was recorded"):
        read(shorter, "x")


@pytest.mark.parametrize("value", ["!!binary aGk=", ".nan", ".inf"])
def test_what_json_does_not_have_is_no_cassette(value: str) -> None:
    """Bytes and numbers that JSON lacks are damage, and no crash."""
    text = write(tool_conversation()).replace("completion_tokens: 7", f"completion_tokens: {value}", 1)
    with pytest.raises(CassetteError, match=r"JSON (does not have|has)"):
        read(text, "c.yaml")
