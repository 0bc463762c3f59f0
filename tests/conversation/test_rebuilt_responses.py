"""Responses as JSON, rebuilt and continued."""

from __future__ import annotations

import json

import pytest
from scripted_models import calls, says, scripted

import convrun as llm
from convrun.backends.echo import EchoTransport
from convrun.conversation.messages import attachments_in

PNG = b"\x89PNG\r\n\x1a\n"


def test_a_response_survives_as_json():
    """to_dict and from_dict give a response that is read already and goes on with the same history."""
    model, script = scripted(says("one", usage=(3, 1)), says("two"), temperature=0)
    conversation = model.conversation(system="s")
    response = conversation.prompt("a", attachments=[llm.Attachment(content=PNG)])
    response.text()
    data = json.loads(json.dumps(response.to_dict()))
    known = {"duration_ms", "finish_reason", "model_name"}
    assert data.keys() == {"model", "endpoint", "prompt", "messages", "id", "usage", "datetime_utc"} | known
    assert data["prompt"].keys() == {"messages", "options", "system", "system_said", "stream"}
    assert (data["model"], data["usage"]) == ("script/one", {"input": 3, "output": 1})

    rebuilt = llm.Response.from_dict(data, model=model)
    assert (rebuilt.text(), rebuilt.usage(), rebuilt.id) == ("one", response.usage(), response.id)
    assert (rebuilt.prompt.prompt, rebuilt.datetime_utc(), rebuilt.done) == ("a", response.datetime_utc(), True)
    assert rebuilt.json() == {"id": "chatcmpl-1", "model": "one", "content": "one", "finish_reason": "stop"}
    assert rebuilt.to_dict() == data
    assert rebuilt.reply("More").text() == "two"
    first, second = script.bodies
    assert second["messages"][:2] == first["messages"]
    assert [message["content"] for message in second["messages"][2:]] == ["one", "More"]
    assert second["temperature"] == 0


def test_a_rebuilt_prompt_is_what_was_asked():
    """What was said before is not taken for what was said just then; results stay with their request."""

    def png() -> llm.Attachment:
        return llm.Attachment(content=PNG, type="image/png")

    drawn = llm.ToolOutput("drawn", [png()])
    model, _ = scripted(calls(("draw", {})), says("two"), says("three"), says("four"))
    conversation = model.conversation(system="S", tools=[llm.Tool("draw", implementation=lambda: drawn)])
    conversation.chain("a").text()
    conversation.prompt(messages=[llm.user("b", png())]).text()
    conversation.prompt("c", system="T", attachments=[png()]).text()
    asked = [response.prompt for response in conversation.responses]
    assert [(one.prompt, one.system, len(one.attachments), len(one.tool_results)) for one in asked] == [
        ("a", None, 0, 0), ("", None, 0, 1), ("", None, 0, 0), ("c", "T", 1, 0)
    ]  # fmt: skip
    for response in conversation.responses:
        kept = json.loads(json.dumps(response.to_dict()))
        rebuilt = llm.Response.from_dict(kept, model=model, tools=[*conversation.tools, llm.Tool("new")])
        for name in ("prompt", "messages", "system", "attachments", "tools", "tool_results", "options", "schema"):
            assert getattr(rebuilt.prompt, name) == getattr(response.prompt, name)
        assert str(kept["prompt"]).count("iVBOR") == len({*map(id, attachments_in(response.prompt.messages))})


def test_a_rebuilt_response_finds_its_model_by_name():
    """Without model= the name is resolved as get_model does."""
    response = llm.get_model("echo").prompt("a")
    response.text()
    data = json.loads(json.dumps(response.to_dict()))
    assert {"model", "prompt", "messages", "id", "usage", "datetime_utc"} <= data.keys()
    assert "endpoint" not in data
    rebuilt = llm.Response.from_dict(data)
    assert rebuilt.reply("More").text() == "More"
    assert rebuilt.to_dict() == data


