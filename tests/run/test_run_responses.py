"""Specs whose model speaks the Responses API: recorded from a server on loopback, replayed without one."""

from __future__ import annotations

import json
import re

import pytest
from servers import Answer, called, event_stream, output, said, streamed, thought

TOOLS = '''
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
'''
SHOTS = '''
from convrun import Attachment, ToolOutput

def shots() -> ToolOutput:
    """Take pictures."""
    return ToolOutput("here", attachments=[
        Attachment(content=b"\\x89PNG\\r\\n\\x1a\\nPNG2"),
        Attachment(url="https://host.test/a.pdf?x=1"),
        Attachment(content=b"%PDF-1.7 x"),
        Attachment(content=b"RIFF0000WAVE"),
    ])
'''
OUTPUTS = [
    [thought("Hm.", encrypted_content="gAAA1="), called("add", {"a": 1, "b": 2})],
    [thought("So.", identity="rs_2", encrypted_content="gAAA2="), said("It is 3.")],
    [said('{"sum": 3}', "msg_2")],
]
SPEC = {
    "system": "Be brief.",
    "options": {"store": False, "include": ["reasoning.encrypted_content"]},
    "tools": ["desk:add"],
    "turns": [
        {"user": "1 + 2?", "expect": [{"called": {"tool": "add", "with": {"a": 1, "b": 2}}}, {"equals": "It is 3."}]},
        {"user": "As JSON", "schema": {"type": "object"}, "expect": [{"json": {"path": "$.sum", "equals": 3}}]},
    ],
}


def recorded(project, loopback, *, stream=False, spec=SPEC, **model):
    """Write the spec and record it; return its result."""
    for number, items in enumerate(OUTPUTS, start=1):
        whole = output(*items, id=f"resp_{number}")
        loopback.says(Answer(body=event_stream(*streamed(whole), done=False)) if stream else whole)
    named = {"name": "m", "api": "responses", "base_url": loopback.base_url, "max_retries": 0, "stream": stream}
    project.write("desk.py", TOOLS)
    project.write("specs/sum.yaml", json.dumps({"model": named | model, **spec}))
    return project.one(record="all")


