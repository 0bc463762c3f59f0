"""`convrun cassette prune`: what no spec needs any more is removed, and nothing else."""

from __future__ import annotations

import base64
import json
import os

import pytest
from projects import Project

from convrun.cassette.files import load
from convrun.cassette.kept.claims import Claim
from convrun.cassette.kept.partial import PartialWriter
from convrun.cassette.stored.beside import folder_of
from convrun.redaction import Redactor

PICTURES = {name: bytes([number]) * 3_000 for number, name in enumerate(("one.png", "two.png"), 1)}


def spec(*users, attach=None, **more):
    """A spec of an echoing model, with a turn for each text; the last one shows a picture where one is named."""
    turns = [{"user": text, "expect": [{"contains": text}]} for text in users]
    if attach:
        turns[-1]["attachments"] = [{"path": attach}]
    return json.dumps({"model": "echo", "turns": turns, **more})


@pytest.fixture
def project(tmp_path):
    """A project with pictures to attach."""
    made = Project(tmp_path)
    (tmp_path / "specs").mkdir()
    for name, content in PICTURES.items():
        (tmp_path / "specs" / name).write_bytes(content)
    return made


def kept(project):
    """Every file and folder of the project's cassettes."""
    top = project.root / "cassettes"
    return sorted(path.relative_to(top).as_posix() for path in top.rglob("*"))


def turns(project, name="a"):
    """How many interactions a cassette has."""
    return len(load(project.root / f"cassettes/{name}.yaml", name).interactions)


def pruned(convrun, project, *words, code=0):
    """The lines of `convrun cassette prune`; with --dry-run they are the same, and nothing changes."""
    before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    dry_code, dry, _ = convrun(project.root, "cassette", "prune", "--dry-run", *words)
    assert before == {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    ended, out, err = convrun(project.root, "cassette", "prune", *words)
    assert (ended, err) == (code, "")
    if code == 0:
        assert dry_code == 0
        done = [" ".join(line.split()) for line in out.splitlines()]
        would = [" ".join(line.split()) for line in dry.splitlines()]
        told = [line.replace("would remove", "removed").replace("would shorten", "shortened") for line in would]
        assert told[:-1] == done[:-1]
        assert not {"removed", "shortened"}.intersection(dry.split())
    return [" ".join(line.split()) for line in out.splitlines()]


def test_turns_that_the_spec_no_longer_has_are_removed(project, convrun):
    """A recording longer than its spec is shortened, with the pictures of what goes, and passes without a finding."""
    project.write("specs/a.yaml", spec("one", "two", "three", attach="one.png"))
    project.record()
    project.write("specs/a.yaml", spec("one", "two"))
    (finding,) = project.one().findings
    assert "convrun cassette prune specs/a.yaml" in finding.fix
    why = "cassettes/a.yaml: interaction 3, behind the last turn of specs/a.yaml"
    assert pruned(convrun, project, "specs/a.yaml") == [f"shortened {why}", "1 shortened"]
    assert (turns(project), kept(project)) == (2, ["a.yaml"])
    found = project.one()
    assert (found.verdict, found.findings) == ("passed", ())
    assert pruned(convrun, project) == ["nothing to prune"]


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (spec("one", "two", system="New."), "specs/a.yaml sends something else by now: system prompt"),
        (spec("one", "three"), "specs/a.yaml sends something else by now: turns that it no longer has"),
        (spec("two", "three"), "specs/a.yaml sends something else by now: turns that it no longer has"),
        (spec("one", "{{ turns[0].reply }}"), "specs/a.yaml sends something else by now: turn 2"),
        (spec("one", "two", options={"temperature": 1}), "specs/a.yaml sends something else by now: option"),
        (
            spec("one", "two", "three").replace('"three", "ex', '"three", "skip": "later", "ex'),
            "specs/a.yaml skips turns",
        ),
        (spec("one", "two", hooks={"before_conversation": "desk:hook"}), "the hooks of specs/a.yaml may say more"),
        (spec("one", "two", cassette={"ignore": ["/messages/0"]}), "specs/a.yaml leaves messages out"),
    ],
)
def test_what_is_not_certain_is_left_with_the_reason(project, convrun, now, why):
    """Where the spec has changed otherwise, or only a run can know, nothing is removed, and it is said why."""
    project.write("specs/a.yaml", spec("one", "two", "three"))
    project.record()
    project.write("specs/a.yaml", now)
    line, count = pruned(convrun, project)
    assert line.startswith(f"left cassettes/a.yaml: it is longer than its spec, but {why}")
    assert (count, turns(project)) == ("1 left", 3)


