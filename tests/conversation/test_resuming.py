"""Rounds of tools that were broken off, and what goes on from there."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from scripted_models import calls, says, scripted

import convrun as llm
from convrun.wire import Reply

BUSY = Reply(status=429, headers={}, payloads=({"error": {"message": "slow down"}},))


class Desk:
    """Tools that wait for a person, all or none, and hooks that note what they see."""

    def __init__(self) -> None:
        self.open = False
        self.noted: list[str] = []

    def look(self, name: str) -> str:
        """Look something up."""
        return self._done(name)

    def pay(self, name: str) -> str:
        """Pay, once somebody agreed."""
        if not self.open:
            raise llm.PauseChain(f"may {name} be paid?")
        return self._done(name)

    def _done(self, name: str) -> str:
        self.noted.append(f"did {name}")
        return f"{name} is done"

    def before(self, _tool: llm.Tool, call: llm.ToolCall) -> None:
        """Note a call."""
        self.noted.append(f"before {call.arguments['name']}")

    def after(self, _tool: llm.Tool, call: llm.ToolCall, _result: llm.ToolResult) -> None:
        """Note a result."""
        self.noted.append(f"after {call.arguments['name']}")

    @property
    def settings(self) -> dict[str, Any]:
        """What a conversation is given of it."""
        return {"tools": [self.look, self.pay], "before_call": self.before, "after_call": self.after}


WANTED = calls(("pay", {"name": "a"}), ("look", {"name": "b"}), ("pay", {"name": "c"}))


def answers(script: Any) -> list[str]:
    """Return what the last request says of the tools."""
    return [message["content"] for message in script.messages[-1] if message["role"] == "tool"]


def test_several_tools_pause_at_once():
    """A sync chain stops at the first that pauses; going on, each of the calls is made and seen once."""
    desk = Desk()
    model, script = scripted(WANTED, says("done"))
    conversation = model.conversation(**desk.settings)
    with pytest.raises(llm.PauseChain, match="may a be paid") as caught:
        conversation.chain("go").text()
    assert (caught.value.tool_call.arguments, caught.value.tool_results) == ({"name": "a"}, ())
    assert desk.noted == ["before a"]
    desk.open, desk.noted = True, []
    assert conversation.chain().text() == "done"
    assert desk.noted == [f"{what} {name}" for name in "abc" for what in ("before", "did", "after")]
    assert answers(script) == ["a is done", "b is done", "c is done"]


def test_several_async_tools_pause_at_once():
    """An async chain lets what was begun end and tells the first that paused; only those are called again."""
    desk = Desk()
    model, script = scripted(WANTED, says("done"))

    async def hold() -> None:
        conversation = llm.AsyncModel(model.backend, stream=False).conversation(**desk.settings)
        with pytest.raises(llm.PauseChain, match="may a be paid") as caught:
            await conversation.chain("go").text()
        assert [result.output for result in caught.value.tool_results] == ["b is done"]
        assert sorted(desk.noted) == ["after b", "before a", "before b", "before c", "did b"]
        desk.open, desk.noted = True, []
        kept = json.loads(json.dumps(await conversation.to_dict()))
        conversation = llm.AsyncConversation.from_dict(kept, model=conversation.model, **desk.settings)
        assert await conversation.chain().text() == "done"

    asyncio.run(hold())
    assert sorted(desk.noted) == sorted(f"{what} {name}" for name in "ac" for what in ("before", "did", "after"))
    assert answers(script) == ["a is done", "b is done", "c is done"]


@pytest.mark.parametrize("stored", [False, True], ids=["at once", "from a dict"])
def test_results_that_were_waited_for_are_brought_along(*, stored: bool):
    """chain(tool_results=) answers paused calls by their ids; the tools that are left are run."""
    desk = Desk()
    model, script = scripted(WANTED, says("done"))
    conversation = model.conversation(**desk.settings)
    with pytest.raises(llm.PauseChain):
        conversation.chain("go").text()
    if stored:
        kept = json.loads(json.dumps(conversation.to_dict()))
        conversation = llm.Conversation.from_dict(kept, model=model, **desk.settings)
    results = [
        llm.ToolResult("pay", "c was paid", "call_pay_2"),
        llm.ToolResult("pay", "a was paid", "call_pay_0", attachments=(llm.Attachment(url="https://x.test/a.png"),)),
    ]
    assert conversation.chain(tool_results=results).text() == "done"
    assert answers(script) == ["a was paid", "b is done", "c was paid"]
    assert script.messages[-1][-1]["content"][0]["image_url"]["url"] == "https://x.test/a.png"
    assert [len(turn.responses) for turn in conversation.turns] == [2]


def test_results_can_be_given_again_after_an_error():
    """A request that failed is tried again with the same words; a result that nobody waits for notes nothing."""
    model, script = scripted(calls(("pay", {"name": "a"})), BUSY, says("done"))
    conversation = model.conversation(**Desk().settings)
    with pytest.raises(llm.PauseChain):
        conversation.chain("go").text()
    paid, other = llm.ToolResult("pay", "paid", "call_pay_0"), llm.ToolResult("pay", "lost", "call_9")
    with pytest.raises(llm.ConversationError, match="result of 'pay' with the id 'call_9'; open are 'call_pay_0'"):
        conversation.chain(tool_results=[paid, other]).text()
    assert conversation.responses[0].tool_results() == []
    with pytest.raises(llm.ProviderError):
        conversation.chain(tool_results=[paid]).text()
    assert conversation.chain(tool_results=[paid, llm.ToolResult("pay", "paid")]).text() == "done"
    assert answers(script) == ["paid"]


def test_a_tool_is_not_called_again_after_a_failed_request():
    """What a resumed chain has done stays done where the request behind it fails."""
    desk = Desk()
    model, script = scripted(calls(("pay", {"name": "a"})), BUSY, says("done"))
    conversation = model.conversation(**desk.settings)
    with pytest.raises(llm.PauseChain):
        conversation.chain("go").text()
    desk.open = True
    with pytest.raises(llm.ProviderError):
        conversation.chain().text()
    kept = json.loads(json.dumps(conversation.to_dict()))
    assert llm.Conversation.from_dict(kept, model=model, **desk.settings).chain().text() == "done"
    assert desk.noted.count("did a") == 1
    assert answers(script) == ["a is done"]


def test_a_limit_holds_for_the_turn_as_a_whole():
    """The calls before a pause count, so that a turn never has more of them than chain_limit."""
    desk = Desk()
    again = calls(("pay", {"name": "b"}), ids=("call_b",))
    model, script = scripted(calls(("pay", {"name": "a"})), again, says("other"))
    conversation = model.conversation(**desk.settings, chain_limit=2)
    with pytest.raises(llm.PauseChain):
        conversation.chain("go").text()
    desk.open = True
    with pytest.raises(llm.ChainLimitError, match="more than 2 calls"):
        conversation.chain().text()
    assert len(script.requests) == 2
    kept = json.loads(json.dumps(conversation.to_dict()))
    rebuilt = llm.Conversation.from_dict(kept, model=model, **desk.settings)
    assert rebuilt.prompt("and now?").text() == "other"
    assert answers(script) == ["a is done", "Error: chain limit reached"]


def test_a_prompt_after_a_pause_is_valid_in_another_process_too():
    """Whoever does not resume answers the open calls with an error, and the finished ones with their results."""
    desk = Desk()
    model, script = scripted(calls(("look", {"name": "a"}), ("pay", {"name": "b"})), says("fine"))
    conversation = model.conversation(**desk.settings)
    with pytest.raises(llm.PauseChain):
        conversation.chain("go").text()
    kept = json.loads(json.dumps(conversation.to_dict()))
    llm.Conversation.from_dict(kept, model=model).prompt("never mind").text()
    assert answers(script) == ["a is done", "Error: the tool was not called"]
    assert script.messages[-1][-1]["content"] == "never mind"


def test_a_reply_keeps_the_settings_of_its_turn():
    """reply() has the options, schema, tools, hooks and limits of the turn it replies to, not the conversation's."""
    desk = Desk()
    model, script = scripted(calls(("look", {"name": "a"})), says("b"), says("c"), says("d"), stream=True)
    conversation = model.conversation(tools=[], options={"seed": 1})
    settings = {"tools": [desk.look], "schema": {"type": "object"}, "schema_name": "n", "stream": False}
    chain = conversation.chain("go", temperature=0, **settings, before_call=desk.before)
    first, second = chain.responses()
    assert first.reply("more").text() == "c"
    assert second.reply("more").text() == "d"
    assert desk.noted == ["before a", "did a"]
    for body in script.bodies[1:]:
        assert {**body, "messages": []} == {**script.bodies[0], "messages": []}


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_a_rebuilt_reply_makes_the_calls_that_are_open(*, awaited: bool):
    """From a dict, reply() makes the open calls first, with the tools and hooks given; what was made stays made."""
    desk = Desk()
    model, script = scripted(calls(("look", {"name": "a"}), ("pay", {"name": "b"})), says("done"), temperature=0)
    response = model.conversation(**desk.settings, schema={"type": "object"}).prompt("go")
    with pytest.raises(llm.PauseChain):
        response.execute_tool_calls()
    kept = json.loads(json.dumps(response.to_dict()))
    desk.open = True

    async def replied() -> str:
        rebuilt = llm.AsyncResponse.from_dict(kept, model=llm.AsyncModel(model.backend), **desk.settings)
        return await (await rebuilt.reply("more")).text()

    if awaited:
        assert asyncio.run(replied()) == "done"
    else:
        assert llm.Response.from_dict(kept, model=model, **desk.settings).reply("more").text() == "done"
    assert desk.noted == ["before a", "did a", "after a", "before b", "before b", "did b", "after b"]
    assert answers(script) == ["a is done", "b is done"]
    assert {**script.bodies[1], "messages": []} == {**script.bodies[0], "messages": []}


