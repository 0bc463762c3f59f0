"""JUnit XML: valid for Jenkins, read back by another program, whatever was said."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from goldens import goldens
from junit_grammar import violations
from junitparser import Error, Failure, JUnitXml, Skipped
from report_malice import VISIBLE, hostile_run
from report_samples import (
    EVERYTHING,
    FAILED,
    MISSING,
    PASSED,
    RUN,
    SECOND,
    STALE,
    run,
)

from convrun.report.console import details
from convrun.report.junit import mistakes_to_junit, to_junit
from convrun.results import CheckResult, Finding, Problem
from convrun.source import Where

golden = goldens(__file__)

BUG = Problem(type="KeyError", message="KeyError: 'x'", details="Trace\nback")


def suites(result):
    """The report as another program reads it: the suites by their names."""
    return {suite.name: suite for suite in JUnitXml.fromstring(to_junit(result).encode("utf-8"))}


def outcome(result, name):
    """The outcome of the one test case of a suite."""
    (case,) = suites(result)[name]
    (found,) = case.result
    return found


def test_the_whole_report_is_the_golden_one():
    """All verdicts, as they are written down, and valid."""
    text = to_junit(RUN) + "\n"
    assert text == golden("everything.junit.xml", text)
    assert violations(text) == []


def test_the_grammar_refuses_what_jenkins_does():
    """The grammar that the reports are held against takes nothing that one of the schemas refuses."""
    text = to_junit(run(PASSED))
    placed = text.replace("<testcase ", '<testcase file="a.yaml" line="1" ')
    assert sorted(violations(placed)) == ["testcase: attribute file", "testcase: attribute line"]
    grouped = text.replace("<testcase ", '<testcase group="g" ').replace("<testsuite ", '<testsuite log="l" url="u" ')
    assert sorted(set(violations(grouped))) == [
        "testcase: attribute group",
        "testsuite: attribute log",
        "testsuite: attribute url",
    ]
    assert violations(text.replace(' errors="0" skipped', " skipped")) == ["testsuite: no errors"]
    known = re.sub("(<testcase [^>]*) />", r"\1><properties/></testcase>", text)
    assert violations(known) == ["testcase: holds properties"]


def test_each_verdict_is_what_ci_systems_call_it():
    """Failed and stale fail, missing and error are errors, skipped and unchecked are skipped, passed is nothing."""
    kinds = {
        suite.name: [(type(one), one.type) for case in suite for one in case.result] for suite in suites(RUN).values()
    }
    assert kinds == {
        "specs/crumpet.yaml::paris": [],
        "specs/crumpet.yaml::rome & co": [(Failure, "failed")],
        "specs/slow.yaml": [(Error, "ToolTimeoutError")],
        "specs/old.yaml::a": [(Failure, "stale")],
        "specs/old.yaml::b": [(Failure, "stale")],
        "specs/new.yaml": [(Error, "missing")],
        "specs/later.yaml": [(Skipped, "skipped")],
        "specs/free.yaml": [(Skipped, "unchecked")],
    }


def test_the_counts_are_right():
    """The counts of each suite and of all are those of the test cases."""
    whole = JUnitXml.fromstring(to_junit(RUN).encode("utf-8"))
    assert (whole.tests, whole.failures, whole.errors, whole.time) == (len(EVERYTHING), 3, 2, 0.5)
    assert sum(suite.skipped for suite in whole) == 2
    told = [(suite.tests, suite.failures, suite.errors, suite.skipped, suite.time) for suite in whole]
    whole.update_statistics()
    assert told == [(suite.tests, suite.failures, suite.errors, suite.skipped, suite.time) for suite in whole]


def test_a_suite_says_where_its_conversation_is_and_what_it_took():
    """File, line, model, tags, cassette and usage are properties; what is not known is left out."""
    found = suites(RUN)
    assert {one.name: one.value for one in found[PASSED.id].properties()} == {
        "file": "specs/crumpet.yaml",
        "line": "20",
        "verdict": "passed",
        "case": "paris",
        "model": "gpt-4.1-mini",
        "tags": "smoke",
        "cassette": "cassettes/crumpet/paris.yaml",
        "turns": "1",
        "model_calls": "2",
        "live_calls": "0",
        "usage.input": "100",
        "usage.output": "10",
    }
    assert "usage.input" not in {one.name for one in found[MISSING.id].properties()}


def test_a_test_case_is_named_by_its_id():
    """The name is the id, which can be pasted into a command line; the class name is the spec's path with dots."""
    spec = "specs/desk/greet.de.yaml"
    (case,) = suites(run(replace(PASSED, id=f"{spec}::a", spec=spec)))[f"{spec}::a"]
    assert (case.name, case.classname, case.time) == (f"{spec}::a", "specs.desk.greet.de", 0.012)


