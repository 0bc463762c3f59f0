"""A hundred secrets in ten kinds of place: none of them on the disk, in a report or in a message."""

import json
import re

import pytest
from live_specs import files
from planted import escaped, found_in, in_base64, in_pieces, planted
from servers import Answer, chunk, event_stream, reply

from convrun import get_model
from convrun.testing import cassette

PLACES = ("headers", "addresses", "queries", "bodies", "results", "pieces", "base64", "escapes", "errors", "cases")
EVERY = [secret for _, secret in planted(100)]
PLANTED = {place: EVERY[number::10] for number, place in enumerate(PLACES)}
PLAIN = {place: [secret.replace("\n", "") for secret in secrets] for place, secrets in PLANTED.items()}
REPORTS = ("json", "junit", "markdown")
_INPUT = re.compile(r"specs|desk\.py|convrun\.toml|boom\.py")


def answer(received):
    """A model that calls the tool where it can, refuses where it is to, and says again what it has heard."""
    said = received.body["messages"][-1]["content"]
    if "refuse" in str(said):
        return Answer(status=400, body={"error": {"message": f"not this: {' '.join(PLANTED['errors'][:5])}"}})
    if received.body.get("stream"):
        pieces = [chunk(content=piece) for secret in PLANTED["pieces"] for piece in [" ", *in_pieces(secret)]]
        body = event_stream(chunk(role="assistant"), *pieces, chunk("stop"))
        return Answer(body=body, headers={"content-type": "text/event-stream"})
    headers = {f"x-note-{number}": secret for number, secret in enumerate(PLAIN["headers"][:5])}
    called = [message for message in received.body["messages"] if message["role"] == "tool"]
    if "tools" in received.body and len(called) < 2:
        name = ("look", "stumble")[len(called)]
        return Answer(body=reply(calls={name: {"word": f"w {PLANTED['results'][0]}"}}), headers=headers)
    return Answer(body=reply(f"You said: {said}"), headers=headers)


@pytest.fixture
def planted_project(project, loopback):
    """Specs that say, ask for and are told all of the secrets."""
    loopback.says(answer)
    model = {"name": "m", "base_url": loopback.base_url, "max_retries": 0}
    addresses = [
        f"see https://ann:{secret}@db.example.com/x" if number % 2 else f"postgres://ann:{secret}@db/x"
        for number, secret in enumerate(PLAIN["addresses"])
    ]
    queries = [
        f"https://api.example.com/v1?{('key', 'token', 'sig')[number % 3]}={secret}&page=2"
        for number, secret in enumerate(PLAIN["queries"])
    ]
    coded = [in_base64(*pair) for pair in enumerate(PLANTED["base64"])]
    escapes = [escaped(*pair) for pair in enumerate(PLANTED["escapes"])]
    users = [" , ".join(lines) for lines in (addresses, queries, coded, escapes)]
    turns = [{"user": raw(text), "expect": [{"contains": "You said"}]} for text in users]
    turns.append({"user": "refuse", "expect_error": {"status": 400, "matches": "not this"}})
    headers = {f"X-Title-{number}": secret for number, secret in enumerate(PLAIN["headers"][5:])}
    said = {
        "model": model | {"headers": headers | {"X-Title": PLAIN["headers"][9]}},
        "system": raw("\n".join(PLANTED["bodies"])),
        "options": {"user": PLANTED["bodies"][1], "metadata": {PLAIN["bodies"][2]: PLANTED["bodies"][3]}},
        "tools": ["desk:look", "desk:stumble"],
        "turns": turns,
    }
    project.write("specs/said.yaml", json.dumps(said))
    stream = {"model": model | {"stream": True}, "turns": [{"user": "go", "expect": [{"contains": "<"}]}]}
    project.write("specs/streamed.yaml", json.dumps(stream))
    project.write("specs/_keys.csv", "id,key\n" + "".join(f"c{n},{key}\n" for n, key in enumerate(PLAIN["cases"])))
    cases = {
        "model": model,
        "cases": {"file": "_keys.csv"},
        "turns": [{"user": "Is {{ key }} mine?", "expect": [{"contains": "nowhere"}]}],
    }
    project.write("specs/cases.yaml", json.dumps(cases))
    project.write(
        "desk.py",
        f"def look(word: str) -> str:\n    return {' '.join(PLANTED['results'])!r}\n\n\n"
        f"def stumble(word: str) -> str:\n    raise RuntimeError({' '.join(PLANTED['errors'][5:])!r})\n",
    )
    project.write("convrun.toml", f"base_urls = ['{loopback.base_url}']\n")
    return project


