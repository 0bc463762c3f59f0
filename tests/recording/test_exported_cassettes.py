"""`convrun cassette export`: what stock vcrpy plays to the openai SDK, and what convrun reads again."""

import base64
import json
import os

import openai
import pytest
import vcr
from live_specs import files
from servers import Answer, chunk, event_stream, reply

from convrun.cassette.files import load
from convrun.cassette.stored.exporting import stock_text
from convrun.redaction import Redactor
from convrun.results import ConversationResult

PICTURE = b"\x89PNG\r\n\x1a\n" + b"\x00\x01" * 2_000
URL = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
STREAMED = {"content-type": "text/event-stream"}
SPEC = """
    model: {name: m, base_url: URL, max_retries: 0, stream: STREAM}
    system: Be brief. 😀
    tools: ['desk:shout']
    turns:
      - user: Shout hi
        expect: [{contains: HI}, {called: {tool: shout, with: {text: hi}}}]
      - user: What is it?
        attachments: [{path: picture.png}]
        expect: [{contains: tram}]
      - user: Too much
        expect_error: {status: 400}
"""
CALL = {"id": "call_1", "type": "function", "function": {"name": "shout", "arguments": '{"text": "hi"}'}}
DEFAULTS = ("method", "scheme", "host", "port", "path", "query")


def says(received):
    """What the model says: a call, its result in words, what the picture shows, and in the end no more."""
    last = received.body["messages"][-1]
    if last["role"] == "tool":
        return _said(received, f"It is {last['content']} 😀")
    if last["content"] == "Shout hi":
        if received.body.get("stream"):
            calls = [{"index": 0, **CALL}]
            return Answer(body=event_stream(chunk(tool_calls=calls), chunk("tool_calls")), headers=STREAMED)
        return reply(calls={"shout": {"text": "hi"}})
    if last["content"] == "Too much":
        return Answer(status=400, body={"error": {"message": "too much", "type": "invalid_request_error"}})
    return _said(received, "A tram.")


def _said(received, text):
    if received.body.get("stream"):
        return Answer(body=event_stream(*(chunk(content=piece) for piece in text), chunk("stop")), headers=STREAMED)
    return reply(text)


@pytest.fixture
def made(project, loopback):
    """Call it with whether to stream: a project whose conversation has tools, a picture and an error, recorded."""

    def recorded(*, stream=False):
        loopback.says(says)
        project.write("specs/a.yaml", SPEC.replace("URL", loopback.base_url).replace("STREAM", json.dumps(stream)))
        project.write("desk.py", "def shout(text: str) -> str:\n    '''Shout.'''\n    return text.upper()\n")
        (project.root / "specs/picture.png").write_bytes(PICTURE)
        assert project.record().verdict == "passed"
        loopback.requests.clear()
        return project

    return recorded


def replayed(client, bodies):
    """Send the recorded bodies through the SDK, and yield what it makes of the replies: text, calls, or the status."""
    for body in bodies:
        try:
            found = client.chat.completions.create(**body)
        except openai.APIStatusError as error:
            yield error.status_code
            continue
        if body.get("stream"):
            deltas = [one.choices[0].delta for one in found if one.choices]
            calls = [call.function.arguments for delta in deltas for call in delta.tool_calls or ()]
            yield "".join(calls) or "".join(delta.content or "" for delta in deltas)
        else:
            message = found.choices[0].message
            yield message.tool_calls[0].function.arguments if message.tool_calls else message.content


@pytest.mark.parametrize("stream", [False, True])
def test_the_sdk_replays_an_export_by_stock_vcrpy(made, loopback, stream):
    """Tools, streams, an error and an attachment play by vcrpy's own serializer and matchers, the body among them."""
    project = made(stream=stream)
    ended = project.cli("cassette", "export", "cassettes/a.yaml", "--to", "stock/a.yaml")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "stock/a.yaml: 4 interactions of cassettes/a.yaml\n1 cassette exported\n"
    stock = project.root / "stock/a.yaml"
    assert "convrun" not in stock.read_text("utf-8")
    bodies = [item.request.body for item in load(project.root / "cassettes/a.yaml", "x").interactions]
    assert URL in json.dumps(bodies)
    with (
        vcr.VCR(record_mode="none", match_on=(*DEFAULTS, "body")).use_cassette(str(stock)) as cassette,
        openai.OpenAI(api_key="none", base_url=loopback.base_url, max_retries=0) as client,
    ):
        assert list(replayed(client, bodies)) == ['{"text": "hi"}', "It is HI 😀", "A tram.", 400]
        assert cassette.all_played
    assert loopback.requests == []


