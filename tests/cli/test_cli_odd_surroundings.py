"""Processes without streams, reports in wrong places, tools that ask for input."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from projects import Project

SPEC = "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_a_process_without_streams_runs(project: Project, closed: str) -> None:
    """Where nobody can be told, nothing is; the exit code is still the run's."""
    project.write("specs/a.yaml", SPEC)
    command = " ".join(f"'{word}'" for word in project.command("run"))
    done = subprocess.run(
        ["sh", "-c", f"{command} {closed}"],
        cwd=project.root,
        env=project.environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0


@pytest.mark.parametrize("target", ["specs/a.yaml", "convrun.toml", "cassettes/a.yaml"])
def test_a_report_does_not_replace_what_it_reports_on(project: Project, target: str) -> None:
    """A spec, the settings and the cassettes are no places for a report."""
    project.write("convrun.toml", "")
    project.write("specs/a.yaml", SPEC)
    done = project.cli("run", "--report", f"json={target}")
    assert (done.returncode, "not a place for a report" in done.stderr) == (2, True)
    assert (project.root / "specs/a.yaml").read_text(encoding="utf-8") == SPEC


def test_a_report_is_written_where_the_command_was_given(project: Project) -> None:
    """A tool that changes the folder does not take the report with it."""
    project.write("desk.py", "import os\ndef leave() -> str:\n    os.chdir('/')\n    return ''\n")
    project.write(
        "specs/a.yaml",
        "model: {script: [{call: leave}, {reply: 'yes'}]}\ntools: ['desk:leave']\n"
        "turns: [{user: Hi, expect: [{equals: 'yes'}]}]\n",
    )
    assert project.cli("run", "--report", "json=report.json").returncode == 0
    assert json.loads((project.root / "report.json").read_text(encoding="utf-8"))["exit_code"] == 0


def test_a_tool_that_asks_a_person_gets_no_answer(project: Project) -> None:
    """Its input is at its end at once, instead of waiting for somebody to type."""
    project.write("desk.py", "def ask() -> str:\n    return input('Name? ')\n")
    project.write(
        "specs/a.yaml",
        "model: {script: [{call: ask}, {reply: 'yes'}]}\ntools: ['desk:ask']\n"
        "turns: [{user: Hi, expect: [{called: {tool: ask, error: EOFError}}]}]\n",
    )
    assert project.cli("run").returncode == 0


def test_a_folder_that_is_gone_is_said(project: Project) -> None:
    """What is said looks for settings around here, and is said where there is no here any more."""
    folder = project.root / "gone"
    folder.mkdir()
    script = f"import os; os.rmdir({str(folder)!r}); from convrun.cli.ending import say; say(['sk-' + 'a1' * 16])"
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "<api-key>\n")


def test_an_empty_path_is_refused(project: Project) -> None:
    """A variable that is not set must not run everything."""
    project.write("specs/a.yaml", SPEC)
    done = project.cli("run", "")
    assert (done.returncode, "an empty PATH" in done.stderr) == (2, True)


def test_a_model_given_twice_runs_once(project: Project) -> None:
    """The same conversation does not run, and is not paid for, twice."""
    project.write("specs/a.yaml", SPEC)
    listed = project.cli("list", "-m", "echo", "-m", "echo").stdout
    assert listed.splitlines() == ["specs/a.yaml"]


@pytest.mark.parametrize(
    "address", ["127.0.0.1:9", "http://[::1", "ftp://a/v1", "http://u:hunter2secret@127.0.0.1:9/v1"]
)
def test_a_base_url_that_is_none_is_refused(project: Project, address: str) -> None:
    """Before anything is sent, and without repeating a password."""
    project.write("specs/a.yaml", SPEC)
    done = project.cli("run", "--base-url", address)
    assert (done.returncode, "--base-url: " in done.stderr, "hunter2secret" in done.stderr) == (2, True, False)


@pytest.mark.parametrize(
    "body",
    [
        "sys.stdout = sys.stderr = None",
        "sys.stdout = sys.stderr = io.StringIO()",
        "sys.stderr = io.StringIO(); sys.stderr.close()",
        "sys.stdout.close()",
        "sys.stderr.close()",
    ],
)
def test_a_tool_that_takes_the_streams_away(project: Project, body: str) -> None:
    """What code makes of `sys.stdout` and `sys.stderr` changes neither the console nor the exit code."""
    project.write("desk.py", f"import io, sys\ndef mute() -> str:\n    {body}\n    return ''\n")
    project.write(
        "specs/a.yaml",
        "model: {script: [{call: mute}, {reply: 'yes'}]}\ntools: ['desk:mute']\n"
        "turns: [{user: Hi, expect: [{equals: 'yes'}]}]\n",
    )
    done = project.cli("run")
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stderr
    reported = project.cli("run", "--report", "json")
    assert (reported.returncode, json.loads(reported.stdout)["exit_code"]) == (0, 0)
