"""Where the recording holds less than what was said: a tool that gets a token, a check that expects one."""

import json

import pytest
from planted import planted
from servers import reply

TOKEN = next(secret for kind, secret in planted(100) if kind == "github-token")


@pytest.fixture
def made(project, loopback):
    """Call it with a tool's policy and the checks: a spec whose model calls `login` with a token."""
    project.write("convrun.toml", f"base_urls = ['{loopback.base_url}']\n")
    project.write("desk.py", "def login(token: str) -> str:\n    return f'{len(token)} characters'\n")

    def write(policy, *checks):
        loopback.says(reply(calls={"login": {"token": TOKEN}}), f"It is {TOKEN}.")
        tool = {"use": "desk:login", "policy": policy}
        turns = [{"user": "go", "expect": list(checks)}]
        model = {"name": "m", "base_url": loopback.base_url}
        project.write("specs/a.yaml", json.dumps({"model": model, "tools": [tool], "turns": turns}))
        return project

    return write


def test_record_says_that_a_tool_got_a_secret(made):
    """Live it got the token, on replay what stands for it: the finding names tool and turn, and how to mend it."""
    project = made("live", {"contains": "It is"})
    ended = project.cli("record", "-y")
    assert ended.returncode == 0, ended.stderr
    told = (
        "FINDING secret: tool 'login' got a secret from the model in turn 1, and gets what stands for it on replay: "
        "login(token='<github-token>')"
    )
    assert told in ended.stdout
    assert "`policy: replay`" in ended.stdout
    assert TOKEN not in ended.stdout + ended.stderr
    assert project.one().verdict == "stale"


def test_a_tool_whose_result_is_played_needs_no_word(made):
    """With the policy that the finding names the recording is fresh, and there is no finding."""
    project = made("replay", {"contains": "It is"})
    assert project.record().findings == ()
    again = project.one()
    assert (again.verdict, again.findings) == ("passed", ())


def test_a_check_that_expects_a_token_says_why_it_fails(made):
    """Both sides look alike once the token is taken out: the failure says that the reply was judged without it."""
    project = made("replay", {"contains": TOKEN}, {"called": {"tool": "login", "with": {"token": TOKEN}}})
    (turn,) = project.record().turns
    hint = "; secrets were replaced in that before it was judged: expect '<github-token>'"
    messages = [check.message for check in turn.checks]
    assert messages[0] == f"expected the reply to contain '<github-token>', got 'It is <github-token>.'{hint}"
    assert messages[1].endswith(hint)
    project.edit("specs/a.yaml", f'"contains": "{TOKEN}"', '"contains": "<github-token>"')
    assert [check.verdict for check in project.one().turns[0].checks] == ["passed", "failed"]