@pytest.mark.parametrize(
    ("name", "settings", "place"),
    [
        ("gpt-4.1", {"script": [{"reply": "hi"}]}, "https://script.invalid/v1"),
        ("echo", {"transport": EchoTransport(), "base_url": "http://127.0.0.1:9/v1"}, "http://127.0.0.1:9/v1"),
        ("gpt-4.1", {"transport": EchoTransport()}, "https://api.openai.com/v1"),
    ],
)
def test_a_model_that_its_name_does_not_find_is_asked_for(name, settings, place):
    """A conversation with a model elsewhere does not go on at the place its name alone means."""
    model = llm.get_model(name, **settings)
    response = model.prompt("a")
    response.text()
    data = json.loads(json.dumps(response.to_dict()))
    rebuilt = llm.Response.from_dict(data)
    assert (rebuilt.text(), rebuilt.to_dict()) == (response.text(), data)
    with pytest.raises(llm.ConversationError, match=f"'{name}' was at {place}") as caught:
        rebuilt.reply("More")
    assert "model=" in str(caught.value.fix)
    assert llm.Response.from_dict(data, model=llm.get_model("echo")).reply("More").text() == "More"


def test_tool_calls_survive_word_for_word():
    """Arguments are rebuilt exactly as the provider wrote them, and open calls are made by the tools given again."""
    written = '{"text":"x",  "n": 1.0}'
    model, script = scripted(calls(("t", written)), says("two"))
    response = model.prompt("a", tools=[llm.Tool.declared({"name": "t"})])
    response.text()
    data = json.loads(json.dumps(response.to_dict()))
    tools = [llm.Tool("t", implementation=lambda **given: given)]
    rebuilt = llm.Response.from_dict(data, model=model, tools=tools)
    assert rebuilt.tool_calls()[0].arguments == {"text": "x", "n": 1.0}
    rebuilt.reply("More").text()
    _, asked, answered, more = script.messages[-1]
    assert asked["tool_calls"][0]["function"]["arguments"] == written
    assert (answered["content"], more["content"]) == ('{"text": "x", "n": 1.0}', "More")


def test_messages_survive_as_json():
    """Every kind of part comes back as it was."""
    parts = (
        llm.TextPart("hi"),
        llm.ReasoningPart("because", "reasoning_content", [{"a": 1}]),
        llm.RefusalPart("no"),
        llm.ToolCallPart("f", '{"a": 1}', "c1"),
        llm.ToolCallPart("f", "not json", "c2"),
        llm.ToolCallPart("f", "", "c3"),
        llm.ToolResultPart("c1", "f", "out"),
        llm.AttachmentPart(llm.Attachment(url="https://example.com/a.png")),
    )
    message = llm.Message("assistant", parts)
    assert llm.Message.from_dict(json.loads(json.dumps(message.to_dict()))) == message


@pytest.mark.parametrize("data", [{}, {"role": "user"}, {"role": "user", "parts": [{"type": "smell"}]}])
def test_what_is_no_message_is_refused(data):
    """A dict of something else is an error that shows it."""
    with pytest.raises(llm.ConversationError, match="is no message"):
        llm.Message.from_dict(data)


def test_what_is_no_response_is_refused():
    """A dict of something else is an error."""
    with pytest.raises(llm.ConversationError, match="no response"):
        llm.Response.from_dict({"model": "m"})


def test_old_messages_can_stand_in_for_the_history():
    """Messages stored as dicts go on as messages=."""
    model, script = scripted(says("one"), says("two"))
    response = model.prompt("a")
    response.text()
    stored = json.dumps([llm.user("a").to_dict(), *(message.to_dict() for message in response.messages())])
    rebuilt = [llm.Message.from_dict(message) for message in json.loads(stored)]
    model.prompt(messages=[*rebuilt, llm.user("b")]).text()
    assert [message["content"] for message in script.messages[1]] == ["a", "one", "b"]
