"""A hundred secrets in ten kinds of place: none of them on the disk, in a report or in a message."""

import json
import re

import pytest
from live_specs import files
from planted import escaped, found_in, in_base64, in_pieces, planted
from servers import Answer, chunk, event_stream, reply

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
