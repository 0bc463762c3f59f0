"""The promises of the conversation API, sync and async, against a real server: what is said, sent and read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from both_apis import Api, api, with_both
from media_files import MP3, PDF, PNG, WAV
from pydantic import BaseModel
from servers import Answer, chunk, event_stream, reply

import convrun as llm

assert api  # a fixture


@with_both
async def test_names_of_models(api: Api, monkeypatch: pytest.MonkeyPatch):
    """A name goes out as it is where an address is set; an unknown provider is a KeyError; the key goes along."""
    api.server.says("hi")
    monkeypatch.setenv("OPENAI_BASE_URL", api.server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")
    assert await api.read(api.get_model("team/one").prompt("hello", stream=False).text()) == "hi"
    assert api.bodies[0]["model"] == "team/one"
    assert api.server.requests[0].headers["authorization"] == "Bearer sk-of-a-test"
    assert api.get_model().model_id == "gpt-4.1-mini"
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert api.get_model("groq/llama").backend.base_url == "https://api.groq.com/openai/v1"
    with pytest.raises(KeyError, match="did you mean 'openai"):
        api.get_model("opanai/gpt-4.1-mini")


@with_both
async def test_messages_stand_in_for_the_history(api: Api):
    """`messages=` replaces what was said; the prompt is appended, and later turns go on from it."""
    api.server.says("0", "a", "b")
    talk = api.conversation()
    await api.read(talk.prompt("forgotten").text())
    given = [llm.system("S"), llm.user("u1"), llm.assistant("a1")]
    picture = llm.Attachment(url="https://example.com/a.jpg")
    await api.read(talk.prompt("u2", messages=given, attachments=[picture]).text())
    await api.read(talk.prompt("u3").text())
    assert api.roles[1:] == [
        ["system", "user", "assistant", "user"],
        ["system", "user", "assistant", "user", "assistant", "user"],
    ]
    assert [part["type"] for part in api.bodies[1]["messages"][3]["content"]] == ["text", "image_url"]


@with_both
async def test_the_system_prompt_is_sent_once_and_can_be_replaced(api: Api):
    """It stands first in each request; that of a later turn replaces it from there on."""
    api.server.says("1", "2", "3")
    talk = api.conversation(system="A")
    for settings in ({}, {"system": "B"}, {}):
        await api.read(talk.prompt("u", **settings).text())
    told = [[one["content"] for one in body["messages"] if one["role"] == "system"] for body in api.bodies]
    assert told == [["A"], ["B"], ["B"]]
    assert [body["messages"][0]["role"] for body in api.bodies] == ["system"] * 3


@with_both
async def test_a_prompt_is_lazy_and_runs_no_tool(api: Api):
    """It is sent when it is read, once, with the conversation's tools and options and all that came before."""
    api.server.says("first", reply(calls={"upper": {"text": "a"}}))

    def upper(text: str) -> str:
        """Make it loud."""
        raise AssertionError(text)

    talk = api.conversation(tools=[api.own(upper)], options={"temperature": 0})
    first, second = talk.prompt("1"), talk.prompt("2", max_tokens=9)
    assert api.bodies == []
    assert [call.name for call in await api.read(second.tool_calls())] == ["upper"]
    assert await api.read(first.text()) == "first"
    assert await api.read(second.text()) == ""
    assert len(api.bodies) == 2
    assert [(body["temperature"], body.get("max_tokens")) for body in api.bodies] == [(0, None), (0, 9)]
    assert api.bodies[1]["tools"][0]["function"]["description"] == "Make it loud."
    assert api.roles[1] == ["user", "assistant", "user"]