def told(result):
    """What a result says of a conversation that does not depend on the time it took."""
    return result.verdict, [
        (turn.reply, turn.verdict, turn.tool_calls, turn.usage, turn.finish_reason) for turn in result.turns
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_a_spec_is_recorded_and_replayed(project, loopback, stream):
    """Calls, checks, structured output and the items that go back are the same from the cassette as they were live."""
    live = recorded(project, loopback, stream=stream)
    assert live.verdict == "passed"
    assert {request.path for request in loopback.requests} == {"/v1/responses"}
    first, second, third = (request.body for request in loopback.requests)
    assert second["input"][1:3] == OUTPUTS[0]
    assert third["input"][4:6] == OUTPUTS[1]
    assert (first["instructions"], first["store"]) == ("Be brief.", False)
    assert third["text"]["format"]["type"] == "json_schema"
    again = project.one()
    assert told(again) == told(live)
    assert len(loopback.requests) == 3


def test_items_that_the_recording_has_otherwise_make_it_stale(project, loopback):
    """Another prompt is another request: the recording is stale, and nothing of it counts."""
    recorded(project, loopback)
    project.edit("specs/sum.yaml", "Be brief.", "Be long.")
    assert project.one().verdict == "stale"


def test_a_recording_by_ids_replays(project, loopback):
    """With `previous_response_id: auto` requests hold what is new, live and from the cassette."""
    options = {"previous_response_id": "auto"}
    live = recorded(project, loopback, spec=SPEC | {"options": options})
    bodies = [request.body for request in loopback.requests]
    assert [body.get("previous_response_id") for body in bodies] == [None, "resp_1", "resp_2"]
    assert [len(body["input"]) for body in bodies] == [1, 1, 1]
    assert live.verdict == "passed"
    assert told(project.one()) == told(live)


def test_the_default_model_of_a_project_may_speak_it(project, loopback):
    """`api` stands where a model is a mapping, in the defaults of the settings too; -m echo has an API of its own."""
    loopback.says(output(said("Hello.")))
    project.write(
        "convrun.toml",
        f"[defaults]\nmodel = {{name = 'm', api = 'responses', base_url = '{loopback.base_url}', max_retries = 0}}\n",
    )
    project.write("specs/a.yaml", "turns: [{user: Hi, expect: [{contains: H}]}]\n")
    assert project.one(record="all").verdict == "passed"
    assert loopback.requests[0].path == "/v1/responses"
    assert project.one(record="all", models=("echo",)).turns[0].reply == "Hi"


@pytest.mark.parametrize("policy", ["replay", "verify"])
def test_attachments_are_what_was_recorded(project, loopback, policy):
    """What a turn and a tool attach is recorded as this API has it, taken from there again, and compared."""
    loopback.says(output(called("shots")), output(said("Nice."), id="resp_2"))
    project.write("desk.py", SHOTS)
    (project.root / "specs").mkdir()
    (project.root / "specs" / "_a.pdf").write_bytes(b"%PDF-1.7")
    turns = [{"user": "Look", "attachments": [{"path": "_a.pdf"}], "expect": [{"equals": "Nice."}]}]
    model = {"name": "m", "api": "responses", "base_url": loopback.base_url}
    spec = {"model": model, "tools": ["desk:shots"], "tool_policy": policy, "turns": turns}
    project.write("specs/a.yaml", json.dumps(spec))
    assert project.one(record="all").verdict == "passed"
    asked = loopback.requests[1].body["input"]
    assert [part["type"] for part in asked[0]["content"]] == ["input_text", "input_file"]
    assert [part["type"] for part in asked[-1]["content"]] == ["input_image", "input_file", "input_file", "input_audio"]
    assert project.one().verdict == "passed"
    project.edit("desk.py", "PNG2", "PNG3")
    assert project.one().verdict == ("passed" if policy == "replay" else "failed")


@pytest.mark.parametrize(
    ("model", "mistake"),
    [
        ("{name: m, api: respones}", r"specs/a.yaml:1:\d+: .*'respones'.*did you mean 'responses'"),
        ("{name: echo, api: responses}", r"specs/a.yaml:1:\d+: 'echo' speaks chat completions, and no other API"),
        ("{script: [{reply: a}], api: responses}", r"specs/a.yaml:1:\d+: .*'api'"),
        (
            "{name: m, api: responses, system_role: developer}",
            r"specs/a.yaml:1:\d+: 'system_role' is for chat completions: .*leave 'system_role' out",
        ),
    ],
)
def test_a_model_that_cannot_speak_it_is_a_mistake(project, model, mistake):
    """What does not go together is told with its place before anything runs."""
    project.write("specs/a.yaml", f"model: {model}\nturns: [{{user: Hi, expect: [{{contains: H}}]}}]\n")
    (found,) = project.mistakes()
    assert re.search(mistake, found, re.DOTALL), found


def test_what_the_engine_says_itself_is_no_option(project):
    """Input and instructions are the turns and the system prompt: as options they would say something else."""
    options = "options: {input: x, instructions: y, max_output_tokens: 5}"
    project.write("specs/a.yaml", f"model: {{name: m, api: responses}}\n{options}\nturns: [{{user: Hi}}]\n")
    found = project.mistakes()
    assert ["'input' is no option" in found[0], "'instructions' is no option" in found[1]] == [True, True]
    assert "write them as `system:`" in found[1]


@pytest.mark.parametrize(
    ("api", "system", "pointer", "meant"),
    [
        ("responses", "system: S\n", "/messages/0", "/instructions"),
        ("responses", "system: S\n", "/messages/2/content/1", "/input/1/content/1"),
        ("responses", "", "/messages/0/content", "/input/0/content"),
        ("responses", "", "/messages", "/input/0"),
        ("chat", "system: S\n", "/input/1/output", "/messages/2/content"),
        ("chat", "", "/input/0/content", "/messages/0/content"),
        ("chat", "system: S\n", "/instructions", "/messages/0/content"),
    ],
)
def test_what_is_ignored_is_a_place_in_requests_of_the_api(project, api, system, pointer, meant):
    """A pointer into the requests of the other API leaves out nothing: the mistake says which one is meant."""
    ignoring = f"cassette:\n  ignore: [/metadata/id, {pointer}]\n"
    spec = f"{system}turns: [{{user: Hi, expect: [{{contains: H}}]}}]\n{ignoring}"
    project.write("specs/a.yaml", f"model: {{name: gpt-5-mini, api: {api}}}\n{spec}")
    (found,) = project.mistakes()
    line = 4 + bool(system)
    assert re.match(rf"specs/a.yaml:{line}:26: '{pointer}' ignores nothing: .* \(write {meant}\)$", found), found
    project.write("specs/a.yaml", f"matrix: {{model: [{{name: gpt-5-mini, api: {api}}}, echo]}}\n{spec}")
    assert len(project.prepared().conversations) == 2


@pytest.mark.parametrize(
    ("api", "options", "said"),
    [("chat", {}, "is for the Responses API"), ("responses", {"store": False}, "tells the provider not to keep")],
)
def test_nothing_to_go_on_from(project, api, options, said):
    """`previous_response_id: auto` for a chat, or with `store: false`, is a mistake at the turn; nothing runs."""
    turns = [{"user": "a"}, {"user": "b", "options": {"previous_response_id": "auto"}}]
    spec = {"model": {"name": "m", "api": api}, "options": options, "turns": turns}
    project.write("specs/a.yaml", json.dumps(spec, indent=1))
    (mistake,) = project.mistakes()
    assert said in mistake
    assert re.match(r"specs/a.yaml:1[0-9]:", mistake)
