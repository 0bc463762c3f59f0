"""Conversations as JSON, rebuilt and continued."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel
from scripted_models import calls, says, scripted

import convrun as llm

PNG = b"\x89PNG\r\n\x1a\n"


class Dog(BaseModel):
    """A dog."""

    name: str


def upper(text: str) -> str:
    """Convert text to uppercase."""
    return text.upper()


def stored(conversation: llm.Conversation) -> Any:
    """Return what an application reads back of a conversation it has stored."""
    return json.loads(json.dumps(conversation.to_dict(), allow_nan=False))


def test_a_conversation_goes_on_from_its_dict():
    """A rebuilt conversation has the same turns and history, sends the same next request, and gives the same dict."""
    model, script = scripted(
        calls(("upper", {"text": "panda"})), says("PANDA", usage=(3, 1)), says("two"), says("three"), temperature=0
    )
    conversation = model.conversation(system="s", tools=[upper], chain_limit=5, tool_timeout=2)
    conversation.chain("one", attachments=[llm.Attachment(content=PNG, type="image/png")]).text()
    conversation.prompt("more", top_p=1).text()
    kept = stored(conversation)
    rebuilt = llm.Conversation.from_dict(kept, model=model, tools=[upper])
    assert stored(rebuilt) == kept
    assert rebuilt.history == conversation.history
    assert (rebuilt.system, [tool.name for tool in rebuilt.tools]) == ("s", ["upper"])
    assert [turn.prompt for turn in rebuilt.turns] == ["one", "more"]
    assert rebuilt.usage() == conversation.usage()
    for old, new in zip(conversation.responses, rebuilt.responses, strict=True):
        assert (new.text(), new.id, new.finish_reason, new.model_name) == (
            old.text(), old.id, old.finish_reason, old.model_name
        )  # fmt: skip
        assert (new.datetime_utc(), new.duration_ms()) == (old.datetime_utc(), old.duration_ms())
        assert new.prompt.messages == old.prompt.messages
        assert (new.prompt.prompt, new.prompt.system, new.prompt.options) == (
            old.prompt.prompt, old.prompt.system, old.prompt.options
        )  # fmt: skip
        assert (new.tool_results(), new.prompt.tool_results) == (old.tool_results(), old.prompt.tool_results)
        assert [one.content_bytes() for one in new.prompt.attachments] == [PNG] * len(old.prompt.attachments)
        assert new.conversation is rebuilt
    assert rebuilt.prompt("last").text() == "three"
    before, last = script.bodies[-2:]
    assert last["messages"][: len(before["messages"])] == before["messages"]
    assert {**last, "messages": 0, "top_p": 1} == {**before, "messages": 0}


class Approval:
    """Tools of which one waits until somebody agreed."""

    def __init__(self, *, given: bool) -> None:
        self.given = given
        self.made: list[str] = []

    def quick(self, word: str) -> str:
        """Do it at once."""
        self.made.append(word)
        return word

    def careful(self, word: str) -> str:
        """Ask first."""
        if not self.given:
            raise llm.PauseChain("ask first")
        return self.quick(word)

    @property
    def tools(self) -> list[Any]:
        """Both."""
        return [self.quick, self.careful]


PAUSING = calls(
    ("quick", {"word": "a"}), ("careful", {"word": "b"}), ("quick", {"word": "c"}), ("careful", {"word": "d"})
)


def test_a_paused_chain_resumes_in_another_process():
    """What was done by then is not done again; the turn goes on as if it had not been interrupted."""
    model, _ = scripted(PAUSING)
    before = Approval(given=False)
    conversation = model.conversation(tools=before.tools)
    with pytest.raises(llm.PauseChain):
        conversation.chain("go").text()
    kept = stored(conversation)

    model, script = scripted(says("done"))
    after = Approval(given=True)
    seen: list[str] = []
    rebuilt = llm.Conversation.from_dict(
        kept, model=model, tools=after.tools, after_call=lambda _tool, _call, result: seen.append(result.output)
    )
    assert [result.output for result in rebuilt.responses[0].tool_results()] == ["a"]
    assert rebuilt.chain().text() == "done"
    assert (before.made, after.made, seen) == (["a"], ["b", "c", "d"], ["b", "c", "d"])
    answers = [message["content"] for message in script.messages[0] if message["role"] == "tool"]
    assert answers == ["a", "b", "c", "d"]
    assert [len(turn.responses) for turn in rebuilt.turns] == [2]


def test_a_conversation_is_kept_in_one_process_and_goes_on_in_another():
    """A program that knows nothing but the text and the tools goes on with a model found by its name."""
    conversation = llm.get_model("echo").conversation(tools=[upper])
    conversation.prompt('{"tool_calls": [{"name": "upper", "arguments": {"text": "panda"}}]}').text()
    program = (
        "import json, sys, convrun\n"
        "def upper(text: str) -> str:\n"
        "    return text.upper()\n"
        "kept = convrun.Conversation.from_dict(json.load(sys.stdin), tools=[upper])\n"
        "print(kept.chain().text())\n"
    )
    told = json.dumps(conversation.to_dict())
    done = subprocess.run([sys.executable, "-c", program], input=told, capture_output=True, text=True, check=True)
    assert done.stdout == "PANDA\n"


def test_async_conversations_are_kept_in_the_same_form():
    """An async conversation reads what was not read, gives the dict of a sync one, and either kind is rebuilt of it."""

    async def hold() -> Any:
        conversation = llm.get_async_model("echo").conversation(system="s")
        conversation.prompt("a")
        kept = json.loads(json.dumps(await conversation.to_dict()))
        rebuilt = llm.AsyncConversation.from_dict(kept)
        assert await rebuilt.prompt("b").text() == "b"
        return kept

    rebuilt = llm.Conversation.from_dict(asyncio.run(hold()))
    assert rebuilt.prompt("c").text() == "c"
    assert [message.text for message in rebuilt.history] == ["s", "a", "a", "c", "c"]


def test_a_schema_is_kept_and_can_be_given_again():
    """A pydantic class is kept as its JSON Schema; given again, it makes the instances."""
    model, script = scripted(says('{"name": "Cleo"}'), says('{"name": "Rex"}'))
    conversation = model.conversation(schema=Dog, schema_name="pet")
    conversation.prompt("a").text()
    kept = stored(conversation)
    assert llm.Conversation.from_dict(kept, model=model).responses[0].parsed() == {"name": "Cleo"}
    rebuilt = llm.Conversation.from_dict(kept, model=model, schema=Dog)
    assert (rebuilt.responses[0].parsed(), rebuilt.prompt("b").parsed()) == (Dog(name="Cleo"), Dog(name="Rex"))
    first, second = (body["response_format"] for body in script.bodies)
    assert first == second
    assert stored(rebuilt)["settings"] == kept["settings"]


def test_each_message_is_kept_once():
    """The dict grows with what was said, not with the square of the turns, whatever was sent how often."""
    model, _ = scripted(*(says("x" * 1000) for _ in range(120)))
    conversation = model.conversation(system="s" * 1000)
    sizes = []
    for number in range(1, 121):
        conversation.prompt("y" * 1000, system="s" * 1000).text()
        if number in (30, 60, 120):
            sizes.append(len(json.dumps(conversation.to_dict())))
    assert sizes[2] - sizes[1] < 2.1 * (sizes[1] - sizes[0])
    assert sizes[2] < 120 * 2 * 1400


def test_tools_that_are_not_given_again_are_offered_all_the_same():
    """Without tools= a conversation can be looked at and go on; a call of one of its tools says what is missing."""
    model, script = scripted(says("a"), says("b"), calls(("upper", {"text": "x"})))
    conversation = model.conversation(tools=[upper])
    conversation.prompt("a").text()
    rebuilt = llm.Conversation.from_dict(stored(conversation), model=model)
    rebuilt.prompt("b").text()
    assert script.bodies[0]["tools"] == script.bodies[1]["tools"]
    with pytest.raises(llm.ToolUnavailableError, match="'upper' has no code") as caught:
        rebuilt.chain("c").text()
    assert caught.value.fix == "give its function to from_dict, as tools=[upper]"


def test_a_tool_that_is_missing_among_those_given_is_told():
    """tools= that lack a tool of the conversation are an error at once, with the name that may be meant."""
    model, _ = scripted(says("a"))
    conversation = model.conversation(tools=[upper, llm.Tool.declared({"name": "declared"})])
    conversation.prompt("a").text()
    with pytest.raises(llm.ConversationError, match="tools= does not give 'upper'") as caught:
        llm.Conversation.from_dict(stored(conversation), model=model, tools=[llm.Tool.function(upper, name="uper")])
    assert str(caught.value.fix).startswith("did you mean 'uper'?")


def test_a_model_elsewhere_is_asked_for():
    """The name of a model alone does not lead to another place than it says; no key is in the dict."""
    model = llm.get_model("m", base_url="http://127.0.0.1:9/v1", api_key_env="SECRET", headers={"x-key": "hush"})
    kept = json.dumps(model.conversation().to_dict())
    assert "hush" not in kept
    assert "SECRET" not in kept
    with pytest.raises(llm.ConversationError, match=r"'m' was at http://127.0.0.1:9/v1") as caught:
        llm.Conversation.from_dict(json.loads(kept))
    assert "model=" in str(caught.value.fix)
    for reader, data in (
        (llm.Conversation, kept),
        (llm.Response, json.dumps(llm.get_model("echo").prompt("a").to_dict())),
    ):
        with pytest.raises(llm.ConversationError, match="model= is a model, not the text 'echo'") as caught:
            reader.from_dict(json.loads(data), model="echo")
        assert caught.value.fix == "give get_model('echo')"


def test_the_api_that_was_spoken_is_kept():
    """A model found by its name speaks the API it spoke; one that is given and speaks another is told."""
    model = llm.get_model("gpt-5-mini", api="responses")
    kept = json.loads(json.dumps(model.conversation(history=[llm.user("a"), llm.assistant("b")]).to_dict()))
    assert (kept["api"], "endpoint" in kept) == ("responses", False)
    response = {
        "model": kept["model"],
        "api": kept["api"],
        "prompt": {"messages": kept["messages"][:1]},
        "messages": kept["messages"][1:],
    }
    for reader, data in ((llm.Conversation, kept), (llm.Response, response)):
        rebuilt = reader.from_dict(data)
        assert (rebuilt.model.backend.format.endpoint, rebuilt.to_dict()["api"]) == ("responses", "responses")
        assert reader.from_dict(data, model=model).to_dict()["api"] == "responses"
        with pytest.raises(llm.ConversationError, match="with api 'responses', and model= has api 'chat'") as caught:
            reader.from_dict(data, model=llm.get_model("gpt-4.1"))
        assert str(caught.value.fix).startswith("give get_model('gpt-5-mini', api='responses')")
    elsewhere = llm.get_model("m", api="responses", base_url="http://127.0.0.1:9/v1").conversation().to_dict()
    with pytest.raises(llm.ConversationError, match=r"was at http://127.0.0.1:9/v1, with api 'responses', which its"):
        llm.Conversation.from_dict(elsewhere)
