"""Conversations over a Responses API: recorded from a server, replayed, made stale, shown, exported and mutated."""

from __future__ import annotations

import json

import openai
import pytest
import vcr
from live_specs import CASSETTE, KEYED, SPEC
from servers import Answer, called, event_stream, output, said, streamed, thought

from convrun.cassette.files import load
from convrun.cassette.kept.exchange import is_answer

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 5
SEALED = "gAAAAABq" + "cmhGUY8i3WwdW_uOby4-wInoQN26NqhbIjFfW0iv" * 20
TALK = """
model: {name: gpt-5-mini, base_url: URL, api: responses, max_retries: 0, stream: STREAM}
system: Be brief.
options: OPTIONS
tools: ['desk:shout']
turns:
- user: Shout hi
  expect: [{contains: HI}, {called: {tool: shout, with: {text: hi}}}]
- user: What is it?
  attachments: [{path: picture.png}]
  expect: [{contains: tram}, {finish_reason: stop}]
- user: Bye 42
  expect: [{contains: Bye 42}]
"""
DESK = "def shout(text: str) -> str:\n    '''Shout.'''\n    return text.upper()\n"


class Model:
    """Answers as a Responses API does, each time with another id, and thinks before it calls."""

    def __init__(self):
        self.asked = 0

    def __call__(self, received):
        self.asked += 1
        assert received.path == "/v1/responses"
        items, number = received.body["input"], self.asked
        last = items[-1]
        if last.get("type") == "function_call_output":
            given = [said(f"It is {last['output']}.", f"msg_{number}")]
        elif last["content"] == "Shout hi":
            arguments = {"text": "hi"}
            given = [
                thought("Louder.", identity=f"rs_{number}", encrypted_content=SEALED),
                called("shout", arguments, call_id=f"call_{number}"),
            ]
        else:
            text = "A tram." if isinstance(last["content"], list) else last["content"]
            given = [said(text, f"msg_{number}")]
        whole = output(*given, id=f"resp_{number}", created_at=1700000000 + number, instructions="Be brief.")
        if not received.body.get("stream"):
            return whole
        return Answer(body=event_stream(*streamed(whole), done=False), headers={"content-type": "text/event-stream"})


@pytest.fixture
def made(project, loopback):
    """Call it with how to ask: a project whose conversation has a tool, thoughts and a picture, recorded."""
    loopback.says(Model())

    def recorded(*, stream=False, options="{}"):
        text = TALK.replace("URL", loopback.base_url).replace("STREAM", json.dumps(stream)).replace("OPTIONS", options)
        project.write(SPEC, text)
        project.write("desk.py", DESK)
        (project.root / "specs/picture.png").write_bytes(PICTURE)
        result = project.record()
        assert (result.verdict, result.live_calls) == ("passed", 4)
        loopback.requests.clear()
        return project

    return recorded


WAYS = {
    "plain": {},
    "streamed": {"stream": True},
    "by id": {"options": "{previous_response_id: auto}"},
    "by id, streamed": {"options": "{previous_response_id: auto, store: true}", "stream": True},
    "stateless": {"options": "{store: false, include: [reasoning.encrypted_content]}", "stream": True},
}


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_a_conversation_is_recorded_and_replayed(made, loopback, how):
    """A replay says the same without a request, whatever its tools do; what is new is written once."""
    project = made(**how)
    text = (project.root / CASSETTE).read_text("utf-8")
    assert text.count(SEALED) == text.count("Shout hi") == text.count("Be brief.") == 1
    assert [path.name for path in (project.root / f"{CASSETTE}.d").iterdir()] == [_digest(PICTURE)]
    for policy in ("live", "replay", "verify"):
        project.edit(SPEC, "tools: ", f"tool_policy: {policy}\ntools: ")
        result = project.one()
        assert (result.verdict, result.live_calls, result.model_calls) == ("passed", 0, 4)
        assert [turn.reply for turn in result.turns] == ["It is HI.", "A tram.", "Bye 42"]
        assert [call.result for call in result.turns[0].tool_calls] == ["HI"]
        project.edit(SPEC, f"tool_policy: {policy}\n", "")
    assert loopback.requests == []


def test_without_streaming_a_streamed_recording_plays(made):
    """Whether a reply is streamed is not compared."""
    project = made(stream=True)
    project.edit(SPEC, "stream: true", "stream: false")
    assert project.one().verdict == "passed"


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_an_edit_makes_it_stale_and_is_told(made, how):
    """The edited part is named, and the recording goes on from the first difference when it is made anew."""
    project = made(**how)
    before = (project.root / CASSETTE).read_text("utf-8")
    project.edit(SPEC, "user: Bye 42", "user: Bye 43")
    project.edit(SPEC, "contains: Bye 42", "contains: Bye 43")
    result = project.one()
    assert (result.verdict, result.stale.turn, result.stale.changes[0].part) == ("stale", 3, "user text")
    anew = project.one(record="new_episodes")
    assert (anew.verdict, anew.live_calls) == ("passed", 1)
    assert project.one().verdict == "passed"
    after = (project.root / CASSETTE).read_text("utf-8")
    assert after.partition("Bye")[0] == before.partition("Bye")[0]