@with_both
async def test_a_chain_runs_tools_and_is_read_once(api: Api):
    """It has text, responses, usage, messages and calls; reading it again asks nobody."""
    api.server.says(reply(calls={"upper": {"text": "panda"}}), "PANDA it is")

    def upper(text: str) -> str:
        return text.upper()

    talk = api.conversation(tools=[api.own(upper)])
    chain = talk.chain("Convert panda")
    assert api.bodies == []
    assert await api.read(chain.text()) == "PANDA it is"
    assert await api.read(chain.text()) == "PANDA it is"
    assert [await api.read(one.text()) for one in await api.each(chain.responses())] == ["", "PANDA it is"]
    assert (await api.read(chain.usage())).input == 6
    assert [one.role for one in await api.read(chain.messages())] == ["assistant", "tool", "assistant"]
    assert [one.arguments for one in await api.read(chain.tool_calls())] == [{"text": "panda"}]
    assert [one.output for one in await api.read(chain.tool_results())] == ["PANDA"]
    assert "".join(await api.each(chain)) == "PANDA it is"
    assert len(api.bodies) == 2
    assert api.bodies[1]["messages"][-1]["content"] == "PANDA"


@with_both
async def test_responses_and_turns(api: Api):
    """One response a model call, grouped by what the user said; usage adds up, and each knows its conversation."""
    api.server.says("0", reply(calls={"f": {}}), "2")
    talk = api.conversation(tools=[llm.Tool.function(lambda: "x", name="f")])
    await api.read(talk.prompt("a").text())
    await api.read(talk.chain("b").text())
    assert [one.prompt.prompt for one in talk.responses] == ["a", "b", ""]
    assert [(turn.prompt, len(turn.responses), turn.reply) for turn in talk.turns] == [("a", 1, "0"), ("b", 2, "2")]
    assert all(one.conversation is talk for one in talk.responses)
    assert (talk.usage().input, talk.usage().output, talk.turns[1].usage().input) == (9, 6, 6)
    assert [len(one.prompt.messages) for one in talk.responses] == [1, 3, 5]


@with_both
async def test_usage_that_nobody_tells_is_none(api: Api):
    """Figures are the provider's, or None."""
    api.server.says(reply("a", usage=None), reply("b", usage={"prompt_tokens": 1, "prompt_tokens_details": {"c": 2}}))
    talk = api.conversation()
    assert await api.read(talk.prompt("1").usage()) == llm.Usage()
    told = await api.read(talk.prompt("2").usage())
    assert (told.input, told.output, told.details) == (1, None, {"prompt_tokens_details": {"c": 2}})


