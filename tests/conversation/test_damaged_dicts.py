"""Kept conversations, responses and messages that are damaged: what is wrong is named, and nothing else is raised."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_models import calls, says, scripted

import convrun as llm

PNG = b"\x89PNG\r\n\x1a\n"
ANYTHING = st.sampled_from([None, True, 0, -1, 1.5, 10**9, float("nan"), "x", [], {}, [[]], {"a": 1}, [None], "9999"])


def draw(text: str) -> llm.ToolOutput:
    """Draw."""
    return llm.ToolOutput(text, attachments=[llm.Attachment(content=PNG)])


def pause() -> None:
    """Pause."""
    raise llm.PauseChain("ask")


def kept_values() -> tuple[llm.Model, list[tuple[Any, Any]]]:
    """Return a model, and what was kept of all that a conversation may hold, each with the class that reads it."""
    declared = llm.Tool.declared({"name": "declared", "strict": True})
    model, _ = scripted(
        calls(("draw", {"text": "a"}), ("draw", {"colour": "b"}), ("none", '{"x": NaN}')),
        says("x", usage=(1, 2)),
        says("y"),
        calls(("draw", {"text": "a"}), ("pause", {})),
        temperature=0,
    )
    conversation = model.conversation(
        system="s", tools=[draw, pause, declared], schema={"type": "object"}, chain_limit=4, tool_timeout=3
    )
    conversation.chain("go", attachments=[llm.Attachment(url="https://x.test/a.png")]).text()
    conversation.prompt(messages=[llm.user("new"), llm.assistant("ok")], system="t", top_p=1).text()
    with suppress(llm.PauseChain):
        conversation.chain("p").text()
    found = [
        (llm.Conversation, conversation.to_dict()),
        *((llm.Response, response.to_dict()) for response in conversation.responses),
        *((llm.Message, message.to_dict()) for message in conversation.responses[1].prompt.messages),
    ]
    return model, [(reader, json.loads(json.dumps(data))) for reader, data in found]


def nested(depth: int) -> Any:
    """Return a list in a list in a list."""
    found: Any = []
    for _ in range(depth):
        found = [found]
    return found


MODEL, KEPT = kept_values()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in a value."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


def read(reader: Any, data: Any) -> Any:
    """Return what a class makes of a dict."""
    return reader.from_dict(data) if reader is llm.Message else reader.from_dict(data, model=MODEL)


PLACES = [(number, path) for number, (_, data) in enumerate(KEPT) for path in places(data)]


@settings(max_examples=120)
@given(place=st.sampled_from(PLACES), value=ANYTHING, how=st.sampled_from(["replaced", "removed", "renamed"]))
def test_damage_is_told_or_does_no_harm(place: tuple[int, tuple[Any, ...]], value: Any, how: str):
    """One value replaced, removed or renamed is a ConversationError with its place, or gives what is kept again."""
    number, path = place
    reader, data = KEPT[number][0], copy.deepcopy(KEPT[number][1])
    at = data
    for key in path[:-1]:
        at = at[key]
    if how == "replaced":
        at[path[-1]] = value
    elif how == "removed" or isinstance(at, list):
        del at[path[-1]]
    else:
        at[f"{path[-1]}s"] = at.pop(path[-1])
    try:
        found = read(reader, data)
    except llm.ConversationError as error:
        assert error.fix
        return
    again = json.loads(json.dumps(found.to_dict()))
    assert read(reader, again).to_dict() == again
    for response in getattr(found, "responses", [found] if reader is llm.Response else []):
        assert response.text() == "".join(message.text for message in response.messages())


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("turns", 0, "responses", 1, "usage", "input"), "3", r"turns\[0\].responses\[1\].usage.input is '3', not a w"),
        (("turns", 0, "responses", 0, "datetime_utc"), "soon", r"turns\[0\].responses\[0\].datetime_utc is 'soon'"),
        (("turns", 0, "responses", 0, "datetime_utc"), "0001-01-01T00:00:00+05:00", "not a date and time as ISO 8601"),
        (("turns", 0, "responses", 0, "reply"), 0, r"responses\[0\].reply is not the number of a message of the model"),
        (("turns", 0, "responses", 0, "sent"), [[0, 99]], r"sent\[0\]\[1\] is 99, and there are 15"),
        (("messages", 0, "role"), "sytem", r"messages\[0\].role is 'sytem', .*did you mean 'system'\?"),
        (("messages", 1, "parts", 0, "type"), "txt", r"messages\[1\].parts\[0\].type is 'txt'.*did you mean 'text'\?"),
        (("messages", 6, "parts", 0, "attachment", "content"), "%", r"parts\[0\].attachment is wrong: .* no base64"),
        (("messages", 6, "parts", 0, "attachment", "path"), "/etc/passwd", "names a file, which is not read"),
        (("settings", 0, "options"), {"api_key": "x"}, r"settings\[0\].options is wrong: 'api_key' is no option"),
        pytest.param(
            ("settings", 0, "tool_timeout"), 10**400, r"tool_timeout is 10+\.\.\.0+, not a number", id="timeout"
        ),
        pytest.param(("turns", 0, "responses", 0, "duration_ms"), 10**400, "duration_ms is 10.*number", id="duration"),
        (("messages",), nested(5000), r"messages\[0\] is a list that is too deep to be shown, not a mapping"),
        (("convrun",), nested(990), r"convrun is .*, not a whole number of 1 or more"),
        (("settings", 0, "tool_timeout"), float("inf"), r"settings\[0\].tool_timeout is Infinity, not a number"),
        (("sytem",), "s", "sytem is not known"),
        (("convrun",), 2, "this conversation has format 2, and 1 is the newest that is known here .update convrun"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(path: tuple[Any, ...], value: Any, words: str):
    """The error says where in the dict, what is there, and what should be."""
    data = copy.deepcopy(KEPT[0][1])
    at = data
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(llm.ConversationError, match=words):
        read(llm.Conversation, data)


@pytest.mark.parametrize(
    ("reader", "data", "words"),
    [
        (llm.Conversation, KEPT[1][1], "Response.from_dict reads it"),
        (llm.Response, KEPT[0][1], "Conversation.from_dict reads it"),
        (llm.Conversation, json.dumps(KEPT[0][1]), r"give what json.loads\(\) returns of it"),
        (llm.Conversation, None, "it is null, not a mapping"),
        (llm.Response, {}, "prompt is missing"),
        (llm.Response, {"prompt": nested(5000)}, "prompt is a list that is too deep to be shown, not a mapping"),
        (llm.Message, [], r"it is \[\], not a mapping"),
    ],
)
def test_what_is_something_else_is_refused(reader: Any, data: Any, words: str):
    """A dict of another kind, a text or nothing at all is told as such."""
    with pytest.raises(llm.ConversationError, match=words):
        reader.from_dict(data)


def test_usage_that_is_null_is_none():
    """What another program kept of a response may lack usage, options and dates, or have null there."""
    message = {"role": "user", "parts": [{"type": "text", "text": "a"}]}
    reply = {"role": "assistant", "parts": [{"type": "text", "text": "b"}]}
    data = {"model": "echo", "prompt": {"messages": [message], "options": None}, "messages": [reply]}
    rebuilt = llm.Response.from_dict({**data, "usage": None, "datetime_utc": None, "id": None})
    assert (rebuilt.text(), rebuilt.usage(), rebuilt.datetime_utc()) == ("b", llm.Usage(), "")
    assert rebuilt.reply("c").text() == "c"
