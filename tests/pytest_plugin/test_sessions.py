"""Conversations in the ways of running that pytest has: what failed again, interruptions, captured output."""

from __future__ import annotations

import pytest

SPEC = """
    model: {script: [{call: look, with: {}}, {reply: done}]}
    tools: ['desk:look']
    turns: [{user: Look, expect: [{equals: done}]}]
"""


@pytest.fixture
def looking(suite):
    """A project with a tool; what it does is up to the test."""

    def made(*lines):
        code = "".join(f"    {line}\n" for line in lines)
        suite.write("desk.py", f'import sys\n\n\ndef look() -> str:\n    """Look."""\n{code}    return "seen"\n')
        suite.write("specs/look.yaml", SPEC)
        return suite

    return made


def test_what_failed_runs_again(suite):
    """--lf runs just what failed, also where its id is the file's; -x stops at it, --ff begins with it."""
    suite.write("specs/a.yaml", "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n")
    suite.write("specs/b.yaml", "model: echo\nturns: [{user: Hi, expect: [{equals: Bye}]}]\n")
    suite.write(
        "specs/c.yaml",
        """
        model: echo
        turns: [{user: '{{ text }}', expect: [{equals: Hi}]}]
        cases: [{id: one, text: Hi}, {id: two, text: Bye}]
        """,
    )
    suite.passes("specs", passed=2, failed=2)
    suite.passes("specs", "--lf", "-x", failed=1).stdout.fnmatch_lines(["specs/b.yaml F*"])
    suite.passes("--lf", failed=2)
    suite.edit("specs/b.yaml", "Bye", "Hi")
    suite.passes("--lf", "-n1", "--durations=3", passed=1, failed=1)
    suite.edit("specs/c.yaml", "Bye", "Hi")
    result = suite.passes("--ff", "-v", passed=4)
    assert next(line for line in result.outlines if "PASSED" in line).startswith("specs/c.yaml::two ")
    suite.passes("--lf", passed=4)


def test_what_a_tool_prints_is_captured(looking):
    """It stands below the failure as pytest shows it, and in no reply."""
    suite = looking("print('to stdout')", "print('to stderr', file=sys.stderr)")
    suite.edit("specs/look.yaml", "equals: done", "equals: undone")
    result = suite.passes("specs", failed=1)
    result.stdout.fnmatch_lines(["*Captured stdout call*", "to stdout", "*Captured stderr call*", "to stderr"])


def test_an_interruption_ends_the_session(looking):
    """Ctrl-C in a tool is one for pytest: it says so, and what had finished is reported."""
    suite = looking("raise KeyboardInterrupt")
    suite.write("specs/before.yaml", "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n")
    result = suite.pytest("specs", code=2, process=True)
    assert result.parseoutcomes() == {"passed": 1}
    result.stdout.fnmatch_lines(["*KeyboardInterrupt*"])


def test_a_bug_of_ours_is_said_to_be_one(suite, monkeypatch):
    """What we did not foresee (a clock that raises) fails one conversation; its traceback shows no key."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-whoever-runs-this")
    suite.write("specs/a.yaml", "model: gpt-4.1-mini\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n")
    suite.write(
        "conftest.py",
        """
        import os, time

        def broken():
            raise RuntimeError(f"out of order: {os.environ['OPENAI_API_KEY']}")

        time.perf_counter = broken  # pytest has its own
        """,
    )
    result = suite.pytest("specs", process=True, code=1)
    result.stdout.fnmatch_lines(["a bug in convrun: RuntimeError: out of order: *", "*raise RuntimeError*"])
    assert "sk-of-whoever" not in result.stdout.str()
