"""The conversations of `conversations.json` with the openai SDK, vcrpy and assert, as one would write it by hand.

by_hand.py BASE_URL     in the project's folder; cassettes that are missing are recorded
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import openai
import vcr
from guide import weather

SYSTEM = "You are a travel guide. Answer in a few sentences."
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Return the weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def converse(client: openai.OpenAI, prompts: list[str], city: str | None) -> None:
    """Hold one conversation and assert what the specs check."""
    messages: list[Any] = [{"role": "system", "content": SYSTEM}]
    called: list[Any] = []
    for prompt in prompts:
        messages.append({"role": "user", "content": prompt})
        while True:
            completion = client.chat.completions.create(
                model="gpt-4.1-mini", messages=messages, tools=TOOLS, temperature=0
            )
            message = completion.choices[0].message
            messages.append(message.model_dump(exclude_none=True))
            if not message.tool_calls:
                break
            for call in message.tool_calls:
                arguments = json.loads(call.function.arguments)
                called.append(arguments)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": weather(**arguments)})
        assert "Certainly" in (message.content or "")
    if city:
        assert {"city": city} in called


def main() -> None:
    """Hold every conversation, each with its own cassette.

    Requests are matched by vcrpy's defaults, which do not look at the body: its `body` matcher would take minutes for a
    long conversation, and convrun's strict comparison is measured against the faster side.
    """
    recorder = vcr.VCR(
        cassette_library_dir="by_hand",
        record_mode="once",
        filter_headers=["authorization"],
    )
    client = openai.OpenAI(base_url=sys.argv[1], api_key="not-a-key")
    conversations = json.loads(Path("conversations.json").read_text(encoding="utf-8"))
    for name, asked in conversations.items():
        with recorder.use_cassette(f"{name}.yaml"):
            converse(client, asked["prompts"], asked["city"])
    print(f"{len(conversations)} passed")


if __name__ == "__main__":
    main()
