"""What git has of a recording: the cassette alone is not all of it where attachments lie beside it."""

from __future__ import annotations

import json

import pytest
from projects import Project

CASSETTE = "cassettes/clock.yaml"


@pytest.fixture
def clock(tmp_path, git):
    """A repository with a recorded conversation about a picture; all of it is committed."""
    project = Project(tmp_path)
    project.write(
        "specs/clock.yaml", json.dumps({"model": "echo", "turns": [{"user": "Hi", "attachments": [{"path": "a.png"}]}]})
    )
    (tmp_path / "specs/a.png").write_bytes(b"1" * 3_000)
    git.begin(tmp_path)
    project.record()
    git.commit(tmp_path)
    return project


def state(convrun, project):
    """The only conversation in the JSON of `convrun status`, and the lines for people."""
    (one,) = json.loads(convrun(project.root, "status", "--json")[1])["conversations"]
    return one, convrun(project.root, "status")[1]


def test_a_recording_without_its_attachment_is_not_committed(convrun, clock, git):
    """`git commit -a` leaves the new attachment out: it is named by `record` and by `status`, until git has it."""
    assert state(convrun, clock)[0]["committed"] == git(clock.root, "log", "-1", "--format=%cs")
    (clock.root / "specs/a.png").write_bytes(b"2" * 3_000)
    code, out, err = convrun(clock.root, "record")
    (new,) = (clock.root / f"{CASSETTE}.d").iterdir()
    assert code == 0
    assert f"new files: {CASSETTE}.d/{new.name}; commit them with the cassettes" in out + err
    one, out = state(convrun, clock)
    assert (one["committed"], one["unsaved"]) == (None, [])  # the cassette itself is not
    assert "fresh     1 conversation, not committed" in out
    git(clock.root, "commit", "--quiet", "-am", "without the new file")
    one, out = state(convrun, clock)
    assert (one["state"], one["committed"], one["unsaved"]) == ("fresh", None, [f"{CASSETTE}.d/{new.name}"])
    assert "unsaved   1 attachment of committed cassettes is not: git add, and commit" in out
    assert f"  {CASSETTE}.d/{new.name}" in out
    git.commit(clock.root)
    one, out = state(convrun, clock)
    assert (one["committed"] is None, one["unsaved"], "committed 2" in out) == (False, [], True)


def test_what_no_cassette_names_need_not_be_committed(convrun, clock, git):
    """A file beside a cassette that is none of its attachments does not make it less committed; a change in it does."""
    clock.write(f"{CASSETTE}.d/{'a' * 64}", "x")
    clock.write(f"{CASSETTE}.d/notes.txt", "x")
    assert state(convrun, clock)[0]["committed"]
    clock.write(".gitignore", "*.d/\n")
    git(clock.root, "rm", "--quiet", "-r", "--cached", f"{CASSETTE}.d")
    git.commit(clock.root)
    assert state(convrun, clock)[0]["committed"] is None  # ignored, and so in nobody's clone
    with (clock.root / CASSETTE).open("a") as file:
        file.write("# seen\n")
    one, _ = state(convrun, clock)
    assert (one["committed"], one["unsaved"]) == (None, [])


def test_a_recording_without_new_attachments_names_no_new_file(convrun, clock):
    """Recorded again with the same picture, nothing new has to be committed."""
    clock.edit("specs/clock.yaml", '"Hi"', '"Hello"')
    code, out, err = convrun(clock.root, "record")
    assert (code, "new files" in out + err) == (0, False)
