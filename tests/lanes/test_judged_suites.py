"""Judges in suites: samples of a matrix, in processes of their own, and the pytest plugin."""

import subprocess
import sys

from judged_specs import SPEC, judge, spec
from plugin import NAMED

from convrun.suite.refreshing import Rehearsed

MORE = {"matrix": {"animal": ["cat", "dog"]}, "samples": {"times": 2, "pass": 2}}
TURN = ("a {{ animal }}", {"contains": "You said"}, judge("kind to a {{ animal }}"))


def test_samples_of_a_matrix_are_judged_in_processes_and_by_pytest(project, world):
    """Each sample has its own grade, which is played; an edited rubric asks the judge of each, and nobody else."""
    project.write(SPEC, spec(TURN, **MORE))
    found = project.cli("record", "-y", "-j", "2", **world.environ)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "quoted at least 8 model calls" in found.stdout
    assert "4 model calls and 4 of checks (8 live) in" in found.stdout
    assert sorted(world.asked()) == ["judge"] * 4 + ["model"] * 4
    assert project.cli("run", "-j", "2").returncode == 0
    project.edit(SPEC, "kind to", "very kind to")
    stale = project.run()
    samples = {single.id for one in stale.conversations for single in one.singles}
    assert (len(samples), {one.verdict for one in stale.conversations}) == (4, {"stale"})
    assert Rehearsed(result=stale, waiting=()).only_judged == samples
    quiet = ("-q", "-p", "no:randomly", "-p", "no:hypothesispytest", "--convrun-record=new_episodes", "specs")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *NAMED, *quiet],
        cwd=project.root,
        env=project.environment(**world.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, world.asked()) == (0, ["judge"] * 4), done.stdout
    assert "2 passed" in done.stdout
    assert {one.verdict for one in project.run().conversations} == {"passed"}
