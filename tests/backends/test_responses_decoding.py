"""Replies of a Responses API, plain and streamed, as they are read."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.backends.responses_decoding import ResponsesDecoder
from convrun.backends.responses_encoding import encode_message
from convrun.conversation.backend import Completion, StreamEvent
from convrun.conversation.messages import RefusalPart
from convrun.errors import ProviderError
from convrun.wire import Reply
from tests.servers import called, event_stream, output, said, streamed, thought

REFUSED = said("", content=[{"type": "refusal", "refusal": "I will not."}])
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
WHOLE = output(
    thought("First.", "Then.", encrypted_content="gAAA"),
    SEARCH,
    said("Let me ", "msg_1", phase="commentary"),
    said("see.", "msg_2"),
    called("f", {"city": "Ulm"}, call_id="call_a"),
    called("g", call_id="call_b"),
)


def pieces(body: Any, *, status: int = 200, used_ids: tuple[str, ...] = ()) -> list[Any]:
    """Everything a reply decodes to; a list is the payloads of a stream that ends after them, bytes are sent raw."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    if isinstance(body, list):
        raw = event_stream(*body, done=False)
    errors = ReplyErrors(provider="acme", status=status, headers={"x-request-id": "req_1"}, key_variable="ACME_KEY")
    decoder = ResponsesDecoder(errors, turn=2, used_ids=used_ids)
    return list(decode(Reply(status=status, headers={}, body=[raw]), decoder, errors))


def completion(body: Any, **settings: Any) -> Completion:
    """The whole reply."""
    last = pieces(body, **settings)[-1]
    assert isinstance(last, Completion)
    return last


def joined(events: list[Any], kind: str) -> str:
    """The chunks of one kind of event."""
    return "".join(event.chunk for event in events if isinstance(event, StreamEvent) and event.type == kind)


def error_of(body: Any, **settings: Any) -> ProviderError:
    """The error that a reply gives."""
    with pytest.raises(ProviderError) as caught:
        pieces(body, **settings)
    return caught.value


def test_a_plain_reply_is_read() -> None:
    """Text, thoughts, calls, ids, usage and model of a plain body; its events are those of a stream in one piece."""
    *events, found = pieces(WHOLE)
    assert found.message.text == joined(events, "text") == "Let me see."
    assert joined(events, "reasoning") == "First.\n\nThen."
    assert [(call.name, call.arguments, call.id) for call in found.message.tool_calls] == [
        ("f", '{"city": "Ulm"}', "call_a"),
        ("g", "{}", "call_b"),
    ]
    calls = [(event.index, event.tool_call_id, event.chunk) for event in events if event.type == "tool_call_name"]
    assert calls == [(0, "call_a", "f"), (1, "call_b", "g")]
    assert (found.finish_reason, found.model, found.id, found.message.id) == ("tool_calls", "m-2025", *["resp_1"] * 2)
    assert (found.usage.input, found.usage.output, found.usage.details) == (3, 2, {})
    assert found.raw == WHOLE
    assert encode_message(found.message) == WHOLE["output"]


def test_a_stream_gives_what_the_plain_reply_does() -> None:
    """A streamed reply has the same message, and events that say the same in smaller pieces."""
    *events, found = pieces(streamed(WHOLE))
    *at_once, plain = pieces(WHOLE)
    assert found.message == plain.message
    assert (found.finish_reason, found.usage, found.raw) == (plain.finish_reason, plain.usage, None)
    for kind in ("text", "reasoning", "tool_call_name", "tool_call_args"):
        assert joined(events, kind) == joined(at_once, kind) != ""
    assert len(events) > len(at_once)
    arguments = [event for event in events if event.type == "tool_call_args" and event.tool_call_id == "call_a"]
    assert "".join(event.chunk for event in arguments) == '{"city": "Ulm"}'
    assert {event.index for event in arguments} == {0}