@pytest.mark.parametrize("now", [spec("one", "two", "three"), spec("one", "two", "three", "four")])
def test_a_recording_that_is_not_longer_is_not_touched(project, convrun, now):
    """What a spec plays, or will play once it is recorded on, stays."""
    project.write("specs/a.yaml", spec("one", "two", "three"))
    project.record()
    project.write("specs/a.yaml", now)
    assert pruned(convrun, project) == ["nothing to prune"]


def test_orphans_go_with_what_is_beside_them(project, convrun):
    """Cassettes of removed specs and cases, their pictures and partial recordings, and folders that are empty then."""
    cases = {"cases": [{"id": "x", "word": "X"}, {"id": "y", "word": "Y"}]}
    project.write("specs/a.yaml", spec("{{ word }}", **cases))
    project.write("specs/deep/b.yaml", spec("one", attach="../one.png"))
    project.write("specs/c.yaml", spec("one", attach="two.png"))
    project.run(record="all")
    (project.root / "specs/deep/b.yaml").unlink()
    project.write("specs/a.yaml", spec("{{ word }}", cases=cases["cases"][:1]))
    assert pruned(convrun, project) == [
        "removed cassettes/a/y.yaml: no spec has it",
        "removed cassettes/deep/b.yaml: no spec has it, nor what is beside it: 1 attachment",
        "removed cassettes/deep/: it is empty",
        "3 removed",
    ]
    (picture,) = (project.root / "cassettes/c.yaml.d").iterdir()
    assert kept(project) == ["a", "a/x.yaml", "c.yaml", "c.yaml.d", f"c.yaml.d/{picture.name}"]
    assert project.run(strict=True).exit_code == 0


def test_attachments_of_nobody_go(project, convrun):
    """Pictures that no interaction shows, or whose cassette is gone, are removed; other files beside them stay."""
    project.write("specs/a.yaml", spec("one", attach="one.png"))
    project.record()
    folder = folder_of(project.root / "cassettes/a.yaml")
    (name,) = os.listdir(folder)
    stray = base64.b16encode(b"\0" * 32).decode()
    (folder / stray).write_bytes(b"x")
    (folder / "notes.txt").write_text("mine")
    lost = project.root / "cassettes/gone.yaml.d"
    lost.mkdir()
    (lost / name).write_bytes(PICTURES["one.png"])
    (lost / ("a" * 64)).write_bytes(b"not what its name says")
    assert pruned(convrun, project) == [
        "removed cassettes/a.yaml.d: 1 attachment that no interaction has",
        "removed cassettes/gone.yaml.d: 1 attachment, and there is no cassette",
        "2 removed",
    ]
    left = [f"a.yaml.d/{name}", "a.yaml.d/notes.txt", "gone.yaml.d", f"gone.yaml.d/{'a' * 64}"]
    assert kept(project) == ["a.yaml", "a.yaml.d", *left]


def test_what_broke_off_is_kept_for_who_has_it(project, convrun):
    """A partial recording goes with an orphan, and stays, with its cassette as it is, where a spec goes on from it."""
    for name in ("a", "gone", "begun"):
        project.write(f"specs/{name}.yaml", spec("one", "two"))
        project.record(f"specs/{name}.yaml")
        path = project.root / f"cassettes/{name}.yaml"
        writer = PartialWriter(path, mode="all", shown_as=name, redactor=Redactor())
        writer.write(load(path, name).interactions)
        writer.close()
    (project.root / "cassettes/begun.yaml").unlink()
    project.write("specs/a.yaml", spec("one"))
    (project.root / "specs/gone.yaml").unlink()
    (project.root / "specs/begun.yaml").rename(project.root / "specs/other.yaml")
    project.write("cassettes/other.yaml.partial", (project.root / "cassettes/begun.yaml.partial").read_text("utf-8"))
    assert pruned(convrun, project) == [
        "left cassettes/a.yaml: a recording of it broke off, and goes on from its .partial",
        "removed cassettes/gone.yaml: no spec has it, nor what is beside it: gone.yaml.partial",
        "removed cassettes/begun.yaml.partial: no spec has it",
        "1 left, 2 removed",
    ]
    assert kept(project) == ["a.yaml", "a.yaml.partial", "other.yaml.partial"]


def test_while_a_spec_cannot_be_read_nobody_knows_what_is_an_orphan(project, convrun):
    """One spec with a mistake keeps all orphans, ends with 1, and does not keep others from being shortened."""
    for name in ("a", "gone"):
        project.write(f"specs/{name}.yaml", spec("one", "two"))
        project.record(f"specs/{name}.yaml")
    (project.root / "specs/gone.yaml").unlink()
    project.write("specs/a.yaml", spec("one"))
    project.write("specs/bad.yaml", "turns: 3\n")
    shortened, failed, _ = pruned(convrun, project, code=1)
    assert shortened.startswith("shortened cassettes/a.yaml")
    assert "which recordings are nobody's is not known while a spec cannot be read, as specs/bad.yaml" in failed
    assert kept(project) == ["a.yaml", "gone.yaml"]


