"""Plain replies and errors, decoded: what real providers were seen to send, each in a body of our own making."""

from __future__ import annotations

import json
from typing import Any

import pytest
from decoded import call, completion, error_of, message
from servers import chunk, event_stream, reply

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.conversation.backend import Completion, StreamEvent
from convrun.conversation.messages import ReasoningPart, RefusalPart, TextPart, ToolCallPart
from convrun.errors import ProviderError
from convrun.wire import Reply


@pytest.mark.parametrize("content", [{"content": None}, {"content": ""}, {}], ids=["null", "empty", "absent"])
def test_calls_come_with_null_empty_or_no_content(content: dict[str, Any]) -> None:
    """However a provider says that there is no text, the calls are all there is."""
    found = completion(message("tool_calls", **content, tool_calls=[call('{"a": 1}')]))
    assert found.message.parts == (ToolCallPart("f", '{"a": 1}', "c1"),)


def test_text_and_calls_come_together() -> None:
    """Text beside calls is kept, before them."""
    found = completion(message("stop", content="Let me see.", tool_calls=[call()]))
    assert found.message.parts == (TextPart("Let me see."), ToolCallPart("f", "{}", "c1"))
    assert found.finish_reason == "stop"


def test_a_refusal_is_kept() -> None:
    """A refusal is a part of its own, not text."""
    found = completion(message(content=None, refusal="I will not."))
    assert found.message.parts == (RefusalPart("I will not."),)
    assert found.message.text == ""


def test_audio_gives_its_transcript() -> None:
    """What was said in sound is read as text."""
    assert completion(message(content=None, audio={"id": "a", "transcript": "Hello"})).message.text == "Hello"


def test_the_legacy_function_call_is_a_tool_call() -> None:
    """`function_call` is read as a tool call with an invented id."""
    found = completion(message("function_call", content=None, function_call={"name": "f", "arguments": '{"a":1}'}))
    assert found.message.parts == (ToolCallPart("f", '{"a":1}', "call_1_1"),)
    assert found.finish_reason == "tool_calls"


def test_a_filtered_choice_has_no_message() -> None:
    """Azure's output filter takes the message away and leaves the finish reason."""
    found = completion({"choices": [{"index": 0, "finish_reason": "content_filter"}]})
    assert (found.message.parts, found.finish_reason) == ((), "content_filter")


def test_content_may_be_a_list() -> None:
    """Mistral's reasoning models answer with a list of thinking and text."""
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm. "}, {"type": "text", "text": "Yes."}]},
        {"type": "text", "text": "Four"},
        {"type": "reference", "reference_ids": [1]},
        ".",
    ]
    assert completion(message(content=content)).message.parts == (ReasoningPart("Hm. Yes."), TextPart("Four."))


def test_content_may_be_the_structured_output_itself() -> None:
    """Cloudflare answers with the object, not with its text."""
    assert json.loads(completion(message(content={"name": "Zoë"})).message.text) == {"name": "Zoë"}


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_has_two_names(field: str) -> None:
    """Reasoning is kept with the name its provider gives it."""
    found = completion(message(content="4", **{field: "2+2"}))
    assert found.message.parts == (ReasoningPart("2+2", field=field), TextPart("4"))


def test_reasoning_under_both_names_is_read_once() -> None:
    """A provider that sends the same text twice is heard once; its details are kept."""
    found = completion(message(content="4", reasoning="2+2", reasoning_content="2+2", reasoning_details=[{"n": 1}]))
    assert found.message.parts[0] == ReasoningPart("2+2", field="reasoning_content", details=[{"n": 1}])


@pytest.mark.parametrize("entry", [call(None), call(""), {"id": "c1", "function": {"name": "f"}}])
def test_arguments_may_be_missing(entry: dict[str, Any]) -> None:
    """Null, empty and absent arguments are no arguments; a missing type is no matter."""
    assert completion(message(tool_calls=[entry])).message.tool_calls == (ToolCallPart("f", "", "c1"),)


