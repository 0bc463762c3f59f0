"""Responses: lazy, run once, read again from memory."""

from __future__ import annotations

import pytest
from scripted_models import calls, says, scripted, streams

import convrun as llm
from convrun.wire import Reply


def test_nothing_is_sent_before_it_is_read():
    """A prompt sends nothing until its response is read, and then once."""
    model, script = scripted(says("hello"))
    response = model.prompt("Hi")
    assert script.requests == []
    assert repr(response) == "<Response prompt='Hi' text='... not yet done ...'>"
    assert [response.text(), response.text(), str(response)] == ["hello"] * 3
    assert len(script.requests) == 1
    assert repr(response) == "<Response prompt='Hi' text='hello'>"


@pytest.mark.parametrize("stream", [True, False])
def test_iterating_gives_the_text_and_again_from_memory(stream):
    """Iterating yields the text, streamed or not, as often as one likes."""
    model, script = scripted(streams("a", "b", "c") if stream else says("abc"), stream=stream)
    response = model.prompt("Hi")
    assert "".join(response) == "".join(response) == response.text() == "abc"
    assert len(script.requests) == 1


def test_pieces_arrive_as_they_are_streamed():
    """Iterating yields the pieces of a streamed reply before its end is known."""
    model, _ = scripted(streams("a", "b", "c"), stream=True)
    response = model.prompt("Hi")
    pieces = iter(response)
    assert next(pieces) == "a"
    assert not response.done
    assert list(pieces) == ["b", "c"]
    assert response.done


def test_a_half_read_response_goes_on_with_the_same_reply():
    """Reading half a response and then all of it makes one model call."""
    model, script = scripted(streams("a", "b", "c"), stream=True)
    response = model.prompt("Hi")
    for piece in response:
        assert piece == "a"
        break
    assert response.text() == "abc"
    assert list(response) == ["a", "b", "c"]
    assert len(script.requests) == 1


def test_two_readers_share_one_reply():
    """Two iterations of one response in turn see the same pieces."""
    model, script = scripted(streams("a", "b"), stream=True)
    response = model.prompt("Hi")
    one, other = iter(response), iter(response)
    assert [next(one), next(other), next(other), next(one)] == ["a", "a", "b", "b"]
    assert len(script.requests) == 1


def test_stream_events_tell_text_and_calls():
    """Events name their kind, and tool calls come as name and arguments."""
    model, _ = scripted(calls(("upper", {"text": "x"}), text="Let me"))
    events = list(model.prompt("Hi").stream_events())
    assert [(event.type, event.chunk) for event in events] == [
        ("text", "Let me"),
        ("tool_call_name", "upper"),
        ("tool_call_args", '{"text": "x"}'),
    ]


def test_what_a_response_knows():
    """Usage, finish reason, id, payload, duration, date and messages come from the reply."""
    model, _ = scripted(says("hello", usage=(7, 2), finish="length"))
    response = model.prompt("Hi", temperature=0)
    assert response.usage() == llm.Usage(input=7, output=2)
    assert (response.finish_reason, response.id, response.refusal) == ("length", "chatcmpl-1", None)
    assert response.json()["choices"][0]["message"]["content"] == "hello"
    assert response.duration_ms() >= 0
    assert response.elapsed_ms is None
    assert response.datetime_utc().endswith("+00:00")
    assert response.messages() == [llm.assistant("hello")]
    assert response.prompt.options == {"temperature": 0}
    assert response.prompt.messages == (llm.user("Hi"),)
    assert response.model is model


def test_usage_that_a_provider_does_not_tell_is_none():
    """Nothing is counted where the provider says nothing."""
    model, _ = scripted(says("hello"))
    assert model.prompt("Hi").usage() == llm.Usage(input=None, output=None)


def test_a_refusal_is_told():
    """The provider's refusal is the response's, beside an empty text."""
    message = {"role": "assistant", "content": None, "refusal": "I will not."}
    model, _ = scripted({"object": "chat.completion", "choices": [{"message": message, "finish_reason": "stop"}]})
    response = model.prompt("Hi")
    assert (response.text(), response.refusal) == ("", "I will not.")


