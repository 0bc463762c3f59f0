"""What was recorded live plays: the same result, without the SDK, and in the hands of vcrpy and pytest-recording."""

import gzip
import json
import subprocess
import sys
from urllib.request import Request, urlopen

import pytest
import vcr
from live_specs import CASSETTE, SPEC, echo, files, spec
from servers import Answer, chunk, event_stream, reply

from convrun.cassette import serializer
from convrun.report.json_result import to_json

TOOLS = """
import convrun

class Notes(convrun.Toolbox):
    '''Notes of one conversation.'''

    def __init__(self):
        self.kept = []

    def keep(self, text: str, times: int = 1) -> list[str]:
        '''Keep a text.'''
        self.kept += [text] * times
        return self.kept

def fails(word: str) -> str:
    '''Raise.'''
    raise ValueError(f"no {word}")

def log(tool, call, result):
    print(call.name)
"""
# A conversation with most of what one can hold: tools that work, fail and do not exist, parallel calls, a refused
# check, templates, an option that changes, and text that YAML and JSON write in many ways.
WHOLE = """
model: {name: m, base_url: URL, stream: STREAM, max_retries: 0, timeout: 10s}
system: "Be brief.\\n\\n  Indented: yes # no comment\\n"
options: {temperature: 0.5, seed: 7}
tools: ['desk:Notes', 'desk:fails']
hooks: {after_call: 'desk:log'}
history: [{user: Before}, {assistant: 'Yes? '}]
turns:
  - user: Keep it
    expect:
      - calls: {in_order: [Notes_keep, fails, Notes_keep]}
      - equals: "Kept: \\U0001F600 'tis \\"so\\"\\n\\t- a\\n\\n\\n"
  - id: second
    user: "You said {{ turns[0].reply }} \\u2028 \\x85 \\x7f"
    options: {temperature: null, top_p: 1}
    expect: [{contains: echoes}, {finish_reason: stop}]
  - user: 'no'
    system: Be long.
    expect: [{equals: never}]
expect: [{called: {tool: Notes_keep, times: 2}}]
"""


def call(name, arguments, identity):
    """One tool call of a reply."""
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def scripted(stream):
    """The replies of the model: text with three calls at once, one more call, then texts."""
    calls = [
        call("Notes_keep", '{"text": "\\u00e4", "times": 2}', "call_1"),
        call("fails", "{}", "call_2"),
        call("nothing", "", "call_3"),
    ]
    text = 'Kept: 😀 \'tis "so"\n\t- a\n\n\n'
    replies = [("Let me see.", calls), (None, [call("Notes_keep", '{"text":"b"}', "call_4")]), (text, None)]
    replies += [("echoes", None), ("ja", None)]
    return [streamed(*one) if stream else plain(*one) for one in replies]


def plain(text, calls):
    """A reply at once."""
    found = reply(text)
    found["choices"][0]["message"] |= {"tool_calls": calls} if calls else {}
    found["choices"][0]["finish_reason"] = "tool_calls" if calls else "stop"
    return found


def streamed(text, calls):
    """The same in pieces: texts by three characters, each call's arguments by five."""
    chunks = [chunk(role="assistant", content="")]
    chunks += [chunk(content=(text or "")[at : at + 3]) for at in range(0, len(text or ""), 3)]
    for index, one in enumerate(calls or ()):
        arguments = one["function"]["arguments"]
        begin = {**one, "index": index, "function": {"name": one["function"]["name"], "arguments": ""}}
        chunks.append(chunk(tool_calls=[begin]))
        chunks += [
            chunk(tool_calls=[{"index": index, "function": {"arguments": arguments[at : at + 5]}}])
            for at in range(0, len(arguments), 5)
        ]
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    body = event_stream(*chunks, chunk("tool_calls" if calls else "stop"), {**chunk(), "choices": [], "usage": usage})
    return Answer(body=body, headers={"content-type": "text/event-stream"})


@pytest.fixture(params=[False, True], ids=["plain", "streamed"])
def whole(project, loopback, request):
    """A project with the whole conversation, recorded; `live` is the result of the recording."""
    project.write("desk.py", TOOLS)
    stream = str(request.param).lower()
    project.write(SPEC, WHOLE.replace("URL", loopback.base_url).replace("STREAM", stream))
    loopback.says(*scripted(request.param))
    project.live = project.run(record="all")
    assert len(loopback.requests) == 5
    loopback.requests.clear()
    yield project
    assert loopback.requests == []