def test_a_rebuilt_reply_without_its_tools_says_so():
    """Open calls of tools that were not given again are an error; the model is not told that there is no such tool."""
    model, _ = scripted(calls(("look", {"name": "a"})))
    response = model.prompt("go", tools=[Desk().look])
    kept = json.loads(json.dumps(response.to_dict()))
    with pytest.raises(llm.ToolUnavailableError) as caught:
        llm.Response.from_dict(kept, model=model).reply("more").text()
    assert caught.value.fix == "give its function to from_dict, as tools=[look]"


def test_a_branch_is_kept_with_its_open_calls():
    """The conversation of a reply that was not sent yet is kept as it is: results made by then are in it."""
    desk = Desk()
    model, script = scripted(calls(("look", {"name": "a"}), ("pay", {"name": "b"})), BUSY, says("done"))
    response = model.conversation(**desk.settings).prompt("go")
    with pytest.raises(llm.PauseChain):
        response.execute_tool_calls()
    desk.open = True
    branch = response.reply("more")
    with pytest.raises(llm.ProviderError):
        branch.text()
    kept = json.loads(json.dumps(branch.conversation.to_dict()))
    rebuilt = llm.Conversation.from_dict(kept, model=model, **desk.settings)
    assert rebuilt.to_dict() == kept
    assert rebuilt.prompt("more").text() == "done"
    assert (desk.noted.count("did a"), desk.noted.count("did b")) == (1, 1)
    assert answers(script) == ["a is done", "b is done"]


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_attachments_of_tools_are_kept(*, awaited: bool):
    """ToolOutput's text is in the tool message, its attachments behind all; a rebuilt conversation sends both."""

    def draw(name: str) -> llm.ToolOutput:
        return llm.ToolOutput(f"{name} drawn", attachments=[llm.Attachment(url=f"https://x.test/{name}.png")])

    model, script = scripted(calls(("draw", {"name": "a"}), ("draw", {"name": "b"})), says("done"), says("more"))

    async def hold() -> Any:
        conversation = llm.AsyncModel(model.backend, stream=False).conversation(tools=[draw])
        await conversation.chain("go").text()
        return await conversation.to_dict()

    conversation = model.conversation(tools=[draw])
    kept = asyncio.run(hold()) if awaited else (conversation.chain("go").text(), conversation.to_dict())[1]
    rebuilt = llm.Conversation.from_dict(json.loads(json.dumps(kept)), model=model, tools=[draw])
    assert json.dumps(kept).count("https://x.test/a.png") == 1
    results = rebuilt.responses[0].tool_results()
    assert [(result.output, result.attachments[0].url) for result in results] == [
        ("a drawn", "https://x.test/a.png"),
        ("b drawn", "https://x.test/b.png"),
    ]
    assert rebuilt.prompt("more").text() == "more"
    assert script.messages[2][: len(script.messages[1])] == script.messages[1]
    assert [message["role"] for message in script.messages[1]] == ["user", "assistant", "tool", "tool", "user"]


