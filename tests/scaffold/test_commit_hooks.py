"""The hook for pre-commit: pre-commit itself runs it, in a git repository with a first project.

What pre-commit would install from this repository is what is installed already, so that no test needs a package index:
`language: system` stands in the place of `language: python`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from documentation import ROOT
from forking import environment
from planted import planted
from test_first_project import laid

MANIFEST = ROOT / ".pre-commit-hooks.yaml"
SPEC = "specs/parcel.yaml"

pytest.importorskip("pre_commit", reason="pre-commit is not installed here")


def run(folder, *command):
    """Run a command in the repository; return its exit code and what it printed."""
    environ = environment(
        PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        PRE_COMMIT_HOME=str(folder.parent / "pre-commit"),
        GIT_CONFIG_GLOBAL=os.devnull,
        GIT_CONFIG_SYSTEM=os.devnull,
    )
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def hooked(folder, *paths):
    """Stage these files alone, and run the hook as a commit would."""
    assert run(folder, "git", "read-tree", "--empty") == (0, "")
    assert run(folder, "git", "add", "-f", *paths)[0] == 0
    return run(folder, sys.executable, "-m", "pre_commit", "run", "--color", "never")


@pytest.fixture
def repository(tmp_path):
    """A first project under git, whose configuration names the hook as the manifest has it."""
    folder = tmp_path / "desk"
    folder.mkdir()
    laid(folder)
    hooks = [{**hook, "language": "system"} for hook in yaml.safe_load(MANIFEST.read_text("utf-8"))]
    config = {"repos": [{"repo": "local", "hooks": hooks}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    assert run(folder, "git", "init", "-q") == (0, "")
    return folder


def test_the_manifest_is_one():
    """Pre-commit takes the file as a manifest, and installs the package that it stands beside."""
    assert run(ROOT, sys.executable, "-m", "pre_commit", "validate-manifest", str(MANIFEST)) == (0, "")
    assert [hook["language"] for hook in yaml.safe_load(MANIFEST.read_text("utf-8"))] == ["python"] * 2


def test_right_specs_are_committed(repository):
    """A staged spec without a mistake passes."""
    code, told = hooked(repository, ".pre-commit-config.yaml", SPEC)
    assert (code, "Passed" in told) == (0, True), told


def test_a_mistake_is_not_committed(repository):
    """A staged spec with one fails, with its place and its fix."""
    text = (repository / SPEC).read_text("utf-8")
    (repository / SPEC).write_text(text.replace("contains: Lisbon", "contians: Lisbon"), "utf-8")
    code, told = hooked(repository, ".pre-commit-config.yaml", SPEC)
    assert code == 1
    assert f"{SPEC}:15:9: unknown check 'contians'" in told
    assert "did you mean 'contains'?" in told


def test_a_secret_is_not_committed(repository):
    """A staged recording with a token fails, with its line; the token is not shown."""
    (_, secret), *_ = planted(1)
    (repository / "cassettes/more.yaml").write_text(f"interactions:\n- request: {{body: {secret}}}\n", "utf-8")
    code, told = hooked(repository, ".pre-commit-config.yaml", SPEC, "cassettes/more.yaml")
    assert (code, secret in told) == (1, False)
    assert "cassettes/more.yaml:2: interaction 1: a key of OpenAI, sk-" in told


def test_an_edit_of_what_specs_share_looks_at_all_of_them(repository):
    """Where only a base is staged, a spec that it breaks is found."""
    (repository / "specs/_base.yaml").write_text("turns: [{user: Hi, expect: [{equals: '{{ tone }}'}]}]\n", "utf-8")
    (repository / "specs/child.yaml").write_text("extends: _base.yaml\nmodel: echo\n", "utf-8")
    code, told = hooked(repository, ".pre-commit-config.yaml", "specs/_base.yaml")
    assert (code, "'tone'" in told) == (1, True), told


def test_other_files_are_none_of_its_business(repository):
    """Where neither YAML, tables, settings nor code are staged, it is skipped."""
    (repository / "NOTES.txt").write_text("contians\n", "utf-8")
    hooked(repository, ".pre-commit-config.yaml")
    assert run(repository, "git", "read-tree", "--empty") == (0, "")
    assert run(repository, "git", "add", "NOTES.txt")[0] == 0
    code, told = run(repository, sys.executable, "-m", "pre_commit", "run", "--color", "never")
    assert (code, "(no files to check)Skipped" in told) == (0, True), told