def raw(text):
    """A text that is no template."""
    return "{% raw %}" + text + "{% endraw %}" if "{" in text else text


def told(project, ended):
    """What a command said, and what it left behind, files of the user apart."""
    left = {name: data for name, data in files(project.root).items() if not _INPUT.match(name)}
    texts = {name: data.decode("utf-8", "replace") for name, data in left.items()}
    return {"stdout": ended.stdout, "stderr": ended.stderr} | texts


def test_a_hundred_secrets_leave_no_trace(planted_project, loopback):
    """Recorded and replayed with the key and without: they were sent, and are found in nothing that is left or said."""
    project = planted_project
    reports = [word for name in REPORTS for word in ("--report", f"{name}=out/{name}")]
    key = {"OPENAI_API_KEY": PLANTED["bodies"][0]}
    ended = project.cli("record", "-vv", *reports, **key)
    sent = json.dumps([[request.headers, request.body] for request in loopback.requests])
    assert len(loopback.requests) == 18, ended.stderr
    for place in ("addresses", "queries", "cases"):
        assert len(found_in(sent, PLAIN[place])) == 10, place
    seen = told(project, ended)
    assert {name for name in seen if name.startswith("cassettes/")} >= {
        "cassettes/said.yaml",
        "cassettes/streamed.yaml",
    }
    secrets = sorted({*EVERY, *(one for some in PLAIN.values() for one in some)})
    assert {name: found for name, text in seen.items() if (found := found_in(text, secrets))} == {}
    assert ended.returncode == 1, ended.stderr  # what the cases want is not said
    for environ in (key, {}):
        again = project.cli("run", "-vv", *reports, **environ)
        assert "10 failed" in again.stdout
        assert "2 passed" in again.stdout, again.stdout[-3000:]
        assert (again.returncode, "stale" in again.stdout) == (1, False)
        seen = told(project, again)
        assert {name: found for name, text in seen.items() if (found := found_in(text, secrets))} == {}


def test_a_rotated_token_plays_the_recording(project, loopback):
    """A tool that answers with another token of the same kind is fresh; one that says something else is stale."""
    first, second, other = [secret for kind, secret in planted(120) if kind == "github-token"][:3]
    loopback.says(reply(calls={"look": {"word": "x"}}), reply("done"))
    project.write("convrun.toml", f"base_urls = ['{loopback.base_url}']\n")
    model = {"name": "m", "base_url": loopback.base_url}
    turns = [{"user": "go", "expect": [{"equals": "done"}, {"called": {"tool": "look"}}]}]
    project.write("specs/a.yaml", json.dumps({"model": model, "tools": ["desk:look"], "turns": turns}))

    def answers(text):
        project.write("desk.py", f"def look(word: str) -> str:\n    return {text!r}\n")

    answers(f"token {first}")
    assert project.record().verdict == "passed"
    answers(f"token {second}")
    replayed = project.one()
    assert (replayed.verdict, replayed.live_calls) == ("passed", 0)
    assert "<github-token>" in str(replayed.turns)
    assert project.one(record="new_episodes").live_calls == 0
    answers(f"the token {other}")
    stale = project.one()
    assert stale.verdict == "stale"
    assert (other in repr(stale), "the token <github-token>" in repr(stale)) == (False, True)


def test_a_key_that_stands_as_a_number_is_not_written(project, loopback):
    """That interaction is named with the place, and is in no file; what was answered before is, and no more is paid."""
    loopback.says("one", reply("two", usage={"prompt_tokens": 73501946, "completion_tokens": 1}), "three")
    project.write("convrun.toml", f"base_urls = ['{loopback.base_url}']\n")
    model = {"name": "m", "base_url": loopback.base_url}
    project.write("specs/a.yaml", json.dumps({"model": model, "turns": [{"user": str(n)} for n in range(3)]}))
    result = project.one(record="all", environ={"OPENAI_API_KEY": "73501946"})
    assert result.verdict == "error"
    assert result.error.message.startswith("interaction 2 holds a secret where it cannot be taken out")
    assert "/response/0/usage/prompt_tokens" in result.error.message
    left = {name: data.decode() for name, data in files(project.root).items()}
    assert not [name for name, text in left.items() if "73501946" in text]
    assert "cassettes/a.yaml" not in left
    assert len(loopback.requests) == 2
    assert left["cassettes/a.yaml.partial"].count("\n") == 2
    assert '"one"' in left["cassettes/a.yaml.partial"]