def test_arguments_may_be_an_object() -> None:
    """Arguments that come as JSON instead of text become its text."""
    assert json.loads(completion(message(tool_calls=[call({"a": 1})])).message.tool_calls[0].arguments) == {"a": 1}


def test_a_custom_call_has_an_input() -> None:
    """A call of type custom has its input as arguments."""
    entry = {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}
    assert completion(message(tool_calls=[entry])).message.tool_calls == (ToolCallPart("sql", "SELECT 1", "c1"),)


def test_missing_and_repeated_ids_are_invented() -> None:
    """An id that is empty, or that the conversation has, is replaced by one that it does not have."""
    calls = [call(id=""), call(id="0"), call(id="0"), call(id=None), call(id="fresh")]
    found = completion(message(tool_calls=calls), used_ids=("0", "call_3_2"), turn=3)
    assert [one.id for one in found.message.tool_calls] == ["call_3_1", "call_3_3", "call_3_4", "call_3_5", "fresh"]


@pytest.mark.parametrize(
    ("said", "normal"),
    [
        ("eos", "stop"),
        ("", None),
        (None, None),
        ("STOP", "stop"),
        ("max_tokens", "length"),
        ("error", "error"),
        ("SAFETY", "content_filter"),
        ("sensitive", "content_filter"),
        ("content_filter: PROHIBITED_CONTENT", "content_filter"),
    ],
)
def test_finish_reasons_are_normalised(said: str | None, normal: str | None) -> None:
    """Other words for the same reason become one; unknown ones stay."""
    assert completion(message(said, content="x")).finish_reason == normal


def test_usage_may_be_odd() -> None:
    """Counts that are no counts are unknown, details keep what is not null, totals are not trusted."""
    usage = {"prompt_tokens": 3.0, "completion_tokens": "4", "total_tokens": 99, "cost": 0.1, "prompt_details": None}
    found = completion(message(content="x") | {"usage": usage}).usage
    assert (found.input, found.output, found.details) == (3, None, {"cost": 0.1})
    assert completion(message(content="x") | {"usage": None}).usage.input is None


@pytest.mark.parametrize("count", [-1, 1e308, 10**9 + 1, 10**400, 2.5, float("nan"), float("inf"), True])
def test_usage_that_no_call_takes_is_unknown(count: float) -> None:
    """What is no count of tokens is not told, nor summed: neither as a count nor as a detail that is no number."""
    usage = {"prompt_tokens": count, "completion_tokens": 4, "total_tokens": count, "prompt_details": {"read": count}}
    found = completion(message(content="x") | {"usage": usage}).usage
    assert (found.input, found.output) == (None, 4)
    assert found.details.get("prompt_details") in (
        None,
        {"read": None},
        {"read": count} if abs(count) < 10**15 else None,
    )


def test_the_first_of_several_choices_is_taken() -> None:
    """Of several choices the one with index 0 is the reply."""
    choices = [{"index": index, "message": {"content": str(index)}, "finish_reason": "stop"} for index in (1, 0)]
    assert completion({"choices": choices}).message.text == "0"


def test_a_plain_reply_keeps_its_payload() -> None:
    """The raw payload of a plain reply is at hand, a stream has none."""
    assert completion(reply("hi")).raw == reply("hi")
    assert completion(event_stream(chunk(content="hi"), chunk("stop"))).raw is None


