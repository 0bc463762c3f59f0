"""What tools return and raise, and what the model is told of it."""

from __future__ import annotations

import asyncio
import sys
import traceback
from dataclasses import dataclass

import pytest
from scripted_models import calls, says, scripted

import convrun as llm

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Point:
    x: int


def run(tool, arguments=None, **settings):
    """Run a chain in which the model calls `tool` once; return the tool result and the messages that followed it."""
    model, script = scripted(calls((tool.__name__, arguments or {})), says("done"))
    chain = model.conversation(tools=[tool], **settings).chain("go")
    chain.text()
    return chain.tool_results()[0], script.messages[-1][2:]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        ("", ""),
        (None, "null"),
        (5, "5"),
        (True, "true"),
        (["a", 1.5], '["a", 1.5]'),
        ({"city": "Zürich"}, '{"city": "Zürich"}'),
        (Point(1), '{"x": 1}'),
        ((1, 2), "[1, 2]"),
    ],
)
def test_what_a_tool_returns_is_text_or_json(value, text):
    """A text goes to the model as it is, anything else as JSON."""

    def tool():
        return value

    result, sent = run(tool)
    assert result.output == sent[0]["content"] == text


@pytest.mark.parametrize("value", [{1, 2}, object(), float("nan"), b"bytes"])
def test_what_is_not_json_is_an_error_for_the_model(value):
    """A return value that JSON cannot say is an Error result that says so."""

    def tool():
        return value

    result, _ = run(tool)
    assert result.output.startswith("Error: tool 'tool' returned what is not JSON")
    assert isinstance(result.exception, TypeError)


@pytest.mark.parametrize("error", [ValueError("no such city"), SystemExit("no such city"), LookupError("no such city")])
def test_an_exception_becomes_an_error_for_the_model(error):
    """What a tool raises goes to the model as `Error: …`; exception and traceback stay on the result."""

    def tool():
        raise error

    result, sent = run(tool)
    assert sent[0]["content"] == "Error: no such city"
    assert result.exception is error
    assert "raise error" in "".join(traceback.format_exception(result.exception))


class Ended(BaseException):
    """No Exception, as that of pytest.fail()."""


@pytest.mark.parametrize(
    ("error", "text"),
    [(Ended("no"), "no"), (asyncio.CancelledError("no"), "no"), (GeneratorExit(), "GeneratorExit")],
)
@pytest.mark.parametrize("seconds", [None, 5.0])
def test_what_is_no_exception_is_an_error_for_the_model_too(error, text, seconds):
    """Whatever a tool raises goes to the model, and ends neither the chain nor the process."""

    def tool():
        raise error

    hooks = {"before_call": lambda _tool, _call: None, "after_call": lambda _tool, _call, _result: None}
    assert run(tool, tool_timeout=seconds, **hooks)[0].output == f"Error: {text}"


def test_an_interruption_gets_through_a_tool():
    """Ctrl-C in a tool is no result."""

    def tool():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tool, tool_timeout=5.0)


@pytest.mark.parametrize("depth", [900, 5000])
def test_arguments_nested_too_deeply_are_an_error_for_the_model(depth):
    """Brackets beyond what Python reads are no JSON object, and do not end the chain."""

    def tool(x: int) -> int:
        return x

    result, _ = run(tool, '{"x": ' + "[" * depth + "]" * depth + "}")
    assert result.output.startswith("Error: ")
    message = llm.Message("assistant", (llm.ToolCallPart("f", "[" * depth + "]" * depth, "c"),))
    assert llm.Message.from_dict(message.to_dict()) == message


def test_an_exception_without_text_is_named():
    """An exception that says nothing is told by its name."""

    def tool():
        raise RuntimeError

    assert run(tool)[0].output == "Error: RuntimeError"


