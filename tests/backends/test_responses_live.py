"""Conversations over a Responses API, with a server on loopback at the other end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from convrun.conversation.messages import Message, assistant, user
from convrun.conversation.model import Model
from convrun.conversation.response import Response
from convrun.errors import ProviderError, UnknownModelError
from convrun.models import get_async_model, get_model
from tests.servers import Answer, Loopback, called, event_stream, loopback_server, output, said, streamed, thought


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A server of this test."""
    with loopback_server() as found:
        yield found


def speaking(server: Loopback, *replies: Any, stream: bool = False, **settings: Any) -> Model:
    """A model that answers with these outputs, each a list of items or an Answer; `stream`: in events."""
    for number, one in enumerate(replies, start=1):
        whole = output(*one, id=f"resp_{number}") if isinstance(one, list) else one
        streams = stream and not isinstance(whole, Answer)
        server.says(Answer(body=event_stream(*streamed(whole), done=False)) if streams else whole)
    model = get_model("m", api="responses", base_url=server.base_url, max_retries=0, environ={}, **settings)
    model.stream = stream
    return model


def bodies(server: Loopback) -> list[Any]:
    """What was asked, in order."""
    return [request.body for request in server.requests]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_is_spoken(server: Loopback, stream: bool) -> None:
    """A prompt goes to `responses`, the system prompt beside it; text, usage, id and finish reason come back."""
    model = speaking(server, [said("Hello.")], stream=stream)
    response = model.conversation(system="Be brief.").prompt("Hi", temperature=0)
    assert response.text() == "Hello."
    assert [request.path for request in server.requests] == ["/v1/responses"]
    asked = {"model": "m", "instructions": "Be brief.", "input": [{"role": "user", "content": "Hi"}], "temperature": 0}
    assert bodies(server) == [asked | ({"stream": True} if stream else {})]
    assert (response.usage().input, response.usage().output) == (3, 2)
    assert (response.id, response.finish_reason) == ("resp_1", "stop")


@pytest.mark.parametrize("stream", [False, True])
def test_items_are_carried_from_turn_to_turn(server: Loopback, stream: bool) -> None:
    """Over three turns and a round of tools the model's items go back as they came: encrypted thoughts, ids, phases."""
    first = [thought("Hm.", encrypted_content="gAAA1="), said("Hello.", phase="final_answer")]
    second = [
        thought(identity="rs_2", encrypted_content="gAAA2="),
        said("I add.", "msg_2", phase="commentary"),
        called("add", {"a": 1, "b": 2}),
    ]
    third = [thought("So.", "Well.", identity="rs_3"), said("3", "msg_3")]
    model = speaking(server, first, second, third, [said("Bye.", "msg_4")], stream=stream)
    conversation = model.conversation(tools=[add])
    assert conversation.prompt("Hi", store=False, include=["reasoning.encrypted_content"]).text() == "Hello."
    assert conversation.chain("1 + 2?").text() == "I add.3"
    assert conversation.prompt("Bye").text() == "Bye."
    last = bodies(server)[-1]
    assert last["input"] == [
        {"role": "user", "content": "Hi"},
        *first,
        {"role": "user", "content": "1 + 2?"},
        *second,
        {"type": "function_call_output", "call_id": "call_1", "output": "3"},
        *third,
        {"role": "user", "content": "Bye"},
    ]
    for before, after in zip(bodies(server), bodies(server)[1:], strict=False):
        assert after["input"][: len(before["input"])] == before["input"]
    assert bodies(server)[0]["include"] == ["reasoning.encrypted_content"]


def test_a_rebuilt_response_goes_on_with_the_items(server: Loopback) -> None:
    """A response that was written and read again is replied to with the items, and by its id where that is wanted."""
    model = speaking(server, [thought(encrypted_content="gAAA="), said("Hello.")], [said("Yes.")], [said("No.")])
    written = json.dumps(model.prompt("Hi").to_dict())
    rebuilt = Response.from_dict(json.loads(written), model=model)
    assert rebuilt.reply("Sure?").text() == "Yes."
    assert bodies(server)[1]["input"][1:3] == [thought(encrypted_content="gAAA="), said("Hello.")]
    assert rebuilt.reply("Sure?", previous_response_id="auto").text() == "No."
    assert bodies(server)[2]["previous_response_id"] == "resp_1"
    assert bodies(server)[2]["input"] == [{"role": "user", "content": "Sure?"}]


def test_a_chain_goes_on_by_the_id_of_the_last_reply(server: Loopback) -> None:
    """With `previous_response_id: auto` each request of a chain and of later turns holds only what is new."""
    calls = [called("add", {"a": 1, "b": 2}, call_id="c1"), called("add", {"a": 3, "b": 4}, call_id="c2")]
    model = speaking(server, [thought(), *calls], [said("3 and 7")], [said("Bye.")])
    conversation = model.conversation(tools=[add], system="S", options={"previous_response_id": "auto"})
    assert conversation.chain("Add.").text() == "3 and 7"
    conversation.prompt("Bye").text()
    first, second, third = bodies(server)
    assert "previous_response_id" not in first
    assert (second["previous_response_id"], third["previous_response_id"]) == ("resp_1", "resp_2")
    assert [(item["call_id"], item["output"]) for item in second["input"]] == [("c1", "3"), ("c2", "7")]
    assert third["input"] == [{"role": "user", "content": "Bye"}]
    assert {body["instructions"] for body in bodies(server)} == {"S"}


