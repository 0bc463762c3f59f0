"""Every chat reply that real providers gave in the shared recordings decodes, or gives its true error."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.backends.responses_decoding import ResponsesDecoder
from convrun.backends.responses_encoding import encode_message
from convrun.conversation.backend import Completion, StreamEvent
from convrun.conversation.messages import Message
from convrun.errors import ProviderError
from convrun.wire import Reply

FOLDER = Path(__file__).parents[2].parent / "shared" / "recordings"
FILES = sorted(path for path in FOLDER.glob("*/*") if path.suffix in {".yaml", ".yml", ".json"})


RESPONSES = {
    "test_deepseek_responses.test_deepseek_responses-text_multi_turn.yaml": 2,
    "test_llm_openrouter.test_reasoning.yaml": 1,
    "test_llm_openrouter.test_tool_calls.yaml": 2,
    "test_openai.test_tools.yaml": 2,
    "test_openai_agents.test_responses.yaml": 2,
    "test_provider_openai.test_data_extraction.yaml": 4,
    "test_refusal.openai_gpt_4o_responses.stream.yaml": 1,
    "v1.response_stream_incomplete.yaml": 1,
}


def interactions(path: Path, endpoint: str = "chat/completions") -> Iterator[tuple[int, bytes]]:
    """Status and bytes of every reply of an endpoint in a file."""
    for one in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["interactions"]:
        if not one["request"]["uri"].partition("?")[0].endswith(endpoint):
            continue
        response = one["response"]
        status = response["status"]["code"] if "status" in response else response["status_code"]
        body = response["body"]["string"] if "body" in response else response["content"]
        raw = body.encode() if isinstance(body, str) else body
        yield status, gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw


def read(raw: bytes) -> tuple[str, str, list[tuple[str, str]]]:
    """Text, reasoning and calls of a reply, read in the simplest way that is right for these files."""
    try:
        payloads = [json.loads(raw)]
    except ValueError:
        lines = [line[5:].strip() for line in raw.decode().split("\n") if line.startswith("data:")]
        payloads = [json.loads(line) for line in lines if line != "[DONE]"]
    text, reasoning = "", ""
    calls: dict[Any, list[str]] = {}
    for choice in (choice for payload in payloads for choice in payload["choices"] if choice.get("index") == 0):
        message = choice.get("message") or choice.get("delta") or {}
        content = message.get("content") or (message.get("audio") or {}).get("transcript") or ""
        text += content if isinstance(content, str) else json.dumps(content)
        reasoning += message.get("reasoning_content") or message.get("reasoning") or ""
        entries = message.get("tool_calls") or []
        if legacy := message.get("function_call"):
            entries = [{"index": 0, "function": legacy}]
        for position, entry in enumerate(entries):
            call = calls.setdefault(position if "message" in choice else entry["index"], ["", ""])
            function = entry.get("function") or entry["custom"]
            call[0] = call[0] or function.get("name") or ""
            call[1] += function.get("arguments") or function.get("input") or ""
    return text, reasoning, [(name, arguments) for name, arguments in calls.values()]


def decoded(
    status: int, chunks: list[bytes], decoder: type[ChatDecoder | ResponsesDecoder] = ChatDecoder
) -> tuple[list[StreamEvent], Completion]:
    """The events and the completion of a reply."""
    errors = ReplyErrors(provider="acme", status=status, headers={})
    *events, last = decode(Reply(status=status, headers={}, body=chunks), decoder(errors), errors)
    assert isinstance(last, Completion)
    return [event for event in events if isinstance(event, StreamEvent)], last


def joined(events: list[StreamEvent], kind: str) -> str:
    """The chunks of one kind of event."""
    return "".join(event.chunk for event in events if event.type == kind)


def check(status: int, raw: bytes) -> str:
    """Compare one reply with the simple reading; return what it was."""
    mistake = next((line for line in raw.decode().split("\n") if '"error"' in line), "")
    if status != 200 or mistake:
        payload = json.loads(raw if status != 200 else mistake.removeprefix("data:"))
        with pytest.raises(ProviderError) as caught:
            decoded(status, [raw])
        assert caught.value.provider_message == payload["error"]["message"]
        assert caught.value.status == (status if status != 200 else payload["error"]["code"])
        return "error"
    text, reasoning, calls = read(raw)
    events, found = decoded(status, [raw])
    message = found.message
    assert message.text == joined(events, "text") == text
    assert joined(events, "reasoning") == reasoning
    assert [(call.name, call.arguments) for call in message.tool_calls] == calls
    assert len({call.id for call in message.tool_calls} - {""}) == len(calls)
    assert found.finish_reason in {"stop", "length", "tool_calls", None}  # one stream says only [DONE]
    assert message.parts
    by_byte = decoded(status, [raw[index : index + 1] for index in range(len(raw))])
    assert by_byte == (events, found)
    return "reply"


@pytest.mark.skipif(not FILES, reason=f"the shared recordings are not at {FOLDER}")
def test_every_recorded_chat_reply_is_read() -> None:
    """All recorded replies give their own text, reasoning and calls, or their own error, however they are cut."""
    found = [check(status, raw) for path in FILES for status, raw in interactions(path)]
    assert found.count("error") == 4
    assert found.count("reply") == len(found) - 4 > 90


@pytest.mark.skipif(not FILES, reason=f"the shared recordings are not at {FOLDER}")
def test_what_is_no_chat_reply_is_named() -> None:
    """Recorded replies that are not chat are those of the Responses API and two lists of models; none reads as chat."""
    found = {path.name: len(list(interactions(path, "/responses"))) for path in FILES}
    assert {name: count for name, count in found.items() if count} == RESPONSES
    every, chat, lists = (
        sum(len(list(interactions(path, end))) for path in FILES) for end in ("", "chat/completions", "/models")
    )
    assert (every - chat - lists, lists) == (sum(RESPONSES.values()), 2)
    for path in FILES:
        for status, raw in interactions(path, "/responses"):
            with pytest.raises(ProviderError, match="without a choice"):
                decoded(status, [raw])


def output_of(raw: bytes) -> list[Any]:
    """The output of a reply of a Responses API: that of its last event where it is a stream."""
    try:
        payload = json.loads(raw)
    except ValueError:
        lines = [line[5:].strip() for line in raw.decode().split("\n") if line.startswith("data:")]
        payload = json.loads(next(line for line in reversed(lines) if line != "[DONE]"))["response"]
    found: list[Any] = payload["output"]
    return found


@pytest.mark.skipif(not FILES, reason=f"the shared recordings are not at {FOLDER}")
def test_every_recorded_reply_of_a_responses_api_is_read() -> None:
    """All of them give their text, thoughts and calls, however they are cut, and their items go back as they came."""
    reasons: list[str | None] = []
    for path in FILES:
        for status, raw in interactions(path, "/responses"):
            output = output_of(raw)
            events, found = decoded(status, [raw], ResponsesDecoder)
            parts = [part for item in output if item["type"] == "message" for part in item["content"]]
            text = "".join(part.get("text", "") for part in parts)
            assert found.message.text == joined(events, "text") == text
            assert joined(events, "refusal") == "".join(part.get("refusal", "") for part in parts)
            called = [item for item in output if item["type"] == "function_call"]
            calls = [(call.name, call.arguments, call.id) for call in found.message.tool_calls]
            assert calls == [(item["name"], item["arguments"], item["call_id"]) for item in called]
            assert joined(events, "tool_call_args") == "".join(item["arguments"] for item in called)
            written = json.loads(json.dumps(found.message.to_dict()))
            assert encode_message(found.message) == encode_message(Message.from_dict(written)) == output
            assert decoded(status, [raw[at : at + 1] for at in range(len(raw))], ResponsesDecoder) == (events, found)
            reasons.append(found.finish_reason)
    assert (len(reasons), reasons.count("length"), reasons.count("tool_calls")) == (sum(RESPONSES.values()), 1, 3)
