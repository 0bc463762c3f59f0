"""Forked processes are as good as started ones: each test here compares the two, or looks at what could leak."""

from __future__ import annotations

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from forking import convrun, environment

TOOLS = """
import atexit, json, os, sys, tempfile
COUNTED = []
def look() -> str:
    COUNTED.append(1)
    atexit.register(print, "at the end", file=sys.stderr)
    live = sorted({"openai", "httpx2", "vcr", "pydantic"} & sys.modules.keys())
    told = [os.getcwd(), os.environ.get("FRUIT"), tempfile.gettempdir(), len(COUNTED), sys.argv, sys.path[:1], live]
    return json.dumps([*told, sys.stdin.read(), sys.stdout.encoding, sys.dont_write_bytecode, sys.stdout.isatty()])
"""
SPEC = """
model: {script: [{call: look}, {reply: done}]}
tools: ['desk:look']
turns: [{user: Hi, expect: [{equals: done}]}]
"""


@pytest.fixture
def both(project, monkeypatch):
    """Runs the same command line in both ways."""

    def run(*arguments, **options):
        forked = convrun(*arguments, cwd=project.root, **options)
        with monkeypatch.context() as changed:
            changed.setenv("CONVRUN_TESTS", "start")
            return forked, convrun(*arguments, cwd=project.root, **options)

    return run


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["run"], 1), (["run", "nowhere"], 2), (["run", "-k", "nothing"], 5), (["--version"], 0), (["list", "--nope"], 2)],
)
def test_output_and_end_are_the_same(arguments, code, both, project):
    """Exit code, stdout and stderr of a forked process are those of a started one."""
    project.write("specs/a.yaml", "model: echo\nturns: [{user: Hé, expect: [{equals: Ho}]}]\n")
    forked, started = (
        (ended.returncode, re.sub(r"\d+ ms", "", ended.stdout), ended.stderr) for ended in both(*arguments)
    )
    assert forked == started
    assert forked[0] == code


@pytest.mark.parametrize("alone", [False, True])
def test_surroundings_are_the_same(alone, both, project, tmp_path):
    """Folder, environment, arguments, import path, input, what is loaded and the end are those of a started one."""
    project.write("specs/a.yaml", SPEC)
    project.write("desk.py", TOOLS)
    environ = environment(FRUIT="pear", TMPDIR=str(tmp_path), PYTHONDONTWRITEBYTECODE="1")
    said = []
    for ended in both("run", "--report", "json", environ=environ, alone=alone):
        assert (ended.returncode, ended.stderr.rpartition("\n")[0].endswith("at the end")) == (0, True), ended.stderr
        (call,) = json.loads(ended.stdout)["conversations"][0]["turns"][0]["tool_calls"]
        said.append(json.loads(call["result"]))
    assert said[0] == said[1]
    assert said[0][:4] == [str(project.root), "pear", str(tmp_path), 1]


def test_nothing_is_left_for_the_next(project):
    """What one process imports, sets and changes is unknown to the next one."""
    project.write("specs/a.yaml", SPEC)
    project.write("desk.py", TOOLS)
    texts = [convrun("run", "-v", cwd=project.root).stdout.partition("reply:")[0].partition("tool:")[2] for _ in "12"]
    assert texts[0] == texts[1] != ""


def test_another_interpreter_is_started(project):
    """An encoding of its own is one that only a start can give."""
    project.write("specs/a.yaml", SPEC)
    project.write("desk.py", "import sys\ndef look():\n    return sys.stderr.encoding\n")
    ended = convrun("run", "-v", cwd=project.root, environ=environment(PYTHONIOENCODING="ascii"))
    assert "result: 'ascii'" in ended.stdout


def test_one_that_hangs_is_stopped(project):
    """After its time a process is killed, and the next one runs."""
    project.write("specs/a.yaml", SPEC)
    project.write(
        "desk.py", "import os, time\ndef look():\n    open('id', 'w').write(str(os.getpid()))\n    time.sleep(60)\n"
    )
    with pytest.raises(subprocess.TimeoutExpired):
        convrun("run", cwd=project.root, timeout=3)
    with pytest.raises(ProcessLookupError):
        os.kill(int((project.root / "id").read_text("utf-8")), 0)
    assert convrun("--version", cwd=project.root).returncode == 0


def test_one_that_dies_is_told(project):
    """A process that ends by a signal, or without a word, is reported as such."""
    project.write("specs/a.yaml", SPEC)
    for ending, code in (("os.kill(os.getpid(), 9)", -9), ("os._exit(7)", 7)):
        project.write("desk.py", f"import os\ndef look():\n    {ending}\n")
        assert convrun("run", cwd=project.root).returncode == code


def test_threads_may_ask_at_once(project):
    """Each of several threads gets the output of its own process."""
    for name in "abcdef":
        project.write(f"specs/{name}.yaml", "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n")
    with ThreadPoolExecutor(3) as pool:
        found = pool.map(lambda name: convrun("list", f"specs/{name}.yaml", cwd=project.root).stdout, "abcdef")
    assert [text.partition(" ")[0].strip() for text in found] == [f"specs/{name}.yaml" for name in "abcdef"]
