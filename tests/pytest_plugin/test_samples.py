"""Groups of samples in pytest: one item each."""

from __future__ import annotations

import re

import pytest

SAMPLED = """
    model: echo
    samples: {times: 3, pass: PASS}
    turns: [{user: Hi, expect: [python: 'flaky:check']}]
"""
FLAKY = """
    import itertools

    calls = itertools.count(1)

    def check(context):
        return "the second fails" if next(calls) == 2 else None
"""


@pytest.fixture
def flaky(suite):
    """A project with a group whose second sample fails."""

    def made(needed):
        suite.write("flaky.py", FLAKY)
        suite.write("specs/a.yaml", SAMPLED.replace("PASS", str(needed)))
        return suite

    return made


def test_a_group_is_an_item_that_passes_with_enough_samples(flaky):
    """Its samples are none, and what the report says of it is in its properties."""
    flaky(2).passes("specs", "--junit-xml=j.xml", passed=1)
    report = (flaky(2).root / "j.xml").read_text("utf-8")
    found = dict(re.findall(r'<property name="(samples[^"]*)" value="([^"]*)"', report))
    assert found["samples.passed"] == "2"
    assert found["samples.pass"] == "2"
    assert found["samples"] == "3"


def test_a_group_fails_as_the_console_says(flaky):
    """With the rate, and the line that repeats the group."""
    result = flaky(3).pytest("specs", code=1)
    result.stdout.fnmatch_lines(
        [
            "FAILED specs/a.yaml, turn 1, in 1 of 3 samples (2)",
            "  2 of 3 samples passed, all must (rate 0.667, 95 % interval 0.208 to 0.939)",
            "  run just it: pytest specs/a.yaml",
        ]
    )


def test_a_sample_that_is_named_is_an_item(flaky):
    """As with `convrun run FILE::@2` that sample runs alone; one that is not there is not found.

    With its group it is no item of its own.
    """
    result = flaky(3).passes("specs/a.yaml::@2", "-v", passed=1)
    result.stdout.fnmatch_lines(["specs/a.yaml::@2 PASSED*"])
    result = flaky(3).passes("specs/a.yaml::@1", "-v", passed=1)
    result.stdout.fnmatch_lines(["specs/a.yaml::@1 PASSED*"])
    flaky(2).passes("specs/a.yaml::@2", "specs", passed=1)
    assert flaky(3).pytest("specs/a.yaml::@4", code=4)
