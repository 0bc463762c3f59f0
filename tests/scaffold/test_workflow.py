"""The workflow that `convrun init` lays: what it may do, and what its steps do in a job."""

from __future__ import annotations

import re

import pytest
from junitparser import JUnitXml
from planted import planted
from test_first_project import laid
from workflows import run_steps, steps

from convrun.document import read_values
from convrun.scaffold.files import WORKFLOW

SPEC = "specs/parcel.yaml"


@pytest.fixture
def project(tmp_path):
    """A first project in a folder of its own."""
    (tmp_path / "desk").mkdir()
    laid(tmp_path / "desk")
    return tmp_path / "desk"


@pytest.fixture
def text(project):
    """The workflow."""
    return (project / WORKFLOW).read_text("utf-8")


def edit(project, old, new):
    """Change the spec."""
    before = (project / SPEC).read_text("utf-8")
    assert old in before
    (project / SPEC).write_text(before.replace(old, new), "utf-8")


def test_it_has_no_rights_and_no_secrets(text):
    """It runs on every push and pull request, as their author, may only read, names no secret, and ends in time."""
    workflow = read_values(text, "workflow")
    assert list(workflow["on"]) == ["push", "pull_request"]
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets" not in text
    (job,) = workflow["jobs"].values()
    assert job["timeout-minutes"] <= 10
    assert "permissions" not in job
    assert "cancel-in-progress" in workflow["concurrency"]


def test_its_actions_are_github_s_own(text):
    """Only actions of GitHub are used, by their major version, and the checkout leaves no credentials behind."""
    used = {step["uses"]: step.get("with", {}) for step in steps(text, "convrun") if "uses" in step}
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", name) for name in used)
    (checkout,) = (given for name, given in used.items() if name.startswith("actions/checkout@"))
    assert checkout == {"persist-credentials": False}


def test_the_reports_are_kept_whatever_happened(project, text):
    """The files that the run writes are in the folder that is uploaded, also after a failure."""
    run_steps(text, "convrun", project, but="Install")
    *_, upload = steps(text, "convrun")
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert upload["if"] == "${{ !cancelled() }}"
    written = {path.name for path in (project / upload["with"]["path"]).iterdir()}
    assert written == {"junit.xml", "comment.md"}


def test_a_first_project_is_green(project, text):
    """The job ends well and offline; its summary and its JUnit file say what passed."""
    ran = run_steps(text, "convrun", project)
    assert (ran.code, "::error" in ran.stdout) == (0, False), ran.stdout + ran.stderr
    assert "1 passed" in ran.summary
    (suite,) = JUnitXml.fromfile(str(project / "convrun-reports/junit.xml"))
    assert (suite.tests, suite.failures, suite.errors) == (1, 0, 0)


def test_a_check_that_does_not_hold_is_shown_on_its_line(project, text):
    """The job fails with 1, the line of the check is annotated, and the summary tells the failure."""
    edit(project, "contains: Lisbon", "contains: Porto")
    ran = run_steps(text, "convrun", project, but="Install")
    assert ran.code == 1
    assert re.search(rf"^::error file={SPEC},line=15,col=9,title=", ran.stdout, re.MULTILINE)
    assert "expected the reply to contain 'Porto'" in ran.summary
    (suite,) = JUnitXml.fromfile(str(project / "convrun-reports/junit.xml"))
    assert suite.failures == 1
    assert "Porto" in (project / "convrun-reports/comment.md").read_text("utf-8")


def test_what_is_stale_is_in_the_summary(project, text):
    """After an edit of the prompt the job fails with 3, and the summary says what changed and how to record it."""
    edit(project, "one sentence", "two sentences")
    ran = run_steps(text, "convrun", project, but="Install")
    assert ran.code == 3
    assert "STALE system prompt" in ran.summary
    assert "answer in two sentences" in ran.summary
    assert f"convrun record {SPEC}" in ran.summary


def test_a_mistake_fails_the_job(project, text):
    """A misspelt check ends with 2 and says where, though nothing ran."""
    edit(project, "contains: Lisbon", "contians: Lisbon")
    ran = run_steps(text, "convrun", project, but="Install")
    assert (ran.code, f"{SPEC}:15:9: unknown check 'contians'" in ran.stdout + ran.stderr) == (2, True)


def test_a_secret_fails_the_job(project, text):
    """A token in a cassette, which plays all the same, ends the job with 1."""
    (_, secret), *_ = planted(1)
    (project / "cassettes/more.partial").write_text(secret, "utf-8")
    ran = run_steps(text, "convrun", project, but="Install")
    assert (ran.code, secret in ran.stdout) == (1, False)
    assert "cassettes/more.partial:1: a key of OpenAI, sk-" in ran.stdout


def test_requirements_are_installed_first(project, text):
    """A requirement that cannot be had ends the job before anything runs."""
    (project / "requirements.txt").write_text("no-such-package-at-all==1\n", "utf-8")
    ran = run_steps(text, "convrun", project)
    assert (ran.code, "no-such-package-at-all" in ran.stderr, ran.summary) == (1, True, "")