@with_both
async def test_messages_are_made_of_parts(api: Api):
    """`messages()` is what the response produced, by parts."""
    message = {**reply("said", calls={"f": {}})["choices"][0]["message"], "reasoning_content": "hm"}
    api.server.says(reply() | {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    response = api.conversation().prompt("u")
    [produced] = await api.read(response.messages())
    assert [type(part).__name__ for part in produced.parts] == ["ReasoningPart", "TextPart", "ToolCallPart"]
    assert [one.text for one in response.prompt.messages] == ["u"]


class City(BaseModel):
    """A place."""

    name: str
    people: int


@with_both
async def test_structured_output_on_every_request_of_a_chain(api: Api):
    """The schema, a dict or a pydantic model, goes out each time, and the value is parsed."""
    api.server.says(reply(calls={"f": {}}), '{"name": "Oslo", "people": 7}', '{"a": 1}')
    talk = api.conversation(tools=[llm.Tool.function(lambda: "x", name="f")])
    assert await api.read(talk.chain("u", schema=City).parsed()) == City(name="Oslo", people=7)
    assert await api.read(talk.prompt("u", schema={"type": "object"}).parsed()) == {"a": 1}
    asked = [body["response_format"]["json_schema"] for body in api.bodies]
    assert [one["name"] for one in asked] == ["City", "City", "output"]
    assert asked[0] == asked[1]


@with_both
async def test_attachments_of_all_kinds(api: Api, tmp_path: Any):
    """By path, address or bytes: images, PDF and sound; nothing is asked to learn a type."""
    api.server.says("seen")
    (tmp_path / "a.png").write_bytes(PNG)
    sent = [
        llm.Attachment(path=tmp_path / "a.png"),
        llm.Attachment(url="https://example.com/b.jpg", detail="low"),
        llm.Attachment(content=PDF),
        llm.Attachment(content=WAV),
        llm.Attachment(content=MP3),
    ]
    await api.read(api.conversation().prompt("look", attachments=sent).text())
    parts = api.bodies[0]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "image_url", "file", "input_audio", "input_audio"]
    assert parts[2]["image_url"] == {"url": "https://example.com/b.jpg", "detail": "low"}
    assert [part["input_audio"]["format"] for part in parts[4:]] == ["wav", "mp3"]


@with_both
async def test_a_failed_turn_is_not_in_the_history(api: Api):
    """A provider's error has its status, words and id, says whether it may pass, and leaves no trace."""
    refusal = {"error": {"message": "too many", "type": "requests", "param": None, "code": None}}
    api.server.says("1", Answer(status=429, body=refusal, headers={"x-request-id": "req-7"}), "3")
    talk = api.conversation()
    await api.read(talk.prompt("a").text())
    with pytest.raises(llm.ProviderError) as failed:
        await api.read(talk.prompt("b").text())
    error = failed.value
    assert (error.status, error.provider_message, error.request_id, error.retryable) == (429, "too many", "req-7", True)
    assert isinstance(error, llm.ConvrunError)
    await api.read(talk.prompt("c").text())
    assert [one["content"] for one in api.bodies[2]["messages"]] == ["a", "1", "c"]


@with_both
async def test_streams_are_events(api: Api):
    """Streamed by default: text, reasoning and calls in pieces, once from the server and again from memory."""
    call = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a"'}}
    deltas = [{"reasoning": "hm"}, {"content": "a"}, {"content": "b"}, {"tool_calls": [call]}]
    more = {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}
    api.server.says(Answer(body=event_stream(*(chunk(**delta) for delta in (*deltas, more)), chunk("tool_calls"))))
    response = api.model().conversation().prompt("u")
    assert await api.first(response) == "a"
    assert not response.done
    seen = [(event.type, event.chunk) for event in await api.each(response.stream_events())]
    assert seen == [
        *(("reasoning", "hm"), ("text", "a"), ("text", "b")),
        *(("tool_call_name", "f"), ("tool_call_args", '{"a"'), ("tool_call_args", ": 1}")),
    ]
    assert await api.each(response) == ["a", "b"]
    assert await api.read(response.text()) == "ab"
    assert [one["stream"] for one in api.bodies] == [True]


@with_both
async def test_an_error_in_a_stream_tells_what_had_arrived(api: Api):
    """Behind a good status too, and where the stream is cut; the next prompt is as if nothing had been."""
    broken = event_stream(chunk(content="half"), {"error": {"message": "overloaded", "code": 503}}, done=False)
    api.server.says(Answer(body=broken), Answer(body=event_stream(chunk(content="cut"), done=False), cut=True), "whole")
    talk = api.model().conversation()
    for arrived in ("half", "cut"):
        response = talk.prompt("u")
        with pytest.raises(llm.ProviderError) as failed:
            await api.read(response.text())
        assert (failed.value.arrived, failed.value.retryable) == (arrived, True)
        with pytest.raises(llm.ProviderError):
            await api.read(response.text())
    assert await api.read(talk.prompt("u", stream=False).text()) == "whole"
    assert api.roles[-1] == ["user"]


@with_both
async def test_a_reply_branches(api: Api):
    """It goes on with hooks, tools, options and schema, in a conversation of its own."""
    api.server.says("1", "left", "right")
    talk = api.conversation(system="S", options={"seed": 1}, schema={"type": "object"})
    first = talk.prompt("a")
    left, right = [await api.reply(first, text) for text in ("l", "r")]
    assert [await api.read(one.text()) for one in (left, right)] == ["left", "right"]
    assert [one["content"] for one in api.bodies[2]["messages"]] == ["S", "a", "1", "r"]
    assert all(body["seed"] == 1 and "response_format" in body for body in api.bodies)
    assert len(talk.responses) == 1


@with_both
async def test_a_response_survives_as_json(api: Api):
    """`to_dict` has the promised keys; rebuilt, it can be replied to."""
    api.server.says("1", "2")
    response = api.conversation(system="S").prompt("a", seed=3)
    kept = json.loads(json.dumps(await api.read(response.to_dict())))
    assert {"model", "prompt", "messages", "id", "usage", "datetime_utc"} <= kept.keys()
    assert {"messages", "options", "system"} <= kept["prompt"].keys()
    rebuilt = api.Response.from_dict(kept, model=api.model())
    assert await api.read(rebuilt.to_dict()) == kept
    more = await api.reply(rebuilt, "More", stream=False)
    assert await api.read(more.text()) == "2"
    assert (api.bodies[1]["messages"][:2], api.bodies[1]["seed"]) == (api.bodies[0]["messages"], 3)


@with_both
async def test_what_is_told_of_a_reply(api: Api):
    """Its id, its payload, when and how long, and a callback once it is whole."""
    api.server.says("hi")
    heard: list[Any] = []
    response = api.conversation().prompt("u")
    await api.read(response.on_done(heard.append))
    assert heard == []
    assert (await api.read(response.json()))["id"] == response.id == "chatcmpl-1"
    assert heard == [response]
    assert await api.read(response.duration_ms()) >= 0
    assert (await api.read(response.datetime_utc())).endswith("+00:00")
    assert (response.finish_reason, response.refusal, response.model_name) == ("stop", None, "m-2025")


@with_both
async def test_a_callback_that_raises_keeps_no_other_from_being_called(api: Api):
    """All are called, who reads the reply gets the first error once, and the turn is in the history."""
    api.server.says("whole")
    talk, heard = api.conversation(), []
    response = talk.prompt("a")

    def hears(name: str) -> Any:
        def hear(_response: Any) -> None:
            heard.append(name)
            raise ValueError(name)

        return api.own(hear)

    for name in ("first", "second"):
        await api.read(response.on_done(hears(name)))
    with pytest.raises(ValueError, match="first"):
        await api.read(response.text())
    assert (heard, [message.text for message in talk.history]) == (["first", "second"], ["a", "whole"])
    assert await api.read(response.text()) == "whole"


@with_both
async def test_a_half_read_response_asks_nobody_again(api: Api):
    """Its rest comes from the same stream, also where the next prompt is read first."""
    api.server.says(Answer(body=event_stream(*(chunk(content=one) for one in "abc"), chunk("stop"))), "next")
    talk = api.model().conversation()
    response = talk.prompt("u")
    await api.first(response)
    assert await api.read(talk.prompt("v", stream=False).text()) == "next"
    assert await api.read(response.text()) == "abc"
    assert [one["content"] for one in api.bodies[1]["messages"]] == ["u", "abc", "v"]


@with_both
async def test_the_responses_api_under_the_same_conversation(api: Api):
    """`api="responses"`: the same names, another wire."""
    said = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
    whole = {"id": "resp_1", "object": "response", "model": "m-2025", "status": "completed", "output": [said]}
    api.server.says(whole, whole)
    talk = api.model(api="responses").conversation(system="S", stream=False)
    assert [await api.read(talk.prompt(text).text()) for text in ("a", "b")] == ["hi", "hi"]
    assert [request.path.rpartition("/")[2] for request in api.server.requests] == ["responses"] * 2
    assert [item.get("role") for item in api.bodies[1]["input"]] == ["user", "assistant", "user"]
    assert api.bodies[1]["instructions"] == "S"
