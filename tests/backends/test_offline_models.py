"""Echo and script: models that need nothing."""

from __future__ import annotations

from typing import Any

import pytest

from convrun.backends.identity import identify
from convrun.backends.resolving import backend_for, live_transport, resolve
from convrun.backends.script import script_model_name
from convrun.conversation.attachments import Attachment
from convrun.conversation.backend import Backend, Completion, ModelRequest
from convrun.conversation.messages import Message, ToolResultPart, assistant, system, user
from convrun.errors import ProviderError

LINES: Any = [{"reply": "one"}, {"call": "f", "with": {"a": 1}}, [{"call": "f"}, {"call": "g"}], {"reply": "four"}]


def ask(model: Backend, *messages: Message, stream: bool = False) -> Completion:
    """The reply to a history."""
    *_, last = model.send(ModelRequest(messages=messages, stream=stream))
    assert isinstance(last, Completion)
    return last


def results(message: Message, *outputs: str) -> list[Message]:
    """The results of the calls of a message."""
    pairs = zip(message.tool_calls, outputs, strict=True)
    return [Message("tool", (ToolResultPart(call.id, call.name, output),)) for call, output in pairs]


@pytest.mark.parametrize("stream", [False, True])
def test_echo_repeats(stream: bool) -> None:
    """Whatever the user says comes back, white space and all."""
    for text in ("hello  there\n you ", "", "{", '{"a":1}', "[1]"):
        assert ask(resolve("echo"), system("S"), user(text), stream=stream).message.text == text


def test_echo_repeats_the_text_beside_an_attachment() -> None:
    """Of a message with parts the text is repeated."""
    image = Attachment(url="https://example.com/a.png")
    assert ask(resolve("echo"), user("look", image)).message.text == "look"


@pytest.mark.parametrize("stream", [False, True])
def test_echo_calls_tools_once_and_tells_their_results(stream: bool) -> None:
    """A JSON object with tool_calls calls them; then their results are the reply, one a line."""
    model = resolve("echo")
    wish = user('{"tool_calls": [{"name": "f", "arguments": {"a": "ä"}}, {"name": "g"}]}')
    first = ask(model, wish, stream=stream)
    assert [(call.name, call.arguments) for call in first.message.tool_calls] == [("f", '{"a":"ä"}'), ("g", "{}")]
    assert first.finish_reason == "tool_calls"
    answered = [wish, first.message, *results(first.message, "1", "2")]
    assert ask(model, *answered, stream=stream).message.text == "1\n2"
    images = user("", Attachment(url="https://example.com/a.png"))
    assert ask(model, *answered, images).message.text == "1\n2"
    assert ask(model, *answered, user("next")).message.text == "next"


@pytest.mark.parametrize("wish", ["3", "[3]", '[{"arguments": {}}]', '[{"name": "f", "arguments": "x"}]'])
def test_echo_refuses_calls_that_are_none(wish: str) -> None:
    """Calls without a name, or with arguments that are no object, are an error and not an echo."""
    with pytest.raises(ProviderError, match="tool_calls is a list of"):
        ask(resolve("echo"), user(f'{{"tool_calls": {wish}}}'))


def test_a_script_says_its_lines_in_order() -> None:
    """Each model call hears the next line; after the last there is an error."""
    model = resolve("m", script=LINES)
    history = [user("go")]
    found = []
    for _ in LINES:
        message = ask(model, *history).message
        found.append((message.text, [(call.name, call.arguments) for call in message.tool_calls]))
        history += [message, *results(message, *("r" for _ in message.tool_calls))]
    assert found == [("one", []), ("", [("f", '{"a":1}')]), ("", [("f", "{}"), ("g", "{}")]), ("four", [])]
    with pytest.raises(ProviderError, match="the script has 4 lines, and the model is called for number 5"):
        ask(model, *history)


def test_a_script_does_not_count_the_history() -> None:
    """Replies that stand before the first turn are no lines of the script, and a retry hears its line again."""
    identity = identify("m", environ={}, script=LINES)
    model = backend_for(identity, live_transport(identity, script=LINES, history_replies=1))
    history = (user("hi"), assistant("hello"), user("go"))
    assert ask(model, *history).message.text == ask(model, *history).message.text == "one"


def test_a_script_is_its_lines() -> None:
    """The model of a request is the script's digest: the same for all spellings, another for other lines."""
    name = script_model_name(LINES)
    assert resolve(script=LINES).name == "script"
    assert resolve("m", script=LINES).format.model == name
    assert name == script_model_name([LINES[0], [LINES[1]], [{"call": "f", "with": {}}, {"call": "g"}], LINES[3]])
    assert name != script_model_name(LINES[:3])
    assert name.startswith("script:")
    assert len(name) == 71
