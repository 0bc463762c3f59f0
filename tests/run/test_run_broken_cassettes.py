"""Cassettes that cannot be trusted: an error that says so, nothing played, nothing overwritten."""

from __future__ import annotations

import pytest

SPEC = """
    model: {script: [{reply: one}, {reply: two}]}
    system: |
      Be brief.
      Be kind.
    turns:
      - user: First?
        expect: [{equals: one}]
      - user: Second?
        expect: [{equals: two}]
"""
CASSETTE = "cassettes/a.yaml"


DAMAGES = {
    "truncated": lambda text: text[: len(text) // 2],
    "without its end": lambda text: text[: text.index("digests:")],
    "with conflict markers": lambda text: text.replace(
        "    text: two\n", "<<<<<<< HEAD\n    text: two\n=======\n    text: 2\n>>>>>>> theirs\n"
    ),
    "badly merged": lambda text: text.replace("    text: two\n", "    text: two\n    text: zwei\n"),
    "edited": lambda text: text.replace("text: two", "text: three"),
    "an interaction less": lambda text: text[: text.rindex("- request:")] + text[text.index("timings:") :],
    "of another version": lambda text: text.replace("version: convrun/1", "version: convrun/9"),
    "with an unknown key": lambda text: text.replace("    text: two", "    texte: two"),
    "empty": lambda _: "",
    "something else": lambda _: "- just\n- a list\n",
}


@pytest.fixture
def damaged(project, request):
    """A project whose only cassette is damaged as the test's parameter says."""
    project.write("specs/a.yaml", SPEC)
    project.record()
    path = project.root / CASSETTE
    text = DAMAGES[request.param](path.read_text("utf-8"))
    assert text != path.read_text("utf-8")
    path.write_text(text, "utf-8")
    return project


@pytest.mark.parametrize("damaged", DAMAGES, indirect=True)
def test_a_damaged_cassette_is_an_error(damaged):
    """The conversation is an error of the cassette, before its first turn; every mode leaves the file as it is."""
    before = (damaged.root / CASSETTE).read_bytes()
    for mode in ("none", "once", "new_episodes"):
        result = damaged.one(record=mode)
        assert (result.verdict, result.turns, result.error.type) == ("error", (), "CassetteError")
        assert result.error.where.file == CASSETTE
        assert result.error.message
        assert result.error.fix
        assert (damaged.root / CASSETTE).read_bytes() == before


@pytest.mark.parametrize("damaged", ["edited"], indirect=True)
def test_recording_from_scratch_replaces_a_damaged_cassette(damaged):
    """`--record all` needs nothing of the old file."""
    assert damaged.one(record="all").verdict == "passed"
    assert damaged.one().verdict == "passed"


@pytest.mark.parametrize("damaged", ["with conflict markers", "edited", "empty"], indirect=True)
def test_the_console_says_which_cassette(damaged):
    """A run of it ends with 4, names the file, says how to mend it and shows no traceback without -vv."""
    ended = damaged.cli("run")
    assert ended.returncode == 4
    assert CASSETTE in ended.stdout
    assert "record" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "Traceback" in damaged.cli("run", "-vv").stdout


def test_a_broken_cassette_does_not_hide_the_others(project):
    """Only its own conversation is an error; the others are played."""
    for name in "abc":
        project.write(f"specs/{name}.yaml", SPEC)
    project.run(record="all")
    project.edit("cassettes/b.yaml", "text: two", "text: three")
    assert [one.verdict for one in project.run().conversations] == ["passed", "error", "passed"]


def test_a_cassette_that_is_a_folder_is_an_error(project):
    """Where a folder stands in the cassette's place, nothing is played and nothing recorded."""
    project.write("specs/a.yaml", SPEC)
    (project.root / CASSETTE).mkdir(parents=True)
    for mode in ("none", "once", "new_episodes", "all"):
        result = project.one(record=mode)
        error = result.error or result.turns[0].error
        assert (result.verdict, error.type, result.live_calls) == ("error", "CassetteError", 0)
    assert (project.root / CASSETTE).is_dir()


def test_a_cassette_that_leads_nowhere_is_an_error(project):
    """A dangling symbolic link is a cassette that cannot be read, not a missing one."""
    project.write("specs/a.yaml", SPEC)
    (project.root / "cassettes").mkdir()
    (project.root / CASSETTE).symlink_to("gone.yaml")
    assert project.one().verdict == "error"


def test_a_cassette_that_is_a_link_to_itself_is_told_so(project):
    """It leads nowhere, and not out of the project."""
    project.write("specs/a.yaml", SPEC)
    (project.root / "cassettes").mkdir()
    (project.root / CASSETTE).symlink_to("a.yaml")
    result = project.one()
    error = result.error or result.turns[0].error
    assert (result.verdict, error.message) == ("error", "a link that leads back to itself")