def test_a_refusal_is_read() -> None:
    """The model's own words for refusing are a part of their own, streamed too."""
    for body in (output(REFUSED), streamed(output(REFUSED))):
        *events, found = pieces(body)
        assert joined(events, "refusal") == "I will not."
        assert [part.text for part in found.message.parts if isinstance(part, RefusalPart)] == ["I will not."]
        assert (found.message.text, found.finish_reason) == ("", "stop")
        assert encode_message(found.message) == [REFUSED]


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "max_output_tokens"}, "length"),
        ({"reason": "content_filter"}, "content_filter"),
        ({"reason": "Out_of_ink"}, "out_of_ink"),
        (None, "length"),
        ({"reason": 7}, "length"),
    ],
)
def test_a_reply_that_was_cut_says_why(details: Any, reason: str) -> None:
    """`incomplete` is a finish reason, whether the reply called tools or not, and its text is kept."""
    for items in ([said("In the", status="incomplete")], [said("In the"), called("f")]):
        whole = output(*items, status="incomplete", incomplete_details=details)
        for body in (whole, streamed(whole)):
            found = completion(body)
            assert (found.finish_reason, found.message.text) == (reason, "In the")


def test_a_state_that_nobody_knows_is_the_finish_reason() -> None:
    """It is the provider's own word, as with chats; a reply that was cut before its first item is one, too."""
    assert completion(output(said("a"), status="Banana")).finish_reason == "banana"
    assert completion(output(status="incomplete")).finish_reason == "length"


def test_a_call_that_says_nothing_is_none() -> None:
    """Without a name and arguments it is passed over, as in chats."""
    found = completion(output(called("f"), called("") | {"arguments": ""}, called("") | {"name": 5, "arguments": None}))
    assert [call.name for call in found.message.tool_calls] == ["f"]


def test_nothing_is_taken_after_the_end() -> None:
    """What comes behind the last event is neither streamed nor in the message; an error there is still an error."""
    events = streamed(output(said("good")))
    late = [*streamed(output(said("bad", "msg_9"))), {"type": "response.incomplete", "response": {}}]
    assert pieces([*events, *late]) == pieces(events)
    assert "boom" in str(error_of([*events, {"type": "error", "message": "boom"}]))


def test_an_event_that_comes_twice_is_taken_once() -> None:
    """A number that has been says so; where a server gives all of its events one number, none is dropped."""
    events = [{**event, "sequence_number": number} for number, event in enumerate(streamed(output(said("aaaa"))))]
    assert pieces([event for event in events for _ in range(2)]) == pieces(events)
    assert pieces([{**event, "sequence_number": 0} for event in events]) == pieces(events)


def test_many_items_take_time_in_their_number() -> None:
    """Items that are repeated at the end are found without a look at all the others."""
    items = [said("x", None) for _ in range(4000)]
    added = [
        {"type": "response.output_item.added", "output_index": index, "item": {**item, "content": []}}
        for index, item in enumerate(items)
    ]
    began = time.process_time()
    found = completion([*added, {"type": "response.completed", "response": output(*items)}])
    assert found.message.text == "x" * 4000
    assert time.process_time() - began < 5


def test_usage_keeps_its_details() -> None:
    """What the provider breaks its counts down to is kept; a total that is their sum is not."""
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 15,
    }
    for body in (output(said("a"), usage=usage), streamed(output(said("a"), usage=usage))):
        found = completion(body).usage
        assert (found.input, found.output) == (10, 5)
        assert found.details == {
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens_details": {"reasoning_tokens": 3},
        }
    assert completion(output(said("a"), usage=None)).usage.input is None


def without(events: list[Any], *kinds: str) -> list[Any]:
    """The events of a stream but those of some types."""
    return [event for event in events if not event["type"].endswith(kinds)]


@pytest.mark.parametrize(
    "missing",
    [
        (".delta",),
        (".delta", "text.done", "arguments.done"),
        (".delta", "text.done", "arguments.done", "output_item.done"),
        ("output_item.added",),
        ("output_item.added", "output_item.done", ".delta"),
        ("output_item.added", "output_item.done", ".delta", "text.done", "arguments.done", "created", "in_progress"),
    ],
)
def test_what_a_stream_leaves_out_is_taken_from_what_follows(missing: tuple[str, ...]) -> None:
    """Deltas, their ends, items: whichever of them a provider does not send, the events still add up to the reply."""
    *events, found = pieces(without(streamed(WHOLE), *missing))
    assert found.message == completion(WHOLE).message
    assert joined(events, "text") == "Let me see."
    assert joined(events, "reasoning") == "First.\n\nThen."
    assert joined(events, "tool_call_name") == "fg"
    assert joined(events, "tool_call_args") == '{"city": "Ulm"}{}'


