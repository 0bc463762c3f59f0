"""The `.env` beside the settings: what is read of it, what goes before it, and how mistakes in it are said."""

import json
import os

import pytest

from convrun.environment import read_dotenv
from convrun.errors import SettingsError

SECRET = "hunter2-is-no-password"
ASKS = """
import os


def look() -> str:
    return os.environ.get("SERVICE_TOKEN", "nothing")
"""
LOOKS = """
model: {script: [{call: look}, {reply: done}]}
tools: ['desk:look']
turns: [{user: hi, expect: [{called: %s}]}]
"""


def test_lines_are_read_as_people_write_them(tmp_path):
    """Quotes, `export`, comments, blank lines, BOM and CRLF; a `$` is nothing special, and a bare name sets nothing."""
    text = (
        "\ufeffA=1\r\n\r\nexport B='two words' # said\r\n# C=3\r\nD=\"a\\nb\"\r\nE=${A}$B\r\nF=\r\nG\r\n"
        "H=x # no\r\nI='${A}'\r\n"
    )
    (tmp_path / ".env").write_bytes(text.encode())
    assert read_dotenv(tmp_path) == {
        "A": "1",
        "B": "two words",
        "D": "a\nb",
        "E": "${A}$B",
        "F": "",
        "H": "x",
        "I": "${A}",
    }


def test_no_file_and_a_folder_of_the_name_are_nothing(tmp_path):
    """Some call their virtual environment `.env`."""
    assert read_dotenv(tmp_path) == {}
    (tmp_path / ".env").mkdir()
    assert read_dotenv(tmp_path) == {}


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (f"A=1\n\n\n{SECRET} and more\n".encode(), 4, "no NAME=value"),
        (f"A=1\nB='{SECRET}\nC=2\n".encode(), 2, "no NAME=value"),
        (f"'A=B'={SECRET}\n".encode(), 1, "no NAME=value"),
        (f"A={SECRET}\0\n".encode(), 1, "no NAME=value"),
        (f"A=1\nB={SECRET}\xff\n".encode("latin-1"), 2, "not UTF-8"),
        pytest.param(b"A=" + b"x" * 1_000_001, None, "larger than", id="large"),
    ],
)
def test_a_mistake_is_said_with_its_line_and_without_its_text(project, content, line, what):
    """Exit 2 names file and line; what stands there may be a secret."""
    (project.root / ".env").write_bytes(content)
    project.write("specs/a.yaml", "model: echo\nturns: [{user: hi}]\n")
    for arguments in (["run", "-vv"], ["validate", "-vv"], ["list"]):
        ended = project.cli(*arguments)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.startswith(f".env:{line}: " if line else ".env: ")
        assert what in ended.stderr
        assert "hunter2" not in ended.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    """A `.env` that may never end is an error."""
    os.mkfifo(tmp_path / ".env")
    with pytest.raises(SettingsError, match="it cannot be read: not a regular file"):
        read_dotenv(tmp_path)


def test_settings_and_their_mistakes_come_from_it(project):
    """`CONVRUN_…` counts as in the environment, which goes before it, also when empty; a wrong one is placed."""
    project.write("specs/a.yaml", "turns: [{user: hi}]\n")
    project.write(".env", "CONVRUN_MODEL=echo\nCONVRUN_STRICT=yes\n")
    assert project.cli("run").returncode == 1
    assert project.cli("run", CONVRUN_STRICT="no").returncode == 0
    assert "no model is named" in project.cli("run", CONVRUN_MODEL="").stderr
    project.write(".env", "CONVRUN_MODL=echo\n")
    ended = project.cli("run")
    assert ended.returncode == 2
    assert ended.stderr.startswith(".env: unknown environment variable 'CONVRUN_MODL'")


def test_keys_and_variables_of_templates_come_from_it(project, loopback):
    """A recording sends both and keeps neither; it replays without the file."""
    loopback.says("fine")
    spec = {"model": "gpt-4.1-mini", "turns": [{"user": "I am {{ env.TEAM }}"}]}
    project.write("specs/a.yaml", json.dumps(spec))
    project.write(".env", f"OPENAI_API_KEY=sk-loopback-{SECRET}\nTEAM={SECRET}\nOPENAI_BASE_URL={loopback.base_url}\n")
    assert project.cli("record").returncode == 0
    (sent,) = loopback.requests
    assert sent.headers["authorization"] == f"Bearer sk-loopback-{SECRET}"
    assert sent.body["messages"][0]["content"] == f"I am {SECRET}"
    text = (project.root / "cassettes/a.yaml").read_text("utf-8")
    assert "I am <TEAM>" in text
    assert "hunter2" not in text
    (project.root / ".env").unlink()
    assert project.cli("run", OPENAI_BASE_URL=loopback.base_url).returncode == 0


def test_tools_find_it_in_their_environment(project):
    """As with other programs that read a `.env`; what the environment has already stays."""
    project.write("desk.py", ASKS)
    project.write(".env", "SERVICE_TOKEN=from-the-file\n")
    project.write("specs/a.yaml", LOOKS % "{tool: look, returns: from-the-file}")
    assert project.cli("run").returncode == 0
    project.write("specs/a.yaml", LOOKS % "{tool: look, returns: from-the-shell}")
    assert project.cli("run", SERVICE_TOKEN="from-the-shell").returncode == 0


def test_it_is_the_roots_wherever_the_command_is_given(project):
    """The folder of the settings counts, not the current one."""
    project.write("specs/a.yaml", "turns: [{user: hi, expect: [{equals: hi}]}]\n")
    project.write(".env", "CONVRUN_MODEL=echo\n")
    project.write("specs/.env", "CONVRUN_MODEL=gpt-4.1-mini\n")
    assert project.cli("run", cwd=project.root / "specs").returncode == 0


def test_a_bug_shows_no_value(project):
    """What breaks convrun itself while a variable is in use is said without it."""
    project.write("specs/a.yaml", "model: echo\ntools: ['desk:look']\nturns: [{user: '{{ env.SERVICE_TOKEN }}'}]\n")
    project.write(".env", f"SERVICE_TOKEN={SECRET}\n")
    leak = "def leak(*_, environ):\n    raise TypeError(environ['SERVICE_TOKEN'])"
    breaking = f"from convrun.suite import playing\n{leak}"
    project.write("desk.py", f"{ASKS}\n{breaking}\nplaying.run_conversation = leak\n")
    ended = project.cli("run", "-vv")
    assert ended.returncode == 70
    assert "TypeError: <SERVICE_TOKEN>" in ended.stderr
    assert SECRET not in ended.stderr
