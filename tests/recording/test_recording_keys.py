"""Which key is needed for a recording, and where it may go."""

import json

import pytest
from live_specs import KEY, KEYED, SPEC, spec


@pytest.mark.parametrize("arguments", [["run", "--record", "once"], ["run", "--record", "all"], ["record"]])
def test_a_missing_key_is_said_before_anything_is_sent(project, echoing, arguments):
    """Exit 2 names each variable that lacks a value, and the place of the model that needs it."""
    project.write("convrun.toml", f"base_urls = [{json.dumps(echoing.base_url)}]\n")
    project.write("specs/a.yaml", "model: gpt-4.1-mini\nturns: [{user: one}]\n")
    project.write("specs/b.yaml", spec(echoing.base_url, "one", api_key_env="MY_KEY"))
    project.write("specs/c.yaml", spec(echoing.base_url, "one"))
    ended = project.cli(*arguments)
    assert (ended.returncode, ended.stdout, echoing.asked()) == (2, "", [])
    assert "specs/a.yaml:1:8: no key for 'gpt-4.1-mini': the environment variable OPENAI_API_KEY is not" in ended.stderr
    assert "specs/b.yaml:1:" in ended.stderr
    assert "MY_KEY is not set" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_key_is_not_asked_for_where_everything_is_recorded(recorded, echoing):
    """A recorded conversation whose difference shows later is that turn's error, naming the variable."""
    body = json.loads(spec(echoing.base_url, "one", "zwei", api_key_env="MY_KEY"))
    recorded.write("convrun.toml", f"base_urls = [{json.dumps(echoing.base_url)}]\n")
    recorded.write(SPEC, json.dumps(body))
    result = recorded.one(record="new_episodes")
    assert [turn.verdict for turn in result.turns] == ["passed", "error"]
    assert "MY_KEY is not set" in result.turns[1].error.message
    assert echoing.asked() == []


def test_a_spec_alone_sends_no_key_away(project, echoing):
    """A key for an address that only the spec names is refused before anything is sent; others allow it."""
    project.write(SPEC, spec(echoing.base_url, "one", api_key_env="OPENAI_API_KEY"))
    refused = project.cli("run", "--record", "all", **KEYED)
    assert (refused.returncode, echoing.requests) == (2, [])
    assert "may not go to" in refused.stderr
    assert SPEC in refused.stderr
    assert KEY not in refused.stderr
    assert project.one(record="all", environ=KEYED, base_url=echoing.base_url).verdict == "passed"
    project.write("convrun.toml", f"base_urls = [{json.dumps(echoing.base_url)}]\n")
    assert project.one(record="all", environ=KEYED).verdict == "passed"
    project.write("convrun.toml", "")
    for variable in ("CONVRUN_BASE_URLS", "OPENAI_BASE_URL"):
        named = {**KEYED, variable: echoing.base_url}
        assert project.one(record="all", environ=named).verdict == "passed"
    sent = [request.headers.get("authorization") for request in echoing.requests]
    assert sent == [f"Bearer {KEY}"] * 4


def test_a_key_that_nobody_named_stays_at_home(project, echoing):
    """A base URL of a spec gets requests, and no key at all."""
    project.write(SPEC, spec(echoing.base_url, "one"))
    assert project.one(record="all", environ=KEYED).verdict == "passed"
    assert KEY not in str(echoing.requests)
    assert "authorization" not in echoing.requests[0].headers
