"""The public face: what `import convrun` promises."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import convrun as llm


def test_every_promised_name_is_there():
    """The table of names is in order, and each name in it can be had and has a docstring."""
    assert [*llm._HOMES] == llm.__all__ == sorted(llm.__all__)
    assert all(getattr(llm, name).__doc__ for name in llm.__all__)


def test_the_names_of_the_conversation_api_are_there():
    """The names that programs written for the API use are promised."""
    names = (
        "Attachment CancelToolCall Conversation Message PauseChain Response Tool ToolCall ToolOutput "
        "ToolResult Toolbox UnknownModelError Usage get_model get_models user assistant system TextPart "
        "ReasoningPart ToolCallPart ToolResultPart AttachmentPart ConvrunError ProviderError"
    )
    assert set(names.split()) <= set(llm.__all__)


def test_another_name_is_an_attribute_error():
    """A name that is not promised is not there."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = llm.nothing


def test_all_public_names_are_listed():
    """dir() lists every promised name, also those that were not used yet."""
    program = "import convrun; print(set(convrun.__all__) <= set(dir(convrun)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_importing_convrun_imports_nothing_else():
    """`import convrun` alone loads no other module of convrun."""
    program = "import sys, convrun; print([name for name in sys.modules if name.startswith('convrun.')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_models_are_found_by_name():
    """get_model() gives the model of a name, or the default; get_models() those with names of their own."""
    assert llm.get_model("echo").prompt("Hi").text() == "Hi"
    assert llm.get_model().model_id == "gpt-4.1-mini"
    assert repr(llm.get_model("echo")) == "<Model 'echo'>"
    assert all(model.model_id for model in llm.get_models())


def test_an_unknown_model_is_a_key_error():
    """An unknown provider is an UnknownModelError, which is a KeyError, with a suggestion."""
    with pytest.raises(KeyError) as caught:
        llm.get_model("opemai/gpt-4.1-mini")
    assert isinstance(caught.value, llm.UnknownModelError)
    assert "openai" in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("base_uri", r"'base_uri' \(did you mean 'base_url'\?\)"),
        ("zzz", "'zzz'"),
        ("key", r"'key' \(set OPENAI_API_KEY, or .*api_key_env=\)"),
    ],
)
def test_a_misspelt_setting_of_a_model_is_a_type_error(setting, words):
    """It names the function that was called, and what may be meant."""
    with pytest.raises(TypeError, match=rf"^get_model\(\) got an unexpected keyword argument {words}$"):
        llm.get_model("echo", **{setting: "http://localhost:8000/v1"})


def test_the_whole_api_in_one_conversation():
    """A conversation with an offline model runs tools, tells what happened and can be rebuilt."""

    def upper(text: str) -> str:
        """Convert text to uppercase."""
        return text.upper()

    model = llm.get_model("echo")
    seen = []
    conversation = model.conversation(
        system="Be brief.",
        tools=[upper],
        after_call=lambda _tool, _call, result: seen.append(result.output),
        chain_limit=5,
    )
    wanted = {"tool_calls": [{"name": "upper", "arguments": {"text": "panda"}}]}
    assert conversation.chain(json.dumps(wanted)).text() == "PANDA"
    assert seen == ["PANDA"]
    response = conversation.prompt("Five facts")
    assert response.text() == "Five facts"
    assert response.conversation is conversation
    assert [one.prompt.prompt for one in conversation.responses][-1] == "Five facts"
    assert response.reply("And ten more").text() == "And ten more"
    rebuilt = llm.Response.from_dict(json.loads(json.dumps(response.to_dict())))
    assert rebuilt.reply("More").text() == "More"
