"""Tools and hooks of async conversations: at the same time, in order, stopped, paused."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from async_models import conversation, in_loop, roles
from servers import Loopback, reply

import convrun as llm


def test_async_tools_run_at_the_same_time(loopback: Loopback):
    """Two tools that wait for each other both end, and their results stand in the order of the calls."""
    loopback.says(reply(calls={"first": {}, "second": {}}), "done")

    async def main() -> None:
        together = asyncio.Barrier(2)

        async def first() -> str:
            await together.wait()
            await asyncio.sleep(0.01)
            return "1"

        async def second() -> str:
            await together.wait()
            return "2"

        chain = conversation(loopback, tools=[first, second]).chain("go")
        assert await chain.text() == "done"
        assert [result.output for result in await chain.tool_results()] == ["1", "2"]

    in_loop(main)
    assert [message.get("content") for message in loopback.requests[1].body["messages"][2:]] == ["1", "2"]


def test_sync_tools_run_in_the_thread_of_the_loop(loopback: Loopback):
    """A plain function is called where the loop runs, one after the other in the order of the calls."""
    loopback.says(reply(calls={"first": {}, "second": {}}), "done")
    seen = []

    def first() -> None:
        seen.append(("first", threading.get_ident()))

    def second() -> None:
        seen.append(("second", threading.get_ident()))

    async def main() -> None:
        await conversation(loopback, tools=[first, second]).chain("go")

    in_loop(main)
    assert seen == [("first", threading.get_ident()), ("second", threading.get_ident())]


def test_hooks_are_plain_functions_or_coroutines(loopback: Loopback):
    """Both kinds of hooks fire, in order, and what they return counts."""
    loopback.says(reply(calls={"upper": {"text": "panda"}}), "done")
    seen = []

    def upper(text: str) -> str:
        return text.upper()

    async def before(tool: llm.Tool, call: llm.ToolCall) -> None:
        await asyncio.sleep(0)
        seen.append((tool.name, call.arguments))

    def after(_tool: llm.Tool, call: llm.ToolCall, result: llm.ToolResult) -> llm.ToolResult:
        return llm.ToolResult(call.name, result.output + "!", call.tool_call_id)

    async def main() -> None:
        await conversation(loopback, tools=[upper], before_call=before, after_call=after).chain("go")

    in_loop(main)
    assert seen == [("upper", {"text": "panda"})]
    assert loopback.requests[1].body["messages"][-1]["content"] == "PANDA!"


@pytest.mark.parametrize("swallows", [False, True])
def test_a_tool_that_awaits_too_long_is_stopped(loopback: Loopback, *, swallows: bool):
    """The time limit of tools holds for what they await, also where a tool swallows its end."""
    loopback.says(reply(calls={"slow": {}}), "done")

    async def slow() -> str:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            if not swallows:
                raise
        return "late"

    async def main() -> None:
        talk = conversation(loopback, tools=[slow], tool_timeout=0.02)
        with pytest.raises(llm.ToolTimeoutError, match=r"'slow' did not return within 0.02 s"):
            await talk.chain("go")
        assert talk.history == ()

    in_loop(main)


def test_a_tools_own_timeout_is_its_error(loopback: Loopback):
    """A TimeoutError that the tool raises itself is told to the model."""
    loopback.says(reply(calls={"slow": {}}), "done")

    async def slow() -> str:
        raise TimeoutError("the weather service")

    async def main() -> None:
        chain = conversation(loopback, tools=[slow], tool_timeout=5).chain("go")
        assert [result.output for result in await chain.tool_results()] == ["Error: the weather service"]

    in_loop(main)


def test_a_tool_that_prompts_its_own_conversation_is_told(loopback: Loopback):
    """It would wait for itself for ever: it gets an error instead, and another conversation works there."""
    loopback.says(reply(calls={"ask": {}}), "from another", "done")

    async def main() -> None:
        async def ask() -> str:
            with pytest.raises(llm.ConversationError, match="waiting for it"):
                await talk.prompt("me again")
            return await conversation(loopback).prompt("you").text()

        talk = conversation(loopback, tools=[ask])
        chain = talk.chain("go")
        assert [result.output for result in await chain.tool_results()] == ["from another"]

    in_loop(main)


def test_cancelling_while_tools_run_ends_them(loopback: Loopback):
    """All tools under way are cancelled and over, and nothing of the turn is in the history."""
    loopback.says(reply(calls={"first": {}, "second": {}}), "next")
    ended = []

    async def main() -> None:
        running = asyncio.Barrier(3)

        async def waiting(name: str) -> None:
            try:
                await running.wait()
                await asyncio.sleep(30)
            finally:
                ended.append(name)

        async def first() -> None:
            await waiting("first")

        async def second() -> None:
            await waiting("second")

        talk = conversation(loopback, tools=[first, second])
        reading = asyncio.create_task(talk.chain("go").text())
        await running.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert sorted(ended) == ["first", "second"]
        assert await talk.prompt("again").text() == "next"

    in_loop(main)
    assert roles(loopback)[-1] == ["user"]


def test_a_pause_waits_for_the_siblings(loopback: Loopback):
    """A tool that pauses lets the others end; going on calls only what has no result."""
    loopback.says(reply(calls={"ask": {}, "look": {}}), "done")
    called = []

    async def main() -> None:
        async def ask() -> str:
            called.append("ask")
            if called.count("ask") == 1:
                raise llm.PauseChain("a person is asked")
            return "yes"

        async def look() -> str:
            await asyncio.sleep(0.01)
            called.append("look")
            return "seen"

        talk = conversation(loopback, tools=[ask, look])
        with pytest.raises(llm.PauseChain) as paused:
            await talk.chain("go")
        assert (paused.value.tool_call.name, [one.output for one in paused.value.tool_results]) == ("ask", ["seen"])
        assert await talk.chain().text() == "done"

    in_loop(main)
    assert called == ["ask", "look", "ask"]
    assert [message.get("content") for message in loopback.requests[1].body["messages"][2:]] == ["yes", "seen"]


def test_a_hook_that_raises_stops_the_other_tools(loopback: Loopback):
    """The chain ends with the hook's error, and no tool goes on behind it."""
    loopback.says(reply(calls={"first": {}, "second": {}}), "next")
    ended = []

    async def main() -> None:
        async def first() -> None:
            try:
                await asyncio.sleep(30)
            finally:
                ended.append("first")

        def second() -> None:
            """Never called."""

        async def before(_tool: llm.Tool, call: llm.ToolCall) -> None:
            await asyncio.sleep(0.01)
            if call.name == "second":
                raise ValueError("not this one")

        talk = conversation(loopback, tools=[first, second], before_call=before)
        with pytest.raises(llm.HookError, match="not this one"):
            await talk.chain("go")
        assert ended == ["first"]
        assert talk.history == ()

    in_loop(main)


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("calls", [1, 2])
def test_a_tool_that_raises_generator_exit_is_an_error_for_the_model(calls: int, *, waits: bool):
    """As with the sync API: nobody has closed anything, and the turn goes on."""

    def at_once() -> str:
        raise GeneratorExit("x")

    async def later() -> str:
        await asyncio.sleep(0)
        raise GeneratorExit("x")

    tool = llm.Tool.function(later if waits else at_once, name="ends")

    async def main() -> None:
        talk = llm.get_async_model("echo").conversation(tools=[tool])
        chain = talk.chain(json.dumps({"tool_calls": [{"name": "ends"}] * calls}))
        assert [result.output for result in await chain.tool_results()] == ["Error: GeneratorExit"] * calls

    in_loop(main)


def test_closing_who_waits_for_a_tool_closes_the_tool():
    """A coroutine that its loop closes ends its tool and its turn."""
    ended = []

    async def slow() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append(True)

    async def main() -> None:
        talk = llm.get_async_model("echo").conversation(tools=[slow])
        chain = talk.chain('{"tool_calls": [{"name": "slow"}]}')
        reading = chain.text()
        reading.send(None)
        reading.close()
        with pytest.raises(llm.ConversationError, match="was cancelled before it was whole"):
            await chain.text()
        assert (ended, talk.history) == ([True], ())

    in_loop(main)