def test_on_done_is_called_once_the_reply_is_whole():
    """A callback is called with the response at its end, or at once where it has ended."""
    model, _ = scripted(says("hello"))
    response = model.prompt("Hi")
    seen = []
    response.on_done(lambda done: seen.append((done is response, done.text())))
    assert seen == []
    response.text()
    response.on_done(lambda _done: seen.append("late"))
    assert seen == [(True, "hello"), "late"]


def test_a_provider_error_is_raised_at_each_reading():
    """A refused request is a ProviderError with status and message, and is not sent again by reading again."""
    body = {"error": {"message": "no such model", "type": "invalid_request_error"}}
    model, script = scripted(Reply(status=404, headers={"x-request-id": "req_1"}, payloads=(body,)))
    response = model.prompt("Hi")
    for _ in range(2):
        with pytest.raises(llm.ProviderError) as caught:
            response.text()
        assert (caught.value.status, caught.value.request_id, caught.value.retryable) == (404, "req_1", False)
        assert caught.value.provider_message == "no such model"
    assert len(script.requests) == 1


def test_half_a_stream_is_an_error():
    """A stream that breaks gives its pieces, then the error, and both again when it is read again."""
    model, _ = scripted(
        Reply(status=200, headers={}, body=[b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n']),
        stream=True,
    )
    response = model.prompt("Hi")
    for _ in range(2):
        seen = []
        with pytest.raises(llm.ProviderError):
            note(response, seen)
        assert seen == ["Hel"]
    assert not response.done


def note(response, seen):
    """Read a response, noting what came before an error."""
    for piece in response:
        seen.append(piece)


def test_options_of_model_conversation_and_turn():
    """Options of a turn go over the conversation's, those over the model's; None removes one."""
    model, script = scripted(says("1"), says("2"), temperature=0, seed=1)
    conversation = model.conversation(options={"seed": 7, "top_p": 0.5})
    conversation.prompt("a", temperature=1, options={"seed": None}).text()
    conversation.prompt("b").text()
    first, second = script.bodies
    assert (first["temperature"], first["top_p"], "seed" in first) == (1, 0.5, False)
    assert (second["temperature"], second["top_p"], second["seed"]) == (0, 0.5, 7)


@pytest.mark.parametrize("name", ["model", "key", "before_call", "chain_limit", "input", "instructions"])
def test_what_is_no_option_is_refused(name):
    """A name that the engine knows in another place never goes out as an option."""
    model, _ = scripted()
    with pytest.raises(llm.ConversationError, match=f"'{name}' is no option"):
        model.prompt("Hi", options={name: "x"})


def test_stream_is_said_by_model_conversation_or_turn():
    """Whether a reply is streamed is said by the turn, else the conversation, else the model."""
    model, script = scripted(says("1"), says("2"), says("3"), stream=True)
    model.prompt("a").text()
    conversation = model.conversation(stream=False)
    conversation.prompt("b").text()
    conversation.prompt("c", stream=True).text()
    assert ["stream" in body for body in script.bodies] == [True, False, True]


def test_saying_nothing_at_all_is_an_error():
    """A request without any message, or with nothing since the model's last word, is refused before it is sent."""
    model, script = scripted(says("1"), says("2"))
    with pytest.raises(llm.ConversationError, match="nothing to send"):
        model.prompt().text()
    conversation = model.conversation(history=[llm.user("a"), llm.assistant("b")])
    for answered in (0, 1):
        for asked in (conversation.prompt, conversation.chain):
            with pytest.raises(llm.ConversationError, match="nothing to send: the model said the last word"):
                asked().text()
        assert len(script.requests) == len(conversation.turns) == answered
        if not answered:
            conversation.prompt("c").text()
    assert model.conversation(history=[llm.user("open")]).prompt().text() == "2"
