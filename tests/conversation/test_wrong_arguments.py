"""Arguments that programs get wrong: each is refused by name, with the fix, before anything is sent."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from scripted_models import calls, says, scripted

import convrun as llm


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("fragments", ["a"], "put their text into the prompt"),
        ("system_fragments", ["a"], "put their text into system="),
        ("attachment", "a.jpg", "give attachments=[…]"),
        ("key", "sk-1", "set OPENAI_API_KEY; a key is never sent as an option"),
        ("hide_reasoning", True, "leave it out: reasoning is a part of its own, and never in text()"),
        ("base_url", "http://localhost", "give it to get_model()"),
        ("history", [], "give it to conversation(), or messages= to a prompt"),
    ],
)
def test_arguments_of_other_calls_are_no_options(name, value, fix):
    """What belongs to another call, or to another library, is not sent to the provider."""
    model, script = scripted(says("Hi"))
    with pytest.raises(llm.ConversationError) as caught:
        model.prompt("Hi", **{name: value})
    assert (caught.value.what, caught.value.fix) == (f"{name!r} is no option", fix)
    assert script.requests == []


@pytest.mark.parametrize("call", ["prompt", "chain"])
@pytest.mark.parametrize("value", [len, object(), {1}, float("nan"), [datetime.date(2020, 1, 1)]])
def test_an_option_is_json(call, value):
    """A value that JSON cannot say is refused; the options of a conversation and of a model are judged alike."""
    model, _ = scripted(says("Hi"))
    with pytest.raises(llm.ConversationError, match="the option 'seed' is no JSON value"):
        getattr(model, call)("Hi", seed=value)
    with pytest.raises(llm.ConversationError, match="the option 'seed' is no JSON value"):
        model.conversation(options={"seed": value})


def test_a_misspelt_argument_is_told_which_was_meant():
    """A misspelt argument whose value is no JSON has a suggestion."""
    model, _ = scripted(says("Hi"))
    with pytest.raises(llm.ConversationError) as caught:
        model.prompt("Hi", atachments=[llm.Attachment(path="a.jpg")])
    assert caught.value.fix == "did you mean 'attachments'?"


def test_options_are_taken_by_keyword():
    """Options of the provider's API go out as they are."""
    model, script = scripted(says("Hi"))
    model.prompt("Hi", seed=7, logit_bias={"5": 1}).text()
    assert (script.bodies[0]["seed"], script.bodies[0]["logit_bias"]) == (7, {"5": 1})


@pytest.mark.parametrize(
    ("given", "what", "fix"),
    [
        (["a.jpg"], "'a.jpg' is no attachment", 'give Attachment(path="a.jpg")'),
        (["https://x.y/a"], "'https://x.y/a' is no attachment", 'give Attachment(url="https://x.y/a")'),
        ([b"GIF89a"], "b'GIF89a' is no attachment", "give Attachment(content=…)"),
        ([5], "5 is no attachment", 'give Attachment(path="…")'),
        ("a.jpg", "attachments is a list, not 'a.jpg'", 'give attachments=[Attachment(path="a.jpg")]'),
        (Path("a.jpg"), f"attachments is a list, not {Path('a.jpg')!r}", 'give attachments=[Attachment(path="a.jpg")]'),
    ],
)
def test_what_is_no_attachment(given, what, fix):
    """A path in place of an attachment, and one that is in no list, are refused."""
    model, _ = scripted(says("Hi"))
    with pytest.raises(llm.AttachmentError) as caught:
        model.prompt("Hi", attachments=given)
    assert (caught.value.what, caught.value.fix) == (what, fix)


def test_one_attachment_without_a_list():
    """An attachment alone is told to be put in a list."""
    model, _ = scripted(says("Hi"))
    with pytest.raises(llm.AttachmentError) as caught:
        model.chain("Hi", attachments=llm.Attachment(path="a.jpg"))
    assert caught.value.fix == "give attachments=[…]"


def test_a_prompt_is_a_text():
    """A number is no prompt, and a list no system prompt."""
    model, _ = scripted(says("Hi"))
    for call in (model.prompt, model.chain):
        with pytest.raises(llm.ConversationError, match=r"^a prompt is a text, not the number 5"):
            call(5)
    for call in (model.prompt, model.conversation):
        with pytest.raises(llm.ConversationError, match=r"^a system prompt is a text, not the list"):
            call(system=["Be brief."])


@pytest.mark.parametrize(
    ("given", "what"),
    [(("look", 5), "output .*the number 5"), ((None, "5"), "name .*null"), (("look", "5", 7), "id .*the number 7")],
)
def test_a_tool_result_is_made_of_texts(given, what):
    """A value in the place of a text is refused at once, not by who reads what was kept of it."""
    with pytest.raises(llm.ConversationError, match=f"^the {what}.*json.dumps"):
        llm.ToolResult(*given)


def test_a_tool_that_returns_no_json_tells_what_to_return():
    """The model reads, and a person sees, what a tool may return."""

    def today() -> datetime.date:
        """Tell the date."""
        return datetime.date(2020, 1, 1)

    model, script = scripted(calls(("today", {})), says("?"))
    model.chain("When?", tools=[today]).text()
    assert script.messages[-1][-1]["content"] == (
        "Error: tool 'today' returned what is not JSON: object of type date; return a text or JSON values"
    )


def test_a_function_of_python_itself_has_to_be_wrapped():
    """A builtin whose parameters have no names cannot be a tool."""
    with pytest.raises(llm.ToolDefinitionError) as caught:
        llm.Tool.function(len)
    assert caught.value.fix == "wrap it in a function with named parameters"


