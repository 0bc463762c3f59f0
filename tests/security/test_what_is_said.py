"""What a spec's code can do, and what the words of a cassette, a tool or a model can do: they are data."""

from __future__ import annotations

import json

import pytest

EVIL = "\x1b[2J\x1b]0;x\x07\r\n::error::x\n##[error]x\n\u202eabc\u2066 \x9b31m {{ 7 * 7 }}"
ODD = "\x1b\x07\x9b\u202e\u2066\r"
SPOKEN = f"""
model:
  script: [{{call: work, with: {{text: {json.dumps(EVIL)}}}}}, {{reply: {json.dumps(EVIL)}}}]
tools: ['desk:work']
turns:
  - user: {json.dumps(EVIL.replace("{", "(").replace("}", ")"))}
    expect: [{{equals: no}}]
"""


@pytest.fixture
def spoken(project):
    """A project whose model and tool say what would do something to a terminal, a runner or a template."""
    project.write("desk.py", "def work(text: str) -> str:\n    print(text)\n    return text\n")
    (project.root / "specs").mkdir()
    (project.root / "specs/a.yaml").write_text(SPOKEN.replace("\r\n", "\\r\\n"), "utf-8")
    return project


def test_a_spec_runs_what_can_be_imported(project):
    """A spec names code, and running it runs that code: also a function of Python's own library."""
    project.write(
        "specs/a.yaml",
        "model: {script: [{call: getenv, with: {key: HOME}}, {reply: done}]}\n"
        "tools: ['os:getenv']\nturns: [{user: Go}]\n",
    )
    assert project.one().turns[0].tool_calls[0].error is None


def test_list_and_validate_without_imports_run_nothing(project):
    """What looks at a spec without importing is safe for a spec of a stranger."""
    project.write("desk.py", "open('ran', 'w').close()\ndef work():\n    pass\n")
    project.write("specs/a.yaml", "model: echo\ntools: ['desk:work']\nturns: [{user: Hi}]\n")
    assert project.cli("list").returncode == project.cli("validate", "--no-import").returncode == 0
    assert not (project.root / "ran").exists()


@pytest.mark.parametrize("verbosity", ["-q", "-v", "-vv"])
def test_the_console_shows_control_characters(spoken, verbosity):
    """Nothing that a model says moves the cursor, colours, or turns the order of a line round."""
    assert not set(spoken.cli("run", verbosity).stdout) & set(ODD)


@pytest.mark.parametrize("arguments", [("run", "--report", "json"), ("list", "--json")])
def test_json_shows_control_characters(spoken, arguments):
    """They are escaped in JSON, which is the same JSON."""
    printed = spoken.cli(*arguments).stdout
    assert not set(printed) & set(ODD)
    assert json.loads(printed)


def test_a_cassette_shows_what_turns_a_line_round(spoken):
    """A reviewer reads the text that is played: such characters are escaped, and played as they were."""
    result = spoken.record()
    assert not set((spoken.root / result.cassette).read_text("utf-8")) & set(ODD)
    assert spoken.one().turns[0].reply == EVIL


def test_what_is_said_is_no_command_to_github(spoken):
    """From the first line that a tool may print to the last of the report, commands are stopped by a token."""
    run = spoken.cli("run", GITHUB_ACTIONS="true")
    first, *_ = run.stderr.splitlines()
    assert first.startswith("::stop-commands::")
    token = first.removeprefix("::stop-commands::")
    assert len(token) == 32
    assert run.stderr.index("::error::x") > 0
    assert f"::{token}::" not in run.stderr
    assert run.stdout.count(f"\n::{token}::\n") == 1
    assert "::error::x" not in run.stdout.partition(f"\n::{token}::\n")[2]


def test_commands_are_taken_again_where_nothing_ran(project):
    """A mistake ends the stop: what the same step does next works."""
    project.write("specs/a.yaml", "modl: echo\n")
    lines = project.cli("run", GITHUB_ACTIONS="true").stderr.splitlines()
    assert f"::{lines[0].removeprefix('::stop-commands::')}::" in lines


def test_what_a_model_says_is_no_template(project):
    """A reply that looks like a template is text, also where a later turn quotes it."""
    project.write(
        "specs/a.yaml",
        "model: {script: [{reply: '{{ 7 * 7 }}'}, {reply: done}]}\n"
        "turns:\n  - user: Hi\n  - user: 'You said {{ turns[0].reply }}'\n",
    )
    assert project.one().turns[1].user == "You said {{ 7 * 7 }}"


def test_a_cassette_decides_what_tools_are_asked(project):
    """On replay tools run with the arguments that the cassette holds: it is the model's side."""
    project.write("desk.py", "def work(text: str) -> str:\n    return text\n")
    project.write(
        "specs/a.yaml",
        "model: m\ntools: ['desk:work']\nturns: [{user: Hi}]\n",
    )
    call = {"id": "c", "type": "function", "function": {"name": "work", "arguments": '{"text": "from the cassette"}'}}
    tool = {"type": "function", "function": {"name": "work", "parameters": {"type": "object"}}}
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "tools": [tool]}
    said = {
        "choices": [{"index": 0, "message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}]
    }
    project.write(
        "cassettes/a.yaml",
        json.dumps(
            {
                "version": 1,
                "interactions": [
                    {
                        "request": {
                            "method": "POST",
                            "uri": "https://api.openai.com/v1/chat/completions",
                            "body": json.dumps(body),
                            "headers": {},
                        },
                        "response": {
                            "status": {"code": 200, "message": ""},
                            "headers": {},
                            "body": {"string": json.dumps(said)},
                        },
                    }
                ],
            }
        ),
    )
    assert project.one().turns[0].tool_calls[0].result == "from the cassette"


FINDS = """
import os
KEY = os.environ["OPENAI_API_KEY"]
def boom() -> str:
    raise ValueError(f"x {KEY}")
def hook(conversation):
    raise KeyError(KEY)
def check(context):
    raise ValueError(KEY)
def says(context):
    return KEY
"""
KEY = "sk-SECRETSECRET1234"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_no_key_of_a_provider_is_told(project, jobs):
    """Whatever finds one in the environment, with a model that needs none: no report and no console shows it."""
    project.write("desk.py", FINDS)
    project.write(".env", f"OPENAI_API_KEY={KEY}\n")
    project.write("specs/tool.yaml", "model: {script: [{call: boom}]}\ntools: ['desk:boom']\nturns: [{user: Go}]\n")
    project.write("specs/hook.yaml", "model: echo\nhooks: {before_conversation: 'desk:hook'}\nturns: [{user: Go}]\n")
    for check in ("check", "says"):
        project.write(
            f"specs/{check}.yaml", f"model: echo\nturns: [{{user: Hi, expect: [{{python: 'desk:{check}'}}]}}]\n"
        )
    names = ("json", "junit", "markdown", "github")
    ended = project.cli("run", "-vv", "-j", jobs, *(f"--report={name}=out/{name}" for name in names))
    said = [ended.stdout, ended.stderr, *((project.root / "out" / name).read_text("utf-8") for name in names)]
    assert [KEY in text for text in said] == [False] * 6
    assert "<OPENAI_API_KEY>" in said[0]
