"""`convrun show` and `convrun diff` in this process, and projects that git knows."""

from __future__ import annotations

import os
import subprocess

import pytest
from review_projects import Desk

from convrun.cli.application import application


@pytest.fixture
def convrun(monkeypatch, capfd):
    """Call it with a folder and arguments; it returns exit code, stdout and stderr."""

    def run(folder, *arguments):
        monkeypatch.chdir(folder)
        command = application()
        with monkeypatch.context() as own:
            own.delenv("CONVRUN_GOLDEN", raising=False)  # no setting of ours
            with pytest.raises(SystemExit) as ended:
                command(list(arguments), prog_name="convrun")
        captured = capfd.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


@pytest.fixture
def desk(project, loopback):
    """A project with a tool and a recorded spec."""
    return Desk(project, loopback)


@pytest.fixture
def git(monkeypatch):
    """Call it with a folder and words for git; nobody's configuration but the repository's own counts."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    def run(folder, *words):
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def begun(folder):
        run(folder, "init", "--quiet", "--initial-branch=main")
        run(folder, "config", "user.name", "Ada")
        run(folder, "config", "user.email", "ada@example.com")
        run(folder, "config", "commit.gpgsign", "false")

    def committed(folder, message="work"):
        run(folder, "add", "--all")
        run(folder, "commit", "--quiet", "--allow-empty", "-m", message)
        return run(folder, "rev-parse", "HEAD")

    run.begin, run.commit = begun, committed
    return run
