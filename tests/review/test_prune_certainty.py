"""Whether `convrun cassette prune` leaves what may be somebody's: nothing that was paid for goes by mistake."""

from __future__ import annotations

import json

import pytest
from projects import Project

from convrun.run.findings.neighbours import computes_names


def spec(text):
    """A spec of an echoing model with one turn."""
    return json.dumps({"model": "echo", "turns": [{"user": text, "expect": [{"contains": text}]}]})


@pytest.fixture
def project(tmp_path):
    """A project with a recorded spec, and with the recording of one that is gone."""
    made = Project(tmp_path / "own")
    for name in ("a", "gone"):
        made.write(f"specs/{name}.yaml", spec(name))
        made.record(f"specs/{name}.yaml")
    (made.root / "specs/gone.yaml").unlink()
    return made


@pytest.fixture
def left(project, convrun):
    """Call it with a path and words for prune: the reason why that is left; nothing of the project is removed."""

    def prune(path, *words):
        before = sorted(project.root.parent.rglob("*"))
        code, out, _ = convrun(project.root, "cassette", "prune", *words)
        assert sorted(project.root.parent.rglob("*")) == before
        (why,) = [line.partition(f"left       {path}: ")[2] for line in out.splitlines() if f" {path}: " in line]
        assert (code, "removed" in out) == (0, False)
        return why

    return prune


@pytest.mark.parametrize("settings", ["specs = 'spec'\n", "specs = 'cassettes/a.yaml'\n", "specs = 'empty'\n"])
def test_without_a_spec_nothing_is_an_orphan(project, convrun, settings):
    """A folder of specs that is misspelled, a file or empty: it is said, ends with 5, and all recordings stay."""
    (project.root / "empty").mkdir()
    project.write("convrun.toml", settings)
    code, out, err = convrun(project.root, "cassette", "prune")
    assert (code, out) == (5, "")
    assert "no spec below" in err
    assert project.run().findings == ()
    assert sorted(path.name for path in (project.root / "cassettes").iterdir()) == ["a.yaml", "gone.yaml"]


def test_a_moved_folder_of_specs_has_its_recordings(project, left):
    """A spec that would have the cassette, were its folder that of the specs, keeps it; so it does by a variable."""
    project.write("other/gone.yaml", spec("gone"))
    assert left("cassettes/gone.yaml").endswith("other/gone.yaml would have it, were its folder that of the specs")
    project.write("specs/an odd one.yaml", spec("odd"))
    cassette = project.record("specs/an odd one.yaml").cassette
    (project.root / "specs/an odd one.yaml").rename(project.root / "other/an odd one.yaml")
    assert "other/an odd one.yaml would have it" in left(cassette)


def test_folders_that_only_a_command_names_have_no_orphans(project, left, monkeypatch):
    """What belongs to nobody is known by the settings alone, not by an option or a variable."""
    project.write("tapes/gone.yaml", (project.root / "cassettes/gone.yaml").read_text("utf-8"))
    why = "which recordings are nobody's is not known: the {0} folder is {1!r} by an option or a variable, and {0!r} by"
    assert left("tapes", "--cassettes", "tapes").startswith(why.format("cassettes", "tapes"))
    project.write("others/b.yaml", spec("b"))
    monkeypatch.setenv("CONVRUN_SPECS", "others")
    assert left("cassettes").startswith(why.format("specs", "others"))


def test_a_folder_outside_of_the_project_is_left(project, left):
    """Two projects may share it: neither removes, nor shortens, what the other has."""
    (project.root / "cassettes").rename(project.root.parent / "shared")
    project.write("convrun.toml", "cassettes = '../shared'\n")
    assert "outside of the project" in left("../shared")
    assert project.run(strict=True).exit_code == 0


@pytest.mark.parametrize("cassettes", [".", "..", "specs/.."])
def test_a_folder_that_holds_the_project_is_refused(project, convrun, cassettes):
    """It ends with 2, and empty folders of others stay where they are."""
    (project.root / "empty").mkdir()
    project.write("convrun.toml", f"cassettes = '{cassettes}'\n")
    code, _, err = convrun(project.root, "cassette", "prune")
    assert code == 2
    assert "is, or holds, the project itself" in err
    assert (project.root / "empty").is_dir()