def test_what_changed_beside_the_items_is_told(made):
    """System prompt, tools and options are named as in a chat, at their places in the request."""
    project = made()
    edits = [
        (SPEC, "Be brief.", "Be long.", "/instructions", "system prompt"),
        (SPEC, "options: {}", "options: {temperature: 1}", "/temperature", "option 'temperature'"),
        ("desk.py", "Shout.", "Whisper.", "/tools/0/description", "tool 'shout': description"),
        ("desk.py", "text.upper()", "text.lower()", "/input/3/output", "tool result of 'shout'"),
        (SPEC, "gpt-5-mini", "gpt-5-nano", "/model", "model"),
    ]
    for file, old, new, path, part in edits:
        project.edit(file, old, new)
        (change,) = project.one().stale.changes
        assert (change.path, change.part) == (path, part)
        project.edit(file, new, old)


def test_a_result_that_is_verified_is_told(made):
    """Under `verify` another result of a tool is a failed check, with the recorded one beside it."""
    project = made()
    project.edit(SPEC, "tools: ", "tool_policy: verify\ntools: ")
    project.edit("desk.py", "text.upper()", "text.lower()")
    result = project.one()
    (check,) = [one for one in result.turns[0].checks if one.kind == "tool_result"]
    assert (result.verdict, check.expected, check.actual) == ("failed", "HI", "hi")


@pytest.mark.parametrize("stream", [False, True])
def test_it_is_shown_and_compared(made, stream):
    """`show` tells texts, thoughts, calls and results; `diff` tells what another recording of it says."""
    project = made(stream=stream, options="{previous_response_id: auto}" if stream else "{}")
    shown = project.cli("show", CASSETTE)
    assert (shown.returncode, shown.stderr) == (0, "")
    for told in ("Shout hi", "shout", "HI", "It is HI.", "What is it?", "image/png", "A tram.", "Bye 42", "3 turns"):
        assert told in shown.stdout
    old = project.root / "old.yaml"
    old.write_text((project.root / CASSETTE).read_text("utf-8"), "utf-8")
    (project.root / f"{CASSETTE}.d").rename(project.root / "old.yaml.d")
    project.edit(SPEC, "Bye 42", "Bye 44")
    assert project.one(record="all").verdict == "passed"
    compared = project.cli("diff", "old.yaml", CASSETTE)
    assert "Bye 44" in compared.stdout
    assert "It is HI." not in compared.stdout


@pytest.mark.parametrize("stream", [False, True])
def test_its_mutants_are_noticed(made, stream):
    """The model's texts and calls are changed as those of a chat; what was weakened in a spec survives."""
    project = made(stream=stream, options="{previous_response_id: auto}" if stream else "{}")
    found = project.cli("mutate")
    assert (found.returncode, found.stderr) == (0, "")
    for family in ("reply", "tool calls"):
        assert family in found.stdout
    assert "known" not in found.stdout
    project.edit(SPEC, ", {called: {tool: shout, with: {text: hi}}}", "")
    assert "shout" in project.cli("mutate").stdout


@pytest.mark.parametrize("stream", [False, True])
def test_the_sdk_replays_an_export_by_stock_vcrpy(made, loopback, stream):
    """Stock vcrpy plays an export to the openai SDK, which puts streams together by their events."""
    project = made(stream=stream)
    ended = project.cli("cassette", "export", CASSETTE, "--to", "stock/a.yaml")
    assert (ended.returncode, ended.stderr) == (0, "")
    bodies = [item.request.body for item in load(project.root / CASSETTE, "x").interactions]
    matched = ("method", "scheme", "host", "port", "path", "query", "body")
    found = []
    with (
        vcr.VCR(record_mode="none", match_on=matched).use_cassette(str(project.root / "stock/a.yaml")) as cassette,
        openai.OpenAI(api_key="none", base_url=loopback.base_url, max_retries=0) as client,
    ):
        for body in bodies:
            if stream:
                rest = {key: value for key, value in body.items() if key != "stream"}
                with client.responses.stream(**rest) as events:
                    found.append(events.get_final_response())
            else:
                found.append(client.responses.create(**body))
        assert cassette.all_played
    assert [one.output_text for one in found] == ["", "It is HI.", "A tram.", "Bye 42"]
    assert found[0].output[1].arguments == '{"text": "hi"}'
    assert loopback.requests == []