def test_attachments_of_a_tool_follow_all_tool_messages():
    """ToolOutput puts its text in the tool message, its attachments in a user message after all of them."""

    def draw(name: str):
        return llm.ToolOutput(f"drew {name}", attachments=[llm.Attachment(content=PNG)])

    model, script = scripted(calls(("draw", {"name": "a"}), ("draw", {"name": "b"})), says("done"))
    model.chain("go", tools=[draw]).text()
    tool_a, tool_b, attached = script.messages[-1][2:]
    assert [tool_a["content"], tool_b["content"]] == ["drew a", "drew b"]
    assert (attached["role"], [part["type"] for part in attached["content"]]) == ("user", ["image_url"] * 2)


def test_the_call_is_filled_in_where_asked_for():
    """A parameter llm_tool_call gets the ToolCall, and the model does not see it."""

    def tool(text: str, llm_tool_call: llm.ToolCall) -> str:
        return f"{text} {llm_tool_call.tool_call_id}"

    assert run(tool, {"text": "x"})[0].output == "x call_tool_0"
    assert list(llm.Tool.function(tool).input_schema["properties"]) == ["text"]


async def hello(name: str) -> str:
    """Say hello."""
    await asyncio.sleep(0)
    return f"Hello {name}"


def test_async_tools_work_under_a_sync_model():
    """An async tool is run to its end."""
    assert run(hello, {"name": "Percival"})[0].output == "Hello Percival"


@pytest.mark.parametrize("seconds", [None, 5.0])
def test_async_tools_work_inside_a_running_loop(seconds):
    """An async tool works where a loop is running already, too."""

    async def main():
        return run(hello, {"name": "Percival"}, tool_timeout=seconds)[0].output

    assert asyncio.run(main()) == "Hello Percival"


def test_arguments_that_are_no_json_object_are_told_to_the_model():
    """Broken arguments are an Error result; the tool is not called."""
    for text in ('{"name": "Per', "[1]", '"x"'):
        model, script = scripted(calls(("hello", text)), says("done"))
        chain = model.chain("go", tools=[hello])
        chain.text()
        assert script.messages[-1][-1]["content"].startswith("Error: the arguments are not a JSON object")
        assert chain.tool_calls()[0].arguments_text == text


def test_no_arguments_at_all_are_none():
    """An empty text means no arguments."""

    def tool() -> str:
        return "called"

    model, _ = scripted(calls(("tool", "")), says("done"))
    chain = model.chain("go", tools=[tool])
    chain.text()
    assert chain.tool_results()[0].output == "called"


def test_a_declared_tool_goes_out_as_written_and_cannot_be_called():
    """A tool without code is sent word for word; calling it without a recorded result stops the chain."""
    definition = {"name": "f", "strict": True, "x": [], "parameters": {"type": "object", "title": "T"}}
    tool = llm.Tool.declared(definition)
    model, script = scripted(calls(("f", {"a": 1})))
    with pytest.raises(llm.ToolUnavailableError, match="tool 'f' has no code, and there is no result for"):
        model.chain("go", tools=[tool]).text()
    assert script.bodies[0]["tools"] == [{"type": "function", "function": definition}]


def test_a_declared_tool_can_have_recorded_results():
    """A recorded result answers the call of a tool without code."""
    model, script = scripted(calls(("f", {"a": 1})), says("done"))
    conversation = model.conversation(
        tools=[llm.Tool.declared({"name": "f"})], recorded_results=lambda _tool, call: f"recorded {call.arguments}"
    )
    conversation.chain("go").text()
    assert script.messages[-1][-1]["content"] == "recorded {'a': 1}"


def test_plain_tools_load_nothing_heavy():
    """A chain with common types needs neither pydantic nor asyncio, jsonschema or openai."""
    import subprocess
    from pathlib import Path

    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from scripted_models import calls, says, scripted\n"
        "def upper(text: str, times: int = 1) -> str:\n"
        "    return text.upper() * times\n"
        "model, _ = scripted(calls(('upper', {'text': 'x', 'times': 2})), says('done'))\n"
        "chain = model.conversation(tools=[upper], tool_timeout=5).chain('go')\n"
        "assert (chain.text(), chain.tool_results()[0].output) == ('done', 'XX')\n"
        "print(*{'pydantic', 'asyncio', 'jsonschema', 'openai', 'vcr', 'yaml'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parent)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