def comparable(text):
    """A JSON result without what may differ between two runs of the same."""
    result = json.loads(text)
    for key in ("started", "duration_s"):
        del result[key]
    del result["summary"]["live_calls"], result["summary"]["spent_usd"]
    for one in result["conversations"]:
        del one["duration_s"], one["live_calls"], one["spent_usd"]
    return result


def test_replay_equals_the_live_run(whole):
    """Replies, calls, results, usage, checks and verdicts are those of the recording; times and live calls are not."""
    live = json.loads(to_json(whole.live))
    (conversation,) = live["conversations"]
    assert (conversation["live_calls"], conversation["model_calls"], conversation["verdict"]) == (5, 5, "failed")
    verdicts = [check["verdict"] for turn in conversation["turns"] for check in turn["checks"]]
    assert verdicts == ["passed"] * 4 + ["failed"]
    results = [one["result"] for one in conversation["turns"][0]["tool_calls"]]
    assert results[0] == '["ä", "ä"]'
    assert results[2].startswith("Error:")
    for options in ({}, {"record": "once"}, {"record": "new_episodes"}):
        assert comparable(to_json(whole.run(**options))) == comparable(to_json(whole.live))


def test_replay_needs_neither_sdk_nor_http_nor_vcrpy(whole):
    """In a process where openai, httpx, httpx2 and vcr cannot be imported the report is the same."""
    program = (
        "import sys\n"
        "for name in ('openai', 'httpx', 'httpx2', 'vcr'): sys.modules[name] = None\n"
        "from convrun.cli.main import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, "run", "--report", "json"]
    ended = subprocess.run(
        command, cwd=whole.root, env=whole.environment(), capture_output=True, encoding="utf-8", check=False
    )
    assert ended.returncode == 1
    assert comparable(ended.stdout) == comparable(to_json(whole.live))


def test_recording_again_writes_the_same_file(whole, loopback):
    """The same answers make the same cassette but for the times, so that a diff shows what changed."""
    before = (whole.root / CASSETTE).read_text("utf-8")
    loopback.answers[:] = []
    loopback.says(*scripted("stream: true" in (whole.root / SPEC).read_text("utf-8")))
    assert whole.one(record="all").live_calls == 5
    loopback.requests.clear()
    after = (whole.root / CASSETTE).read_text("utf-8")

    def untimed(text):
        return [line for line in text.splitlines() if not line.startswith(("timings:", "digests:"))]

    assert untimed(after) == untimed(before)


def test_stock_vcrpy_plays_what_was_recorded(whole, loopback):
    """Whoever registers the serializer gets the recorded answers from vcrpy, to the requests that were sent."""
    recorder = vcr.VCR(serializer="convrun", record_mode="none")
    recorder.register_serializer("convrun", serializer)
    wanted = serializer.deserialize((whole.root / CASSETTE).read_text("utf-8"))["interactions"]
    with recorder.use_cassette(str(whole.root / CASSETTE)) as cassette:
        for interaction in wanted:
            body = interaction["request"]["body"]
            data = body.encode() if isinstance(body, str) else body
            sent = Request(f"{loopback.base_url}/chat/completions", data, {"content-type": "application/json"})
            with urlopen(sent) as answer:
                text = answer.read().decode()
            assert "choices" in text
            assert text.startswith("data: ") == bool(json.loads(data).get("stream"))
        assert cassette.all_played


def test_pytest_recording_plays_what_was_recorded(project, loopback):
    """A test of somebody else, marked for pytest-recording and using the SDK, plays our cassette."""
    loopback.says(echo)
    project.write(SPEC, spec(loopback.base_url, "one", "two"))
    project.record()
    loopback.requests.clear()
    project.write(
        "test_theirs.py",
        f"""
        import openai
        import pytest

        @pytest.fixture(scope="module")
        def vcr_config():
            return {{"serializer": "convrun", "path_transformer": str}}

        @pytest.mark.vcr({str(project.root / CASSETTE)!r})
        def test_chat():
            with openai.OpenAI(api_key="none", base_url={loopback.base_url!r}, max_retries=0) as client:
                messages = [{{"role": "user", "content": "one"}}]
                first = client.chat.completions.create(model="m", messages=messages)
                assert first.choices[0].message.content == "one"
        """,
    )
    project.write(
        "conftest.py",
        """
        from convrun.cassette import serializer

        def pytest_recording_configure(config, vcr):
            vcr.register_serializer("convrun", serializer)
        """,
    )
    before = files(project.root / "cassettes")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "test_theirs.py"]
    ended = subprocess.run(
        command, cwd=project.root, env=project.environment(), capture_output=True, encoding="utf-8", check=False
    )
    assert ended.returncode == 0, ended.stdout
    assert "1 passed" in ended.stdout
    assert loopback.requests == []
    assert files(project.root / "cassettes") == before


