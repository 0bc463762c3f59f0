"""Programs written for the conversation API run with `import convrun as llm`, against a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from servers import Loopback, reply

import convrun as llm


def upper(text: str) -> str:
    """Convert text to upper case."""
    return text.upper()


@pytest.fixture(autouse=True)
def _server(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models by name are those of the server."""
    monkeypatch.setenv("OPENAI_BASE_URL", loopback.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")


def test_a_program_from_the_manual(loopback: Loopback):
    """A conversation with system prompt, tools, hooks and a limit; an image, a chain, a branch, a rebuilt response."""
    answers = ["five", reply(calls={"upper": {"text": "panda"}}), "PANDA", "ten more", "more"]
    loopback.says(*(reply(one) if isinstance(one, str) else one for one in answers))
    seen: list[Any] = []

    model = llm.get_model("gpt-4.1-mini")
    conversation = model.conversation(
        system="Be brief.",
        tools=[upper],
        before_call=lambda tool, _call: seen.append(tool.name),
        after_call=lambda _tool, _call, result: seen.append(result.output),
        chain_limit=5,
    )
    picture = llm.Attachment(url="https://example.com/a", type="image/jpeg")
    response = conversation.prompt("Five facts", attachments=[picture])
    assert response.text() == "five"
    assert list(response) == ["five"]
    assert conversation.chain("Convert panda").text() == "PANDA"
    for r in conversation.responses:
        assert r.prompt.prompt in ("Five facts", "Convert panda", "")
        assert r.text() or r.tool_calls()
        assert r.usage().input == 3
        assert r.messages()[0].role == "assistant"
    assert response.conversation is conversation
    assert response.reply("And ten more").text() == "ten more"
    rebuilt = llm.Response.from_dict(json.loads(json.dumps(response.to_dict())))
    assert rebuilt.reply("More").text() == "more"
    assert seen == ["upper", "PANDA"]
    assert len(loopback.requests) == 5


def test_every_name_of_the_api_has_its_async_twin():
    """What the async API gives has the methods of what the sync one gives, under the same names."""
    for name in ("Response", "ChainResponse", "Conversation", "Model"):
        ours, twin = getattr(llm, name), getattr(llm, f"Async{name}")
        public = {one for one in dir(ours) if not one.startswith("_")}
        assert public <= set(dir(twin)), name
