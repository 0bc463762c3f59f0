"""Where a key, and what is said beside it, can be made to go."""

from __future__ import annotations

import pytest
from servers import Answer, loopback_server

KEY = "sk-proj-topsecret"
ENVIRON = {"OPENAI_API_KEY": KEY}


def live(project, server, *, more="", trusted=True, **options):
    """Record a spec that names the server; return the result, or the mistakes for which nothing ran."""
    project.write("convrun.toml", f"base_urls = ['{server.base_url}']" if trusted else "")
    project.write(
        "specs/a.yaml",
        f"model: {{name: m, base_url: '{server.base_url}', max_retries: 0{more}}}\nturns: [{{user: Private}}]\n",
    )
    return project.one(record="all", environ=ENVIRON, **options)


def test_an_address_of_the_spec_gets_no_key(project, loopback):
    """What only a spec names is asked without a key."""
    loopback.says("Hi")
    live(project, loopback, trusted=False)
    assert KEY not in str(loopback.requests[0].headers)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com.example/v1",
        "https://api.openai.com./v1",
        "https://api.openai.com:8443/v1",
        "http://api.openai.com/v1",
        "https://api.openai.com%2eexample/v1",
        "https://api.openai.com,example.com/v1",
        "https://example.com/api.openai.com/v1",
        "https://xn--pi-openai-com-ya8f.example/v1",
    ],
)
def test_an_address_that_looks_like_a_providers_gets_no_key(project, url):
    """Another host, port or scheme is another place: the key of a variable that the spec names may not go there."""
    project.write(
        "specs/a.yaml",
        f"model: {{name: m, base_url: '{url}', api_key_env: OPENAI_API_KEY}}\nturns: [{{user: Hi}}]\n",
    )
    (mistake,) = project.mistakes(record="all", environ=ENVIRON)
    assert f"the key in OPENAI_API_KEY may not go to {url!r}" in mistake


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com@example.com/v1",
        "https://user:pass@api.openai.com/v1",
        "https://api.openai.com\\@example.com/v1",
        "https://api.openai.com#@example.com/v1",
        "https://api.openai.com?@example.com/v1",
        "https://аpi.openai.com/v1",
        "https://api。openai。com/v1",
        "https://api.openai.com:443:1/v1",
    ],
)
def test_an_address_that_can_be_read_in_two_ways_is_none(project, url):
    """What the eye and the network could read differently is a mistake; nothing is asked."""
    project.write("specs/a.yaml", f"model: {{name: m, base_url: '{url}'}}\nturns: [{{user: Hi}}]\n")
    (mistake,) = project.mistakes(record="all", environ=ENVIRON)
    assert "is not a base URL" in mistake or "is no base URL" in mistake


@pytest.mark.parametrize(
    "name", ["Host", "host", "Content-Length", "Transfer-Encoding", "Connection", "Proxy-Authorization", ":authority"]
)
def test_a_spec_does_not_say_where_its_request_goes(project, loopback, name):
    """A header that routes or frames a request is a mistake: a key could be handed on to another host."""
    loopback.says("Hi")
    with pytest.raises(Exception, match="1 mistake") as caught:
        live(project, loopback, more=f", headers: {{'{name}': x}}")
    assert f"{name!r} is no header for a spec to set" in str(caught.value.errors[0])
    assert loopback.requests == []


@pytest.mark.parametrize("header", ['"X-A": "a\\r\\nX-B: c"', '"X-A: b\\r\\nX-B": "c"', '"X A": "c"', '"X-A": "é"'])
def test_a_header_is_one_line_of_ascii(project, header):
    """A line break smuggles no second header in."""
    project.write("specs/a.yaml", f"model: {{name: m, headers: {{{header}}}}}\nturns: [{{user: Hi}}]\n")
    (mistake,) = project.mistakes()
    assert "is no header for a spec to set" in mistake or "no header can carry" in mistake


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("stream", ["true", "false"])
def test_nobody_is_followed_elsewhere(project, loopback, status, stream):
    """A server that sends on gets an error; the other one hears nothing, neither of the key nor of what was said."""
    with loopback_server() as other:
        other.says("stolen")
        onwards = {"location": f"{other.base_url}/chat/completions"}
        loopback.says(Answer(status=status, headers=onwards))
        error = live(project, loopback, more=f", stream: {stream}").error
        assert other.requests == []
    assert (error.type, error.message) == ("BadRequestError", f"127.0.0.1 answered {status} with an empty body")
    assert onwards["location"] in error.fix


@pytest.mark.parametrize(("status", "code"), [(401, "invalid_api_key"), (429, "insufficient_quota")])
def test_a_key_that_was_withheld_is_told(project, loopback, status, code):
    """Where a server wants a key that went nowhere, since only the spec names the address, what lets it go is named."""
    loopback.says(Answer(status=status, body={"error": {"message": "No.", "code": code}}))
    error = live(project, loopback, trusted=False).error
    assert "authorization" not in loopback.requests[0].headers
    assert f"no key was sent, as only a spec names '{loopback.base_url}'" in error.fix
    assert "base_urls" in error.fix


def test_a_key_in_an_error_is_not_shown(project, loopback):
    """A provider that repeats the key gets it into no message."""
    loopback.says(Answer(status=401, body={"error": {"message": f"Incorrect API key: {KEY}"}}))
    error = live(project, loopback).error
    assert "Incorrect API key: <OPENAI_API_KEY>" in error.message
    assert KEY not in repr(error)


def test_a_key_in_pieces_is_not_recorded(project, loopback):
    """A provider that repeats the key in the pieces of a stream gets it into no cassette and no result."""
    from servers import chunk, event_stream

    body = event_stream(chunk(role="assistant", content=KEY[:8]), chunk(content=KEY[8:]), chunk("stop"))
    loopback.says(Answer(headers={"content-type": "text/event-stream"}, body=body))
    result = live(project, loopback, more=", stream: true")
    assert result.turns[0].reply == "<OPENAI_API_KEY>"
    recorded = (project.root / result.cassette).read_text("utf-8")
    assert KEY[:8] not in recorded
    assert KEY[8:] not in recorded


def test_a_settings_file_names_where_keys_go(project, loopback):
    """Whoever writes the settings decides: an address in them gets the key."""
    loopback.says("Hi")
    live(project, loopback)
    assert loopback.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_nearest_settings_decide(project, loopback):
    """The settings of a folder within a project hold for the specs below it."""
    loopback.says("Hi")
    project.write("vendor/convrun.toml", f"base_urls = ['{loopback.base_url}']")
    project.write(
        "vendor/specs/a.yaml", f"model: {{name: m, base_url: '{loopback.base_url}'}}\nturns: [{{user: Hi}}]\n"
    )
    project.one("vendor/specs/a.yaml", record="all", environ=ENVIRON)
    assert loopback.requests[0].headers["authorization"] == f"Bearer {KEY}"