def told(result: ConversationResult):
    """What a run says of a conversation, without times."""
    return [(turn.verdict, turn.reply, turn.tool_calls, turn.checks, turn.usage) for turn in result.turns]


def test_an_export_reads_back_to_the_same_verdicts(made):
    """Put in the cassette's place, the stock file plays the same conversation, request by request."""
    project = made()
    cassette = project.root / "cassettes/a.yaml"
    before, recording = project.one(), load(cassette, "x")
    cassette.write_text(stock_text(recording, Redactor()), "utf-8")
    after = project.one()
    assert (after.verdict, told(after)) == (before.verdict, told(before))
    again = load(cassette, "x").interactions
    assert [item.request.body for item in again] == [item.request.body for item in recording.interactions]
    assert [item.reply for item in again] == [item.reply for item in recording.interactions]


def test_nothing_that_is_there_is_overwritten(made):
    """A file in the way stays unless --force is given, and a cassette is never written over itself."""
    project = made()
    project.write("stock.yaml", "mine\n")
    before = files(project.root)
    refused = project.cli("cassette", "export", "cassettes/a.yaml", "--to", "stock.yaml")
    assert (refused.returncode, refused.stdout) == (1, "0 cassettes exported\n")
    assert refused.stderr == "'stock.yaml' is there already\n  --force replaces it\n"
    itself = project.cli("cassette", "export", "cassettes/a.yaml", "--to", "cassettes/a.yaml", "--force")
    assert itself.returncode == 1
    assert "it would be written over itself" in itself.stderr
    assert files(project.root) == before
    assert project.cli("cassette", "export", "cassettes/a.yaml", "--to", "stock.yaml", "--force").returncode == 0
    assert (project.root / "stock.yaml").read_text("utf-8").startswith("interactions:\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_what_is_no_regular_file_is_not_replaced(made):
    """A pipe stays a pipe, also with --force; an empty --to is a variable that was not set."""
    project = made()
    pipe = project.root / "pipe"
    os.mkfifo(pipe)
    refused = project.cli("cassette", "export", "cassettes/a.yaml", "--to", "pipe", "--force")
    assert (refused.returncode, pipe.is_fifo()) == (1, True)
    assert "it would replace what is no regular file" in refused.stderr
    empty = project.cli("cassette", "export", "cassettes/a.yaml", "--to", "")
    assert (empty.returncode, (project.root / "a.yaml").exists()) == (2, False)
    assert "--to is empty" in empty.stderr


@pytest.mark.parametrize("to", ["specs/a.yaml", "specs/new.yaml", "specs", "cassettes/b.yaml", "convrun.toml", ".env"])
def test_what_would_be_lost_is_no_place_for_it(made, to):
    """Specs, cassettes, settings and keys are refused as reports refuse them, with --force too; and so is a link."""
    project = made()
    before = files(project.root)
    (project.root / "led.yaml").symlink_to(project.root / "specs/a.yaml")
    for place in (to, "led.yaml"):
        ended = project.cli("cassette", "export", "cassettes/a.yaml", "--to", place, "--force")
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "that is a spec, a cassette, settings, keys or code, not a place for a stock cassette" in ended.stderr
    (project.root / "led.yaml").unlink()
    assert files(project.root) == before


def test_of_a_spec_its_cassette_is_named(made):
    """A spec is none, and its recording is what is meant."""
    ended = made().cli("cassette", "export", "specs/a.yaml", "--to", "stock.yaml")
    assert ended.returncode == 1
    assert "a spec is no cassette\n  name its cassette: cassettes/a.yaml" in ended.stderr


def test_several_keep_their_paths_and_one_that_cannot_be_read_is_said(made):
    """Of several files each goes below the folder; what is no cassette is told, and the others are written."""
    project = made()
    text = (project.root / "cassettes/a.yaml").read_bytes()
    for name in ("b/c.yaml", "b/bad.yaml"):
        (project.root / "cassettes" / name).parent.mkdir(exist_ok=True)
        (project.root / "cassettes" / name).write_bytes(text[:500] if "bad" in name else text)
    ended = project.cli(
        "cassette", "export", "cassettes/a.yaml", "cassettes/b/bad.yaml", "cassettes/a.yaml", "--to", "stock"
    )
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (1, "1 cassette exported")
    assert "cassettes/b/bad.yaml" in ended.stderr
    assert files(project.root / "stock").keys() == {"a.yaml"}
    wrong = project.cli("cassette", "export", "cassettes/b", "--to", "stock")
    assert (wrong.returncode, wrong.stderr.splitlines()[0]) == (2, "'cassettes/b' is a folder")
