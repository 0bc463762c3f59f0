"""Chains: tools are run and the model is asked again, until it stops."""

from __future__ import annotations

import threading

import pytest
from scripted_models import calls, says, scripted, streams

import convrun as llm


def upper(text: str) -> str:
    """Convert text to uppercase."""
    return text.upper()


def answers(script):
    """Return the tool messages of the last request."""
    return [message["content"] for message in script.messages[-1] if message["role"] == "tool"]


def test_a_chain_runs_tools_until_the_model_stops():
    """The calls of a reply are made, their results sent, and again, until a reply calls nothing."""
    model, script = scripted(
        calls(("upper", {"text": "panda"})), calls(("upper", {"text": "bear"})), says("PANDA BEAR", usage=(9, 3))
    )
    chain = model.chain("Convert panda", tools=[upper])
    assert script.requests == []
    assert chain.text() == chain.text() == str(chain) == "PANDA BEAR"
    assert len(script.requests) == 3
    assert answers(script) == ["PANDA", "BEAR"]
    assert [call.arguments for call in chain.tool_calls()] == [{"text": "panda"}, {"text": "bear"}]
    assert [result.output for result in chain.tool_results()] == ["PANDA", "BEAR"]
    assert [message.role for message in chain.messages()] == ["assistant", "tool", "assistant", "tool", "assistant"]
    assert chain.usage() == llm.Usage(input=9, output=3)
    assert [response.text() for response in chain.responses()] == ["", "", "PANDA BEAR"]


def test_iterating_a_chain_streams_all_its_responses():
    """The text of each response comes in pieces, one response after the other."""
    model, script = scripted(calls(("upper", {"text": "x"}), text="Wait. "), streams("D", "one"), stream=True)
    chain = model.chain("go", tools=[upper])
    assert list(chain) == list(chain) == ["Wait. ", "D", "one"]
    assert [event.type for event in chain.stream_events()][:2] == ["text", "tool_call_name"]
    assert len(script.requests) == 2


def test_responses_can_be_read_one_by_one():
    """chain.responses() gives each response before its tools run, and runs them when the next is asked for."""
    made = []

    def note(text: str) -> str:
        made.append(text)
        return text

    model, _ = scripted(calls(("note", {"text": "x"})), says("done"))
    responses = model.chain("go", tools=[note]).responses()
    first = next(responses)
    assert [call.name for call in first.tool_calls()] == ["note"]
    assert made == []
    assert next(responses).text() == "done"
    assert made == ["x"]
    assert list(responses) == []


def test_a_chain_left_half_way_is_finished_before_the_next_turn():
    """What was left of a chain runs before the next prompt, so that no call is left open."""
    model, script = scripted(calls(("upper", {"text": "x"})), says("done"), says("next"))
    conversation = model.conversation(tools=[upper])
    next(conversation.chain("go").responses()).text()
    assert conversation.prompt("b").text() == "next"
    assert [message["role"] for message in script.messages[-1]] == ["user", "assistant", "tool", "assistant", "user"]


def test_results_are_in_the_order_of_the_calls():
    """Several calls at once give one tool message each, in their order."""
    model, script = scripted(calls(("upper", {"text": "a"}), ("upper", {"text": "b"})), says("ok"))
    model.chain("go", tools=[upper]).text()
    assert answers(script) == ["A", "B"]


def test_calls_made_by_hand_are_not_made_again():
    """A response of a chain whose calls were executed by hand keeps those results."""
    made = []

    def note() -> str:
        made.append(1)
        return "noted"

    model, _ = scripted(calls(("note", {})), says("done"))
    chain = model.chain("go", tools=[note])
    for response in chain.responses():
        response.execute_tool_calls()
    assert made == [1]


@pytest.mark.parametrize("limit", [2, 3])
def test_a_limit_that_is_just_enough_is_no_error(limit):
    """chain_limit counts model calls, and is reached only where another one would be needed."""
    model, _ = scripted(calls(("upper", {"text": "x"})), says("done"))
    assert model.conversation(tools=[upper], chain_limit=limit).chain("go").text() == "done"


def test_past_the_limit_open_calls_are_answered():
    """Past chain_limit the tools are not run, each reading is the error, and the history stays valid."""
    made = []

    def note() -> str:
        made.append(1)
        return "noted"

    model, script = scripted(calls(("note", {})), calls(("note", {}), ("note", {})), says("ok"))
    conversation = model.conversation(tools=[note], chain_limit=2)
    chain = conversation.chain("go")
    for _ in range(2):
        with pytest.raises(llm.ChainLimitError, match="more than 2 calls"):
            chain.text()
    assert made == [1]
    assert len(script.requests) == 2
    conversation.prompt("b").text()
    assert answers(script) == ["noted", "Error: chain limit reached", "Error: chain limit reached"]
    assert [turn.prompt for turn in conversation.turns] == ["go", "b"]
    assert [result.output for result in conversation.turns[0].tool_results()][1:] == ["Error: chain limit reached"] * 2


