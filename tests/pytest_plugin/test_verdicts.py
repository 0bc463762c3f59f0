"""What the verdicts of conversations are in pytest, and what is told of them."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

HELLO = """
    model: echo
    tags: [smoke]
    turns: [{user: Hi, expect: [{equals: Hi}]}]
"""
WRONG = """
    model: echo
    turns: [{user: 'Hello {{ name }}', expect: [{contains: Ada}]}]
    cases:
      - {id: right, name: Ada}
      - {id: wrong, name: Grace}
"""
PROMPTED = """
    model: {script: [{reply: one}]}
    system: Be brief.
    turns: [{user: '{{ text }}', expect: [{equals: one}]}]
    cases:
      - {id: a, text: First}
      - {id: b, text: Second}
"""
MISSING = """
    model: gpt-4.1-mini
    turns: [{user: Hi, expect: [{contains: Hello}]}]
"""
ERROR = """
    model: {script: [{reply: one}]}
    turns: [{user: Hi, expect: [{equals: one}]}, {user: And?, expect: [{equals: two}]}]
"""
UNCHECKED = """
    model: echo
    turns: [{user: Hi}]
"""
SKIPPED = """
    skip: not ready
    model: echo
    turns: [{user: Hi, expect: [{equals: Hi}]}]
"""


@pytest.fixture
def mixed(suite):
    """A project with a conversation of each verdict; two are stale because of one change."""
    suite.write("specs/prompted.yaml", PROMPTED)
    assert {one.verdict for one in suite.run(record="all").conversations} == {"passed"}
    suite.edit("specs/prompted.yaml", "Be brief.", "Be long.")
    for name, text in (
        ("hello", HELLO),
        ("wrong", WRONG),
        ("missing", MISSING),
        ("error", ERROR),
        ("unchecked", UNCHECKED),
        ("skipped", SKIPPED),
        ("_base", "nothing: of a spec"),
    ):
        suite.write(f"specs/{name}.yaml", text)
    suite.write("specs/test_beside.py", "def test_beside():\n    pass\n")
    return suite


def section(result, title):
    """The lines of a section of pytest's output."""
    lines = result.outlines
    start = next(number for number, line in enumerate(lines) if re.fullmatch(rf"[=_]+ {title} [=_]+", line))
    end = next(number for number, line in enumerate(lines[start + 1 :], start + 1) if re.match(r"[=_]{3,}", line))
    return [line for line in lines[start + 1 : end] if line]


def test_each_verdict_has_its_outcome(mixed):
    """Only what was checked and holds is green, Python tests beside specs run too, and a failure is our console's."""
    result = mixed.passes("specs", "-v", "-rs", passed=3, failed=5, skipped=2)
    found = {}
    for line in result.outlines:
        if match := re.match(r"(specs/\S+) (PASSED|FAILED|SKIPPED|XFAIL)", line):
            found[match[1]] = match[2]
    assert found == {
        "specs/error.yaml": "FAILED",
        "specs/hello.yaml": "PASSED",
        "specs/missing.yaml": "FAILED",
        "specs/prompted.yaml::a": "FAILED",
        "specs/prompted.yaml::b": "FAILED",
        "specs/skipped.yaml": "SKIPPED",
        "specs/unchecked.yaml": "SKIPPED",
        "specs/wrong.yaml::right": "PASSED",
        "specs/wrong.yaml::wrong": "FAILED",
        "specs/test_beside.py::test_beside": "PASSED",
    }
    output = result.stdout.str()
    assert "Traceback" not in output
    assert not re.search(r"\.py:\d", output)
    assert section(result, "conversation specs/wrong.yaml::wrong") == [
        "FAILED specs/wrong.yaml::wrong, turn 1",
        "  user: 'Hello Grace'",
        "  reply: 'Hello Grace'",
        "  specs/wrong.yaml:2:46: contains: expected the reply to contain 'Ada', got 'Hello Grace'",
        "      2 | turns: [{user: 'Hello {{ name }}', expect: [{contains: Ada}]}]",
        "        |                                              ^^^^^^^^",
        "  run just it: pytest specs/wrong.yaml::wrong",
    ]
    assert section(result, "conversation specs/prompted.yaml::a")[0] == "STALE system prompt"
    assert section(result, "conversation specs/prompted.yaml::b") == [
        "STALE system prompt: the same change as above",
        "  no longer the recorded request of",
        "    specs/prompted.yaml::b, turn 1, model call 1",
    ]
    recorded = "specs/missing.yaml specs/prompted.yaml::a specs/prompted.yaml::b"
    assert section(result, "convrun") == [
        "FINDING unchecked: the conversation has no check",
        "  specs/unchecked.yaml",
        "  add checks under `expect:`; what is not checked cannot be right",
        f"2 stale (1 change), 1 missing: convrun record {recorded}",
    ]
    result.stdout.fnmatch_lines(["SKIPPED [[]1] specs/skipped.yaml:1: *not ready*"])


