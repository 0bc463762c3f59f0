"""`convrun run --watch`: which options go with it."""

from __future__ import annotations

import pytest

TALK = """
    model: echo
    turns: [{user: Hi, expect: [{equals: Hi}]}]
    """


@pytest.mark.parametrize(
    "arguments",
    [["--record", "once"], ["--report", "json"], ["--shard", "1/2"], ["--last-failed"], ["none.yaml"], ["-k", "a or"]],
    ids=" ".join,
)
def test_what_goes_with_no_watch_is_refused(project, run_in_process, arguments):
    """What would cost money at an edit, take stdout, or can never run ends at once with 2."""
    project.write("specs/a.yaml", TALK)
    code, stdout, stderr = run_in_process(project, ["run", "--watch", *arguments])
    assert (code, stdout) == (2, "")
    assert arguments[0] in stderr
    assert "nothing ran" in stderr