def test_secrets_are_taken_out_and_looked_for(project, loopback):
    """A key in a text, and one that a stream spreads over its pieces, are not written; `audit` reads items, too."""
    key = KEYED["OPENAI_API_KEY"]
    whole = output(said(f"Your key is {key}, keep it."), id="resp_1")
    body = event_stream(*streamed(whole, pieces=12), done=False)
    loopback.says(Answer(body=body, headers={"content-type": "text/event-stream"}))
    model = {"name": "gpt-5-mini", "base_url": loopback.base_url, "api": "responses", "stream": True}
    project.write("convrun.toml", f'base_urls = ["{loopback.base_url}"]\n')
    project.write(
        SPEC, json.dumps({"model": model, "turns": [{"user": f"I have {key}", "expect": [{"contains": "key"}]}]})
    )
    assert project.record(environ=KEYED).verdict == "passed"
    text = (project.root / CASSETTE).read_text("utf-8")
    assert key[:12] not in text
    assert text.count("<OPENAI_API_KEY>") >= 2
    assert project.one(environ=KEYED).verdict == "passed"
    assert project.one().verdict in ("passed", "stale")
    assert project.cli("cassette", "audit", **KEYED).returncode == 0
    (project.root / CASSETTE).write_text(text.replace("<OPENAI_API_KEY>", key), "utf-8")
    assert project.cli("cassette", "audit", **KEYED).returncode == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_that_broke_off_is_no_answer(made, project, loopback, stream):
    """What was answered in whole is kept beside the cassette, and the next recording goes on from there."""
    model = Model()

    def breaking(received):
        answer = model(received)
        if model.asked != 2:
            return answer
        whole = answer.body if stream else json.dumps(answer).encode()
        headers = {"content-type": "text/event-stream" if stream else "application/json"}
        return Answer(body=whole[: len(whole) // 2], cut=True, headers=headers)

    loopback.answers[:] = [breaking]
    with pytest.raises(AssertionError):
        made(stream=stream)
    assert not (project.root / CASSETTE).exists()
    again = project.one(record="new_episodes")
    assert (again.verdict, again.live_calls) == ("passed", 3)
    assert project.one().verdict == "passed"


ENDS = {
    "whole": (output(said("Hi")), True),
    "cut at its length": (output(said("Hi"), status="incomplete"), True),
    "failed": (output(status="failed"), False),
    "begun": (output(status="in_progress"), False),
    "an error": ({"error": {"message": "no"}}, False),
    "something else": ({"object": "list"}, False),
}


@pytest.mark.parametrize(("payload", "whole"), ENDS.values(), ids=ENDS)
def test_only_a_whole_response_is_an_answer(payload, whole):
    """A response that failed or goes on is not kept as one, though it came with status 200."""
    from convrun.cassette.kept.received import received
    from convrun.redaction import Redactor

    replies = [received(200, {}, json.dumps(payload).encode(), Redactor())]
    if payload.get("status") in ("completed", "incomplete", "failed"):
        replies.append(received(200, {}, event_stream(*streamed(payload), done=False), Redactor()))
    assert [is_answer(reply, "responses", announced=False) for reply in replies] == [whole] * len(replies)


def _digest(content):
    from hashlib import sha256

    return sha256(content).hexdigest()


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_faults_change_what_comes_back_and_no_recording(made, how):
    """A refusal in the place of the reply is one in the form of this API; the recording is as it was."""
    project = made(**how)
    before = (project.root / CASSETTE).read_bytes()
    project.edit(SPEC, "turns:", "faults: [{inject: refusal, turn: 3}]\nturns:")
    project.edit(SPEC, "{contains: Bye 42}", "{refusal: true}")
    assert project.one().verdict == "passed"
    assert (project.root / CASSETTE).read_bytes() == before


STUDIO = """
    import convrun

    PNG = b"\\x89PNG\\r\\n\\x1a\\n"

    def draw(what: str) -> convrun.ToolOutput:
        image = convrun.Attachment(content=PNG + what.encode(), detail="low")
        return convrun.ToolOutput(f"a {what}", attachments=[image])

    def hum(what: str) -> convrun.ToolOutput:
        sound = convrun.Attachment(content=what.encode(), type="audio/wav")
        return convrun.ToolOutput("hm", attachments=[sound])
"""


@pytest.mark.parametrize("how", [WAYS["plain"], WAYS["by id"]], ids=["plain", "by id"])
def test_what_tools_attached_is_replayed_with_their_results(project, loopback, how):
    """Tools that are replayed give the recorded attachments too: no request differs, and no function is called."""
    calls = [called("draw", {"what": "cat"}), called("hum", {"what": "tune"}, call_id="call_2")]
    loopback.says(output(*calls), output(said("Nice.")))
    project.write("studio.py", STUDIO)
    model = {"name": "m", "base_url": loopback.base_url, "api": "responses"}
    turn = {"user": "Draw a cat and hum.", "expect": [{"called": {"tool": "draw", "returns": "a cat"}}]}
    options = {"previous_response_id": "auto"} if how else {}
    spec = {"model": model, "options": options, "tools": ["studio:draw", "studio:hum"], "turns": [turn]}
    project.write(SPEC, json.dumps(spec))
    assert project.record().verdict == "passed"
    items = loopback.requests[-1].body["input"]
    assert [part["type"] for part in items[-1]["content"]] == ["input_image", "input_audio"]
    project.write(SPEC, json.dumps(spec | {"tool_policy": "replay"}))
    for line in ("    image =", "    sound ="):
        project.edit("studio.py", line, f"    raise OSError\n{line}")
    found = project.one()
    assert (found.verdict, found.stale, found.model_calls, found.live_calls) == ("passed", None, 2, 0)
