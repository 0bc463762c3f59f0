"""Hooks: they see each call, may change it, and may stop it."""

from __future__ import annotations

import pytest
from scripted_models import calls, says, scripted

import convrun as llm


def upper(text: str) -> str:
    """Convert text to uppercase."""
    return text.upper()


def conversation_with(*arguments, **settings):
    """Return a conversation whose model calls upper with each of these, then says done; and its script."""
    model, script = scripted(calls(*(("upper", {"text": text}) for text in arguments)), says("done"), says("more"))
    return model.conversation(tools=[upper], **settings), script


def answers(script):
    """Return the tool messages of the last request."""
    return [message["content"] for message in script.messages[-1] if message["role"] == "tool"]


def test_hooks_see_tool_call_and_result():
    """before_call is given tool and call, after_call the result too, around each call in turn."""
    seen = []
    conversation, _ = conversation_with(
        "a",
        "b",
        before_call=lambda tool, call: seen.append(("before", tool.name, call.arguments["text"])),
        after_call=lambda tool, _call, result: seen.append(("after", tool.name, result.output)),
    )
    conversation.chain("go").text()
    assert seen == [
        ("before", "upper", "a"),
        ("after", "upper", "A"),
        ("before", "upper", "b"),
        ("after", "upper", "B"),
    ]


def test_several_hooks_are_called_in_order():
    """A list of hooks is a row of hooks."""
    seen = []
    conversation, _ = conversation_with(
        "a", before_call=[lambda _tool, _call: seen.append(1), lambda _tool, _call: seen.append(2)]
    )
    conversation.chain("go").text()
    assert seen == [1, 2]


def test_hooks_of_a_chain_override_one_by_one():
    """chain(before_call=) stands in for the conversation's, whose after_call stays."""
    seen = []
    conversation, _ = conversation_with(
        "a",
        before_call=lambda _tool, _call: seen.append("conversation's before"),
        after_call=lambda _tool, _call, _result: seen.append("conversation's after"),
    )
    conversation.chain("go", before_call=lambda _tool, _call: seen.append("chain's before")).text()
    assert seen == ["chain's before", "conversation's after"]


@pytest.mark.parametrize("hook", ["before_call", "after_call"])
def test_a_hook_can_cancel_a_call(hook):
    """CancelToolCall gives `Cancelled: why` as the result of that call alone."""

    def guard(tool, call, *result):
        if "bad" in call.arguments["text"]:
            raise llm.CancelToolCall("not this one")

    conversation, script = conversation_with("badger", "panda", **{hook: guard})
    conversation.chain("go").text()
    assert answers(script) == ["Cancelled: not this one", "PANDA"]


def test_a_cancelled_call_is_not_made():
    """After CancelToolCall in before_call neither the tool nor after_call is called."""
    seen = []

    def never(text: str) -> str:
        seen.append("tool")
        return text

    def guard(tool, call):
        raise llm.CancelToolCall

    model, _ = scripted(calls(("never", {"text": "x"})), says("done"))
    model.chain("go", tools=[never], before_call=guard, after_call=lambda *_given: seen.append("after")).text()
    assert seen == []


def test_a_hook_that_raises_stops_the_chain():
    """Any other exception of a hook ends the turn as a HookError that names the hook and carries its exception."""

    def broken(tool, call):
        raise ValueError("oops")

    conversation, script = conversation_with("a", before_call=broken)
    with pytest.raises(llm.HookError, match="hook 'broken' raised ValueError: oops") as caught:
        conversation.chain("go").text()
    assert isinstance(caught.value.__cause__, ValueError)
    assert len(script.requests) == 1
    assert conversation.turns == []


def test_before_call_may_replace_the_call():
    """A ToolCall that before_call returns is made instead; its result answers the model's call."""

    def politely(tool, call):
        return llm.ToolCall(call.name, {"text": "please " + call.arguments["text"]}, "another id")

    conversation, script = conversation_with("a", before_call=politely)
    conversation.chain("go").text()
    assert answers(script) == ["PLEASE A"]
    assert script.messages[-1][2]["tool_call_id"] == "call_upper_0"


def test_after_call_may_replace_the_result():
    """A ToolResult that after_call returns goes to the model instead."""
    conversation, script = conversation_with(
        "a", after_call=lambda _tool, _call, result: llm.ToolResult("upper", result.output * 2)
    )
    chain = conversation.chain("go")
    chain.text()
    assert answers(script) == ["AA"]
    assert [result.tool_call_id for result in chain.tool_results()] == ["call_upper_0"]


