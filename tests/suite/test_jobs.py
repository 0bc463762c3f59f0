"""How many conversations run at once, and where that is said."""

from __future__ import annotations

import os

import pytest
from jobs_projects import LINUX, verdicts, with_tools

from convrun.run.planning.options import RecordMode, RunOptions
from convrun.suite.jobs import jobs_for

CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.fixture
def cases(project):
    """Prepares so many conversations."""

    def prepared(number):
        rows = "".join(f"\n- {{id: c{one}}}" for one in range(number))
        project.write("specs/a.yaml", f"model: echo\ncases:{rows}\nturns: [{{user: Hi, expect: [{{equals: Hi}}]}}]\n")
        return project.prepared()

    return prepared


def test_auto_starts_processes_only_where_they_pay(cases):
    """A few short replays are done in turn, thousands on several processors, live ones eight at a time."""
    few, many = cases(5), cases(3000)
    replay, live = RunOptions(jobs="auto"), RunOptions(jobs="auto", record=RecordMode.NEW_EPISODES)
    assert jobs_for(few, replay) == 1
    assert min(CPUS, 2) <= jobs_for(many, replay) <= CPUS
    assert (jobs_for(few, live), jobs_for(many, live)) == (5, 8)


def test_large_cassettes_are_work_too(project):
    """It is not the number of conversations alone that decides."""
    project.write("specs/a.yaml", "model: echo\ncases: [{id: a}, {id: b}]\nturns: [{user: Hi}]\n")
    assert jobs_for(project.prepared(), RunOptions(jobs="auto")) == 1
    for name in "ab":
        (project.root / "cassettes/a").mkdir(parents=True, exist_ok=True)
        with (project.root / f"cassettes/a/{name}.yaml").open("wb") as file:
            file.truncate(10_000_000)
    assert jobs_for(project.prepared(), RunOptions(jobs="auto")) == min(CPUS, 2)


def test_a_number_is_taken_as_it_is(cases):
    """More than there are conversations makes no sense; asked for several, one is not run in this process."""
    some = cases(5)
    assert [jobs_for(some, RunOptions(jobs=jobs)) for jobs in (1, 2, 5, 256)] == [1, 2, 5, 5]
    assert jobs_for(cases(1), RunOptions(jobs=8)) == 2


@pytest.mark.skipif(not LINUX, reason="the tools speak to a Linux")
def test_the_option_goes_before_the_environment_before_the_file(project):
    """Wherever several are asked for, the end of a process is an error of its conversation, and else of the run."""
    with_tools(project, "exits", "works")
    survived = ["error: the process that ran it ended with exit code 3", "passed"]
    assert project.cli("run").returncode == 3
    assert verdicts(project, "-j", "2") == survived
    project.write("convrun.toml", "jobs = 2\n")
    assert verdicts(project) == survived
    assert project.cli("run", CONVRUN_JOBS="1").returncode == 3
    assert project.cli("run", "-j", "2", CONVRUN_JOBS="1").returncode == 4
