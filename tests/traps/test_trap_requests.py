"""Requests as other clients recorded them: each plays for what this engine sends, and is stored as it was."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from servers import reply

from convrun.cassette.files import load
from convrun.cassette.playing import Player
from convrun.cassette.stored.format import read
from convrun.cassette.stored.writing import write
from convrun.wire import Request

ROLE = "`developer` role"
AZURE = "Azure: the deployment"
URL = "https://api.example.com/v1/chat/completions"
DEPLOYED = "https://acme.openai.azure.com/openai/deployments/m/chat/completions?api-version=2024-10-21"

HI = {"role": "user", "content": "Hi"}
PART = {"type": "text", "text": "Hi"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
LOOK = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "a cat"}
TOOLS = [
    {
        "type": "function",
        "function": {"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}},
    }
]
CODE = """
import convrun

def look() -> convrun.ToolOutput:
    "Look."
    image = convrun.Attachment(url="https://example.com/a.png", type="image/png")
    return convrun.ToolOutput("a cat", attachments=[image])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One row: the messages that another client recorded, request by request, and the spec that asks the same.

    `line` are the first words of its line in the list of traps, `case` what of it this is.
    """

    line: str
    case: str
    requests: tuple[list[Any], ...]
    spec: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=lambda: {"model": "m"})
    url: str = URL
    calls: bool = False


WITH_TOOL = {"tools": ["studio:look"]}
SENT_BACK = {"role": "assistant", "content": None, "tool_calls": [LOOK]}
REQUESTS = [
    Asked(
        line=ROLE,
        case="developer",
        requests=([{"role": "developer", "content": "Be brief."}, HI],),
        spec={"system": "Be brief.", "model": {"name": "m", "system_role": "developer"}},
    ),
    Asked(line=ROLE, case="content is a list", requests=([{"role": "user", "content": [PART]}],)),
    Asked(
        line=ROLE,
        case="content is a list of text and image",
        requests=([{"role": "user", "content": [PART, IMAGE]}],),
        spec={"turns": [{"user": "Hi", "attachments": [{"url": "https://example.com/a.png", "type": "image/png"}]}]},
    ),
    Asked(
        line=ROLE,
        case="assistant without content",
        requests=(
            [HI],
            [HI, {"role": "assistant", "tool_calls": [LOOK]}, RESULT, {"role": "user", "content": [IMAGE]}],
        ),
        spec=WITH_TOOL,
        more={"model": "m", "tools": TOOLS},
        calls=True,
    ),
    Asked(
        line=ROLE,
        case="images behind tool messages",
        requests=([HI], [HI, SENT_BACK, RESULT, {"role": "user", "content": [IMAGE]}]),
        spec=WITH_TOOL,
        more={"model": "m", "tools": TOOLS},
        calls=True,
    ),
    Asked(line=AZURE, case="deployment and version in the URL", requests=([HI],), url=DEPLOYED),
]
NO_MODEL = Asked(line=AZURE, case="no model in the body", requests=([HI],), more={}, url=DEPLOYED)


def rows(table):
    """The rows of a table as parameters of a test."""
    return [pytest.param(row, id=row.case.replace(" ", "-")) for row in table]


def cassette(row):
    """The text of a stock cassette: the recorded requests, the last one answered with a text."""
    answers = [reply(calls={"look": {}})] * row.calls + [reply("Hello.")]
    if row.calls:
        answers[0] = json.loads(json.dumps(answers[0]).replace("call_look", "call_1"))
    interactions = [
        {
            "request": {
                "method": "POST",
                "uri": row.url,
                "headers": {},
                "body": json.dumps({**row.more, "messages": asked}),
            },
            "response": {"status": {"code": 200}, "headers": {}, "body": {"string": json.dumps(answer)}},
        }
        for asked, answer in zip(row.requests, answers, strict=True)
    ]
    return json.dumps({"version": 1, "interactions": interactions})


@pytest.mark.parametrize("row", rows(REQUESTS))
def test_a_recorded_request_plays_for_a_spec_that_asks_the_same(row, project):
    """What another client sent in its own way is not stale for a spec that says the same."""
    project.write("studio.py", CODE)
    spec = {"model": "m", "turns": [{"user": "Hi"}], **row.spec}
    spec["turns"][-1]["expect"] = [{"equals": "Hello."}]
    project.write("specs/a.yaml", json.dumps(spec))
    project.write("cassettes/a.yaml", cassette(row))
    found = project.one()
    assert (found.verdict, found.stale, found.error) == ("passed", None, None)
    assert (found.model_calls, found.live_calls) == (len(row.requests), 0)


@pytest.mark.parametrize("row", rows([*REQUESTS, NO_MODEL]))
def test_a_recorded_request_is_kept_to_the_letter(row, tmp_path):
    """In our own format it is the same request: nothing is added, left out or put into other words."""
    recording = read(cassette(row), "a.yaml")
    again = read(write(recording), "a.yaml")
    assert [item.request for item in again.interactions] == [item.request for item in recording.interactions]
    assert [item.request.body["messages"] for item in again.interactions] == list(row.requests)
    assert {item.request.url for item in again.interactions} == {row.url}
    path = tmp_path / "a.yaml"
    path.write_text(write(recording), "utf-8")
    player = Player(load(path, "a.yaml"))
    for messages in row.requests:
        sent = Request(endpoint="chat/completions", body={**row.more, "messages": messages}, base_url="https://h/v1")
        assert player.play(sent) is not None
    assert player.unplayed == ()