@pytest.mark.parametrize("stored", [False, True], ids=["at once", "from a dict"])
def test_a_resumed_turn_has_its_own_settings(*, stored: bool):
    """chain() goes on with the tools, schema, options and hooks of the turn; the next turn has the conversation's."""
    desk = Desk()
    model, script = scripted(calls(("pay", {"name": "a"})), says("{}"), says("next"))
    conversation = model.conversation(options={"seed": 1})
    with pytest.raises(llm.PauseChain):
        conversation.chain("go", schema={"type": "object"}, temperature=0, **desk.settings).text()
    if stored:
        kept = json.loads(json.dumps(conversation.to_dict()))
        conversation = llm.Conversation.from_dict(kept, model=model, **desk.settings)
    desk.open = True
    assert conversation.chain().text() == "{}"
    conversation.prompt("next").text()
    first, second, third = script.bodies
    assert {**second, "messages": []} == {**first, "messages": []}
    assert third.keys() == {"model", "messages", "seed"}
    assert desk.noted == ["before a", "before a", "did a", "after a"]


def test_a_tool_cannot_keep_the_conversation_that_waits_for_it():
    """In the middle of a tool there is nothing to keep yet: it gets an error that says when there is."""
    model, script = scripted(calls(("save", {})), says("done"))

    def save() -> str:
        return json.dumps(conversation.to_dict())

    conversation = model.conversation(tools=[save])
    assert conversation.chain("go").text() == "done"
    assert "keep this one once its chain is over" in answers(script)[0]
