"""Histories: what goes out with each request, and what does not."""

from __future__ import annotations

import pytest
from scripted_models import calls, says, scripted, streams

import convrun as llm
from convrun.wire import Reply


def texts(messages):
    """Return role and content of encoded messages."""
    return [(message["role"], message.get("content")) for message in messages]


def test_each_prompt_sends_all_that_was_said():
    """The history of a prompt is everything before it, the system prompt first and once."""
    model, script = scripted(says("one"), says("two"))
    conversation = model.conversation(system="Be brief.")
    first = conversation.prompt("a")
    first.text()
    conversation.prompt("b").text()
    assert texts(script.messages[1]) == [
        ("system", "Be brief."),
        ("user", "a"),
        ("assistant", "one"),
        ("user", "b"),
    ]
    assert first.conversation is conversation
    assert conversation.responses[0] is first
    assert [(r.prompt.prompt, r.text()) for r in conversation.responses] == [("a", "one"), ("b", "two")]


def test_a_later_system_prompt_replaces_the_first():
    """system= of a later turn reaches the wire, alone, and stays for the turns after it."""
    model, script = scripted(says("1"), says("2"), says("3"))
    conversation = model.conversation(system="Be brief.")
    conversation.prompt("a").text()
    conversation.prompt("b", system="Be long.").text()
    conversation.prompt("c").text()
    systems = [[m["content"] for m in messages if m["role"] == "system"] for messages in script.messages]
    assert systems == [["Be brief."], ["Be long."], ["Be long."]]
    assert conversation.system == "Be long."


def test_messages_stand_in_for_the_history():
    """messages= replaces what was said; prompt and attachments are appended, and later turns go on from it."""
    model, script = scripted(says("0"), says("1"), says("2"))
    conversation = model.conversation(system="Be brief.")
    conversation.prompt("forgotten").text()
    given = [llm.system("A pirate."), llm.user("France?"), llm.assistant("Paris, matey.")]
    conversation.prompt("Germany?", messages=given).text()
    conversation.prompt("Spain?").text()
    assert texts(script.messages[1]) == [
        ("system", "A pirate."),
        ("user", "France?"),
        ("assistant", "Paris, matey."),
        ("user", "Germany?"),
    ]
    assert texts(script.messages[2])[-2:] == [("assistant", "1"), ("user", "Spain?")]
    assert texts(script.messages[2])[:4] == texts(script.messages[1])


def test_messages_alone_are_enough():
    """Without a prompt the messages go out as they are."""
    model, script = scripted(says("1"))
    model.prompt(messages=[llm.system("s"), llm.user("u")]).text()
    assert texts(script.messages[0]) == [("system", "s"), ("user", "u")]


def test_a_conversation_can_begin_with_a_history():
    """history= stands before the first turn."""
    model, script = scripted(says("1"))
    conversation = model.conversation(system="s", history=[llm.user("Hi"), llm.assistant("Hello!")])
    conversation.prompt("a").text()
    assert texts(script.messages[0]) == [("system", "s"), ("user", "Hi"), ("assistant", "Hello!"), ("user", "a")]
    assert conversation.history == (
        llm.system("s"),
        llm.user("Hi"),
        llm.assistant("Hello!"),
        llm.user("a"),
        llm.assistant("1"),
    )


