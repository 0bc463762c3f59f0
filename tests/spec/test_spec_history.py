"""What was said before the first turn."""

from __future__ import annotations

import json

import pytest

from convrun.conversation.messages import Message, ToolCallPart, ToolResultPart, assistant, user
from convrun.errors import SpecErrors
from convrun.spec.loading import load_spec
from convrun.spec.model import HistoryCall


@pytest.fixture
def history(tmp_path):
    """The messages of a spec with this history."""

    def read(value):
        (tmp_path / "a.yaml").write_text(f"turns: [{{user: Hi}}]\nhistory: {value}\n", "utf-8")
        return load_spec(tmp_path / "a.yaml", tmp_path).history

    return read


def shown(messages):
    """Messages without their places."""
    return [(one.role, one.text.source if one.text else None, one.tool_calls, one.tool_call_id) for one in messages]


def test_the_short_form(history):
    """A message is who speaks and what; calls get ids, and results answer them in order."""
    found = history(
        "[{user: Hi}, {assistant: Hello}, {user: Well}, "
        "{assistant: Let me see, tool_calls: [{name: f, arguments: {a: 1}}, {name: g}]}, "
        "{tool: one}, {tool: two}, {assistant: Done}]"
    )
    calls = (
        HistoryCall(name="f", arguments='{"a": 1}', id="call_0_1"),
        HistoryCall(name="g", arguments="{}", id="call_0_2"),
    )
    assert shown(found) == [
        ("user", "Hi", (), None),
        ("assistant", "Hello", (), None),
        ("user", "Well", (), None),
        ("assistant", "Let me see", calls, None),
        ("tool", "one", (), "call_0_1"),
        ("tool", "two", (), "call_0_2"),
        ("assistant", "Done", (), None),
    ]


def test_the_long_form(history):
    """Messages as `to_dict()` writes them are read, with several results in one."""
    found = history(
        "[{role: user, parts: [{type: text, text: Hi}]},"
        " {role: assistant, parts: [{type: tool_call, name: f, arguments: '{}', tool_call_id: x},"
        " {type: tool_call, name: f, arguments: {a: b}, tool_call_id: y}]},"
        " {role: tool, parts: [{type: tool_result, name: f, output: one, tool_call_id: y},"
        " {type: tool_result, name: f, output: two, tool_call_id: x}]}]"
    )
    calls = (HistoryCall(name="f", arguments="{}", id="x"), HistoryCall(name="f", arguments='{"a": "b"}', id="y"))
    assert shown(found) == [
        ("user", "Hi", (), None),
        ("assistant", None, calls, None),
        ("tool", "one", (), "y"),
        ("tool", "two", (), "x"),
    ]


def test_what_the_engine_wrote_is_read(history):
    """The messages of the engine's own `to_dict()` are a history, exact to the text of the arguments."""
    spoken = (
        user("Hi"),
        assistant("Let me see", (ToolCallPart("f", '{"a":1}', "x"), ToolCallPart("g", "", ""))),
        Message("tool", (ToolResultPart("x", "f", "one"),)),
        Message("tool", (ToolResultPart("", "g", "two"),)),
    )
    found = history(json.dumps([message.to_dict() for message in spoken]))
    calls = (HistoryCall(name="f", arguments='{"a":1}', id="x"), HistoryCall(name="g", arguments="{}", id="call_0_2"))
    assert shown(found) == [
        ("user", "Hi", (), None),
        ("assistant", "Let me see", calls, None),
        ("tool", "one", (), "x"),
        ("tool", "two", (), "call_0_2"),
    ]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("[{user: a, assistant: b}]", "a message needs one of 'user', 'assistant' and 'tool'"),
        ("[{}]", "a message needs one of 'user', 'assistant' and 'tool'"),
        ("[{system: x}]", "unknown key 'system' in a message"),
        ("[{user: a, tool_calls: [{name: f}]}]", "only an assistant's message has tool calls"),
        ("[{user: a, tool_call_id: x}]", "only a tool's message names a tool call"),
        ("[{tool: x}]", "a tool result without a call before it"),
        ("[{tool_calls: [{name: f}]}]", "the tool call 'call_0_1' has no result"),
        ("[{tool_calls: [{name: f}]}, {user: x}, {tool: y}]", "the tool call 'call_0_1' has no result"),
        ("[{tool_calls: [{name: f, id: a}]}, {tool: y, tool_call_id: b}]", "a tool result without a call before it"),
        ("[{tool_calls: [{name: f, id: a}, {name: f, id: a}]}, {tool: y}]", "two tool calls have one id"),
        ("[{role: user}]", "a message needs the key 'parts'"),
        ("[{role: user, parts: [{type: image}]}]", "unknown part 'image'"),
        ("[{role: user, parts: [{text: x}]}]", "a part needs the key 'type'"),
        ("[{role: user, parts: [{type: tool_call, name: f}]}]", "a part that does not fit the role 'user'"),
        ("[{role: user, parts: [{type: text, text: a}, {type: text, text: b}]}]", "several texts in one message"),
    ],
)
def test_histories_that_no_provider_takes_are_refused(history, value, what):
    """A history must be one that could have happened."""
    with pytest.raises(SpecErrors) as raised:
        history(value)
    assert raised.value.errors[0].what == what
