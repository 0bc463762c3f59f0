"""The files that docs/ci.md shows for CI: what they may do, and what their steps do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documentation import ROOT, blocks
from forking import environment
from test_first_project import laid
from workflows import run_steps

from convrun.document import read_values

FILES = {}
for block in blocks((ROOT / "docs/ci.md").read_text("utf-8")):
    if block.path:
        FILES.setdefault(block.path, block.text)
COMMENT, RECORD, GITLAB = (
    FILES[name]
    for name in (".github/workflows/convrun-comment.yml", ".github/workflows/convrun-record.yml", ".gitlab-ci.yml")
)
LARGE = FILES[".github/workflows/convrun.yml"]
# GitHub's own program: it notes what it was asked, and answers from the files `pulls` and `comments`.
GH = """#!/usr/bin/env bash
set -eu
printf '%s\\n' "$*" >> ../asked
for word; do case "$word" in body=@*) cp "${word#body=@}" ../posted ;; esac; done
case "$*" in
    *" -F "*) ;;
    *repos/o/r/pulls*) cat ../pulls ;;
    *) cat ../comments ;;
esac
"""


@pytest.fixture
def commenting(tmp_path):
    """Runs the steps that comment, with a report; returns how it went, what GitHub was asked and what was posted."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text(GH, "utf-8")
    (tmp_path / "bin/gh").chmod(0o755)
    for name in ("asked", "posted", "pulls", "comments"):
        (tmp_path / name).write_text("", "utf-8")
    (tmp_path / "job/convrun-reports").mkdir(parents=True)

    def run(*, pulls="", comments=""):
        (tmp_path / "pulls").write_text(pulls, "utf-8")
        (tmp_path / "comments").write_text(comments, "utf-8")
        path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
        given = {
            "REPOSITORY": "o/r",
            "HEAD": "fork:$(touch ../hacked)",
            "COMMIT": "c0ffee",
            "GH_TOKEN": "t",
            "RUN": "https://h/run/1",
        }
        ran = run_steps(COMMENT, "comment", tmp_path / "job", PATH=path, **given)
        assert not (tmp_path / "hacked").exists()
        return ran, (tmp_path / "asked").read_text("utf-8"), (tmp_path / "posted").read_text("utf-8")

    run.report = tmp_path / "job/convrun-reports/comment.md"
    return run


def test_who_may_write_runs_no_code_of_others():
    """The workflow that comments checks nothing out, installs nothing, and has one right to write."""
    workflow = read_values(COMMENT, "workflow")
    assert list(workflow["on"]) == ["workflow_run"]
    assert workflow["permissions"] == {}
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step] == ["actions/download-artifact"]
    (program,) = (step["run"] for step in job["steps"] if "run" in step)
    assert not re.search(r"pip|python|npm|checkout|\bsource\b|\beval\b|\$\{\{", program)
    assert "secrets" not in COMMENT


def test_a_first_comment_is_made(commenting):
    """The report goes to the pull request that GitHub names, found by branch and commit, and no text is a command."""
    commenting.report.write_text("1 failed: `$(touch ../hacked)`\n", "utf-8")
    ran, asked, posted = commenting(pulls="7\n")
    assert ran.code == 0, ran.stderr
    assert "-f head=fork:$(touch ../hacked)" in asked
    assert '.head.sha == "c0ffee"' in asked
    assert asked.splitlines()[-1] == "api --silent repos/o/r/issues/7/comments -F body=@comment.md"
    assert posted == "<!-- convrun -->\n1 failed: `$(touch ../hacked)`\n"


def test_a_later_report_takes_the_place_of_the_comment(commenting):
    """Where there is a comment of ours already, it is changed."""
    commenting.report.write_text("1 passed\n", "utf-8")
    ran, asked, posted = commenting(pulls="7\n", comments="41\n42\n")
    assert ran.code == 0, ran.stderr
    assert asked.splitlines()[-1].endswith("-X PATCH repos/o/r/issues/comments/41 -F body=@comment.md")
    assert posted.endswith("1 passed\n")


