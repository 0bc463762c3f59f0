"""Requests as a Responses API wants them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from convrun.backends.responses_encoding import ResponsesEncoder, encode_message, encode_tool
from convrun.backends.responses_items import parts_of
from convrun.conversation.attachments import Attachment
from convrun.conversation.backend import ModelRequest, ToolSchema
from convrun.conversation.messages import (
    Message,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    SharedMessages,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    assistant,
    system,
    user,
)
from convrun.errors import AttachmentError, ConversationError
from convrun.wire import Growing, goes_on
from tests.servers import called, said, thought

PNG = b"\x89PNG\r\n\x1a\n"
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}


def reply(*items: Any, identity: str | None = None) -> Message:
    """The message that these items make."""
    parts = [part for item in items for part in parts_of(item, call_id=item.get("call_id", ""))]
    return Message("assistant", tuple(parts), identity)


def result(call_id: str, output: str) -> Message:
    """The message of a tool's result."""
    return Message("tool", (ToolResultPart(call_id, "f", output),))


def body(*messages: Message, **more: Any) -> Any:
    """The body of a request to a model of its own."""
    return ResponsesEncoder(model="m").body(ModelRequest(messages=messages, **more))


def test_a_body_has_everything_and_nothing_more() -> None:
    """The system prompt is `instructions`, options go as they are; the schema joins what an option says of text."""
    assert body(user("hi")) == {"model": "m", "input": [{"role": "user", "content": "hi"}]}
    tool = ToolSchema(name="f", description="F.", parameters={"type": "object"})
    options = {"store": False, "text": {"verbosity": "low"}}
    schema: Any = {"type": "object"}
    full = body(
        system("S"), user("hi"), tools=(tool,), options=options, schema=schema, schema_name="person", stream=True
    )
    assert full == {
        "model": "m",
        "instructions": "S",
        "input": [{"role": "user", "content": "hi"}],
        "store": False,
        "tools": [
            {"type": "function", "name": "f", "description": "F.", "parameters": {"type": "object"}, "strict": False}
        ],
        "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "person", "schema": schema}},
        "stream": True,
    }


def test_a_tool_is_as_strict_as_it_says() -> None:
    """Where nothing is said a tool is not strict, as with chat completions; a declared one goes as it was written."""
    assert encode_tool(ToolSchema(name="f", strict=True))["strict"] is True
    assert encode_tool(ToolSchema(name="f"))["strict"] is False
    written: Any = {"name": "f", "parameters": {}, "defer_loading": True}
    assert encode_tool(ToolSchema(name="f", verbatim=written)) == {"type": "function", **written}


def test_a_conversation_that_goes_on_shares_its_items() -> None:
    """Messages are encoded once, however many items they make, and a body says that it begins with the one before."""
    encoder = ResponsesEncoder(model="m")
    said_so_far = SharedMessages([system("S"), user("a")])
    bodies: list[Any] = []
    for number in range(4):
        bodies.append(encoder.body(ModelRequest(messages=said_so_far)))
        said_so_far = said_so_far.then(reply(thought("a"), said("b"), called("f")), result("call_1", str(number)))
    assert [len(body["input"]) for body in bodies] == [1, 5, 9, 13]
    assert all(goes_on(now["input"], before["input"]) for before, now in pairwise(bodies))
    assert isinstance(bodies[-1]["input"], Growing)
    assert len({id(item) for body in bodies for item in body["input"]}) == 13


def test_an_item_sent_before_is_the_same_object() -> None:
    """A history is encoded once: the next body holds the very same items and tools, also with all that came between."""
    encoder = ResponsesEncoder(model="m")
    history = (system("S"), user("one"), reply(thought("a"), said("two")), user("three"))
    tools = (ToolSchema(name="f"),)
    first: Any = encoder.body(ModelRequest(messages=history, tools=tools))
    encoder.body(ModelRequest(messages=(user("other"),)))
    second: Any = encoder.body(ModelRequest(messages=(*history, assistant("four")), tools=tools))
    assert all(old is new for old, new in zip(first["input"], second["input"], strict=False))
    assert first["tools"][0] is second["tools"][0]
    assert (len(first["input"]), len(second["input"])) == (4, 5)


ITEMS = [
    thought("Hm.", "So.", encrypted_content="gAAA", status="completed"),
    thought(content=[{"type": "reasoning_text", "text": "raw"}], status=None),
    SEARCH,
    said("It is ", phase="commentary"),
    said("", "msg_2", content=[{"type": "output_text", "text": "a", "annotations": [{"type": "url_citation"}]},
                               {"type": "refusal", "refusal": "no"}, {"type": "output_audio", "data": "AAAA"}]),
    said("", "msg_3", content=[], status="incomplete"),
    called("f", {"a": 1}, namespace=None),
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "g", "input": "x = 1"},
    {"type": "code_interpreter_call", "id": "ci_1", "code": "1", "outputs": [{"type": "logs", "logs": "1"}]},
]  # fmt: skip


def test_items_go_back_as_they_came() -> None:
    """Items of every kind are the same again, in their order, and so they are once the message was written and read."""
    message = reply(*ITEMS, identity="resp_1")
    assert encode_message(message) == ITEMS
    written = json.loads(json.dumps(message.to_dict()))
    assert written["id"] == "resp_1"
    assert Message.from_dict(written) == message
    assert encode_message(Message.from_dict(written)) == ITEMS


