"""Whatever comes from a Responses API is a completion that can go back, or a ProviderError."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.backends.responses_decoding import ResponsesDecoder
from convrun.backends.responses_encoding import encode_message
from convrun.conversation.backend import Completion, StreamEvent
from convrun.conversation.messages import Message
from convrun.errors import ProviderError
from convrun.wire import Reply
from tests.servers import called, output, said, streamed, thought

KEYS = [
    "type",
    "object",
    "status",
    "error",
    "code",
    "message",
    "response",
    "output",
    "item",
    "delta",
    "text",
    "refusal",
    "arguments",
    "input",
    "name",
    "id",
    "call_id",
    "item_id",
    "output_index",
    "content_index",
    "summary_index",
    "content",
    "summary",
    "part",
    "role",
    "incomplete_details",
    "reason",
    "usage",
    "input_tokens",
    "output_tokens",
    "model",
    "encrypted_content",
]
VALUES = [
    "message",
    "reasoning",
    "function_call",
    "custom_tool_call",
    "web_search_call",
    "output_text",
    "refusal",
    "summary_text",
    "assistant",
    "f",
    "{}",
    "response",
    "completed",
    "incomplete",
    "failed",
    "in_progress",
    "[DONE]",
    "error",
    "�",
]
TYPES = [
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.refusal.delta",
    "response.reasoning_summary_text.delta",
    "response.reasoning_text.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.delta",
    "response.completed",
    "response.incomplete",
    "response.failed",
    "response.new",
    "error",
]

scalars = st.none() | st.sampled_from([*VALUES, *TYPES, 0, 1, -1, 1e400, True]) | st.integers() | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
parts = st.fixed_dictionaries({"type": st.sampled_from(VALUES)}, optional={"text": values, "refusal": values})
items = st.fixed_dictionaries(
    {"type": st.sampled_from(VALUES)},
    optional={"id": values, "content": st.lists(parts, max_size=3) | values, "call_id": values, "name": values}
    | dict.fromkeys(("arguments", "input", "summary", "role", "status"), values),
)
whole = st.fixed_dictionaries(
    {"output": st.lists(items | values, max_size=3)}, optional=dict.fromkeys(("status", "usage", "id", "error"), values)
)
events = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES)},
    optional={"item": items | values, "response": whole | values}
    | dict.fromkeys(("output_index", "content_index", "item_id", "delta", "text", "arguments"), values),
)
payloads = values | whole | events


def outcome(reply: Reply) -> Completion | ProviderError:
    """What a reply comes to; anything but these two is raised."""
    errors = ReplyErrors(provider="acme", status=reply.status, headers={})
    found: list[StreamEvent | Completion] = []
    try:
        found += decode(reply, ResponsesDecoder(errors), errors)
    except ProviderError as error:
        return error
    last = found[-1]
    assert isinstance(last, Completion)
    back = json.dumps(encode_message(last.message), ensure_ascii=False, allow_nan=False).encode()
    assert len({call.id for call in last.message.tool_calls} - {""}) == len(last.message.tool_calls)
    again = Message.from_dict(json.loads(json.dumps(last.message.to_dict())))
    assert again == last.message
    assert json.dumps(encode_message(again), ensure_ascii=False).encode() == back
    return last


@given(st.lists(payloads, max_size=5), st.sampled_from([200, 400, 500]))
@settings(max_examples=40, deadline=None)
def test_any_payloads(found: list[Any], status: int) -> None:
    """JSON of any shape is read or refused, plain, streamed and recorded, and what is read can go back."""
    texts = [json.dumps(payload) for payload in found]
    body = "".join(f"data: {text}\n\n" for text in texts).encode()
    outcome(Reply(status=status, headers={}, body=[body]))
    outcome(Reply(status=status, headers={}, body=[texts[0].encode()] if texts else []))
    outcome(Reply(status=status, headers={}, payloads=tuple(found)))


STREAM = streamed(output(thought("Hm.", "So."), said("Hello there"), called("f", {"a": 1}), called("g", call_id="c2")))


@given(
    st.lists(st.tuples(st.integers(0, len(STREAM) - 1), st.sampled_from(["drop", "twice", "swap"])), max_size=4),
    st.lists(st.tuples(st.integers(0, len(STREAM) - 1), payloads), max_size=2),
)
@settings(max_examples=40, deadline=None)
def test_a_stream_in_disorder(changes: list[tuple[int, str]], between: list[tuple[int, Any]]) -> None:
    """Events that are lost, doubled, out of order or strange give the whole reply, or an error, and never half."""
    found: list[Any] = [*STREAM]
    for place, change in changes:
        at = min(place, len(found) - 1)
        if change == "drop":
            found[at : at + 1] = []
        elif change == "twice":
            found.insert(at, found[at])
        else:
            found[at : at + 2] = reversed(found[at : at + 2])
    tidy = outcome(Reply(status=200, headers={}, payloads=tuple(found)))
    if STREAM[-1] in found:
        assert isinstance(tidy, Completion)
        assert tidy.message.text == "Hello there"
        assert [call.name for call in tidy.message.tool_calls] == ["f", "g"]
    for place, strange in between:
        found.insert(place, strange)
    outcome(Reply(status=200, headers={}, payloads=tuple(found)))