# Errors


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"error": {"message": "no", "type": "t", "param": None, "code": "c"}}, "no"),
        ({"error": {"message": "no", "failed_generation": "<f>"}}, "no"),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": "full"}}},
            "Provider returned error: full",
        ),
        ({"error": {"code": "DeploymentNotFound", "message": "no"}}, "no"),
        ({"error": "no"}, "no"),
        ({"error": True, "message": "no"}, "no"),
        ({"detail": [{"msg": "no", "loc": []}, {"msg": "nor"}]}, "no; nor"),
        ({"object": "error", "message": "no"}, "no"),
        ({"errors": [{"message": "no"}]}, "no"),
        ([{"error": {"message": "no"}}], "no"),
        ("no", "no"),
        (b"no", "no"),
    ],
)
def test_an_error_body_has_many_shapes(body: Any, told: str) -> None:
    """The provider's own words are found, wherever they stand."""
    found = error_of(body, status=400)
    assert (found.provider_message, found.status, found.request_id, found.retryable) == (told, 400, "req_1", False)
    assert str(found).startswith(f"acme answered 400: {told} (")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 429, 500, 503])
def test_a_status_says_what_to_do(status: int) -> None:
    """Each usual status has a fix, and is retryable or not."""
    found = error_of(b"", status=status)
    assert found.what == f"acme answered {status} with an empty body"
    assert found.fix
    assert found.retryable == (status in {408, 429, 500, 503})


def test_a_used_up_account_is_not_retried() -> None:
    """A 429 that no waiting helps is not retryable, and says so."""
    found = error_of({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, status=429)
    assert not found.retryable
    assert "ACME_KEY" in str(found.fix)


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": None}, {"choices": [None]}, [], 3, None, "hi"])
def test_a_200_without_choices_is_an_error(body: Any) -> None:
    """JSON that holds no completion is shown."""
    assert "without a choice" in str(error_of(body))


def test_a_200_may_be_an_error() -> None:
    """An error object under a good status is that error, with the status it names itself."""
    found = error_of({"error": {"message": "overloaded", "code": 503}})
    assert (found.status, found.retryable, found.provider_message) == (503, True, "overloaded")
    assert error_of({"choices": [{"index": 0, "error": {"message": "late"}}]}).provider_message == "late"
    half = error_of({"error": {"message": "a\ud800b"}})
    assert f"{half}{half.provider_message}".encode().count("a\ufffdb".encode()) == 2


def test_a_body_may_not_be_json() -> None:
    """Text that is no JSON is shown; JSON that stops in the middle is a broken reply."""
    assert "not JSON: 'upstream gone'" in str(error_of(b"upstream gone"))
    assert "broke off" in str(error_of(b'{"choices": [{"message": {"content": "x'))


@pytest.mark.parametrize(
    "last",
    [event_stream({"error": {"message": "late"}}), b'event: error\ndata: {"message": "late"}\n\n'],
    ids=["payload", "event"],
)
def test_an_error_inside_a_stream_comes_after_its_text(last: bytes) -> None:
    """Text that came before the error was delivered; then the error is raised."""
    errors = ReplyErrors(provider="acme", headers={})
    body = event_stream(chunk(content="some"), done=False) + last
    replies = decode(Reply(status=200, headers={}, body=[body]), ChatDecoder(errors), errors)
    assert next(replies) == StreamEvent("text", "some")
    with pytest.raises(ProviderError, match="broke its stream off with an error: late"):
        next(replies)


def test_recorded_payloads_decode_like_bytes() -> None:
    """A reply that comes as payloads is the same reply, and known to be whole."""
    errors = ReplyErrors(provider="acme", headers={})
    recorded = Reply(status=200, headers={}, payloads=(chunk(content="a"), chunk(content="b")), elapsed_ms=12.5)
    *_, last = decode(recorded, ChatDecoder(errors), errors)
    assert isinstance(last, Completion)
    assert (last.message.text, last.elapsed_ms) == ("ab", 12.5)


def test_half_characters_in_what_goes_back_are_replaced() -> None:
    """Details of thinking and what a provider adds to a call are whole characters and JSON: they can be sent."""
    details = [{"type": "reasoning.text", "text": "a\ud83d", "signature": float("inf")}]
    found = completion(
        message(reasoning_details=details, tool_calls=[call(extra_content={"\ud83d": "\ud83d"})])
    ).message
    json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False).encode()
    assert found.tool_calls[0].extra == {"\ufffd": "\ufffd"}
