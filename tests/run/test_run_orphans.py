"""The finding `orphaned`: a recording that no spec has, where all specs were run."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from projects import Project

from convrun.source import Where

SPEC = """
    model: echo
    turns:
      - user: {text}
        expect:
          - contains: {text}
"""


@pytest.fixture
def project(tmp_path):
    """Two specs that are recorded, and a third whose recording alone is left."""
    made = Project(tmp_path)
    for name in ("one", "two", "gone"):
        made.write(f"specs/{name}.yaml", SPEC.format(text=name))
        made.record(f"specs/{name}.yaml")
    (tmp_path / "specs/gone.yaml").unlink()
    return made


def orphaned(project, *paths, **options):
    """The files that a run finds to be nobody's."""
    return [finding.where.file for finding in project.run(*paths, **options).findings if finding.kind == "orphaned"]


def test_a_recording_without_a_spec_is_a_finding(project):
    """It is named with what removes it, belongs to no conversation, and ends a strict run with 1."""
    found = project.run(strict=True)
    (finding,) = found.findings
    assert finding.where == Where(file="cassettes/gone.yaml")
    assert "convrun cassette prune" in finding.fix
    assert found.exit_code == 1
    assert project.run().exit_code == 0
    assert orphaned(project, "specs") == ["cassettes/gone.yaml"]


def test_nothing_is_said_where_something_was_left_out(project):
    """A run of a part does not know to whom the other recordings belong."""
    assert orphaned(project, "specs/one.yaml") == []
    assert orphaned(project, keyword="one") == []
    assert orphaned(project, only=frozenset({"specs/one.yaml"})) == []
    assert orphaned(project, models=("echo",)) == []


def test_what_may_be_played_by_others_is_no_orphan(project):
    """Recordings of other models, of specs elsewhere and of tests in Python are somebody's."""
    text = (project.root / "cassettes/gone.yaml").read_text("utf-8")
    for name in ("one/echo-2", "talks/far", "test_chat/test_it", "block"):
        project.write(f"cassettes/{name}.yaml", text.replace("model: echo", "model: echo-2"))
    assert orphaned(project) == [
        f"cassettes/{name}.yaml" for name in ("block", "gone", "talks/far", "test_chat/test_it")
    ]
    project.write("talks/far.yaml", SPEC.format(text="far"))
    project.write("test_chat.py", "def test_it(conversation): ...")
    project.write("lib/program.py", "cassette('cassettes/block.yaml')")
    assert orphaned(project) == ["cassettes/gone.yaml"]
    project.write("talks/far.yaml", "no spec: at all")
    assert orphaned(project) == ["cassettes/gone.yaml"]


def test_only_cassettes_of_ours_are_found(project):
    """Other programs' recordings, other files and what lies behind links are not looked at."""
    project.write("cassettes/vcr.yaml", "interactions: []\nversion: 1\n")
    project.write("cassettes/notes.yaml", "a: 1\n")
    project.write("cassettes/.hidden/a.yaml", "version: convrun/1\n")
    project.write("away/a.yaml", "version: convrun/1\n")
    (project.root / "cassettes/led").symlink_to(project.root / "away")
    (project.root / "cassettes/link.yaml").symlink_to(project.root / "away/a.yaml")
    assert orphaned(project) == ["cassettes/gone.yaml"]


def test_values_that_a_matrix_has_no_more_leave_orphans(project):
    """A value, a prompt or options that were taken out; a model that was may still be asked for with `-m`."""
    (project.root / "cassettes/gone.yaml").unlink()
    axes = "matrix: {{model: [{}], city: [{}], options: [{}]}}\nturns: [{{user: 'Hi {{{{ city }}}}'}}]\n"
    both = ("echo, {id: told, script: [{reply: Hi}]}", "Oslo, Bonn", "{seed: 1}, {id: two, seed: 2}")
    project.write("specs/three.yaml", axes.format(*both))
    project.run("specs/three.yaml", record="all")
    assert orphaned(project) == []
    project.write("specs/three.yaml", axes.format("echo", "Bonn", "{seed: 1}"))
    left = {path.name for path in (project.root / "cassettes/three").iterdir()}
    assert len(left) == 8
    assert {PurePosixPath(path).name for path in orphaned(project)} == {
        name for name in left if "Oslo" in name or "two" in name or "told" in name
    }
