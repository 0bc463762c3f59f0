"""What of an account never reaches the disk, the console or a report."""

import json

import pytest
from live_specs import CASSETTE, KEY, KEYED, SPEC, echo, files, spec
from servers import Answer, chunk, event_stream, reply

# Headers that name an account or a request, as seen in real traffic.
ACCOUNT = {
    "openai-organization": "acme-organization",
    "openai-project": "proj_acme",
    "set-cookie": "__cf_bm=acme-cookie; path=/",
    "x-request-id": "req_acme",
    "request-id": "req_acme",
    "cf-ray": "ray-acme",
    "traceparent": "00-acme-01",
    "apim-request-id": "apim-acme",
    "mistral-correlation-id": "mistral-acme",
    "x-databricks-org-id": "databricks-acme",
    "x-ratelimit-limit-requests": "limit-acme",
    "openai-processing-ms": "acme",
    "via": "acme",
    "x-something-new": "acme",
}


@pytest.mark.parametrize("stream", [False, True])
def test_headers_of_an_account_are_not_stored(project, loopback, stream):
    """Of what a provider sends along nothing is stored but an allow-list; ids of requests are dropped from bodies."""
    body = (
        event_stream(
            chunk(content="hi"),
            chunk("stop"),
        )
        if stream
        else reply("hi", system_fingerprint="fp_acme")
    )
    kind = {"content-type": "text/event-stream"} if stream else {}
    loopback.says(Answer(body=body, headers={**ACCOUNT, **kind}))
    headers = {"X-Title": "tests", "X-Team-Token": "acme-token", "OpenAI-Organization": "acme"}
    project.write(SPEC, spec(loopback.base_url, "hi", stream=stream, headers=headers))
    assert project.one(record="all", environ=KEYED, base_url=loopback.base_url).verdict == "passed"
    sent = loopback.requests[0].headers
    assert (sent["x-team-token"], sent["authorization"]) == ("acme-token", f"Bearer {KEY}")
    text = (project.root / CASSETTE).read_text("utf-8")
    assert "acme" not in text
    assert "chatcmpl" not in text
    assert "uthorization" not in text
    assert "user-agent" not in text
    assert "x-title: tests" in text
    assert project.one().verdict == "passed"


@pytest.mark.parametrize("stream", [False, True])
def test_key_values_never_reach_a_cassette(project, loopback, stream):
    """A key in a prompt, an option, a tool's result or the reply, in pieces too, is its placeholder on disk."""
    project.write("desk.py", f"def look(word: str) -> str:\n    return {KEY!r} + word\n")
    body = json.loads(spec(loopback.base_url, f"my {KEY}", "again", stream=stream))
    body["turns"][0].pop("expect")
    project.write(
        SPEC, json.dumps({**body, "tools": ["desk:look"], "system": f"be {KEY}", "options": {"user": f"u-{KEY}"}})
    )
    loopback.says(reply(calls={"look": {"word": KEY}}), echo)
    recorded = project.one(record="all", environ=KEYED, base_url=loopback.base_url)
    assert (recorded.verdict, recorded.live_calls) == ("passed", 3)
    assert KEY in str([request.body for request in loopback.requests])  # what was sent is what was written
    text = (project.root / CASSETTE).read_text("utf-8")
    assert KEY not in text
    assert KEY[:12] not in text
    assert text.count("<OPENAI_API_KEY>") >= 5
    with_key = project.one(environ=KEYED, base_url=loopback.base_url)
    assert (with_key.verdict, with_key.live_calls) == ("passed", 0)


def test_a_process_tells_nobody_its_key(project, loopback):
    """A provider that echoes the key where it may: neither console nor report nor any file shows the value."""
    project.write(SPEC, spec(loopback.base_url, "hi", "ho", stream=True))
    pieces = [chunk(content=KEY[at : at + 3]) for at in range(0, len(KEY), 3)]
    leak = event_stream(chunk(content="your key is "), *pieces, chunk("stop"))
    loopback.says(
        Answer(body=leak, headers={"content-type": "text/event-stream", "x-echo": KEY}),
        Answer(body=leak, headers={"content-type": "text/event-stream", "x-echo": KEY}),
    )
    arguments = ["record", "-vv", "--base-url", loopback.base_url, "--report", "json=out/result.json"]
    ended = project.cli(*arguments, **KEYED)
    assert ended.returncode == 1
    assert KEY not in ended.stdout + ended.stderr
    assert "your key is <OPENAI_API_KEY>" in ended.stdout
    assert all(KEY.encode() not in data for data in files(project.root).values())


def test_a_recording_plays_with_and_without_the_key(project, loopback):
    """What the key was replaced in is compared in that form: the placeholder is the key."""
    loopback.says(echo)
    project.write(SPEC, spec(loopback.base_url, f"my {KEY}"))
    body = json.loads(spec(loopback.base_url, f"my {KEY}"))
    body["turns"][0].pop("expect")
    project.write(SPEC, json.dumps(body))
    project.one(record="all", environ=KEYED, base_url=loopback.base_url)
    assert project.one(environ=KEYED, base_url=loopback.base_url).verdict == "unchecked"
    loopback.requests.clear()
    again = project.one(record="new_episodes", environ=KEYED, base_url=loopback.base_url)
    assert (again.live_calls, loopback.requests) == (0, [])