@pytest.mark.parametrize(
    ("script", "what", "fix"),
    [
        ([{"cal": "x"}], 'line 1 of the script is none: {"cal": "x"}', "did you mean 'call'?"),
        (
            [{"reply": "a"}, [{"call": "f"}, {"call": "g", "wiht": {}}]],
            'line 2 of the script is none: {"call": "g", "wiht": {}}',
            "did you mean 'with'?",
        ),
        (["Hi"], "line 1 of the script is none: 'Hi'", None),
        ([[]], "line 1 of the script is none: []", None),
        ("Hi", "a script is a list of lines, not 'Hi'", 'write [{"reply": "Hello"}]'),
    ],
)
def test_a_line_of_a_script_that_is_none(script, what, fix):
    """A scripted model is judged when it is made."""
    with pytest.raises(llm.ConversationError) as caught:
        llm.get_model(script=script)
    assert caught.value.what == what
    assert caught.value.fix == (fix or 'write {"reply": …}, {"call": …, "with": {…}} or a list of calls')


def upper(text: str) -> str:
    """Return the text in capitals."""
    return text.upper()


@pytest.mark.parametrize(
    ("call", "given", "what", "fix"),
    [
        ("conversation", {"tool_timeout": "60s"}, "tool_timeout is '60s'", "a number of seconds, as 60"),
        ("conversation", {"tool_timeout": -1}, "tool_timeout is -1", "a number of seconds, as 60"),
        ("conversation", {"chain_limit": "5"}, "chain_limit is '5'", "a whole number"),
        ("chain", {"chain_limit": 2.5}, "chain_limit is 2.5", "a whole number"),
        ("conversation", {"options": ["x"]}, 'options is a dict, not the list ["x"]', '{"temperature": 0}'),
        ("prompt", {"options": ["x"], "seed": 1}, 'options is a dict, not the list ["x"]', '{"temperature": 0}'),
        (
            "conversation",
            {"history": [{"role": "user"}]},
            "history holds no message at 1, but the mapping",
            "user('…')",
        ),
        ("prompt", {"messages": [llm.user("a"), "x"]}, "messages holds no message at 2, but the text 'x'", "user('…')"),
        ("prompt", {"messages": "x"}, "messages is a list of messages, not the text 'x'", "user('…')"),
        ("prompt", {"tool_results": ["x"]}, "'x' is no tool result", "ToolResult(name, output, tool_call_id)"),
        ("prompt", {"tool_results": "x"}, "tool_results is a list, not 'x'", "ToolResult(name, output, tool_call_id)"),
        ("conversation", {"tools": upper}, "tools is a list, not <function upper", "give tools=[upper]"),
        ("chain", {"tools": "upper"}, "tools is a list, not 'upper'", "give tools=[…]"),
        ("conversation", {"before_call": "x"}, "before_call is no function, but 'x'", "before_call=log"),
        ("chain", {"after_call": [upper, 5]}, "after_call is no function, but 5", "after_call=log"),
    ],
)
def test_what_is_of_another_kind_is_refused_at_once(call, given, what, fix):
    """What is of another kind than an argument takes is one error with the fix, where it is given; nothing is sent."""
    model, script = scripted(says("Hi"))
    with pytest.raises(llm.ConversationError) as caught:
        getattr(model, call)(**({} if call == "conversation" else {"prompt": "Hi"}), **given)
    assert caught.value.what.startswith(what)
    assert fix in str(caught.value.fix)
    assert script.requests == []


@pytest.mark.parametrize(
    ("setting", "value", "what"),
    [
        ("timeout", "5s", "timeout is '5s'"),
        ("timeout", 0, "timeout is 0"),
        ("max_retries", -1, "max_retries is -1"),
        ("max_retries", 1.5, "max_retries is 1.5"),
        ("rpm", "30", "rpm is '30'"),
        ("rpm", 0, "rpm is 0"),
        ("headers", {"X-Team": 5}, "headers is no such table"),
        ("headers", {"X-Team": "b\r\nc"}, "no header can carry the value of 'X-Team'"),
        ("headers", {"X Team": "b"}, "'X Team' is not the name of a header"),
        ("base_url", 8000, "base_url is 8000"),
        ("api_key_env", "sk-abc", "api_key_env is not the name of an environment variable"),
        ("api_key_env", "gsk_Qw8rTz2LmVx9NcY4KdPb7HsJ", "api_key_env is not the name of an environment variable"),
    ],
)
def test_a_setting_of_a_model_is_refused_at_once(setting, value, what):
    """What a setting does not take is refused by get_model, not by the first prompt; no key is shown."""
    with pytest.raises(llm.ConvrunError) as caught:
        llm.get_model("m", **{"base_url": "http://127.0.0.1:9/v1", setting: value})
    assert caught.value.what == what
    assert caught.value.fix


def test_a_model_takes_no_key():
    """A key that is set on a model, as in llm, is refused, and the variable is named; None does no harm."""
    for model in (llm.get_model("groq/m"), llm.get_async_model("groq/m")):
        with pytest.raises(llm.ConversationError, match="takes no key") as caught:
            model.key = "sk-1"
        assert "GROQ_API_KEY" in str(caught.value.fix)
        assert "sk-1" not in str(caught.value)
        model.key = None


def test_a_chat_does_not_go_on_from_a_reply():
    """`previous_response_id: auto` is for the Responses API; a chat refuses it, and sends nothing."""
    model, script = scripted(says("Hi"))
    with pytest.raises(llm.ConversationError, match="is for the Responses API"):
        model.prompt("Hi", previous_response_id="auto").text()
    assert script.requests == []
