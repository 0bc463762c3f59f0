"""Requests as chat completions want them."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from convrun.backends.chat_encoding import ChatEncoder, decode_attachment, encode_message
from convrun.conversation.attachments import Attachment
from convrun.conversation.backend import ModelRequest, ToolSchema
from convrun.conversation.messages import (
    Message,
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
from convrun.errors import AttachmentError
from convrun.wire import goes_on

PNG = b"\x89PNG\r\n\x1a\n"


def test_a_body_has_everything_and_nothing_more() -> None:
    """Options go as they are; tools, schema and stream only where there are any."""
    encoder = ChatEncoder(model="m")
    plain = encoder.body(ModelRequest(messages=(user("hi"),)))
    assert plain == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    full = encoder.body(
        ModelRequest(
            messages=(system("S"), user("hi")),
            tools=(ToolSchema(name="f", parameters={"type": "object"}),),
            options={"seed": 7, "stop": None},
            schema={"type": "object"},
            schema_name="person",
            stream=True,
        )
    )
    assert full == {
        "model": "m",
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "hi"}],
        "seed": 7,
        "stop": None,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "person", "schema": {"type": "object"}},
        },
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_message_sent_before_is_the_same_object() -> None:
    """A history is encoded once: the next body holds the very same messages and tools."""
    encoder = ChatEncoder(model="m")
    history = (system("S"), user("one"), assistant("two"))
    tools = (ToolSchema(name="f"),)
    first: Any = encoder.body(ModelRequest(messages=history, tools=tools))
    second: Any = encoder.body(ModelRequest(messages=(*history, user("three")), tools=tools))
    assert all(old is new for old, new in zip(first["messages"], second["messages"], strict=False))
    assert first["tools"][0] is second["tools"][0]
    assert len(second["messages"]) == 4


def test_conversations_that_take_turns_or_go_back_are_told_apart() -> None:
    """A body has the messages of its own request, whatever the request before it was."""
    encoder = ChatEncoder(model="m")
    said = [user(f"a{number}") for number in range(4)]
    other = [said[0], user("b1"), user("b2")]
    histories = [said[:2], said, other, said[:1], said, other[:2], other]
    bodies = [encoder.body(ModelRequest(messages=tuple(history))) for history in histories]
    for history, body in zip(histories, bodies, strict=True):
        assert body["messages"] == [{"role": "user", "content": message.text} for message in history]


def test_conversations_that_take_turns_encode_each_message_once() -> None:
    """Long conversations of one model do not push each other out: each of their messages is encoded one time."""
    encoder = ChatEncoder(model="m")
    histories = [SharedMessages([system(f"You are {number}.")]) for number in range(5)]
    bodies: list[Any] = []
    for turn in range(4):
        for number, history in enumerate(histories):
            histories[number] = history.then(*(user(f"{turn}.{index}") for index in range(500)))
            bodies.append(encoder.body(ModelRequest(messages=histories[number])))
    assert len({id(message) for body in bodies for message in body["messages"]}) == 5 * (1 + 4 * 500)
    for history, body in zip(histories, bodies[-5:], strict=True):
        assert [message["content"] for message in body["messages"]] == [message.text for message in history]


def test_branches_in_threads_are_encoded_as_they_are() -> None:
    """Branches of one conversation, each in its thread, have the same messages up to where they part, and their own."""
    encoder = ChatEncoder(model="m")
    trunk = SharedMessages([system("S"), *(user(f"trunk {number}") for number in range(300))])

    def go_on(number: int) -> list[Any]:
        branch, bodies = trunk, []
        for turn in range(20):
            branch = branch.then(user(f"branch {number}.{turn}"))
            bodies.append(encoder.body(ModelRequest(messages=branch))["messages"])
        assert [message["content"] for message in bodies[-1]] == [message.text for message in branch]
        return bodies

    with ThreadPoolExecutor(8) as pool:
        every = [body for bodies in pool.map(go_on, range(24)) for body in bodies]
    assert len({id(message) for body in every for message in body}) == 301 + 24 * 20


def test_another_system_message_leaves_the_others_as_they_are() -> None:
    """The system message may change from turn to turn, and be gone: what was said is encoded once all the same."""
    encoder = ChatEncoder(model="m")
    one, two = system("One"), system("Two")
    said = SharedMessages([user("a"), user("b")])
    bodies: list[Any] = [encoder.body(ModelRequest(messages=said.under(top))) for top in (one, two, None, one)]
    texts = [[message["content"] for message in body["messages"]] for body in bodies]
    assert texts == [["One", "a", "b"], ["Two", "a", "b"], ["a", "b"], ["One", "a", "b"]]
    assert len({id(body["messages"][-1]) for body in bodies}) == 1
    assert [goes_on(now["messages"], before["messages"]) for before, now in pairwise(bodies)] == [False] * 3


def test_a_message_that_cannot_be_encoded_is_not_in_the_next_body() -> None:
    """Whoever goes on without it has all other messages, as they were."""
    encoder = ChatEncoder(model="m")
    said = SharedMessages([user("a")])
    with pytest.raises(AttachmentError):
        encoder.body(ModelRequest(messages=said.then(user("b"), user("", Attachment(content=b"x", type="text/x")))))
    body: Any = encoder.body(ModelRequest(messages=said.then(user("c"))))
    assert [message["content"] for message in body["messages"]] == ["a", "c"]


def test_old_conversations_are_forgotten() -> None:
    """A backend that serves many conversations does not keep all their messages."""
    encoder = ChatEncoder(model="m")
    for number in range(6000):
        encoder.body(ModelRequest(messages=(user(str(number)),)))
    assert len(encoder._messages) < 5000


def test_equal_messages_are_told_apart_by_identity() -> None:
    """A message that is collected does not lend its encoding to one that takes its place in memory."""
    encoder = ChatEncoder(model="m")
    for number in range(200):
        body: Any = encoder.body(ModelRequest(messages=(user(f"n{number}"),)))
        assert body["messages"][0]["content"] == f"n{number}"


def test_the_system_role_has_two_names() -> None:
    """Newer models call it developer."""
    assert encode_message(system("S"), system_role="developer")["role"] == "developer"


@pytest.mark.parametrize(
    ("message", "encoded"),
    [
        (assistant("hi"), {"content": "hi"}),
        (assistant(""), {"content": ""}),
        (Message("assistant"), {"content": ""}),
        (Message("assistant", (RefusalPart("no"),)), {"content": None, "refusal": "no"}),
        (Message("assistant", (ReasoningPart("hm"), TextPart("hi"))), {"content": "hi"}),
        (
            Message("assistant", (ReasoningPart("hm", field="reasoning_content"), TextPart("hi"))),
            {"content": "hi", "reasoning_content": "hm"},
        ),
    ],
)
def test_what_the_model_said_goes_back(message: Message, encoded: dict[str, Any]) -> None:
    """Text and refusal go back; reasoning only to those who want it."""
    assert encode_message(message) == {"role": "assistant", **encoded}


def test_calls_go_back_as_they_came() -> None:
    """Arguments are sent back to the letter, none as an empty object; content is null."""
    message = assistant("", (ToolCallPart("f", '{"a":  1}', "c1"), ToolCallPart("g", "", "c2")))
    assert encode_message(message) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":  1}'}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    }


def test_a_tool_result_names_its_call() -> None:
    """A tool message has the id and the text."""
    message = Message("tool", (ToolResultPart("c1", "f", "42"),))
    assert encode_message(message) == {"role": "tool", "tool_call_id": "c1", "content": "42"}


def test_a_declared_tool_goes_out_as_written() -> None:
    """Nothing is added to, or taken from, a declared function."""
    written: Any = {"name": "f", "strict": True, "x-own": 1}
    body: Any = ChatEncoder(model="m").body(
        ModelRequest(messages=(user("hi"),), tools=(ToolSchema(name="f", verbatim=written),))
    )
    assert body["tools"][0] == {"type": "function", "function": written}


def test_a_tool_has_a_description_and_may_be_strict() -> None:
    """Description and strictness are there where they are said."""
    tool = ToolSchema(name="f", description="Does.", parameters={}, strict=False)
    body: Any = ChatEncoder(model="m").body(ModelRequest(messages=(user("hi"),), tools=(tool,)))
    function = {"name": "f", "description": "Does.", "parameters": {}, "strict": False}
    assert body["tools"][0]["function"] == function


def test_attachments_make_a_list_of_parts() -> None:
    """Images, documents and sounds each have their part."""
    message = user(
        "look",
        Attachment(url="https://example.com/a.jpg", type="image/jpeg", detail="low"),
        Attachment(content=PNG),
        Attachment(content=b"%PDF-1", type="application/pdf"),
        Attachment(content=b"RIFF", type="audio/wav"),
        Attachment(content=b"ID3", type="audio/mpeg"),
    )
    coded = {
        name: base64.b64encode(data).decode() for name, data in {"png": PNG, "wav": b"RIFF", "mp3": b"ID3"}.items()
    }
    assert encode_message(message)["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{coded['png']}"}},
        {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0x"}},
        {"type": "input_audio", "input_audio": {"data": coded["wav"], "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": coded["mp3"], "format": "mp3"}},
    ]


def test_what_no_chat_model_takes_is_refused() -> None:
    """A type that chat completions do not have is an error that names it."""
    with pytest.raises(AttachmentError, match="'text/csv' cannot go to a model"):
        encode_message(user("look", Attachment(content=b"a,b", type="text/csv")))


def test_an_attachment_is_decoded_to_what_gives_the_same_part() -> None:
    """Recorded parts become attachments that are encoded to them again; a link's type need not be known."""
    sent = [
        Attachment(url="https://example.com/a?b", type="image/jpeg", detail="low"),
        Attachment(content=PNG),
        Attachment(content=b"%PDF-1", type="application/pdf"),
        Attachment(content=b"%PDF-1", type="application/pdf", file_name="apples.pdf"),
        Attachment(content=b"RIFF", type="audio/wav"),
        Attachment(content=b"ID3", type="audio/mpeg"),
    ]
    parts: Any = encode_message(user("", *sent))["content"]
    decoded = [decode_attachment(part) for part in parts if part["type"] != "text"]
    again: Any = encode_message(user("", *(one for one in decoded if one is not None)))["content"]
    assert len(decoded) == len(sent)
    assert again == parts


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": "look"},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0x"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "image_url", "image_url": {"url": "map.png"}},
        {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "pcm16"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "more": 1}},
    ],
)
def test_a_part_that_no_attachment_gives_is_not_decoded(part: Any) -> None:
    """Nothing is decoded to something that would be sent differently."""
    assert decode_attachment(part) is None
