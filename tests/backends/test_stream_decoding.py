"""Streams, decoded: what real providers were seen to send, each in a body of our own making."""

from __future__ import annotations

from typing import Any

import pytest
from decoded import call, completion, error_of, message, pieces
from servers import chunk, event_stream

from convrun.conversation.backend import StreamEvent
from convrun.conversation.messages import ReasoningPart, RefusalPart, ToolCallPart


def test_choices_may_be_empty_first_and_last() -> None:
    """Chunks without a choice carry filter results, usage and moderation, and are no reply by themselves."""
    usage = {"prompt_tokens": 5, "completion_tokens": 1}
    body = event_stream(
        {"choices": [], "prompt_filter_results": []},
        chunk(role="assistant", content=""),
        chunk(role="assistant", content="hi") | {"usage": {"prompt_tokens": None}},
        chunk("stop"),
        {"choices": [], "usage": usage},
        {"choices": [], "moderation": {}, "usage": None},
    )
    found = completion(body)
    assert (found.message.text, found.usage.input, found.usage.output) == ("hi", 5, 1)


def test_usage_may_come_from_groq() -> None:
    """Groq's own field is read where there is no other."""
    body = event_stream(chunk("stop", content="hi") | {"x_groq": {"usage": {"prompt_tokens": 7}}})
    assert completion(body).usage.input == 7


def test_a_delta_may_be_absent_and_text_come_with_the_end() -> None:
    """A chunk without a delta is no matter, and text in the finish chunk is not lost."""
    body = event_stream({"choices": [{"index": 0}]}, chunk(content="a"), chunk("stop", content="b"))
    assert completion(body).message.text == "ab"


@pytest.mark.parametrize(
    "end",
    [
        event_stream(chunk("stop"), done=False),
        event_stream(),
        event_stream({"choices": [], "usage": {"prompt_tokens": 1}}, done=False),
        event_stream(chunk("stop")).removesuffix(b"\n\n"),
    ],
    ids=["finish reason", "end mark", "usage", "no last blank line"],
)
def test_a_stream_may_end_in_several_ways(end: bytes) -> None:
    """A finish reason, the end mark, or the closing usage chunk: each makes a stream whole."""
    assert completion(event_stream(chunk(content="hi"), done=False) + end).message.text == "hi"


def test_a_stream_that_breaks_off_is_an_error() -> None:
    """Without any of these it is not whole, whether it ends between events or inside one."""
    half = event_stream(chunk(content="hi"), done=False)
    assert error_of(half).retryable
    assert "broke off" in str(error_of(half + b'data: {"choices": [{"ind'))


def test_comments_are_no_payload() -> None:
    """SSE comments, ids and event names are passed over."""
    body = b": OPENROUTER PROCESSING\n\nid: 1\nevent: message\n" + event_stream(chunk("stop", content="hi"))
    assert completion(body).message.text == "hi"


def test_interleaved_choices_are_kept_apart() -> None:
    """Only index 0 is read where several choices come in turn."""
    other = {"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]}
    found = completion(event_stream(other, chunk(content="y"), other, chunk("stop", content="es"), other))
    assert (found.message.text, found.finish_reason) == ("yes", "stop")


def deltas(*entries: dict[str, Any]) -> bytes:
    """A stream of tool-call deltas."""
    return event_stream(*(chunk(tool_calls=[entry]) for entry in entries), chunk("tool_calls"))


def test_call_deltas_are_put_together_by_index() -> None:
    """Arguments are concatenated; names and ids that repeat are not."""
    found = completion(
        deltas(
            {"index": 0, **call('{"a"')},
            {"index": 1, **call("", name="g", id="c2")},
            {"index": 0, **call(": 1}")},
            {"index": 1, "function": {"arguments": "{}"}},
        )
    )
    assert found.message.tool_calls == (ToolCallPart("f", '{"a": 1}', "c1"), ToolCallPart("g", "{}", "c2"))


def test_calls_that_share_an_index_are_two_by_their_ids() -> None:
    """Some providers give every whole call index 0."""
    found = completion(deltas({"index": 0, **call("{}")}, {"index": 0, **call("{}", id="c2")}))
    assert [one.id for one in found.message.tool_calls] == ["c1", "c2"]


@pytest.mark.parametrize("index", [{}, {"index": None}, {"index": 0}])
def test_calls_without_ids_are_two_when_the_first_is_whole(index: dict[str, Any]) -> None:
    """Without ids, a name after complete arguments begins the next call."""
    entry = {**index, "function": {"name": "f", "arguments": '{"a": 1}'}}
    found = completion(deltas(entry, entry))
    assert [(one.id, one.arguments) for one in found.message.tool_calls] == [
        ("call_1_1", '{"a": 1}'),
        ("call_1_2", '{"a": 1}'),
    ]


def test_a_new_id_on_a_continuation_is_no_new_call() -> None:
    """An id that changes without a name goes on with the same call."""
    found = completion(deltas({"index": 0, **call("{")}, {"index": 0, "id": "other", "function": {"arguments": "}"}}))
    assert found.message.tool_calls == (ToolCallPart("f", "{}", "c1"),)


def test_an_empty_call_is_none() -> None:
    """A delta that opens a call of which nothing comes is dropped."""
    assert completion(deltas({"index": 0, **call("{}")}, {"index": 1, "id": ""})).message.tool_calls == (
        ToolCallPart("f", "{}", "c1"),
    )


def test_events_name_their_call() -> None:
    """Events of calls carry the position and the id of the call."""
    body = deltas({"index": 0, **call("{}", id="")}, {"index": 1, **call("{}", name="g", id="c2")})
    assert pieces(body)[:-1] == [
        StreamEvent("tool_call_name", "f", 0, "call_1_1"),
        StreamEvent("tool_call_args", "{}", 0, "call_1_1"),
        StreamEvent("tool_call_name", "g", 1, "c2"),
        StreamEvent("tool_call_args", "{}", 1, "c2"),
    ]


def test_refusal_and_reasoning_stream() -> None:
    """Deltas of refusal and reasoning add up like text, and are events of their own."""
    body = event_stream(
        chunk(reasoning="a", reasoning_details=[1]),
        chunk(reasoning="b", reasoning_details=[2]),
        chunk(refusal="No"),
        chunk("stop", refusal="."),
    )
    found = pieces(body)
    assert [event.type for event in found[:-1]] == ["reasoning", "reasoning", "refusal", "refusal"]
    assert found[-1].message.parts == (ReasoningPart("ab", details=[1, 2]), RefusalPart("No."))


def test_a_character_split_between_chunks_is_whole() -> None:
    """Two surrogates in two chunks are one character; half of one never gets out."""
    assert completion(event_stream(chunk(content="\ud83d"), chunk("stop", content="\ude00"))).message.text == "😀"
    assert completion(message(content="a\ud83d")).message.text == "a\ufffd"
