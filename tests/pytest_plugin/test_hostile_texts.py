"""What a model says, or a spec, does no harm where pytest writes it: to GitHub's runner, and to a terminal."""

from __future__ import annotations

import json
import re
import sys

import pytest
from planted import found_in, planted

SAID = """
    model: {script: [{call: look, with: {where: '##[add-mask]q'}}, {reply: "a ##[error]z\\n::error::forged"}]}
    tools: [desk:look]
    turns: [{user: Hi, expect: [{equals: nothing}]}]
"""
LOOK = '''
    def look(where: str) -> str:
        """Look there."""
        return f"##[group]{where}"
'''
CASES = """
    model: echo
    turns: [{user: Hi, expect: [{equals: nothing}]}]
    cases:
      - id: "\\x1b[31mred \\u202eevil\\x9b"
      - {id: plain, skip: not now}
"""
CONTINUE = "--continue-on-collection-errors"
REASON = f"""
    skip: '{"w " * 23}::error::forged ##[error]forged'
    model: echo
    turns: [{{user: Hi, expect: [{{equals: Hi}}]}}]
"""


def commands(result):
    """What GitHub's runner would obey in the output."""
    return re.findall(r"(?m)^\s*::.*|.*##\[.*", result.stdout.str())


@pytest.fixture
def on_github(suite, monkeypatch):
    """A project that is tested under GitHub Actions, on a terminal of the usual width."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("COLUMNS", "80")
    return suite


def test_a_model_commands_no_runner(on_github, monkeypatch):
    """No line of a failure is a command, wherever the model said it: the first sign of one is another."""
    on_github.write("desk.py", LOOK)
    on_github.write("specs/said.yaml", SAID)
    output = (result := on_github.passes("specs", "-vv", failed=1)).stdout.str()
    assert commands(result) == []
    for shown in ("a # #[error]z", "# #[add-mask]q", "# #[group]# #[add-mask]q"):
        assert shown in output
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert "a ##[error]z" in on_github.passes("specs", "-vv", failed=1).stdout.str()


@pytest.mark.parametrize("option", ["-vv", "-rs"])
def test_a_reason_commands_no_runner(on_github, option):
    """Wherever pytest breaks the reason of a skipped conversation, no line of it begins with a command."""
    on_github.write("specs/reason.yaml", REASON)
    result = on_github.passes("specs", option, skipped=1)
    assert commands(result) == []
    assert "error: :forged" in result.stdout.str()


@pytest.mark.skipif(sys.platform == "win32", reason="no such file names")
def test_ids_and_file_names_are_visible(suite):
    """Control characters in the id of a case or the name of a file are written as what they are, and so selected."""
    suite.write("specs/\x1b7\u202e.yaml", CASES)
    suite.write("specs/\x9b1m.yaml", "model: echo\nturn: []\n")
    shown = r"\x1b[31mred \u202eevil\x9b"
    for options, code in (([], 2), (["-vv", "-rA", CONTINUE], 1), (["-q", CONTINUE], 1), (["--collect-only"], 2)):
        output = suite.pytest("specs", *options, code=code).stdout.str()
        assert r"\x1b7\u202e.yaml" in output or code == 2
        assert not set(output) & {"\x1b", "\x9b", "\u202e"}, options
    (suite.root / "specs/\x9b1m.yaml").unlink()
    assert suite.ids("specs")[0] == rf"specs/\x1b7\u202e.yaml::{shown}"
    suite.passes(f"specs/\x1b7\u202e.yaml::{shown}", failed=1)


def test_pytest_writes_no_secrets(suite):
    """A hundred in what user, model and tool say, a check and a tag: neither the output nor the JUnit file has one."""
    secrets = [secret for _, secret in planted(100)]
    said, called, answered, expected = (" ".join(secrets[number::4]) for number in range(4))
    script = [{"call": "look", "with": {"where": called}}, {"reply": answered}]
    turns = [{"user": "{% raw %}" + said + "{% endraw %}", "expect": [{"contains": expected}]}]
    spec = {"model": {"script": script}, "tools": ["desk:look"], "tags": [secrets[5]], "turns": turns}
    suite.write("specs/a.yaml", json.dumps(spec))
    suite.write("desk.py", LOOK)
    result = suite.pytest("specs", "-vv", "-rA", "--junit-xml=out.xml", code=1)
    told = result.stdout.str() + result.stderr.str() + (suite.root / "out.xml").read_text("utf-8")
    assert found_in(told, secrets) == []
    assert "<github-token>" in result.stdout.str()