@pytest.mark.parametrize(
    "failing",
    [
        Reply(status=500, headers={}, payloads=({"error": {"message": "down"}},)),
        Reply(status=200, headers={}, body=[b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n']),
        KeyboardInterrupt(),
    ],
    ids=["refused", "half", "interrupted"],
)
def test_a_failed_turn_is_not_in_the_history(failing):
    """After an error, half a stream or Ctrl-C the next turn goes out as if the failed one had not been."""
    model, script = scripted(says("one"), failing, says("three"))
    conversation = model.conversation()
    conversation.prompt("a").text()
    with pytest.raises((llm.ProviderError, KeyboardInterrupt)):
        conversation.prompt("b", system="gone").text()
    conversation.prompt("c").text()
    assert texts(script.messages[2]) == [("user", "a"), ("assistant", "one"), ("user", "c")]
    assert [turn.prompt for turn in conversation.turns] == ["a", "c"]


def test_a_chain_that_fails_late_leaves_nothing_behind():
    """A chain whose second call fails leaves neither its tool calls nor its results in the history."""
    model, script = scripted(
        calls(("ping", {})), Reply(status=500, headers={}, payloads=({"error": {"message": "down"}},)), says("ok")
    )
    conversation = model.conversation(tools=[ping])
    chain = conversation.chain("a")
    with pytest.raises(llm.ProviderError):
        chain.text()
    assert [response.done for response in chain.begun] == [True, False]
    conversation.prompt("b").text()
    assert texts(script.messages[2]) == [("user", "b")]
    assert conversation.turns[0].prompt == "b"


def ping() -> str:
    """Say pong."""
    return "pong"


def test_an_unread_prompt_is_run_before_the_next():
    """A response that nobody read is fetched first, as the next prompt's history needs it."""
    model, script = scripted(says("one"), says("two"))
    conversation = model.conversation()
    first = conversation.prompt("a")
    assert conversation.prompt("b").text() == "two"
    assert first.done
    assert texts(script.messages[1]) == [("user", "a"), ("assistant", "one"), ("user", "b")]


def test_a_half_read_prompt_is_read_to_its_end_before_the_next():
    """A response that was left half-read is in the history whole."""
    model, script = scripted(streams("a", "b"), streams("c"), stream=True)
    conversation = model.conversation()
    next(iter(conversation.prompt("x")))
    conversation.prompt("y").text()
    assert texts(script.messages[1]) == [("user", "x"), ("assistant", "ab"), ("user", "y")]


def test_many_unread_prompts_need_no_deep_stack():
    """A thousand prompts that nobody read are run one after the other."""
    model, script = scripted(*(says(str(number)) for number in range(1000)))
    conversation = model.conversation()
    responses = [conversation.prompt(str(number)) for number in range(1000)]
    assert responses[-1].text() == "999"
    assert len(script.messages[-1]) == 1999


def test_replies_branch():
    """reply() goes on from its response, as often as one likes, and the conversation does not see it."""
    model, script = scripted(says("one"), says("x"), says("y"), says("two"))
    conversation = model.conversation(system="s")
    first = conversation.prompt("a")
    assert first.reply("b").text() == "x"
    assert first.reply("c").text() == "y"
    conversation.prompt("d").text()
    starts = [texts(messages)[:3] for messages in script.messages[1:]]
    assert starts == [[("system", "s"), ("user", "a"), ("assistant", "one")]] * 3
    assert [messages[-1]["content"] for messages in script.messages[1:]] == ["b", "c", "d"]
    assert [turn.prompt for turn in conversation.turns] == ["a", "d"]


def test_a_reply_makes_open_tool_calls_first():
    """reply() after tool calls runs them once, with the hooks, and sends their results."""
    model, script = scripted(calls(("ping", {})), says("x"), says("y"))
    seen = []
    first = model.conversation(tools=[ping], before_call=lambda _tool, call: seen.append(call.name)).prompt("a")
    assert first.reply().text() == "x"
    assert first.reply("and?").text() == "y"
    assert seen == ["ping"]
    assert texts(script.messages[1])[-1] == ("tool", "pong")
    assert texts(script.messages[2])[-2:] == [("tool", "pong"), ("user", "and?")]


def test_calls_that_nobody_made_are_answered():
    """A prompt after a response with tool calls answers them by an error, so that no call is left open on the wire."""
    model, script = scripted(calls(("ping", {}), ("ping", {})), says("x"))
    conversation = model.conversation(tools=[ping])
    conversation.prompt("a").text()
    conversation.prompt("b").text()
    assert texts(script.messages[1])[2:] == [
        ("tool", "Error: the tool was not called"),
        ("tool", "Error: the tool was not called"),
        ("user", "b"),
    ]


def test_executed_calls_are_answered_with_their_results():
    """execute_tool_calls() makes the calls once; the next prompt sends the results."""
    model, script = scripted(calls(("ping", {})), says("x"))
    conversation = model.conversation(tools=[ping])
    response = conversation.prompt("a")
    assert [result.output for result in response.execute_tool_calls()] == ["pong"]
    assert response.execute_tool_calls() == response.tool_results()
    conversation.prompt("b").text()
    assert texts(script.messages[1])[2:] == [("tool", "pong"), ("user", "b")]


def test_results_can_be_brought_along():
    """tool_results= answers open calls by id, or in their order."""
    model, script = scripted(calls(("ping", {}), ("ping", {})), says("x"))
    conversation = model.conversation(tools=[ping])
    second = conversation.prompt("a").tool_calls()[1]
    results = [llm.ToolResult("ping", "2", second.tool_call_id), llm.ToolResult("ping", "1")]
    response = conversation.prompt(tool_results=results)
    response.text()
    assert texts(script.messages[1])[2:] == [("tool", "1"), ("tool", "2")]
    assert [result.output for result in response.prompt.tool_results] == ["1", "2"]


def test_a_result_that_nobody_waits_for_is_refused():
    """tool_results= without an open call is an error."""
    model, _ = scripted()
    with pytest.raises(llm.ConversationError, match="no call waits"):
        model.prompt("a", tool_results=[llm.ToolResult("ping", "1")]).text()


def test_messages_are_the_same_objects_in_each_request():
    """What was sent before is the same object again, so that nothing is encoded twice."""
    model, script = scripted(calls(("ping", {})), says("1"), says("2"))
    conversation = model.conversation(system="s", tools=[ping])
    conversation.chain("a").text()
    conversation.prompt("b").text()
    first, second, third = (response.prompt.messages for response in conversation.responses)
    assert all(one is other for one, other in zip(first, second, strict=False))
    assert all(one is other for one, other in zip(second, third, strict=False))
    assert len({id(body["tools"][0]) for body in script.bodies}) == 1


def test_ids_that_a_provider_repeats_are_made_unique():
    """Two calls with one id get their own results."""
    model, script = scripted(
        calls(("echo", {"text": "a"}), ("echo", {"text": "b"}), ids=("x", "x")),
        calls(("echo", {"text": "c"}), ids=("x",)),
        says("ok"),
    )
    model.chain("go", tools=[echo]).text()
    sent = script.messages[-1]
    answers = {message["tool_call_id"]: message["content"] for message in sent if message["role"] == "tool"}
    wanted = [call["id"] for message in sent for call in message.get("tool_calls", ())]
    assert len(set(wanted)) == 3
    assert [answers[one] for one in wanted] == ["a", "b", "c"]


def echo(text: str) -> str:
    """Repeat."""
    return text


def test_turns_group_responses_by_what_the_user_said():
    """conversation.turns has one turn for each prompt or chain; usage adds up."""
    model, _ = scripted(calls(("ping", {})), says("one", usage=(5, 1)), says("two", usage=(7, 2)))
    conversation = model.conversation(tools=[ping])
    conversation.chain("a").text()
    conversation.prompt("b").text()
    first, second = conversation.turns
    assert (first.prompt, first.reply, len(first.responses)) == ("a", "one", 2)
    assert [call.name for call in first.tool_calls()] == ["ping"]
    assert [result.output for result in first.tool_results()] == ["pong"]
    assert [message.role for message in first.messages()] == ["assistant", "tool", "assistant"]
    assert (second.prompt, second.reply) == ("b", "two")
    assert (second.usage(), conversation.usage()) == (llm.Usage(input=7, output=2), llm.Usage(input=12, output=3))
    assert len(conversation.responses) == 3
    assert conversation.turns[0] is first