def test_a_report_of_any_size_fits(commenting):
    """What is too long is cut between characters."""
    commenting.report.write_text("aé" * 40_000, "utf-8")
    ran, _, posted = commenting(pulls="7\n")
    assert ran.code == 0, ran.stderr
    assert 43_000 < len(posted) <= 65_536
    assert posted.rstrip("aé") == "<!-- convrun -->\n"


def test_nothing_is_posted_without_a_pull_request(commenting):
    """Where no open pull request ends in the commit, there is nothing to comment on."""
    commenting.report.write_text("1 passed\n", "utf-8")
    ran, _, posted = commenting(pulls="")
    assert (ran.code, posted) == (0, ""), ran.stderr


@pytest.mark.parametrize("linked", [False, True])
def test_no_report_is_said(linked, commenting, tmp_path):
    """Without a report, or with a link in its place, the comment leads to the job; an older one does not stay."""
    (tmp_path / "secret").write_text("of the job\n", "utf-8")
    if linked:
        commenting.report.symlink_to(tmp_path / "secret")
    ran, asked, posted = commenting(pulls="7\n", comments="41\n")
    assert ran.code == 0, ran.stderr
    assert "-X PATCH" in asked
    assert posted == "<!-- convrun -->\nconvrun left no report: https://h/run/1 says why.\n"


def test_a_recording_is_begun_by_hand():
    """The job that has the key starts for no push and no pull request, may only read, and gives the key to one step."""
    workflow = read_values(RECORD, "workflow")
    assert list(workflow["on"]) == ["workflow_dispatch"]
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    assert [step["name"] for step in job["steps"] if "secrets." in json.dumps(step)] == ["Record"]


def test_a_recording_in_a_job_records(tmp_path, loopback):
    """Its steps record what is stale, from the model that the key is for, and end well."""
    folder = tmp_path / "desk"
    folder.mkdir()
    laid(folder, "--plain")
    spec = folder / "specs/parcel.yaml"
    model = f"{{name: gpt-4.1-mini, provider: openai, base_url: '{loopback.base_url}'}}"  # it has a price
    spec.write_text(f"model: {model}\nturns: [{{user: Hi, expect: [{{contains: Hi}}]}}]\n", "utf-8")
    loopback.says("Hi there.")
    ran = run_steps(RECORD, "record", folder, but="Install", OPENAI_API_KEY="sk-test")
    assert (ran.code, "1 passed" in ran.summary) == (0, True), ran.stdout + ran.stderr
    assert "Hi there." in (folder / "cassettes/parcel.yaml").read_text("utf-8")


def test_the_parts_of_a_matrix_are_the_suite(tmp_path):
    """Each part of the matrix ends well; one of them has the only conversation."""
    parts = read_values(LARGE, "workflow")["jobs"]["convrun"]["strategy"]["matrix"]["part"]
    assert [part.partition("/")[2] for part in parts] == [str(len(parts))] * len(parts)
    folder = tmp_path / "desk"
    folder.mkdir()
    laid(folder)
    printed = []
    for part in parts:
        ran = run_steps(LARGE, "convrun", folder, but="Install", PART=part)
        assert ran.code == 0, ran.stdout + ran.stderr
        printed.append(ran.stdout)
    assert sum("1 passed" in text for text in printed) == 1


def test_a_job_of_gitlab_runs(tmp_path):
    """Its lines, run by a shell as GitLab runs them, leave the JUnit file where the job says that it is."""
    job = read_values(GITLAB, "job")["convrun"]
    laid(tmp_path)
    for number in range(1, job["parallel"] + 1):
        environ = {"CI_NODE_INDEX": str(number), "CI_NODE_TOTAL": str(job["parallel"])}
        for line in job["script"]:
            done = run_line(line, tmp_path, environ)
            assert done.returncode == 0, done.stderr
        assert "<testsuites" in (tmp_path / job["artifacts"]["reports"]["junit"]).read_text("utf-8")
        (tmp_path / job["artifacts"]["reports"]["junit"]).unlink()


def run_line(line, folder, more):
    """Run a line of a script with the environment's own `convrun`."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = environment(PATH=path, **more)
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", line],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