def test_only_what_was_emptied_goes_as_empty(project, convrun):
    """A folder that somebody made for later stays; that of a removed recording goes."""
    (project.root / "cassettes/later").mkdir()
    (project.root / "cassettes/deep/er").mkdir(parents=True)
    (project.root / "cassettes/gone.yaml").rename(project.root / "cassettes/deep/er/gone.yaml")
    code, out, _ = convrun(project.root, "cassette", "prune")
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()[:-1]] == [
        "cassettes/deep/er/gone.yaml:",
        "cassettes/deep/er/:",
        "cassettes/deep/:",
    ]
    assert (project.root / "cassettes/later").is_dir()


def test_recordings_of_another_project_are_left(project, left):
    """An inner or outer project whose cassettes folder holds them has them, also where its settings are wrong."""
    project.write("sub/convrun.toml", "cassettes = '../cassettes'\n")
    assert left("cassettes/gone.yaml").endswith("the project in 'sub' has its cassettes there")
    project.write("sub/convrun.toml", "cassettes = 3\n")
    assert "'sub' cannot be read" in left("cassettes/gone.yaml")
    (project.root / "sub/convrun.toml").unlink()
    Project(project.root.parent).write("convrun.toml", "cassettes = 'own'\n")
    assert left("cassettes/gone.yaml").endswith("the project in '..' has its cassettes there")


def test_a_spec_behind_a_link_has_its_recording(project, convrun):
    """A run that names it plays the cassette, so nobody removes it."""
    project.write("real/z.yaml", spec("z"))
    (project.root / "specs/sub").symlink_to("../real")
    project.write("specs/.draft/z.yaml", spec("z"))
    for name in ("sub", ".draft"):
        project.record(f"specs/{name}/z.yaml")
    (project.root / "cassettes/gone.yaml").unlink()
    assert convrun(project.root, "cassette", "prune")[:2] == (0, "nothing to prune\n")
    assert project.run("specs/sub/z.yaml", strict=True).exit_code == 0


def test_an_odd_name_behind_a_link_may_have_a_recording(project, left):
    """Where a name was made fit for files its spec is not looked up: what is below a link is left."""
    project.write("real/an odd one.yaml", spec("odd"))
    (project.root / "specs/sub").symlink_to("../real")
    cassette = project.record("specs/sub/an odd one.yaml").cassette
    (project.root / "cassettes/gone.yaml").unlink()
    assert left(cassette).endswith("specs/sub is a link, and a spec behind it may have it")


def test_code_that_computes_names_keeps_what_it_may_play(project, left):
    """While a name is computed in Python no recording is surely nobody's; the same where only its stem is named."""
    text = "from convrun.testing import cassette\n\ndef test(city):\n    with cassette({}):\n        ...\n"
    project.write("tests/test_it.py", text.format('f"cassettes/dyn-{city}.yaml"'))
    assert left("cassettes/gone.yaml").endswith("tests/test_it.py computes names of cassettes")
    assert project.run(strict=True).findings == ()
    project.write("tests/test_it.py", text.format('"cassettes/other.yaml", record="none"'))
    (finding,) = project.run().findings
    assert finding.kind == "orphaned"
    project.write("tests/test_it.py", "vcr.use_cassette('gone')\n")
    assert left("cassettes/gone.yaml").endswith("tests/test_it.py names a gone.yaml")


@pytest.mark.parametrize(
    ("code", "computed"),
    [
        ("cassette('a.yaml')", False),
        (
            "from convrun.testing import cassette as c\nc(HERE / 'a.yaml')\nconvrun.testing.cassette(path=Path('a'))",
            False,
        ),
        ("run_spec(SPEC)\nrun_spec('specs/a.yaml', root=HERE)\nconversation(cassette=None)", False),
        ("from convrun.testing import cassette as c\nc(name)", True),
        ("testing.cassette(*names)", True),
        ("play = cassette\nplay('a.yaml')", True),
        ("@my_vcr.use_cassette()\ndef talk(): ...", True),
        ("conversation(cassette=name)", True),
        ("def vcr_cassette_name(request): ...", True),
        ("run_spec(SPEC, root=HERE, name='a')", True),
        ("run_spec(SPEC, **given)", True),
        ("cassette(", True),
    ],
)
def test_what_is_computed_is_seen_in_the_code(code, computed):
    """A name stands in the code, or it is computed; in doubt it is."""
    assert computes_names(code) is computed