@pytest.mark.parametrize("number", ["123456789012", "1.23456789012e11"])
@pytest.mark.parametrize("where", ["call", "streamed", "result", "reply"])
def test_a_number_in_json_is_not_written(project, loopback, number, where):
    """JSON that is a text (arguments, results, replies) is refused where it holds a secret as a number, not broken."""
    text = f'{{"id": 7, "n": {number}}}'
    arguments = text if where in ("call", "streamed") else '{"id": 7, "n": 1}'

    def said(received):
        if any(message["role"] == "tool" for message in received.body["messages"]):
            return reply(text if where == "reply" else "done")
        call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": arguments}}
        if where != "streamed":
            answer = reply("")
            answer["choices"][0] |= {"finish_reason": "tool_calls"}
            answer["choices"][0]["message"] |= {"content": None, "tool_calls": [call]}
            return answer
        halves = [arguments[:15], arguments[15:]]
        parts = [{**call, "index": 0, "function": {**call["function"], "arguments": half}} for half in halves]
        body = event_stream(chunk(tool_calls=[parts[0]]), chunk(tool_calls=[parts[1]]), chunk("tool_calls"))
        return Answer(body=body, headers={"content-type": "text/event-stream"})

    loopback.says(said)
    result = text if where == "result" else "fine"
    project.write("desk.py", f"def look(id: int, n: float) -> str:\n    return {result!r}\n")
    project.write("convrun.toml", f"base_urls = ['{loopback.base_url}']\nredact = ['[0-9]{{12}}']\n")
    model = {"name": "m", "base_url": loopback.base_url, "stream": where == "streamed"}
    turns = [{"user": "go", "expect": [{"contains": "done"}]}]
    project.write("specs/a.yaml", json.dumps({"model": model, "tools": ["desk:look"], "turns": turns}))
    found = project.one(record="all")
    assert found.verdict == "error", repr(found)
    assert "holds a secret where it cannot be taken out, as a number at /re" in found.error.message
    left = "".join(data.decode() for name, data in files(project.root / "cassettes").items())
    assert number not in left
    assert "<redacted>" not in left


def test_a_number_that_is_a_secret_is_not_reported(project):
    """The arguments of a call have what stands for it, however the number is written."""
    project.write("convrun.toml", "redact = ['(?P<account>[0-9]{12})']\n")
    project.write("desk.py", "def look(n: float, m: int) -> str:\n    return 'fine'\n")
    script = [{"call": "look", "with": {"n": 1.23456789012e11, "m": 123456789012}}, {"reply": "done"}]
    turns = [{"user": "go", "expect": [{"called": {"tool": "look", "with": {"m": 1}}}]}]
    spec = {"model": {"script": script}, "tools": ["desk:look"], "turns": turns}
    project.write("specs/a.yaml", json.dumps(spec))
    (turn,) = project.one().turns
    assert turn.tool_calls[0].arguments == {"n": "<account>", "m": "<account>"}
    assert "123456789012" not in repr(turn)


def test_what_a_module_raises_is_told_without_secrets(project):
    """An import that fails with a key in its message: neither the console, nor a report, nor a traceback has it."""
    (_, secret), (_, other) = planted(2)
    project.write("desk.py", f"raise RuntimeError('no login with {secret} and plain-0-words')\n")
    project.write("specs/a.yaml", "model: echo\ntools: [desk:look]\nturns: [{user: hi}]\n")
    project.write(".env", "OPENAI_API_KEY=plain-0-words\n")
    ended = project.cli("run", "-vv", "--report", "json=out/json", "--report", "junit=out/junit")
    assert "no login with <openai-key> and <OPENAI_API_KEY>" in ended.stderr
    seen = told(project, ended)
    assert not [name for name, text in seen.items() if secret in text or ("plain-0" in text and name != ".env")]
    project.write("specs/a.yaml", f"model: echo\nturns: [{{user: hi, expct: '{other}'}}]\n")
    ended = project.cli("validate")
    assert (ended.returncode, other in ended.stderr) == (2, False)