def test_a_stream_is_played_as_a_stream_and_compared_as_a_reply(project, loopback):
    """Whether a model streams is not part of a question: a recording plays for both."""
    loopback.says(echo)
    project.write(SPEC, spec(loopback.base_url, "one", "two", stream=True))
    project.record()
    for stream in (False, True):
        project.write(SPEC, spec(loopback.base_url, "one", "two", stream=stream))
        assert project.one().verdict == "passed"


STREAMED = {"content-type": "text/event-stream"}
LINES = json.dumps(chunk(content="a\u2028b\x85c 😀 ä"), ensure_ascii=False)
ODD = {
    "gzip": Answer(body=gzip.compress(json.dumps(reply("hi")).encode()), headers={"content-encoding": "gzip"}),
    "byte order mark": Answer(body=b"\xef\xbb\xbf" + json.dumps(reply("hi")).encode()),
    "line separators": Answer(body=event_stream(LINES, chunk("stop")), headers=STREAMED),
    "bytes one by one": Answer(
        body=[event_stream(LINES, chunk("stop"))[at : at + 1] for at in range(200)]
        + [event_stream(LINES, chunk("stop"))[200:]],
        headers=STREAMED,
    ),
    "comments": Answer(body=b": PROCESSING\n\n" + event_stream(chunk(content="hi"), chunk("stop")), headers=STREAMED),
    "carriage returns": Answer(
        body=event_stream(chunk(content="hi"), chunk("stop")).replace(b"\n", b"\r\n"), headers=STREAMED
    ),
    "no end mark": Answer(body=event_stream(chunk(content="hi"), chunk("stop"), done=False), headers=STREAMED),
    "nothing said": reply(""),
    "refused": reply(None, choices=[{"index": 0, "message": {"refusal": "No."}, "finish_reason": "stop"}]),
    "reasoning": reply(
        None, choices=[{"index": 0, "message": {"content": "hi", "reasoning_content": "so"}, "finish_reason": "stop"}]
    ),
    "no usage": reply("hi", usage=None),
    "another model": reply("hi", model="other-2025-01-01", service_tier="default"),
    "numbers": reply("hi", usage={"prompt_tokens": 1e3, "completion_tokens": 2, "total_tokens": 1002.0}),
}


@pytest.mark.parametrize("stream", [False, True], ids=["asked", "asked to stream"])
@pytest.mark.parametrize("kind", ODD)
def test_odd_replies_are_recorded_as_they_are(project, loopback, kind, stream):
    """However a provider writes its reply, and whether or not it streams as asked, replay equals the live run."""
    loopback.says(ODD[kind])
    project.write(SPEC, spec(loopback.base_url, "hi", "again", stream=stream))
    live = project.run(record="all")
    assert live.exit_code in {0, 1}
    assert comparable(to_json(project.run(keep_going=True))) == comparable(to_json(live))


@pytest.mark.parametrize("identity", ["", None, "0", "call_0"])
def test_ids_that_a_provider_repeats_or_lacks_play(project, loopback, identity):
    """Calls without an id of their own get one that is the same when the conversation is played."""
    project.write("desk.py", "def look(word: str) -> str:\n    return word.upper()\n")
    body = json.loads(spec(loopback.base_url, "A", "B"))
    project.write(SPEC, json.dumps({**body, "tools": ["desk:look"]}))
    calls = [call("look", f'{{"word": "{word}"}}', identity) for word in "ab"]
    loopback.says(plain(None, calls), "A", plain(None, calls[::-1]), "B")
    live = project.run(record="all")
    (result,) = live.conversations
    assert result.verdict == "passed"
    assert len({one.id for turn in result.turns for one in turn.tool_calls}) == 4
    assert comparable(to_json(project.run())) == comparable(to_json(live))


def test_what_changed_is_told_before_it_is_recorded(whole):
    """A recording through the real path is stale for one reason only: the one that was edited."""
    whole.edit(SPEC, "Be brief.", "Be short.")
    stale = whole.one()
    assert (stale.verdict, stale.stale.turn, stale.stale.model_call) == ("stale", 1, 1)
    assert [change.part for change in stale.stale.changes] == ["system prompt"]
    assert [turn.verdict for turn in stale.turns] == ["stale"] * 3
    whole.edit(SPEC, "Be short.", "Be brief.")
    whole.edit("desk.py", "self.kept += [text] * times", "self.kept += [text]")
    stale = whole.one()
    assert (stale.stale.turn, stale.stale.model_call) == (1, 2)
    assert [change.part for change in stale.stale.changes] == ["tool result of 'Notes_keep'"]
