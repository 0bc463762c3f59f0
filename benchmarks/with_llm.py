"""The conversations of `conversations.json` as tests of `llm` with pytest-recording, as they document it.

pytest with_llm                       replays; a request that was not recorded fails the test
pytest with_llm --record-mode=once    records the cassettes that are missing

`llm` finds the address of the model in `extra-openai-models.yaml`, in the folder that LLM_USER_PATH names.
"""

from __future__ import annotations

import json
from pathlib import Path

import llm
import pytest
from guide import weather

SYSTEM = "You are a travel guide. Answer in a few sentences."
CONVERSATIONS = json.loads(Path("conversations.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, list[str]]:
    """Leave the key out of cassettes. Requests are matched by vcrpy's defaults, which do not look at the body."""
    return {"filter_headers": ["authorization"]}


@pytest.mark.vcr
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(name: str) -> None:
    """Hold one conversation and assert what the specs check."""
    asked = CONVERSATIONS[name]
    conversation = llm.get_model("guide").conversation(tools=[weather])
    system: str | None = SYSTEM
    for prompt in asked["prompts"]:
        reply = conversation.chain(prompt, system=system, options={"temperature": 0}, stream=False).text()
        assert "Certainly" in reply
        system = None  # the conversation has it now
    called = [call.arguments for response in conversation.responses for call in response.tool_calls()]
    if asked["city"]:
        assert {"city": asked["city"]} in called