def test_an_imported_recording_has_no_secrets(project):
    """Those of vcrpy's own files are in neither the spec nor the cassette that are made of them."""
    (_, secret), *_ = planted(1)
    body = {"model": "m", "messages": [{"role": "user", "content": f"my key is {secret}"}]}
    request = {"method": "POST", "uri": "https://api.openai.com/v1/chat/completions", "body": json.dumps(body)}
    response = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": json.dumps(reply(secret))}}
    value = {"version": 1, "interactions": [{"request": request | {"headers": {}}, "response": response}]}
    project.write("old.json", json.dumps(value))
    ended = project.cli("import", "old.json")
    assert ended.returncode == 0, ended.stdout
    made = {name: data.decode() for name, data in files(project.root).items() if name != "old.json"}
    assert not [name for name, text in made.items() if secret in text]
    assert "my key is <openai-key>" in made["specs/old.yaml"]
    assert project.cli("run").returncode == 0


def test_a_secret_names_no_cassette_and_stands_in_no_advice(project):
    """A case whose id is a token is a mistake, told without it; `-D` of one is repeated without it."""
    (_, first), (_, second) = planted(2)
    project.write("specs/a.yaml", f"model: echo\ncases: [{{key: {first}}}]\nturns: [{{user: '{{{{ key }}}}'}}]\n")
    ended = project.cli("run")
    assert (ended.returncode, first in ended.stdout + ended.stderr) == (2, False)
    assert "specs/a.yaml:2:9: the id of this case is a secret" in ended.stderr
    assert project.cli("list").returncode == 2
    project.write("specs/a.yaml", "model: echo\nvars: {key: x}\nturns: [{user: '{{ key }}', expect: [{equals: x}]}]\n")
    ended = project.cli("run", "-D", f"key={second}")
    assert (ended.returncode, second in ended.stdout + ended.stderr) == (1, False)
    assert "-D 'key=<anthropic-key>'" in ended.stdout


def test_a_block_of_a_program_takes_out_what_the_settings_name(project, monkeypatch):
    """`redact` holds for the cassettes of `convrun.testing` as well, and so do the known shapes."""
    (_, secret), *_ = planted(1)
    project.write("convrun.toml", "redact = ['EMP-[0-9]{6}']\n")
    monkeypatch.chdir(project.root)
    with cassette("cassettes/block.yaml", record="once"):
        assert "EMP-123456" in get_model("echo").prompt(f"I am EMP-123456 with {secret}").text()
    text = (project.root / "cassettes/block.yaml").read_text("utf-8")
    assert "I am <redacted> with <openai-key>" in text
    assert not found_in(text, [secret])


def test_what_a_variable_says_may_name_a_spec(project, echoing):
    """Conversations whose names hold a variable's value stay apart: recorded, failing, remembered, and run alone."""
    project.write("convrun.toml", f"base_urls = ['{echoing.base_url}']\n")
    model = {"name": "m", "base_url": echoing.base_url, "max_retries": 0}
    for area, holds in (("europe", True), ("asia", False)):
        turns = [{"user": "ok {{ env.EU }} {{ env.AS }}", "expect": [{"contains": "ok" if holds else "nowhere"}]}]
        project.write(f"specs/{area}.yaml", json.dumps({"model": model, "turns": turns}))
    named = {"EU": "europe", "AS": "s/asia"}
    assert project.cli("record", "-y", **named).returncode == 1
    again = project.cli("record", "-y", **named)
    assert (again.returncode, "1 failed" in again.stdout, "1 passed" in again.stdout) == (1, True, True), again.stdout
    failed = project.cli("run", "--last-failed", "--report", "json", **named)
    (only,) = json.loads(failed.stdout[failed.stdout.index("{") :])["conversations"]
    assert (failed.returncode, only["id"], only["where"]["file"]) == (1, "specs/asia.yaml", "specs/asia.yaml")
    assert "europe" not in json.dumps(only)
    assert only["turns"][0]["user"] == "ok <EU> <AS>"
    assert project.cli("run", only["id"], **named).returncode == 1


@pytest.mark.parametrize("command", ["list", "validate", "status", "run", "record"])
def test_a_secret_names_no_spec(project, command):
    """A path with a token in it, or an id that `redact` fits, is a mistake wherever names are shown."""
    (_, secret), *_ = planted(1)
    project.write("convrun.toml", "redact = ['EMP-[0-9]{6}']\n")
    project.write(f"specs/{secret}.yaml", "model: echo\nturns: [{user: x}]\n")
    project.write("specs/a.yaml", "model: echo\ncases: [{id: EMP-123456}]\nturns: [{user: x}]\n")
    ended = project.cli(command)
    said = ended.stdout + ended.stderr
    assert (ended.returncode, secret in said, "EMP-1" in said) == (2, False, False), said
    assert "specs/<openai-key>.yaml: there is a secret in the path of this spec" in said
    assert "specs/a.yaml:2:9: the id of this case is a secret" in said
