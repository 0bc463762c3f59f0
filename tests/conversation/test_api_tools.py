"""The promises of the conversation API about tools and hooks, sync and async, against a real server."""

from __future__ import annotations

from typing import Any

import pytest
from both_apis import Api, api, with_both
from media_files import PNG
from servers import reply

import convrun as llm

assert api  # a fixture


class Memory(llm.Toolbox):
    """Remembers."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def set(self, key: str, value: str) -> None:
        """Keep a value."""
        self.kept[key] = value

    def get(self, key: str) -> str:
        """Give a value back."""
        return self.kept[key]


@with_both
async def test_a_toolbox_keeps_its_state_across_turns(api: Api):
    """Its public methods are tools; an object or its class will do."""
    api.server.says(reply(calls={"Memory_set": {"key": "a", "value": "1"}}), "ok")
    api.server.says(reply(calls={"Memory_get": {"key": "a"}}), "1")
    for given in (Memory(), Memory):
        talk = api.conversation(tools=[given])
        await api.read(talk.chain("keep").text())
        assert [one.output for one in await api.read(talk.chain("give").tool_results())] == ["1"]
        assert [one["function"]["name"] for one in api.bodies[0]["tools"]] == ["Memory_set", "Memory_get"]
        api.server.answers = []
        api.server.says(reply(calls={"Memory_set": {"key": "a", "value": "1"}}), "ok")
        api.server.says(reply(calls={"Memory_get": {"key": "a"}}), "1")


@with_both
async def test_the_schema_of_a_tool_is_its_signature(api: Api):
    """Untyped is text, the docstring is dedented, the call itself is no argument, and its name can be another."""
    api.server.says(reply(calls={"find": {"word": "x", "most": 3}}), "ok")
    seen = []

    def search(word, most: int = 1, *, llm_tool_call: llm.ToolCall) -> str:
        """Find it.

        In two lines.
        """
        seen.append((word, most, llm_tool_call.name))
        return ""

    await api.read(api.conversation(tools=[llm.Tool.function(api.own(search), name="find")]).chain("u").text())
    function = api.bodies[0]["tools"][0]["function"]
    assert function["description"] == "Find it.\n\nIn two lines."
    assert function["parameters"]["properties"] == {
        "word": {"type": "string"},
        "most": {"type": "integer", "default": 1},
    }
    assert seen == [("x", 3, "find")]
    with pytest.raises(llm.ToolDefinitionError):
        llm.Tool.function(print)


@with_both
async def test_what_a_tool_gives_goes_to_the_model_as_text(api: Api):
    """Texts as they are, else JSON; errors, unknown tools and wrong arguments are told, and the traceback is kept."""
    wanted: dict[str, Any] = {
        "text": {},
        "data": {},
        "fails": {},
        "nobody": {},
        "typed": {"n": "x"},
        "counted": {"n": "7"},
    }
    api.server.says(reply(calls=wanted), "ok")

    def fails() -> None:
        raise ValueError("too late")

    plain = {
        "text": lambda: "as it is",
        "data": lambda: {"ä": [1, None]},
        "typed": _typed,
        "counted": _typed,
    }
    tools = [llm.Tool.function(api.own(one), name=name) for name, one in plain.items()]
    chain = api.conversation(tools=[*tools, api.own(fails)]).chain("u")
    results = {one.name: one for one in await api.read(chain.tool_results())}
    assert results["text"].output == "as it is"
    assert results["data"].output == '{"ä": [1, null]}'
    assert results["fails"].output == "Error: too late"
    assert results["fails"].exception.__traceback__ is not None
    assert results["nobody"].output == 'Error: tool "nobody" does not exist'
    assert results["typed"].output.startswith("Error: n: ")
    assert results["counted"].output == "8"
    assert list(results) == [*wanted]


def _typed(n: int) -> int:
    return n + 1


@with_both
async def test_hooks_of_the_conversation_and_of_a_chain(api: Api):
    """A chain's stand over the conversation's one by one; what they return replaces, None keeps."""
    api.server.says(*[reply(calls={"f": {"a": "1"}}), "ok"] * 2)
    seen: list[Any] = []

    def f(a: str) -> str:
        return a

    def before(tool: llm.Tool, call: llm.ToolCall) -> llm.ToolCall:
        seen.append(("before", tool.name))
        return llm.ToolCall(call.name, {"a": "2"}, call.tool_call_id)

    def after(_tool: llm.Tool, _call: llm.ToolCall, result: llm.ToolResult) -> None:
        seen.append(("after", result.output))

    def instead(_tool: llm.Tool, call: llm.ToolCall, result: llm.ToolResult) -> llm.ToolResult:
        return llm.ToolResult(call.name, f"<{result.output}>", call.tool_call_id)

    talk = api.conversation(tools=[api.own(f)], before_call=api.own(before), after_call=api.own(after))
    await api.read(talk.chain("u").text())
    await api.read(talk.chain("v", after_call=api.own(instead)).text())
    assert seen == [("before", "f"), ("after", "2"), ("before", "f")]
    assert [body["messages"][-1]["content"] for body in (api.bodies[1], api.bodies[3])] == ["2", "<2>"]


@with_both
async def test_hooks_cancel_a_call_or_stop_the_chain(api: Api):
    """CancelToolCall is told to the model; any other exception ends the turn, which is not in the history."""
    api.server.says(reply(calls={"f": {}, "g": {}}), "ok", reply(calls={"f": {}}), "after")
    tools = [llm.Tool.function(lambda: "done", name=name) for name in "fg"]

    def cancelling(_tool: llm.Tool, call: llm.ToolCall) -> None:
        if call.name == "f":
            raise llm.CancelToolCall("not today")

    def stopping(_tool: llm.Tool, _call: llm.ToolCall) -> None:
        raise RuntimeError("no")

    talk = api.conversation(tools=tools, before_call=api.own(cancelling))
    await api.read(talk.chain("u").text())
    assert [one["content"] for one in api.bodies[1]["messages"][2:]] == ["Cancelled: not today", "done"]
    with pytest.raises(llm.HookError):
        await api.read(talk.chain("v", before_call=api.own(stopping)).text())
    assert await api.read(talk.prompt("w").text()) == "after"
    assert [one["content"] for one in api.bodies[3]["messages"] if one["role"] == "user"] == ["u", "w"]


@with_both
async def test_hooks_fire_for_execute_tool_calls_and_reply(api: Api):
    """Wherever tools are called, and once for each call."""
    api.server.says(reply(calls={"f": {}}), "next", "branch")
    fired: list[str] = []
    hook = api.own(lambda _tool, call: fired.append(call.name))
    talk = api.conversation(tools=[llm.Tool.function(lambda: "x", name="f")], before_call=hook)
    response = talk.prompt("u")
    branch = await api.reply(response, "go on")
    assert await api.read(branch.text()) == "next"
    assert (fired, api.roles[1]) == (["f"], ["user", "assistant", "tool", "user"])
    results = await api.read(response.execute_tool_calls())
    assert [one.output for one in results] == ["x"]
    assert fired == ["f"]


@with_both
async def test_attachments_of_tools_follow_all_results(api: Api):
    """Text in the tool message, attachments in a user message behind all of them."""
    api.server.says(reply(calls={"draw": {}, "count": {}}), "nice")

    def draw() -> llm.ToolOutput:
        return llm.ToolOutput("drawn", attachments=[llm.Attachment(content=PNG)])

    def count() -> int:
        return 1

    assert await api.read(api.conversation(tools=[api.own(draw), api.own(count)]).chain("u").text()) == "nice"
    assert api.roles[1] == ["user", "assistant", "tool", "tool", "user"]
    assert [one["content"] for one in api.bodies[1]["messages"][2:4]] == ["drawn", "1"]
    assert api.bodies[1]["messages"][4]["content"][0]["type"] == "image_url"


@with_both
async def test_async_tools_under_either_api(api: Api):
    """A coroutine function is a tool for both, in a running event loop too."""
    api.server.says(reply(calls={"wait": {}}), "ok")

    async def wait() -> str:
        return "waited"

    chain = api.conversation(tools=[wait]).chain("u")
    assert [one.output for one in await api.read(chain.tool_results())] == ["waited"]


@with_both
async def test_a_paused_chain_goes_on_without_calling_twice(api: Api):
    """PauseChain carries the call and the finished results; `chain()` goes on with the rest."""
    api.server.says(reply(calls={"look": {}, "ask": {}}), "done")
    called: list[str] = []

    def look() -> str:
        called.append("look")
        return "seen"

    def ask() -> str:
        called.append("ask")
        if called.count("ask") == 1:
            raise llm.PauseChain("a person")
        return "yes"

    talk = api.conversation(tools=[api.own(look), api.own(ask)])
    with pytest.raises(llm.PauseChain) as paused:
        await api.read(talk.chain("u").text())
    assert (paused.value.tool_call.name, [one.output for one in paused.value.tool_results]) == ("ask", ["seen"])
    assert await api.read(talk.chain().text()) == "done"
    assert called == ["look", "ask", "ask"]
    assert [one["content"] for one in api.bodies[1]["messages"][2:]] == ["seen", "yes"]


@with_both
async def test_the_chain_limit_leaves_a_valid_history(api: Api):
    """It raises where one more round would be needed; what was wanted is answered by an error."""
    api.server.says(reply(calls={"f": {}}), "enough", reply(calls={"f": {}}), "last")
    tools = [llm.Tool.function(lambda: "x", name="f")]
    talk = api.conversation(tools=tools, chain_limit=2)
    assert await api.read(talk.chain("u").text()) == "enough"
    with pytest.raises(llm.ChainLimitError):
        await api.read(talk.chain("v", chain_limit=1).text())
    assert await api.read(talk.prompt("w").text()) == "last"
    assert api.roles[3][-3:] == ["assistant", "tool", "user"]
    assert api.bodies[3]["messages"][-2]["content"].startswith("Error: chain limit")


@with_both
async def test_ids_that_a_provider_repeats_are_told_apart(api: Api):
    """Calls of one id in two turns are answered by ids of their own."""
    again = reply(calls={"f": {}})
    api.server.says(again, "a", again, "b")
    talk = api.conversation(tools=[llm.Tool.function(lambda: "x", name="f")])
    for text in "uv":
        await api.read(talk.chain(text).text())
    ids = [one["tool_call_id"] for one in api.bodies[3]["messages"] if one["role"] == "tool"]
    assert (ids[0], len({*ids})) == ("call_f", 2)


@with_both
async def test_a_chain_that_was_left_leaves_no_call_open(api: Api):
    """A tool loop that is given up in the middle is not in the history, and the next request is valid."""
    api.server.says(reply(calls={"f": {}}), "next")
    talk = api.conversation(tools=[llm.Tool.function(lambda: "x", name="f")])
    chain = talk.chain("u")
    asked = await api.first(chain.responses())
    assert [one.name for one in await api.read(asked.tool_calls())] == ["f"]
    await api.read(chain.close())
    assert await api.read(talk.prompt("v").text()) == "next"
    assert api.roles[1] == ["user"]