@pytest.mark.parametrize("missing", [(), ("text.done", "arguments.done"), ("text.done", "arguments.done", "item.done")])
def test_an_end_without_an_output_leaves_what_has_come(missing: tuple[str, ...]) -> None:
    """Where `completed` does not repeat the output, the items are those that streamed."""
    events = without(streamed(WHOLE), *missing)
    events[-1]["response"]["output"] = []
    found = completion(events)
    assert found.message.text == "Let me see."
    assert [(call.name, call.arguments, call.id) for call in found.message.tool_calls] == [
        ("f", '{"city": "Ulm"}', "call_a"),
        ("g", "{}", "call_b"),
    ]
    kinds = ["reasoning", "web_search_call", "message", "message", "function_call", "function_call"]
    assert [item["type"] for item in encode_message(found.message)] == kinds  # type: ignore[call-overload,index]
    assert found.usage.input == 3


def test_items_are_told_apart_however_they_are_counted() -> None:
    """Events without places go by ids, and items that are all counted as the first are still several."""
    placeless = [{key: value for key, value in event.items() if key != "output_index"} for event in streamed(WHOLE)]
    all_first = [event | ({"output_index": 0} if "output_index" in event else {}) for event in streamed(WHOLE)]
    for events in (placeless, all_first):
        events[-1] = {**events[-1], "response": {**events[-1]["response"], "output": []}}
        assert completion(events).message == completion(WHOLE).message


def test_the_last_word_holds() -> None:
    """Where the whole item, or the whole reply, says something else than the pieces, the message has the last."""
    events = streamed(output(said("good"), called("f", {"a": 1})))
    for event in events:
        if event["type"] == "response.output_text.delta":
            event["delta"] = event["delta"].upper()
    assert completion(events).message.text == "good"
    events[-1]["response"] = output(said("better"), called("f", {"a": 2}, call_id="call_z"))
    found = completion(events).message
    assert (found.text, found.tool_calls[0].arguments, found.tool_calls[0].id) == ("better", '{"a": 2}', "call_z")


def test_ids_of_calls_are_unique_in_the_conversation() -> None:
    """An id that is missing, or known already, is made anew, the same for the event, the call and the item."""
    whole = output(called("f", call_id="call_1"), called("f", call_id=""), called("f", call_id="call_9"))
    for body in (whole, streamed(whole)):
        *events, found = pieces(body, used_ids=("call_1",))
        ids = [call.id for call in found.message.tool_calls]
        assert ids == ["call_2_1", "call_2_2", "call_9"]
        assert [event.tool_call_id for event in events if event.type == "tool_call_name"] == ids
        assert [item["call_id"] for item in encode_message(found.message)] == ids  # type: ignore[call-overload,index]