def test_a_message_has_what_its_items_say() -> None:
    """Texts of all message items are the text, thoughts are reasoning, calls are calls; a search is none of these."""
    message = reply(*ITEMS)
    assert message.text == "It is a"
    assert [part.text for part in message.parts if isinstance(part, ReasoningPart)] == ["Hm.\n\nSo.", "raw"]
    assert [part.text for part in message.parts if isinstance(part, RefusalPart)] == ["no"]
    assert [(call.name, call.arguments, call.id) for call in message.tool_calls] == [
        ("f", '{"a": 1}', "call_1"),
        ("g", "x = 1", "call_2"),
    ]
    assert [part.item["type"] for part in message.parts if isinstance(part, ProviderPart)] == [
        "web_search_call",
        "code_interpreter_call",
    ]


def test_a_message_of_another_api_gives_plain_items() -> None:
    """What a spec's history says, or chat completions gave, has no ids: text, refusal and calls, and no thoughts."""
    call = ToolCallPart("f", "", "c1", {"google": {"thought_signature": "x"}})
    parts = (ReasoningPart("hm"), TextPart("a"), TextPart("b"), RefusalPart("no"), TextPart("c"), call)
    assert encode_message(Message("assistant", parts)) == [
        {"role": "assistant", "content": "ab"},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        {"role": "assistant", "content": "c"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
    ]
    assert encode_message(assistant("")) == []
    mixed = Message("assistant", (*parts_of(said("x")), TextPart("y")))
    assert encode_message(mixed) == [said("x"), {"role": "assistant", "content": "y"}]


def test_results_answer_calls_of_their_kind() -> None:
    """A result names its call; one of a custom tool is of another type, by the nearest call of this id."""
    custom: Any = {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"}
    function = called("f", call_id="c")
    messages = (user("a"), reply(custom), result("c", "1"), reply(function), result("c", "2"), user("b"))
    assert body(*messages)["input"] == [
        {"role": "user", "content": "a"},
        custom,
        {"type": "custom_tool_call_output", "call_id": "c", "output": "1"},
        function,
        {"type": "function_call_output", "call_id": "c", "output": "2"},
        {"role": "user", "content": "b"},
    ]


def test_a_system_message_within_the_history_stays_there() -> None:
    """Only the first message becomes `instructions`."""
    found = body(user("a"), system("Be brief."), user("b"))
    assert "instructions" not in found
    assert found["input"][1] == {"role": "system", "content": "Be brief."}


def test_attachments_are_parts_of_the_content() -> None:
    """Images, documents and sounds go as this API wants them, links as links."""
    message = user(
        "look",
        Attachment(content=PNG, detail="low"),
        Attachment(url="https://host.test/a.jpg"),
        Attachment(content=b"%PDF-1.7"),
        Attachment(url="https://host.test/a.pdf"),
        Attachment(content=b"RIFF0000WAVE"),
    )
    assert encode_message(message) == [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"},
                {"type": "input_image", "image_url": "https://host.test/a.jpg"},
                {
                    "type": "input_file",
                    "filename": "document.pdf",
                    "file_data": "data:application/pdf;base64,JVBERi0xLjc=",
                },
                {"type": "input_file", "file_url": "https://host.test/a.pdf"},
                {"type": "input_audio", "input_audio": {"data": "UklGRjAwMDBXQVZF", "format": "wav"}},
            ],
        }
    ]
    with pytest.raises(AttachmentError, match="'text/csv' cannot go to a model"):
        encode_message(user("look", Attachment(content=b"a,b", type="text/csv")))


def test_only_what_is_new_goes_out_where_the_provider_keeps_the_rest() -> None:
    """With `previous_response_id: auto` the last reply that has an id stands for all before it, the prompt apart."""
    auto = {"previous_response_id": "auto", "seed": 7}
    first, second = reply(called("f"), identity="resp_1"), reply(said("b"), identity="resp_2")
    begun = (system("S"), user("a"))
    assert body(*begun, options=auto) == {
        "model": "m",
        "instructions": "S",
        "input": [{"role": "user", "content": "a"}],
        "seed": 7,
    }
    answered = (*begun, first, result("call_1", "1"))
    found = body(*answered, options=auto)
    assert (found["previous_response_id"], found["instructions"]) == ("resp_1", "S")
    assert found["input"] == [{"type": "function_call_output", "call_id": "call_1", "output": "1"}]
    found = body(*answered, second, user("c"), user("d"), options=auto)
    assert found["previous_response_id"] == "resp_2"
    assert [item["content"] for item in found["input"]] == ["c", "d"]
    named = body(*answered, options={"previous_response_id": "resp_0"})
    assert (named["previous_response_id"], len(named["input"])) == ("resp_0", 3)
    with pytest.raises(ConversationError, match="nothing to send"):
        body(*begun, second, options=auto)
    with pytest.raises(ConversationError, match="not to keep"):
        body(*begun, options={**auto, "store": False})
    without_ids = body(*begun, assistant("b"), user("c"), options=auto)
    assert "previous_response_id" not in without_ids
    assert len(without_ids["input"]) == 3