def test_a_chain_has_a_limit_of_its_own():
    """chain(chain_limit=) goes over the conversation's; less than one call is refused."""
    model, _ = scripted(calls(("upper", {"text": "x"})))
    conversation = model.conversation(tools=[upper], chain_limit=5)
    with pytest.raises(llm.ConversationError, match="at least 1"):
        conversation.chain("go", chain_limit=0)
    with pytest.raises(llm.ChainLimitError):
        conversation.chain("go", chain_limit=1).text()


def test_the_schema_is_sent_with_every_request_of_a_chain():
    """Structured output is asked for in each model call, not in the first alone."""
    model, script = scripted(calls(("upper", {"text": "x"})), says('{"a": 1}'))
    chain = model.chain("go", tools=[upper], schema={"type": "object"})
    assert chain.parsed() == {"a": 1}
    schemas = [body["response_format"]["json_schema"]["schema"] for body in script.bodies]
    assert schemas == [{"type": "object"}] * 2


def test_tools_of_a_turn_stand_in_for_the_conversations():
    """tools= of a turn holds for that turn alone."""

    def lower(text: str) -> str:
        return text.lower()

    model, script = scripted(says("1"), says("2"))
    conversation = model.conversation(tools=[upper])
    conversation.prompt("a", tools=[lower]).text()
    conversation.prompt("b").text()
    assert [body["tools"][0]["function"]["name"] for body in script.bodies] == ["lower", "upper"]


class Approval:
    """A tool that pauses until somebody agreed."""

    def __init__(self) -> None:
        self.given = False
        self.made: list[str] = []

    def quick(self) -> str:
        self.made.append("quick")
        return "quick"

    def careful(self) -> str:
        if not self.given:
            raise llm.PauseChain("ask first")
        self.made.append("careful")
        return "careful"


def test_a_paused_chain_is_resumed():
    """PauseChain tells the call and what its siblings gave; chain() goes on without running those again."""
    approval = Approval()
    model, script = scripted(calls(("quick", {}), ("careful", {}), ("quick", {})), says("done"))
    conversation = model.conversation(tools=[approval.quick, approval.careful])
    chain = conversation.chain("go")
    for _ in range(2):
        with pytest.raises(llm.PauseChain, match="ask first") as caught:
            chain.text()
    assert caught.value.tool_call.name == "careful"
    assert [result.output for result in caught.value.tool_results] == ["quick"]
    assert len(script.requests) == 1

    approval.given = True
    assert conversation.chain().text() == "done"
    assert approval.made == ["quick", "careful", "quick"]
    assert answers(script) == ["quick", "careful", "quick"]
    assert [len(turn.responses) for turn in conversation.turns] == [2]


def test_a_chain_can_pause_twice():
    """Resuming too early pauses again and loses nothing."""
    approval = Approval()
    model, script = scripted(calls(("quick", {}), ("careful", {})), says("done"))
    conversation = model.conversation(tools=[approval.quick, approval.careful])
    for _ in range(2):
        with pytest.raises(llm.PauseChain):
            conversation.chain(None if conversation.turns else "go").text()
    approval.given = True
    assert conversation.chain().text() == "done"
    assert approval.made == ["quick", "careful"]
    assert len(script.requests) == 2


def test_a_prompt_after_a_pause_leaves_no_call_open():
    """Whoever does not resume gets a valid history: the finished calls with their results, the others with an error."""
    approval = Approval()
    model, script = scripted(calls(("quick", {}), ("careful", {})), says("fine"))
    conversation = model.conversation(tools=[approval.quick, approval.careful])
    with pytest.raises(llm.PauseChain):
        conversation.chain("go").text()
    conversation.prompt("never mind").text()
    assert answers(script) == ["quick", "Error: the tool was not called"]


def test_tools_run_where_the_conversation_was_made():
    """Sync tools run in the thread that reads the chain."""
    seen = []

    def where() -> str:
        seen.append(threading.current_thread())
        return "here"

    model, _ = scripted(calls(("where", {})), says("done"))
    model.conversation(tools=[where], tool_timeout=5).chain("go").text()
    assert seen == [threading.main_thread()]


def test_a_tool_cannot_prompt_the_conversation_that_waits_for_it():
    """A tool that prompts its own conversation gets an error, which the model is told."""
    model, script = scripted(calls(("nosy", {})), says("done"))

    def nosy() -> str:
        return conversation.prompt("me too").text()

    conversation = model.conversation(tools=[nosy])
    assert conversation.chain("go").text() == "done"
    assert answers(script)[0].startswith("Error: a tool or hook prompts or keeps the conversation")


def test_a_chain_left_in_the_middle_goes_on_before_the_next_prompt():
    """Its tools are run then, as prompts go on in order; given up with close(), it runs none, and is no turn."""
    ran = []

    def pay() -> str:
        """Pay."""
        ran.append(len(ran))
        return "paid"

    for close, roles in ((False, ["user", "assistant", "tool", "assistant"]), (True, [])):
        replies = [calls(("pay", {})), *([] if close else [says("done")]), says("next")]
        model, _ = scripted(*replies)
        conversation = model.conversation(tools=[pay])
        chain = conversation.chain("go")
        next(chain.responses()).text()
        if close:
            chain.close()
        assert conversation.prompt("and?").text() == "next"
        assert [message.role for message in conversation.history] == [*roles, "user", "assistant"]
        assert ran == [0]