def test_the_text_of_a_failure_is_that_of_the_console():
    """What the console says of a conversation stands in its failure, word for word."""
    assert outcome(RUN, FAILED.id).text == details(FAILED, command=RUN.command).strip("\n")


def test_a_message_says_the_first_thing_that_went_wrong():
    """The message is one line with the turn and the place, and counts what else went wrong."""
    check = CheckResult(
        kind="contains", verdict="failed", message="not\nthere", where=Where(file="specs/a.yaml", line=3)
    )
    failed = replace(FAILED, turns=(replace(SECOND, checks=(check, check)),))
    message = "turn 2 (second): specs/a.yaml:3: contains: not (and 1 more)"
    assert outcome(run(failed), FAILED.id).message == message
    assert outcome(RUN, STALE.id).message == "system prompt: no longer the recorded request of turn 1, model call 1"


def test_a_conversation_that_failed_and_is_stale_says_both():
    """Its type is the worse one, its text has both."""
    found = outcome(run(replace(FAILED, stale=STALE.stale)), FAILED.id)
    assert found.type == "failed"
    assert "the pattern is not found" in found.text
    assert "STALE system prompt" in found.text


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"interrupted": True, "exit_code": 130}, "interrupted", "only what was finished is reported"),
        (
            {"bug": Problem(type="KeyError", message="KeyError: 'x'", details="Trace\nback"), "exit_code": 70},
            "bug",
            "  | back",
        ),
        ({"exit_code": 1}, "findings", "the run is strict"),
        ({"exit_code": 5, "conversations": ()}, "nothing-to-run", "nothing to run"),
    ],
)
def test_what_no_conversation_shows_has_a_test_case_of_its_own(change, kind, text):
    """An interruption, a bug, findings of a strict run and an empty run are never green."""
    result = replace(run(PASSED), **change)
    found = outcome(result, "convrun")
    assert found.type == kind
    assert text in found.text
    assert violations(to_junit(result)) == []
    assert "convrun" not in suites(run(PASSED))
    assert suites(run()) == {}, "a shard may have nothing to run"


def test_findings_are_with_their_conversation():
    """A finding stands in the output of its test case, also of one that passed."""
    finding = Finding(kind="unplayed", message="2 interactions", fix="prune")
    (case,) = suites(run(replace(PASSED, findings=(finding,))))[PASSED.id]
    assert case.system_out == "FINDING unplayed: 2 interactions\n  prune"


def test_what_models_say_does_no_harm():
    """Control characters, halves of characters, `]]>`, markup and commands are text; all of it is still there."""
    text = to_junit(hostile_run())
    assert violations(text) == []
    assert not set(text) & set("\x1b\x00\x07\r\u202e\ufffe\ud800")
    assert "]]>" not in text
    assert "<script>" not in text
    assert not re.search(r"^\s*::|##\[", text, re.MULTILINE)
    first, *_ = suites(hostile_run()).values()
    (case,) = first
    assert [piece for piece in VISIBLE if piece not in case.result[0].text] == []


def test_the_report_is_the_same_xml_in_every_encoding_of_a_line():
    """Line breaks of texts come back as they were; no character is lost on the way through a file."""
    turn = replace(SECOND, reply="Grüße\n京都 😀\n  indented", checks=(replace(SECOND.checks[0], actual="ü"),))
    text = outcome(run(replace(FAILED, turns=(turn,))), FAILED.id).text
    assert "    | Grüße\n    | 京都 😀\n    |   indented\n" in text


def test_mistakes_are_one_error_whatever_they_say():
    """The test case has the text of each mistake, with its place and what to do; nothing in it is markup."""
    place = Where(file="specs/a.yaml", line=3, column=1)
    mistakes = [
        Problem(type="SpecError", message="unknown key ']]>\x00\u202e<x>'", where=place, fix="leave it out"),
        Problem(type="SpecError", message="::error::forged"),
    ]
    text = mistakes_to_junit(mistakes, started="2026-01-31T09:00:00+00:00")
    assert violations(text) == []
    (suite,) = JUnitXml.fromstring(text.encode("utf-8"))
    ((found,),) = [case.result for case in suite]
    assert (suite.name, suite.tests, suite.errors) == ("convrun", 1, 1)
    assert (found.type, found.message) == ("mistake", "nothing ran: 2 mistakes")
    assert found.text.startswith("specs/a.yaml:3:1: unknown key ']]>\\x00")
    assert "leave it out" in found.text
    assert "::error::forged" in found.text
    assert "::error::forged" not in text
