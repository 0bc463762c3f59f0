"""How far a run has come: a line on a terminal, gone when it is over, and nothing anywhere else."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from jobs_projects import TOOLS, with_tools

from convrun.cli.progress import words
from convrun.suite.agenda import Standing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
ERASED = "\r\x1b[2K"
# Each of the five ends only after the next has begun: two run whenever one is begun, however slow the machine is.
OVERLAPPING = """
    for number in range(5):
        try:
            Path(f"begun{number}").touch(exist_ok=False)
            break
        except FileExistsError:
            pass
    while number < 4 and not Path(f"begun{number + 1}").exists():
        time.sleep(0.01)
    time.sleep(0.3)
"""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def dawdling(project):
    """A project whose runs last a second, and in which one does not pass."""
    with_tools(project, "works", "dawdles", "dawdles", "dawdles", "dawdles", "dawdles")
    project.edit("specs/2.yaml", "equals: done", "equals: other")
    return project


def on_terminal(project, *arguments, columns=70, **environ):
    """What a run writes to a terminal, stdout and stderr alike; and how it ended."""
    ours, theirs = os.openpty()
    environment = project.environment(**{"NO_COLOR": "", "TERM": "xterm", "COLUMNS": str(columns)} | environ)
    process = subprocess.Popen(
        project.command(*arguments), cwd=project.root, env=environment, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = b""
    try:
        while piece := os.read(ours, 65_536):
            written += piece
    except OSError:  # what a Linux says at its end
        pass
    os.close(ours)
    return process.wait(60), written.decode().replace("\r\n", "\n")


def left(written):
    """What is left on the screen."""
    lines = [line.rpartition(ERASED)[2] for line in written.split("\n")]
    return COLOUR.sub("", "\n".join(lines))


def passing(written):
    """The lines that went away again."""
    return [COLOUR.sub("", piece.rpartition("\n")[2]) for piece in written.split(ERASED)[:-1]]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_terminal_shows_how_far_a_run_has_come(dawdling, jobs):
    """How many of how many, how many did not pass, and what runs longest; in the end only the usual lines are left."""
    dawdling.edit("desk.py", "    time.sleep(0.2)\n", OVERLAPPING if jobs == "2" else "    time.sleep(0.3)\n")
    code, written = on_terminal(dawdling, "run", "-j", jobs)
    seen = passing(written)
    assert code == 1
    assert any(re.match(r"[3-5] of 6, 1 did not pass; specs/[3-6].yaml", line) for line in seen), seen
    assert any(line.endswith(" and 1 more") for line in seen) == (jobs == "2")
    dawdling.write("desk.py", TOOLS)
    plain = dawdling.cli("run").stdout
    time = re.compile(r"\b[0-9.]+ (ms|s)\b")
    assert time.sub("TIME", left(written)) == time.sub("TIME", plain)


def test_the_line_fits_the_terminal(dawdling):
    """On a narrow one it is cut, so that it can be taken away again."""
    _, written = on_terminal(dawdling, "run", columns=20)
    seen = passing(written)
    assert seen
    assert {len(line) for line in seen} == {19}
    assert all(line.endswith("…") for line in seen)


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [(["-q"], {}), (["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"}), (["specs/1.yaml"], {})],
    ids=["-q", "--no-color", "NO_COLOR", "dumb", "short"],
)
def test_nothing_passes_by_where_it_is_not_wanted(dawdling, arguments, environ):
    """Quiet runs, plain text, terminals that cannot, and runs that are over at once."""
    _, written = on_terminal(dawdling, "run", "-j", "2", *arguments, **environ)
    assert passing(written) == []


def test_nothing_passes_by_where_no_terminal_is(dawdling):
    """A file gets no control characters."""
    ended = dawdling.cli("run", "-j", "2", NO_COLOR="", TERM="xterm")
    assert "\x1b" not in ended.stdout + ended.stderr
    assert "\r" not in ended.stdout + ended.stderr


def test_nothing_is_left_of_it_after_an_interruption(dawdling):
    """What Ctrl-C ends has its last line, and nothing before it that should have gone away."""
    dawdling.write("specs/5.yaml", "model: echo\ntools: ['desk:works']\nhooks: {before_conversation: ['desk:stops']}\n"
                   "turns: [{user: Hi, expect: [{equals: Hi}]}]\n")  # fmt: skip
    text = (dawdling.root / "desk.py").read_text("utf-8")
    dawdling.write("desk.py", f"{text}\ndef stops(conversation):\n    raise KeyboardInterrupt\n")
    code, written = on_terminal(dawdling, "run")
    assert code == 130
    assert passing(written)
    assert re.search(r"\ninterrupted: 4 of 6 conversations: 3 passed, 1 failed; .*\n$", left(written))


def test_names_on_the_line_are_made_visible():
    """A file name with control characters does nothing to the terminal."""
    standing = Standing(total=2, finished=1, not_passed=0, running=("specs/\x1b]0;x.yaml",), since=1.0)
    assert words(standing, 4.5) == "1 of 2; specs/\\x1b]0;x.yaml for 3 s"
