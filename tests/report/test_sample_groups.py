"""Groups of samples in the reports: one test, with its rate, and what failed the same way once."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import jsonschema
import pytest
from junit_grammar import violations
from junitparser import JUnitXml
from report_malice import hostile_run
from report_samples import FAILED, MATCHES, MISSING, PASSED, RUN, SECOND, STALE, run

from convrun.report.account import reason
from convrun.report.console import QUIET, VERBOSE, closing, conversation_line, details
from convrun.report.counts import counts
from convrun.report.github import to_github
from convrun.report.json_result import to_json
from convrun.report.junit import to_junit
from convrun.report.markdown import to_markdown
from convrun.report.result_schema import result_schema
from convrun.results import Change, CheckResult, Samples, Staleness

SPEC = "specs/crumpet.yaml"


def group(verdict, *members, judged=True, **more):
    """A group of these samples, of which two must pass."""
    numbered = [
        replace(one, id=SPEC if number == 1 else f"{SPEC}::@{number}", sample=number)
        for number, one in enumerate(members, start=1)
    ]
    passed = sum(one.verdict == "passed" for one in members)
    samples = Samples(
        times=len(members),
        needed=2,
        passed=passed if judged else None,
        rate=passed / len(members) if judged else None,
        interval=(0.25, 0.875) if judged else None,
        conversations=tuple(numbered),
    )
    return replace(PASSED, id=SPEC, verdict=verdict, turns=(), samples=samples, **more)


OTHERWISE = replace(FAILED, turns=(replace(SECOND, checks=(replace(MATCHES, message="the regex is too slow"),)),))
FAILS = group("failed", FAILED, PASSED, FAILED, OTHERWISE, duration_s=0.5)


def test_the_line_of_a_group_has_its_rate_and_its_samples_below():
    """As many as must pass, the rate with its interval, and a line for each sample."""
    first, *below = conversation_line(FAILS, width=20).splitlines()
    assert first == (
        "failed     specs/crumpet.yaml    6 of 8 turns  3 of 6 checks     500 ms"
        "  1 of 4 samples passed, 2 must (rate 0.25, 95 % interval 0.25 to 0.875)"
    )
    assert below == [
        "  failed     sample 1            2 of 3 turns  1 of 2 checks     1.2 s",
        "  passed     sample 2            1 turn        1 check           12 ms",
        "  failed     sample 3            2 of 3 turns  1 of 2 checks     1.2 s",
        "  failed     sample 4            1 turn        0 of 1 check      1.2 s",
    ]


def test_of_many_samples_those_that_did_not_pass_are_shown():
    """The first ten of them, and how many others there are."""
    many = group("failed", *[PASSED] * 30, *[FAILED] * 15)
    lines = conversation_line(many).splitlines()
    assert len(lines) == 13
    assert [line.split()[:3] for line in lines[1:3]] == [["failed", "sample", "31"], ["failed", "sample", "32"]]
    assert lines[-2:] == ["  ... 5 more that did not pass", "  ... 30 samples that passed"]


def test_what_failed_the_same_way_is_told_once():
    """With the numbers of the samples, the transcript of the first, the rate, and the line that repeats the group."""
    text = details(FAILS)
    assert text.count("the pattern is not found in the reply") == 1
    assert "FAILED specs/crumpet.yaml, turn 2 (second), in 2 of 4 samples (1, 3)\n" in text
    assert "FAILED specs/crumpet.yaml, turn 2 (second), in 1 of 4 samples (4)\n" in text
    assert text.rstrip().splitlines()[-2:] == [
        "  1 of 4 samples passed, 2 must (rate 0.25, 95 % interval 0.25 to 0.875)",
        "  run just it: convrun run specs/crumpet.yaml",
    ]


def test_of_many_ways_to_fail_the_first_are_told():
    """The others are counted, and told with -vv."""
    ways = [
        replace(FAILED, turns=(replace(SECOND, checks=(replace(MATCHES, message=f"way {number}"),)),))
        for number in range(14)
    ]
    text = details(group("failed", *ways))
    assert ("way 9" in text, "way 10" in text) == (True, False)
    assert "... what went wrong in 4 other ways, -vv shows it" in text


def test_a_group_that_passed_says_in_a_line_what_failed_in_it():
    """With its rate; with -v each sample is told, with -q nothing. Markdown has both; for others it is no failure."""
    passes = group("passed", PASSED, FAILED, PASSED, FAILED)
    rate = "2 of 4 samples passed, 2 must (rate 0.5, 95 % interval 0.25 to 0.875)"
    line = "in 2 of 4 samples (2, 4): turn 2 (second): specs/crumpet.yaml:12:9: matches: the pattern is not found"
    told = f"PASSED specs/crumpet.yaml, {rate}\n  {line} in the reply\n"
    assert details(passes) == told
    assert reason(passes) == to_github(run(passes)) == details(passes, verbosity=QUIET) == ""
    assert f"| passed | `specs/crumpet.yaml` | `{rate}` |" in to_markdown(run(passes))
    assert told in to_markdown(run(passes))
    told = details(passes, verbosity=VERBOSE)
    assert [line for line in told.splitlines() if line.endswith(("sample 1", "sample 2", "sample 3"))] == [
        "  passed sample 1",
        "  failed sample 2",
        "  passed sample 3",
    ]


def test_a_group_whose_samples_all_passed_is_one_line():
    """It has the rate; the samples below it are for -v."""
    passes = group("passed", PASSED, PASSED)
    assert conversation_line(passes).endswith("2 of 2 samples passed, all must (rate 1, 95 % interval 0.25 to 0.875)")
    assert len(conversation_line(passes, every=True).splitlines()) == 3
    assert details(passes) == ""


def test_a_known_failure_that_passes_is_told_alone():
    """What went wrong in single samples is not why the group fails."""
    known = CheckResult(kind="known_failure", verdict="failed", message="the conversation passes: take it out")
    passes = replace(group("passed", PASSED, FAILED, PASSED), verdict="failed", checks=(known,))
    text = details(passes)
    assert "FAILED specs/crumpet.yaml\n  known_failure: the conversation passes" in text
    assert "the pattern is not found" not in text
    assert "2 of 3 samples passed, 2 must" in text


def test_a_group_counts_once_and_its_checks_all():
    """One conversation, with the turns and checks of its samples."""
    total = counts(run(FAILS, PASSED))
    assert (total.conversations, total.verdicts["failed"], total.verdicts["passed"]) == (2, 1, 1)
    assert (total.turns, total.checks["failed"]) == (7, 3)


def test_a_stale_group_is_told_once_for_each_change():
    """Under its own name where one change made all of them stale, else under those of the samples."""
    one = group("stale", STALE, STALE, PASSED, judged=False, stale=STALE.stale)
    text = closing(run(one, exit_code=3))
    assert text.count("STALE") == 1
    assert f"    {SPEC}, turn" in text
    other = replace(STALE, stale=Staleness(turn=1, model_call=1, changes=(Change(path="/x", part="tool 'x'"),)))
    text = closing(run(group("stale", STALE, other, judged=False, stale=STALE.stale), exit_code=3))
    assert text.count("STALE") == 2
    assert f"    {SPEC}::@2, turn 1" in text
    assert "## convrun: 1 stale" in to_markdown(run(one, exit_code=3))


def test_what_lacks_of_a_group_is_told_in_one_line():
    """How many recordings, and the first of them."""
    lacks = group("missing", PASSED, MISSING, MISSING, judged=False)
    text = closing(run(lacks, exit_code=3))
    assert "MISSING 2 recordings\n  specs/crumpet.yaml: 2 of 3 samples have no recording: no " in text
    assert reason(lacks).startswith("2 of 3 samples have no recording: no ")
    assert conversation_line(lacks).splitlines()[0].endswith(reason(lacks))
    assert "MISSING 2 recordings" in to_markdown(run(lacks, exit_code=3))


@pytest.mark.parametrize("made", [FAILS, group("stale", STALE, PASSED, judged=False, stale=STALE.stale)])
def test_the_json_of_a_group_is_as_the_schema_says(made):
    """Its samples are conversations; what was not judged is null."""
    result = json.loads(to_json(replace(RUN, conversations=(made, PASSED))))
    jsonschema.validate(result, result_schema())
    found, alone = result["conversations"]
    assert alone["samples"] is None
    samples = found["samples"]
    judged = made.verdict == "failed"
    assert [samples[key] for key in ("times", "pass", "passed", "rate", "interval")] == (
        [4, 2, 1, 0.25, [0.25, 0.875]] if judged else [2, 2, None, None, None]
    )
    assert (found["turns"], found["checks"], samples["conversations"][1]["id"]) == ([], [], f"{SPEC}::@2")


def test_junit_has_one_test_case_with_the_rate():
    """It is valid, its properties are figures, and its text tells how many passed."""
    text = to_junit(run(FAILS))
    assert violations(text) == []
    (suite,) = JUnitXml.fromstring(text.encode("utf-8"))
    (case,) = suite
    properties = {one.name: one.value for one in suite.properties()}
    assert {name: value for name, value in properties.items() if name.startswith("samples")} == {
        "samples": "4",
        "samples.pass": "2",
        "samples.passed": "1",
        "samples.rate": "0.25",
        "samples.interval.low": "0.25",
        "samples.interval.high": "0.875",
    }
    assert case.result[0].message.startswith("1 of 4 samples passed, 2 must (rate 0.25, 95 % interval 0.25 to 0.875): ")


def test_github_annotates_what_failed_once():
    """Two ways to fail are two annotations, each naming its samples."""
    lines = to_github(run(FAILS, exit_code=1)).splitlines()
    assert len(lines) == 2
    assert "in 2 of 4 samples (1%2C 3)" in lines[0]


@pytest.mark.parametrize("report", [to_markdown, to_junit])
def test_what_samples_say_is_text(report):
    """It can be read, and does nothing to a page or to GitHub's runner."""
    failing = hostile_run().conversations[0]
    text = report(run(group("failed", failing, failing), exit_code=1))
    assert not re.search(r"^\s*::|##\[|[\x00\x07\x1b\u202e\u2066]", text, re.MULTILINE)
    assert "@team #1" in text


def test_what_samples_say_is_no_command():
    """Each annotation is one line."""
    failing = hostile_run().conversations[0]
    lines = to_github(run(group("failed", failing, failing), exit_code=1)).splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::error"]