def test_a_custom_tool_is_called_with_a_text() -> None:
    """What a custom tool is given is its arguments, as they are."""
    item: Any = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "run", "input": "print(1)"}
    start = {**item, "input": ""}
    events: list[Any] = [
        {"type": "response.output_item.added", "output_index": 0, "item": start},
        {"type": "response.custom_tool_call_input.delta", "output_index": 0, "delta": "print"},
        {"type": "response.custom_tool_call_input.done", "output_index": 0, "input": "print(1)"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": output(item)},
    ]
    for body in (output(item), events):
        *told, found = pieces(body)
        assert found.message.tool_calls[0].arguments == joined(told, "tool_call_args") == "print(1)"
        assert encode_message(found.message) == [item]


def test_events_that_nobody_knows_are_passed_over() -> None:
    """Steps of searches, annotations, pings and events that are yet to be invented change nothing."""
    strange: list[Any] = [
        {"type": "response.web_search_call.searching", "output_index": 1, "item_id": "ws_1"},
        {"type": "response.output_text.annotation.added", "output_index": 2, "annotation": {}},
        {"type": "response.reasoning_summary_part.added", "output_index": 0, "part": {"type": "summary_text"}},
        {"type": "response.shell_call_output_content.delta", "output_index": 1, "delta": {}},
        {"type": "response.dreamt", "dream": []},
        {"type": "ping"},
        {"sequence_number": 3},
    ]
    events = streamed(WHOLE)
    mixed = [extra for event in events for extra in (*strange, event)]
    assert pieces(mixed) == pieces(events)


def test_half_characters_do_not_go_back() -> None:
    """A character that is cut in two is whole in the text; one that stays half is replaced, also within an item."""
    events = streamed(output(said("ab", extra_words="\ud83d")))
    cut = [event for event in events if event["type"] == "response.output_text.delta"]
    cut[0]["delta"], cut[1]["delta"] = "\ud83d", "\ude00"
    for event in events:
        if event["type"].endswith("text.done"):
            event["text"] = "\U0001f600"
    events[-1]["response"]["output"] = []
    events = without(events, "item.done")
    found = completion(events).message
    assert found.text == "\U0001f600"
    json.dumps(encode_message(found), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("body", "said_what", "retryable"),
    [
        (b"", "answered 200 with an empty body", True),
        ({}, "answered 200 without an output: {}", False),
        ({"object": "list", "data": []}, "without an output", False),
        ({"choices": [{"message": {"content": "hi"}}]}, "without an output", False),
        ([7], "without an output", False),
        (b"<html><title>Sorry</title>", "with a web page instead of JSON", False),
        ({"error": {"message": "no", "code": "server_error"}}, "answered 200 with an error: no", True),
        (output(status="failed", error={"code": "server_error", "message": "boom"}), "with an error: boom", True),
        (output(status="failed"), "answered 200 with an error", False),
        (output(status="cancelled"), "answered 200 with an error", False),
        ({"object": "response", "status": "completed"}, "with a reply that holds no item", True),
        (output(None, 1, "x", []), "with a reply that holds no item", True),
        ([{"type": "response.completed", "response": None}], "with a reply that holds no item", True),
        (output(status="queued"), "with a reply that is still queued", False),
        (output(status="in_progress"), "with a reply that is still in_progress", False),
    ],
)
def test_what_is_no_reply_is_named(body: Any, said_what: str, retryable: bool) -> None:
    """An empty body, a page, another API's reply, a failed or unfinished one: each is a ProviderError that says so."""
    error = error_of(body)
    assert said_what in str(error)
    assert (error.retryable, error.request_id) == (retryable, "req_1")


@pytest.mark.parametrize(
    ("last", "said_what", "code_retryable"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "slow down"}, "slow down", True),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "bad"}}, "bad", False),
        ({"type": "response.failed", "response": output(status="failed", error={"message": "boom"})}, "boom", True),
        ({"type": "response.failed", "response": output(status="failed")}, "failed", True),
        ({"type": "response.failed"}, "failed", True),
        ({"error": {"message": "gone", "code": 502}}, "gone", True),
    ],
)
def test_an_error_within_a_stream_is_the_replys(last: Any, said_what: str, code_retryable: bool) -> None:
    """An error event ends the reply, whatever shape it has, after all that had come before it."""
    events = [*streamed(output(said("Hello there")))[:6], last]
    error = error_of(events)
    assert "broke its stream off with an error" in str(error)
    assert said_what in str(error)
    assert error.retryable is code_retryable


def test_a_stream_that_ends_early_is_broken() -> None:
    """Without its last event a stream is no reply, wherever it is cut; the provider's own end mark is an end too."""
    events = streamed(WHOLE)
    for count in range(1, len(events)):
        error = error_of(events[:count])
        assert "broke off before it was complete" in str(error)
        assert error.retryable
    assert completion(event_stream(*events[:-1])).message.text == "Let me see."
    assert "broke off" in str(error_of(event_stream(events[0])))


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_a_refused_request_is_an_error(status: int) -> None:
    """A status that is no success is the provider's error, in its own words."""
    error = error_of({"error": {"message": "Unknown parameter: 'foo'.", "code": None}}, status=status)
    assert (error.status, error.provider_message) == (status, "Unknown parameter: 'foo'.")
    assert error.is_answer