def test_it_is_spoken_in_tasks(server: Loopback) -> None:
    """Conversations that are awaited speak it as well: streams, tools and ids."""
    for number, items in enumerate([[thought("Hm."), called("add", {"a": 1, "b": 2})], [said("3")]], start=1):
        server.says(Answer(body=event_stream(*streamed(output(*items, id=f"resp_{number}")), done=False)))

    async def spoken() -> str:
        model = get_async_model("m", api="responses", base_url=server.base_url, max_retries=0, environ={})
        conversation = model.conversation(tools=[add], options={"previous_response_id": "auto"})
        return await conversation.chain("1 + 2?").text()

    assert asyncio.run(spoken()) == "3"
    assert bodies(server)[1]["previous_response_id"] == "resp_1"


class Person(BaseModel):
    """A person."""

    name: str
    age: int


@pytest.mark.parametrize("schema", [Person, Person.model_json_schema()])
def test_structured_output_is_parsed(server: Loopback, schema: Any) -> None:
    """A pydantic class or a schema goes out as `text.format` in every request, and the text is read by it."""
    model = speaking(server, [called("add", {"a": 1, "b": 2})], [said('{"name": "Ada", "age": 3}')])
    response = model.conversation(tools=[add]).chain("Who?", schema=schema, text={"verbosity": "low"})
    parsed = list(response.responses())[-1].parsed()
    assert parsed == (Person(name="Ada", age=3) if schema is Person else {"name": "Ada", "age": 3})
    wanted = {"type": "json_schema", "name": "Person", "schema": Person.model_json_schema()}
    assert [body["text"] for body in bodies(server)] == [{"verbosity": "low", "format": wanted}] * 2
    assert bodies(server)[0]["tools"][0]["name"] == "add"


def test_a_stream_is_told_as_it_comes(server: Loopback) -> None:
    """Thoughts, text and calls are events, in the order of the items."""
    model = speaking(server, [thought("Hm."), said("Hello there."), called("add", {"a": 1, "b": 2})], stream=True)
    response = model.prompt("Hi", tools=[add])
    kinds = [event.type for event in response.stream_events()]
    assert list(dict.fromkeys(kinds)) == ["reasoning", "text", "tool_call_name", "tool_call_args"]
    assert kinds.count("text") > 1
    assert response.text() == "Hello there."
    assert [call.arguments for call in response.tool_calls()] == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_and_a_cut_reply_are_told(server: Loopback, stream: bool) -> None:
    """A refusal has the model's words, a reply of too few tokens its finish reason, and both stay in the history."""
    no = said("", content=[{"type": "refusal", "refusal": "I will not."}])
    cut = output(said("In the", status="incomplete"), status="incomplete", id="resp_2") | {
        "incomplete_details": {"reason": "max_output_tokens"}
    }
    model = speaking(server, [no], cut, [said("Ok.")], stream=stream)
    conversation = model.conversation()
    assert conversation.prompt("a").refusal == "I will not."
    response = conversation.prompt("b")
    assert (response.text(), response.finish_reason) == ("In the", "length")
    conversation.prompt("c").text()
    assert bodies(server)[-1]["input"][1] == no
    assert bodies(server)[-1]["input"][3] == said("In the", status="incomplete")


def test_a_history_of_another_api_is_sent_plain(server: Loopback) -> None:
    """Messages that a person wrote, or chat completions gave, are items without ids."""
    model = speaking(server, [said("Hello.")])
    history = [user("a"), assistant("b"), user("c"), Message.from_dict(assistant("d").to_dict())]
    model.prompt("e", messages=history).text()
    assert bodies(server)[0]["input"] == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "d"},
        {"role": "user", "content": "e"},
    ]


def test_a_failed_turn_leaves_the_conversation_as_it_was(server: Loopback) -> None:
    """A refused request, an error within a stream and a cut one are ProviderErrors, and the next turn knows nothing."""
    events = streamed(output(said("Hello there.")))
    error = {"type": "error", "code": "server_error", "message": "boom"}
    refused = Answer(status=400, body={"error": {"message": "No such model.", "type": "invalid_request_error"}})
    broken = Answer(body=event_stream(*events[:6], error, done=False))
    cut = Answer(body=event_stream(*events[:6], done=False), cut=True)
    short = Answer(body=event_stream(*events[:6], done=False))
    model = speaking(server, refused, broken, cut, short, [said("Hello.")], stream=True)
    conversation = model.conversation()
    for words in ("No such model.", "boom", "broke off", "neither that it is completed"):
        with pytest.raises(ProviderError, match=words):
            conversation.prompt("a").text()
    assert conversation.prompt("b").text() == "Hello."
    assert bodies(server)[-1]["input"] == [{"role": "user", "content": "b"}]


def test_a_reply_of_another_api_is_named(server: Loopback) -> None:
    """A server that has chat completions only is told by what it answers."""
    server.says("Hello.")
    with pytest.raises(ProviderError, match="without an output") as caught:
        speaking(server).prompt("Hi").text()
    assert "Responses API" in (caught.value.fix or "")


def test_an_api_goes_with_what_else_is_said() -> None:
    """An unknown API, models of our own, a role for the system prompt: no such model, before anything is sent."""
    with pytest.raises(UnknownModelError, match=r"unknown api 'respones' \(did you mean 'responses'\?\)"):
        get_model("m", api="respones")
    with pytest.raises(UnknownModelError, match="'echo' speaks chat completions, and no other API"):
        get_model("echo", api="responses")
    with pytest.raises(UnknownModelError, match="'script' speaks chat completions"):
        get_model(script=[{"reply": "a"}], api="responses")
    with pytest.raises(UnknownModelError, match="'system_role' is for chat completions"):
        get_model("m", api="responses", system_role="developer")
    with pytest.raises(UnknownModelError):
        get_model("nowhere/m", api="responses", environ={})
    assert get_model("echo", api="chat").prompt("Hi").text() == "Hi"