def test_what_is_being_recorded_is_left(project, convrun):
    """Neither an orphan nor a long recording is touched while another process has the right to record it."""
    for name in ("a", "gone"):
        project.write(f"specs/{name}.yaml", spec("one", "two"))
        project.record(f"specs/{name}.yaml")
    (project.root / "specs/gone.yaml").unlink()
    project.write("specs/a.yaml", spec("one"))
    claims = [Claim(project.root / f"cassettes/{name}.yaml", shown_as=name) for name in ("a", "gone")]
    for claim in claims:
        claim.take()
    busy = [f"failed cassettes/{name}.yaml: another process is recording this cassette" for name in ("a", "gone")]
    assert pruned(convrun, project, code=1) == [*busy, "2 failed"]
    for claim in claims:
        claim.release()
    assert (turns(project), kept(project)) == (2, ["a.yaml", "gone.yaml"])


def test_only_our_cassettes_below_the_folder_are_touched(project, convrun):
    """Other programs' recordings, other files, hidden ones and what lies behind links stay."""
    ours = "version: convrun/1\ninteractions: []\ntimings: []\ndigests: []\n"
    project.write("specs/a.yaml", spec("one"))
    project.record()
    project.write("cassettes/vcr.yaml", "interactions: []\nversion: 1\n")
    project.write("cassettes/notes.txt", "mine")
    project.write("cassettes/.hidden/a.yaml", ours)
    project.write("away/b.yaml", ours)
    (project.root / "cassettes/led").symlink_to(project.root / "away")
    (project.root / "cassettes/link.yaml").symlink_to(project.root / "away/b.yaml")
    before = kept(project)
    assert pruned(convrun, project) == ["nothing to prune"]
    assert kept(project) == before
    project.write("convrun.toml", "cassettes = 'led/tapes'\n")
    (project.root / "led").symlink_to(project.root.parent)
    project.write("led/tapes/b.yaml", ours)
    outside = "the cassettes folder is outside of the project: others may have recordings there"
    assert pruned(convrun, project) == [f"left led/tapes: {outside}", "1 left"]


def test_with_a_path_only_its_recordings_are_looked_at(project, convrun):
    """Orphans and other specs are left alone; a recording with another model belongs to its spec."""
    for name in ("a", "b", "gone"):
        project.write(f"specs/{name}.yaml", spec("one", "two"))
        project.record(f"specs/{name}.yaml")
    text = (project.root / "cassettes/a.yaml").read_text("utf-8")
    (project.root / "specs/gone.yaml").unlink()
    for name in ("a", "b"):
        project.write(f"specs/{name}.yaml", spec("one"))
    assert pruned(convrun, project, "specs/a.yaml")[1:] == ["1 shortened"]
    assert (turns(project, "a"), turns(project, "b"), kept(project)) == (1, 2, ["a.yaml", "b.yaml", "gone.yaml"])
    assert text.startswith((project.root / "cassettes/a.yaml").read_text("utf-8").partition("timings")[0])
    code, _, err = convrun(project.root, "cassette", "prune", "specs/none.yaml")
    assert code == 2
    assert "'specs/none.yaml' does not exist" in err


def test_what_recording_left_lying_goes_once_it_is_old(project, convrun):
    """Partial recordings put aside and half-written files, an hour after they were touched; nothing else."""
    project.write("specs/a.yaml", spec("one"))
    project.record()
    old = ["a.yaml.1.partial", ".0123456789abcdef.writing", "deep/.a.yaml.partial", "a.yaml.d.partial", ".mine"]
    new = ["a.yaml.2.partial", ".fedcba9876543210.writing"]
    for name in (*old, *new):
        path = project.write(f"cassettes/{name}", "x")
        if name in old:
            os.utime(path, (1, 1))
    assert pruned(convrun, project) == [
        "removed cassettes/.0123456789abcdef.writing: it was never written to its end",
        "removed cassettes/a.yaml.1.partial: it was put aside, as it could not be used",
        "removed cassettes/deep/.a.yaml.partial: it was never written to its end",
        "removed cassettes/deep/: it is empty",
        "4 removed",
    ]
    assert kept(project) == sorted(["a.yaml", "a.yaml.d.partial", ".mine", *new])
