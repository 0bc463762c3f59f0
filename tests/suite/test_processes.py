"""Replays of several conversations at once: the same result, whatever the code of one does to its process."""

from __future__ import annotations

import json
import os
import re
import signal

import pytest
from jobs_projects import LINUX, alive, begun, calling, pids, until, verdicts, with_tools, without_times

pytestmark = pytest.mark.skipif(not LINUX, reason="the tools of these tests speak to a Linux")
PASSES = "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n"
STARTS_A_THREAD = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"


@pytest.fixture
def variety(project):
    """A project with every verdict, and with code that raises, hangs, ends and prints."""
    with_tools(project, "works", "raises", "ends", "prints", "moves", "works")
    project.write("specs/a.yaml", PASSES)
    for name in ("a", "stale", "unplayed"):
        project.write(f"specs/{name}.yaml", PASSES.replace("}]\n", "}, {user: again}]\n"))
        project.record(f"specs/{name}.yaml")
    project.edit("specs/stale.yaml", "user: Hi", "user: Hello")
    project.edit("specs/unplayed.yaml", ", {user: again}]", "]")
    project.write("specs/failed.yaml", PASSES.replace("equals: Hi", "equals: Ho"))
    project.write("specs/known.yaml", "known_failure: bug 7\n" + PASSES.replace("equals: Hi", "equals: Ho"))
    project.write("specs/missing.yaml", PASSES.replace("echo", "gpt-4.1-mini"))
    project.write("specs/skipped.yaml", "skip: not today\n" + PASSES)
    project.write("specs/unchecked.yaml", "model: echo\ncases: [{id: ü}, {id: b}]\nturns: [{user: Hi}]\n")
    project.write("specs/broken.yaml", PASSES)
    project.write("cassettes/broken.yaml", "version: convrun/1\n")
    project.write("specs/hangs.yaml", calling("hangs", tool_timeout="50ms"))
    project.write("specs/hook.yaml", calling("works", hooks="{before_call: ['desk:raises']}"))
    deep = "[" * 50 + "]" * 50
    project.write("specs/deep.yaml", f"vars: {{x: {deep}}}\n{PASSES}")
    return project


@pytest.mark.parametrize("spawned", [False, True], ids=["forked", "spawned"])
def test_several_at_once_give_what_one_after_the_other_gives(variety, spawned):
    """Report, console and exit code are the same but for times, also where the processes are no forks."""
    if spawned:
        variety.write("desk.py", STARTS_A_THREAD + (variety.root / "desk.py").read_text("utf-8"))
    reports = []
    for jobs in ("1", "3"):
        ended = variety.cli("run", "-v", "--report", "json=out.json", "-j", jobs)
        console = re.sub(r"\b[0-9.]+ (ms|s)\b", "TIME", ended.stdout)
        reports.append((ended.returncode, console, without_times((variety.root / "out.json").read_text("utf-8"))))
        assert re.sub("x{1000,}", "", ended.stderr) == "\n"
    assert reports[0] == reports[1]
    assert {one["verdict"] for one in reports[0][2]["conversations"]} == {
        "passed", "failed", "stale", "missing", "error", "skipped", "unchecked",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "how"),
    [
        ("exits", "ended with exit code 3"),
        ("killed", "was ended by SIGKILL"),
        ("leaves", "ended with exit code 5"),  # and a process of its own lives on
        ("closes", "ended with exit code 1"),
    ],
)
def test_the_death_of_a_process_is_an_error_of_its_conversation(project, tool, how):
    """It is named with how the process ended, and all others go on."""
    with_tools(project, "works", tool, "works", "works", "works", tool)
    error = f"error: the process that ran it {how}"
    assert verdicts(project, "-j", "2") == ["passed", error, "passed", "passed", "passed", error]
    printed = project.cli("run", "-j", "2")
    assert (printed.returncode, printed.stderr) == (4, "")
    assert f"specs/2.yaml:1:1: the process that ran it {how}" in printed.stdout
    assert "convrun run specs/2.yaml" in printed.stdout


def test_one_conversation_is_as_safe_as_several(project):
    """Whoever asks for processes gets one, also for a single conversation."""
    with_tools(project, "exits")
    assert verdicts(project, "-j", "2") == ["error: the process that ran it ended with exit code 3"]


def test_what_tools_do_to_their_process_stays_there(project):
    """Copies of the process, other folders, ten megabytes on stdout: nothing of it reaches the others or the report."""
    with_tools(project, "forks", "doubles", "moves", "prints", "ends", "works", "doubles", "works")
    assert verdicts(project, "-j", "4") == ["passed"] * 8


@pytest.mark.parametrize(
    "command", [("run", "-j", "1"), ("record", "--all", "-j", "1"), ("record", "--all", "-j", "2")]
)
def test_a_copy_of_the_process_goes_on_with_nothing(project, command):
    """A tool forks and lets the copy run on: results are printed once, and cassettes are of the process itself."""
    with_tools(project, "doubles", "works")
    ended = project.cli(*command)
    assert ended.returncode == 0
    assert [line.split()[:2] for line in ended.stdout.splitlines()[:2]] == [
        ["passed", "specs/1.yaml"], ["passed", "specs/2.yaml"],
    ]  # fmt: skip
    assert ended.stdout.count("specs/2.yaml") == 1