def test_a_hook_that_returns_something_else_is_told_so():
    """What is neither None nor a replacement is an error, not ignored."""
    conversation, _ = conversation_with("a", before_call=lambda _tool, _call: {"text": "b"})
    with pytest.raises(llm.HookError, match="returned") as caught:
        conversation.chain("go").text()
    assert "ToolCall" in str(caught.value.fix)


def test_hooks_fire_for_execute_tool_calls():
    """execute_tool_calls() has the conversation's hooks, and its own over them."""
    seen = []
    conversation, _ = conversation_with("a", before_call=lambda _tool, _call: seen.append("conversation's"))
    response = conversation.prompt("go")
    response.execute_tool_calls(after_call=lambda _tool, _call, result: seen.append(result.output))
    assert seen == ["conversation's", "A"]


def test_an_unknown_tool_has_a_before_call_without_tool():
    """Where the model calls a tool that is not there, before_call gets None, and the model is told."""
    seen = []
    model, script = scripted(calls(("nothing", {})), says("done"))
    model.chain("go", tools=[upper], before_call=lambda tool, call: seen.append((tool, call.name))).text()
    assert seen == [(None, "nothing")]
    assert answers(script) == ['Error: tool "nothing" does not exist']


def test_async_hooks_work():
    """A hook may be an async function."""
    seen = []

    async def before(tool, call):
        seen.append(call.name)

    conversation, _ = conversation_with("a", before_call=before)
    conversation.chain("go").text()
    assert seen == ["upper"]


def recorded(result):
    """Return what a replaying runner gives: every call has this result."""
    return lambda _tool, _call: result


def test_a_recorded_result_stands_in_for_the_tool():
    """Where a result is recorded the tool is not called; hooks see the result and change nothing."""
    seen = []

    def never(text: str) -> str:
        raise AssertionError("called")

    def before(tool, call):
        seen.append(("before", call.arguments["text"]))
        raise llm.CancelToolCall("ignored")

    def after(tool, call, result):
        seen.append(("after", result.output))
        return llm.ToolResult("never", "changed")

    model, script = scripted(calls(("never", {"text": "x"})), says("done"))
    conversation = model.conversation(
        tools=[never], before_call=before, after_call=after, recorded_results=recorded("from the tape")
    )
    conversation.chain("go").text()
    assert seen == [("before", "x"), ("after", "from the tape")]
    assert answers(script) == ["from the tape"]


def test_a_call_without_a_recorded_result_is_made():
    """None from recorded_results means that the tool is called."""
    conversation, script = conversation_with("a", recorded_results=recorded(None))
    conversation.chain("go").text()
    assert answers(script) == ["A"]


def test_an_error_of_recorded_results_stops_the_chain():
    """What recorded_results raises ends the turn."""

    def missing(tool, call):
        raise llm.StaleError("not recorded")

    conversation, _ = conversation_with("a", recorded_results=missing)
    with pytest.raises(llm.StaleError, match="not recorded"):
        conversation.chain("go").text()


def test_hooks_can_ask_whether_this_is_a_replay():
    """conversation.replaying is what its runner says, False where nobody says anything."""
    seen = []
    conversation, _ = conversation_with("a", before_call=lambda _tool, _call: seen.append(conversation.replaying))
    assert conversation.replaying is False
    conversation.replaying = True
    conversation.chain("go").text()
    assert seen == [True]


class Ended(BaseException):
    """No Exception, as that of pytest.fail()."""


@pytest.mark.parametrize("error", [Ended("no"), GeneratorExit("no"), SystemExit("no")])
@pytest.mark.parametrize("hook", ["before_call", "after_call"])
def test_what_is_no_exception_stops_the_chain_too(error, hook):
    """Whatever a hook raises is a HookError; an interruption alone gets through."""

    def stops(*_given):
        raise error

    conversation, _ = conversation_with("a", **{hook: stops})
    with pytest.raises(llm.HookError, match="hook 'stops' raised"):
        conversation.chain("go").text()

    def interrupts(*_given):
        raise KeyboardInterrupt

    conversation, _ = conversation_with("a", **{hook: interrupts})
    with pytest.raises(KeyboardInterrupt):
        conversation.chain("go").text()