def test_stale_and_missing_may_be_expected(mixed):
    """With `--on-stale warn` they are xfail, never green; what is wrong stays wrong, also in other processes."""
    result = mixed.passes("specs", "--on-stale=warn", "-n1", "-rx", passed=3, failed=2, skipped=2, xfailed=3)
    assert section(result, "convrun")[-1].startswith("2 stale (1 change), 1 missing: convrun record")
    assert "  run just it: pytest specs/wrong.yaml::wrong" in result.outlines
    result.stdout.fnmatch_lines(["XFAIL specs/missing.yaml - *no cassettes/missing.yaml*"])
    mixed.passes("specs/missing.yaml", "--on-stale=warn", "--runxfail", failed=1)


def test_findings_fail_where_they_are_fatal(suite):
    """With `--convrun-strict`, or `strict` in the settings, a conversation without a check fails, and says why."""
    suite.write("specs/unchecked.yaml", UNCHECKED)
    result = suite.passes("specs", "--convrun-strict", failed=1)
    result.stdout.fnmatch_lines(
        ["FINDING unchecked: the conversation has no check", "FAILED specs/unchecked.yaml - *finding unchecked*"]
    )
    suite.write("convrun.toml", "strict = true")
    suite.passes("specs", failed=1)


def test_weak_checks_fail_where_findings_are_fatal(suite):
    """Each is told once with its place, as `convrun run` does; under strict each conversation with one has failed."""
    suite.write(
        "specs/weak.yaml", "model: echo\ncases: [{n: a}, {n: b}]\nturns: [{user: Hi, expect: [{matches: '.*'}]}]\n"
    )
    told = ["FINDING weak: the check 'matches' holds for any reply, also for an empty one", "  specs/weak.yaml:3:30"]
    lines = section(suite.passes("specs", "-n1", passed=2), "convrun")
    assert lines[:2] == told
    assert len(lines) == 3
    suite.write("convrun.toml", "strict = true")
    result = suite.passes("specs/weak.yaml::b", failed=1)
    result.stdout.fnmatch_lines([*told, "FAILED specs/weak.yaml::b - *finding weak: the check 'matches' holds*"])


def test_junit_has_places_and_usage(mixed):
    """The JUnit report of pytest has the reason in a line, the whole failure, and what ours has as properties."""
    mixed.passes("specs/prompted.yaml", "specs/wrong.yaml", "--junitxml=report.xml", "-n1", passed=1, failed=3)
    cases = {case.get("name"): case for case in ET.parse(mixed.root / "report.xml").iter("testcase")}
    assert cases.keys() == {"a", "b", "right", "wrong"}
    failure = cases["wrong"].find("failure")
    assert failure.get("message").startswith("turn 1: specs/wrong.yaml:2:46: contains: expected the reply")
    assert "run just it: pytest specs/wrong.yaml::wrong" in failure.text
    assert all("+ Be long." in cases[name].find("failure").text for name in "ab")
    properties = {one.get("name"): one.get("value") for one in cases["wrong"].iter("property")}
    assert properties["file"] == "specs/wrong.yaml"
    assert (properties["line"], properties["model"], properties["verdict"]) == ("5", "echo", "failed")


def test_tracebacks_are_shown_when_all_is_asked_for(suite):
    """A tool that raises in a check is told in a line; with -vv as it was raised."""
    suite.write("specs/crash.yaml", "model: echo\nturns: [{user: Hi, expect: [{python: 'desk:broken'}]}]\n")
    suite.write("desk.py", "def broken(context):\n    raise ValueError('no desk')\n")
    short = suite.passes("specs", failed=1).stdout.str()
    assert "ValueError: no desk" in short
    assert "Traceback" not in short
    assert "raise ValueError('no desk')" in suite.passes("specs", "-vv", failed=1).stdout.str()


def test_what_a_model_says_does_no_harm(suite):
    """Control characters, markup and half characters of a reply are visible text on the terminal and in JUnit."""
    suite.write("desk.py", 'def odd() -> str:\n    """Return half of a character."""\n    return "\\ud800"\n')
    suite.write(
        "specs/odd.yaml",
        r"""
        model: {script: [{call: odd, with: {}}, {reply: "\x1b[31m]]><b>\n::error::x"}]}
        tools: ['desk:odd']
        turns: [{user: Hi, expect: [{equals: a}]}]
        """,
    )
    result = suite.pytest("specs", "-n1", "--junitxml=report.xml", code=1)
    assert "\x1b" not in result.stdout.str()
    assert not any(line.startswith("::") for line in result.outlines)
    (failure,) = ET.parse(suite.root / "report.xml").iter("failure")
    assert r"\x1b[31m]]><b>" in failure.text
    assert r"\ud800" in failure.text