def test_code_that_closes_the_console_is_named(project):
    """In turn all conversations share the console: what follows is told on stderr, and after which it was gone."""
    with_tools(project, "works", "closes", "works")
    ended = project.cli("run", "-j", "1")
    assert ended.returncode == 0
    assert "specs/2.yaml" in ended.stderr.splitlines()[0]
    assert [line.split()[:2] for line in ended.stderr.splitlines()[2:4]] == [
        ["passed", "specs/2.yaml"], ["passed", "specs/3.yaml"],
    ]  # fmt: skip


def test_nothing_is_begun_once_enough_have_failed(project):
    """What runs is finished, what was not begun is skipped and says so; lines and results are in the plan's order."""
    with_tools(project, *["raises"] * 3, *["dawdles"] * 20)
    for number in (1, 2, 3):
        project.edit(f"specs/{number}.yaml", "equals: done", "equals: other")
    result = json.loads(project.cli("run", "-j", "2", "--maxfail", "2", "--report", "json").stdout)
    found = [one["verdict"] for one in result["conversations"]]
    ids = [one["id"] for one in result["conversations"]]
    assert ids == project.cli("list").stdout.split()
    assert found.count("failed") in {2, 3}
    assert found[-1] == "skipped"
    assert result["conversations"][-1]["reason"].startswith("not begun")


def test_a_bug_of_ours_in_a_process_ends_the_run(project):
    """What was finished is reported, the exit code is that of a bug, and the traceback is the child's."""
    project.write("specs/a.yaml", PASSES.replace("turns", "tools: ['desk:work']\nturns"))
    project.write(
        "desk.py", "from convrun.suite import playing\nplaying.run_conversation = None\ndef work():\n    pass\n"
    )
    ended = project.cli("run", "-vv", "-j", "2")
    assert ended.returncode == 70
    assert "a bug in convrun: TypeError" in ended.stderr
    assert "Traceback" in ended.stderr


def test_a_result_that_cannot_be_sent_is_a_bug_and_no_death(project):
    """The process says what it could not send."""
    project.write("specs/a.yaml", PASSES.replace("turns", "tools: ['desk:work']\nturns"))
    code = "from convrun.suite import playing\nplaying.run_conversation = lambda *_, **__: lambda: 1\n"
    code += "def work():\n    pass\n"
    project.write("desk.py", code)
    ended = project.cli("run", "-j", "2")
    assert ended.returncode == 70
    assert "a bug in convrun:" in ended.stderr
    assert "lambda" in ended.stderr


@pytest.mark.parametrize("whom", ["all", "parent"])
@pytest.mark.parametrize("spawned", [False, True], ids=["forked", "spawned"])
def test_an_interruption_reports_what_was_finished_and_leaves_no_process(project, whom, spawned):
    """Ctrl-C reaches all, `kill -INT` the parent only: exit 130, what was finished, and no child or grandchild."""
    with_tools(project, "works", "waits", "works", "waits", "works")
    if spawned:
        project.write("desk.py", STARTS_A_THREAD + (project.root / "desk.py").read_text("utf-8"))
    with begun(project, "run", "-j", "2", "--report", "json") as process:
        running = pids(project, 2)
        (os.killpg if whom == "all" else os.kill)(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
        assert process.returncode == 130
        result = json.loads(stdout)
        assert (result["exit_code"], result["interrupted"]) == (130, True)
        assert [one["id"] for one in result["conversations"]] == ["specs/1.yaml", "specs/3.yaml"]
        assert "interrupted" in stderr
        assert "Traceback" not in stderr
        assert [pid for pid in running if alive(pid)] == []


@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGTERM, "2"), (signal.SIGHUP, "2"), (signal.SIGTERM, "1")])
def test_what_else_ends_a_process_interrupts_a_run(project, number, jobs):
    """A signal of CI whose time is over, or of a terminal that is gone: as Ctrl-C, and nothing is left behind."""
    with_tools(project, "works", *["waits"] * int(jobs))
    with begun(project, "run", "-j", jobs, "--report", "json") as process:
        running = pids(project, int(jobs))
        os.kill(process.pid, number)
        stdout, stderr = process.communicate(timeout=20)
        assert process.returncode == 130
        assert [one["id"] for one in json.loads(stdout)["conversations"]] == ["specs/1.yaml"]
        assert "Traceback" not in stderr
        assert [pid for pid in running if alive(pid)] == []


def test_a_tool_that_interrupts_is_an_interruption(project):
    """It ends the run in order, and its process says nothing of its own."""
    with_tools(project, "interrupts")
    ended = project.cli("run", "-j", "2")
    assert (ended.returncode, ended.stderr) == (130, "")
    assert "interrupted" in ended.stdout


def test_a_tool_that_swallows_the_interruption_is_ended(project):
    """A child that does not end by itself is killed after a moment."""
    with_tools(project, "stubborn", "stubborn")
    with begun(project, "run", "-j", "2") as process:
        running = pids(project, 2)
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "Traceback" not in stderr
        assert [pid for pid in running if alive(pid)] == []


def test_children_end_with_a_parent_that_is_killed(project):
    """Where the parent is gone, a child ends what it plays, and a stubborn one itself."""
    with_tools(project, "waits", "stubborn")
    with begun(project, "run", "-j", "2") as process:
        running = pids(project, 2)
        assert len(running) == 3
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not any(map(alive, running)))
