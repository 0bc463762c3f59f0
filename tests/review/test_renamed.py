"""A spec or a case that was renamed: its recording is found again, and not paid for twice."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from projects import Project

from convrun.run.findings.renamed import renamed_in
from convrun.run.planning.options import RunOptions


def spec(*users, attach=None, model="echo", **more):
    """A spec of a model, with a turn for each text; the last one shows a picture where one is named."""
    turns = [{"user": text} for text in users]
    if attach:
        turns[-1]["attachments"] = [{"path": attach}]
    return json.dumps({"model": model, "turns": turns, **more})


@pytest.fixture
def clock(tmp_path, loopback):
    """A project with a recorded conversation with a server about a picture, whose spec is then renamed."""
    project = Project(tmp_path)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/a.png").write_bytes(b"1" * 3_000)
    model = {"name": "m", "base_url": loopback.base_url, "max_retries": 0}
    project.write("specs/clock.yaml", spec("Hello", "What is it?", attach="a.png", model=model, system="You see."))
    loopback.says("Hi.", "A clock.")
    project.record()
    (tmp_path / "specs/clock.yaml").rename(tmp_path / "specs/clock2.yaml")
    return project


MOVE = "mv cassettes/clock.yaml cassettes/clock2.yaml && mv cassettes/clock.yaml.d cassettes/clock2.yaml.d"


def test_each_command_names_the_recording_and_what_gives_it_its_name(clock, convrun, loopback):
    """`run`, `status` and `record` say it, `prune` leaves it; after the command all is fresh and nothing was paid."""
    asked = len(loopback.requests)
    _, out, _ = convrun(clock.root, "run")
    assert f"it may be the recording of specs/clock2.yaml, which has none: {MOVE}" in out
    code, out, _ = convrun(clock.root, "status")
    assert (code, f"renamed   cassettes/clock.yaml may be the recording of specs/clock2.yaml:\n  {MOVE}" in out) == (
        3,
        True,
    )
    assert json.loads(convrun(clock.root, "status", "--json")[1])["renamed"] == [
        {"cassette": "cassettes/clock.yaml", "conversation": "specs/clock2.yaml", "command": MOVE}
    ]
    told = f"cassettes/clock.yaml may be the recording of specs/clock2.yaml: {MOVE}"
    code, out, _ = convrun(clock.root, "cassette", "prune")
    assert (code, out.splitlines()) == (0, [f"left       cassettes/clock.yaml: {told}", "1 left"])
    loopback.answers[:] = []
    _, out, err = convrun(clock.root, "record", "specs/clock2.yaml")
    assert told in out + err
    (clock.root / "cassettes/clock2.yaml.partial").unlink(missing_ok=True)
    subprocess.run(["sh", "-c", MOVE], cwd=clock.root, check=True)
    assert convrun(clock.root, "status")[0] == 0
    assert convrun(clock.root, "cassette", "prune")[1] == "nothing to prune\n"
    assert len(loopback.requests) <= asked + 1  # the one that the server refused


def test_a_cassette_that_was_moved_alone_is_told_where_its_attachments_are(clock, convrun):
    """They lie beside the old name; beside another cassette with the same picture, they are to be copied."""
    folder = clock.root / "cassettes"
    (name,) = os.listdir(folder / "clock.yaml.d")
    (folder / "clock.yaml").rename(folder / "clock2.yaml")
    code, out, _ = convrun(clock.root, "run")
    move = "mv cassettes/clock.yaml.d cassettes/clock2.yaml.d"
    assert (code, f"'cassettes/clock.yaml.d' has it, whose cassette is gone: {move}" in out) == (4, True)
    code, out, _ = convrun(clock.root, "status")
    assert (code, move in out, "nothing is to be recorded but what cannot be read" in out) == (4, True, True)
    clock.write("cassettes/clock.yaml", "version: convrun/1\n")
    copy = f"mkdir -p cassettes/clock2.yaml.d && cp cassettes/clock.yaml.d/{name} cassettes/clock2.yaml.d/"
    assert copy in convrun(clock.root, "run", "specs/clock2.yaml")[1]
    subprocess.run(["sh", "-c", copy], cwd=clock.root, check=True)
    assert convrun(clock.root, "run", "specs/clock2.yaml")[0] == 0


@pytest.mark.parametrize(
    ("now", "fits"),
    [
        (spec("Hi {{ name }}", "Bye", vars={"name": "Ada"}), True),
        (spec("Hi Ada", "Bye", "And more"), True),
        (spec("Hi Ada"), True),
        (spec("Hi Ada", "Bye", system="Be kind."), True),
        (spec("Hi Ada", "Good night"), True),  # the first request is the same
        (spec("Hi Ada", "Good night", system="Be kind."), False),
        (spec("Hi Bob", "Bye"), False),
    ],
)
def test_what_the_user_says_tells_whose_a_recording_is(project, convrun, now, fits):
    """The same texts as far as both go, or the same first request; where git is, it moves the file."""
    project.write("specs/old.yaml", spec("Hi Ada", "Bye"))
    project.record()
    (project.root / "specs/old.yaml").unlink()
    project.write("specs/deep/new.yaml", now)
    (project.root / ".git").mkdir()
    move = "mkdir -p cassettes/deep && git mv cassettes/old.yaml cassettes/deep/new.yaml"
    out = convrun(project.root, "cassette", "prune", "--dry-run")[1]
    assert (move in out, "would remove" in out) == (fits, not fits)


def test_each_recording_is_of_one_conversation_the_most_alike(project, convrun):
    """Of two cases that were renamed each gets its own; a case that is new gets none."""
    project.write("specs/a.yaml", spec("Hi", "{{ w }}", cases=[{"id": "x", "w": "X"}, {"id": "y", "w": "Y"}]))
    project.run(record="all")
    rows = [{"id": "v", "w": "Y"}, {"id": "w", "w": "X"}, {"id": "z", "w": "Z"}]
    project.write("specs/a.yaml", spec("Hi", "{{ w }}", cases=rows))
    found = json.loads(convrun(project.root, "status", "--json")[1])["renamed"]
    assert [(one["cassette"], one["conversation"]) for one in found] == [
        ("cassettes/a/x.yaml", "specs/a.yaml::w"),
        ("cassettes/a/y.yaml", "specs/a.yaml::v"),
    ]


@pytest.mark.parametrize("copied", [True, False])
def test_samples_that_are_left_over_are_not_another_specs(project, convrun, copied):
    """Of fewer samples the others are orphans, whatever a copy of the spec lacks; those of a renamed spec are moved."""
    project.write("specs/a.yaml", spec("Hi", samples={"times": 3}))
    project.run(record="all")
    (project.root / "specs/a.yaml").unlink()
    for name in ("a", "b") if copied else ("b",):
        project.write(f"specs/{name}.yaml", spec("Hi", samples={"times": 2}))
    found = json.loads(convrun(project.root, "status", "--json")[1])["renamed"]
    moved = [("cassettes/a.yaml", "specs/b.yaml"), ("cassettes/a/@2.yaml", "specs/b.yaml::@2")]
    assert [(one["cassette"], one["conversation"]) for one in found] == ([] if copied else moved)
    assert "may be the recording of" not in (convrun(project.root, "run")[1] if copied else "")


def test_of_many_the_first_are_told(project, convrun):
    """A spec with many cases that was renamed fits on a screen; -v tells all."""
    rows = [{"id": f"c{number}", "w": f"W{number}"} for number in range(12)]
    project.write("specs/a.yaml", spec("{{ w }}", cases=rows))
    project.run(record="all")
    (project.root / "specs/a.yaml").rename(project.root / "specs/b.yaml")
    out = convrun(project.root, "status")[1]
    assert (out.count("renamed   "), "  and 4 more, -v shows them" in out) == (8, True)
    assert convrun(project.root, "status", "-v")[1].count("renamed   ") == 12


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"city": ["x"]}, {"city": ["x"], "options": [{"id": "a", "seed": 1}]}, None),
        ({"city": ["x"]}, {"city": ["x"], "options": [{"id": "a", "top_p": None}]}, "x-a"),
        ({"city": ["x"]}, {"city": ["x"], "model": [{"id": "told", "script": [{"reply": "Hi"}]}, "echo"]}, "x-echo"),
        ({"model": ["echo"]}, {"model": [{"name": "echo", "id": "e"}]}, "e"),
        ({"system": [{"id": "a", "text": "A"}]}, {"system": [{"id": "b", "text": "B"}, {"id": "c", "text": "A"}]}, "c"),
        ({"system": [{"id": "a", "text": "A"}]}, {"system": [{"id": "b", "text": "B"}]}, None),
        ({"options": [{"seed": 1}]}, {"options": [{"seed": 2}]}, None),
        ({"options": [{"seed": 1}]}, {"options": [{"seed": 2}, {"id": "one", "seed": 1}]}, "one"),
    ],
)
def test_of_a_matrix_the_combination_is_found(project, before, after, found):
    """A recording fits the combination with its model, prompt and options; one of another value is not offered."""
    project.write("specs/a.yaml", spec("Hi", matrix=before, vars={"city": "x"}, expect=[{"contains": "{{ city }}"}]))
    project.run(record="all")
    project.write("specs/a.yaml", spec("Hi", matrix=after, vars={"city": "x"}, expect=[{"contains": "{{ city }}"}]))
    told = renamed_in(project.prepared(), RunOptions(), {})
    assert [one.planned.id.partition("::")[2] for one in told] == ([found] if found else [])
