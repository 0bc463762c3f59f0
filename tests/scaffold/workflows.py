"""Workflows of GitHub as tests run them: the `run:` steps of a job, by bash, in the environment that GitHub gives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forking import environment

from convrun.document import read_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of a job: the exit code of the last step that ran, what all printed, and the summary."""

    code: int
    stdout: str
    stderr: str
    summary: str


def steps(text: str, job: str) -> list[Mapping[str, Any]]:
    """Return the steps of a job of a workflow."""
    found: list[Mapping[str, Any]] = read_values(text, "workflow")["jobs"][job]["steps"]
    return found


def run_steps(text: str, job: str, folder: Path, *, but: str = "", **more: str) -> Ran:
    """Run the `run:` steps but one, up to the first that fails; `more` is added to the environment."""
    summary = folder.parent / "step-summary.md"
    summary.write_text("", "utf-8")
    environ = environment(
        PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        CI="true",
        GITHUB_ACTIONS="true",
        GITHUB_WORKSPACE=str(folder),
        GITHUB_STEP_SUMMARY=str(summary),
        GITHUB_OUTPUT=str(folder.parent / "step-output"),
        PIP_NO_INDEX="1",  # what is installed is enough
        PIP_DISABLE_PIP_VERSION_CHECK="1",
    )
    environ |= more
    del environ["NO_COLOR"]
    printed = ["", ""]
    for step in steps(text, job):
        if "run" not in step or step["name"] == but:
            continue
        assert "${{" not in step["run"]  # nobody's text becomes part of a program
        command = ["bash", "--noprofile", "--norc", "-e", "-c", step["run"]]
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, encoding="utf-8", timeout=60, check=False
        )
        printed = [before + after for before, after in zip(printed, (done.stdout, done.stderr), strict=True)]
        if done.returncode:
            break
    return Ran(code=done.returncode, stdout=printed[0], stderr=printed[1], summary=summary.read_text("utf-8"))
