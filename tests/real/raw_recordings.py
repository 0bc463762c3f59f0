"""Real recordings as their raw text has them, read without convrun: requests, and what each reply says."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2].parent / "shared" / "recordings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reply says: text, calls as name and parsed arguments, and tokens in and out."""

    text: str
    calls: list[tuple[str, Any]]
    tokens: tuple[int | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request's URL and body, and the reply as text."""

    url: str
    body: dict[str, Any]
    reply: str

    @property
    def answer(self) -> Answer:
        """What the reply says, streamed or not."""
        if "data:" not in self.reply.partition("{")[0]:
            payloads = [json.loads(self.reply)]
        else:
            lines = [line[5:].strip() for line in self.reply.splitlines() if line.startswith("data:")]
            payloads = [json.loads(line) for line in lines if line != "[DONE]"]
        response = payloads[-1].get("response", payloads[-1])
        if "output" in response:
            return _of_items(response)
        said = [
            choice.get("message") or choice.get("delta") or {} for one in payloads for choice in one.get("choices", [])
        ]
        calls: dict[int, list[str]] = {}
        for message in said:
            for position, call in enumerate(message.get("tool_calls") or []):
                known = calls.setdefault(call.get("index", position), ["", ""])
                known[0] = known[0] or call["function"]["name"]
                known[1] += call["function"].get("arguments") or ""
        usage = next((one["usage"] for one in reversed(payloads) if one.get("usage")), {})
        return Answer(
            text="".join(_text(message.get("content")) for message in said),
            calls=[(name, json.loads(arguments or "{}")) for name, arguments in calls.values()],
            tokens=(usage.get("prompt_tokens"), usage.get("completion_tokens")),
        )

    def results(self) -> list[str]:
        """The tool results that the request ends with."""
        found: list[str] = []
        for message in reversed(self.body["messages"] if "messages" in self.body else self.body["input"]):
            if message.get("role") != "tool" and message.get("type") != "function_call_output":
                break
            found.insert(0, message["content"] if "content" in message else message["output"])
        return found

    @property
    def user(self) -> str:
        """What the user says at the end of the request."""
        said = self.body["messages"] if "messages" in self.body else self.body["input"]
        content = said if isinstance(said, str) else said[-1]["content"]
        return content if isinstance(content, str) else content[0]["text"]


def _of_items(response: dict[str, Any]) -> Answer:
    """What a response says: the texts of its messages, its calls."""
    parts = [part for item in response["output"] if item["type"] == "message" for part in item["content"]]
    calls = [item for item in response["output"] if item["type"] == "function_call"]
    usage = response["usage"]
    return Answer(
        text="".join(part.get("text", "") for part in parts),
        calls=[(item["name"], json.loads(item["arguments"])) for item in calls],
        tokens=(usage["input_tokens"], usage["output_tokens"]),
    )


def _text(content: Any) -> str:
    """A content as text; an object is structured output that came as it is."""
    return json.dumps(content, ensure_ascii=False) if isinstance(content, dict) else content or ""


def file_of(name: str) -> Path:
    """The one recording whose path below the folder begins so; the test is skipped where the folder is absent."""
    if not FOLDER.is_dir():
        pytest.skip(f"no recordings at {FOLDER}")
    (found,) = FOLDER.glob(f"{name}*.yaml")
    return found


def exchanges(path: Path) -> list[Exchange]:
    """The requests and replies of a recording."""
    found = []
    for item in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["interactions"]:
        body = item["response"]["body"]["string"]
        raw = body.encode() if isinstance(body, str) else body
        reply = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
        sent = json.loads(item["request"]["body"] or "{}")
        found.append(Exchange(url=item["request"]["uri"], body=sent, reply=reply.decode()))
    return found
