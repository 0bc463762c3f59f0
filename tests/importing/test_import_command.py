"""`convrun import` as a process: what it prints, writes, overwrites and ends with."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from genai_prices import Usage, calc_price
from recordings import asked, chat, exchange, run, said, stock, user, write_recording

TALK = (chat(asked(user("A")), said("a")), chat(asked(user("A"), said("a"), user("B")), said("b")))
OTHER = exchange({"input": "A"}, {}, url="https://api.openai.com/v1/moderations")


def files(project):
    """What is in the project beside the recordings."""
    return sorted(
        path.relative_to(project.root).as_posix()
        for path in project.root.rglob("*")
        if path.is_file() and "recorded" not in path.parts and path.name != "convrun.toml"
    )


def test_a_recording_becomes_a_spec_that_passes(project):
    """Import and run are two commands, offline and without a key; the schema lies beside the settings."""
    write_recording(project.root, TALK)
    ended = project.cli("import", "recorded/talk.yaml")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        "recorded/talk.yaml",
        "  specs/talk.yaml: 2 turns, gpt-4o, interactions 1-2",
        "1 conversation imported",
    ]
    assert files(project) == ["cassettes/talk.yaml", "spec.schema.json", "specs/talk.yaml"]
    assert json.loads((project.root / "spec.schema.json").read_text("utf-8"))["type"] == "object"
    assert project.cli("run", "--strict").returncode == 0


def test_what_an_imported_call_cost_is_stored(project):
    """Prices are asked once, by what the recording says of its tokens; a check of the cost holds at once."""
    write_recording(project.root, TALK)
    assert project.cli("import", "recorded/talk.yaml").returncode == 0
    project.edit("specs/talk.yaml", "turns:", "expect:\n- cost: {max: 0.001}\nturns:")
    (result,) = run(project)
    usd = float(calc_price(Usage(input_tokens=3, output_tokens=2), "gpt-4o", provider_id="openai").total_price)
    assert (result.verdict, result.cost_usd) == ("passed", pytest.approx(2 * usd))


def test_several_files_with_a_bad_one(project):
    """What is no recording is told with its name and ends with 2; the others are imported all the same."""
    write_recording(project.root, (*TALK, chat(asked(user("C")), said("c")), OTHER), "first.yaml")
    write_recording(project.root, TALK, "third.yaml")
    project.write("recorded/second.yaml", "interactions: [{request: 1}]\n")
    ended = project.cli("import", "recorded/first.yaml", "recorded/second.yaml", "recorded/third.yaml")
    assert ended.returncode == 2
    assert ended.stderr.startswith("recorded/second.yaml: interaction 1 has no 'request' and 'response'\n")
    assert ended.stdout.splitlines() == [
        "recorded/first.yaml",
        "  specs/first/1.yaml: 2 turns, gpt-4o, interactions 1-2",
        "  specs/first/2.yaml: 1 turn, gpt-4o, interaction 3",
        "  not imported: interaction 4: no chat completion in the answer: POST https://api.openai.com/v1/moderations",
        "recorded/third.yaml",
        "  specs/third.yaml: 2 turns, gpt-4o, interactions 1-2",
        "3 conversations imported",
    ]
    assert len(run(project)) == 3


def test_a_file_that_gives_nothing(project):
    """It ends with 1, also beside others that gave something, and nothing is written for it."""
    write_recording(project.root, [OTHER], "other.yaml")
    assert project.cli("import", "recorded/other.yaml").returncode == 1
    assert files(project) == []
    write_recording(project.root, TALK)
    assert project.cli("import", "recorded/talk.yaml", "recorded/other.yaml").returncode == 1
    assert "specs/talk.yaml" in files(project)


def test_nothing_is_overwritten_without_force(project):
    """A spec or a cassette that is there stays, and so does its partner; with --force both are replaced."""
    write_recording(project.root, TALK)
    for there in ("specs/talk.yaml", "cassettes/talk.yaml"):
        project.write(there, "mine\n")
        ended = project.cli("import", "recorded/talk.yaml")
        assert ended.returncode == 1
        assert f"there is such a file already: {there}; --force replaces it" in ended.stdout
        assert files(project) == [there]
        (project.root / there).unlink()
    project.write("specs/talk.yaml", "mine\n")
    assert project.cli("import", "--force", "recorded/talk.yaml").returncode == 0
    assert len(run(project)[0].turns) == 2


@pytest.mark.parametrize("rival", ["specs/talk.yml", "specs/Talk.yaml"])
def test_a_spec_that_would_share_the_cassette(project, rival):
    """One that differs in its suffix or in upper case only is not joined by another, whatever is forced."""
    write_recording(project.root, TALK)
    project.write(rival, "mine\n")
    ended = project.cli("import", "--force", "recorded/talk.yaml")
    assert (ended.returncode, files(project)) == (1, [rival])
    assert f"{rival.removeprefix('specs/')!r} beside it would have the same cassette; rename it" in ended.stdout


@pytest.mark.parametrize(
    ("name", "words"), [("recorded/tolk.yaml", "did you mean 'recorded/talk.yaml'?"), ("recorded", "name its files")]
)
def test_what_is_not_there(project, name, words):
    """A path that does not exist, or is a folder, is a mistake of the command line: nothing is imported."""
    write_recording(project.root, TALK)
    ended = project.cli("import", "recorded/talk.yaml", name)
    assert (ended.returncode, ended.stdout, files(project)) == (2, "", [])
    assert words in ended.stderr


def test_recordings_of_one_name(project):
    """The names of their folders keep them apart."""
    for folder in ("recorded/one", "recorded/two"):
        project.write(f"{folder}/talk.yaml", stock(*TALK))
    assert project.cli("import", "recorded/one/talk.yaml", "recorded/two/talk.yaml").returncode == 0
    assert [name for name in files(project) if name.startswith("specs/")] == [
        "specs/one/talk.yaml",
        "specs/two/talk.yaml",
    ]
    assert len(run(project)) == 2


@pytest.mark.parametrize("stem", ["_talk", "test[a-b] {c}: d", "con", "é" * 60, "a.yaml"])
def test_names_that_no_spec_can_have(project, stem):
    """The file's name becomes one that every file system takes and that is collected."""
    write_recording(project.root, TALK, f"{stem}.yaml")
    assert project.cli("import", f"recorded/{stem}.yaml").returncode == 0
    assert len(run(project)) == 1


def test_folders_of_the_settings_and_of_the_command_line(project):
    """Specs and cassettes go where the settings say, or where the command line says it."""
    project.write("convrun.toml", 'specs = "talks"\ncassettes = "kept"\n')
    write_recording(project.root, TALK)
    assert project.cli("import", "recorded/talk.yaml").returncode == 0
    assert (project.root / "talks/talk.yaml").is_file()
    assert (project.root / "kept/talk.yaml").is_file()
    assert project.cli("import", "--specs", "a/b", "--cassettes", "c", "recorded/talk.yaml").returncode == 0
    assert (project.root / "a/b/talk.yaml").read_text("utf-8").startswith("# yaml-language-server: $schema=../../spec.")
    assert project.cli("run", "--strict", "--cassettes", "c", "a/b").returncode == 0
    assert project.cli("run", "--strict").returncode == 0


def test_defaults_of_the_project_do_not_disturb(project):
    """Options, checks and parts of a model that all specs have are taken back where the recording is without them."""
    project.write(
        "convrun.toml",
        """
        [defaults]
        model = {name = "m", system_role = "developer", base_url = "http://localhost/v1"}
        options = {seed = 7, temperature = 0}
        each_turn = [{contains = "no reply says this"}]
        """,
    )
    write_recording(
        project.root, [chat(asked({"role": "system", "content": "S"}, user("A"), temperature=1), said("a"))]
    )
    write_recording(project.root, [chat(asked(user("A"), stream=True), said("a"))], "plain.yaml")
    assert project.cli("import", "recorded/talk.yaml", "recorded/plain.yaml").returncode == 0
    assert len(run(project)) == 2


def test_a_folder_that_cannot_be_written(project):
    """A cassettes folder that is a file leaves nothing of the conversation behind."""
    write_recording(project.root, TALK)
    project.write("cassettes", "a file")
    ended = project.cli("import", "recorded/talk.yaml")
    assert (ended.returncode, files(project)) == (1, ["cassettes"])
    assert "  not imported: interactions 1-2: it cannot be written: " in ended.stdout


def test_the_help_fits_a_screen(project):
    """At most 24 lines."""
    assert len(project.cli("import", "--help").stdout.splitlines()) <= 24


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


@pytest.mark.parametrize("link", ["specs", "cassettes", "specs/_attachments"])
@pytest.mark.parametrize("more", [[], ["--force"]])
def test_a_link_out_of_the_project_is_not_followed(project, tmp_path_factory, link, more):
    """Where a folder is a link to another place, nothing is written there, and nothing here."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "talk.yaml").write_text("somebody's", "utf-8")
    (project.root / link).parent.mkdir(exist_ok=True)
    (project.root / link).symlink_to(elsewhere, target_is_directory=True)
    write_recording(project.root, [chat(asked({"role": "user", "content": [PICTURE]}), said("a"))])
    ended = project.cli("import", "recorded/talk.yaml", *more)
    assert ended.returncode == 1
    assert f"it cannot be written: {link!r} is a link that leads out of the project" in ended.stdout
    assert [(path.name, path.read_text("utf-8")) for path in elsewhere.iterdir()] == [("talk.yaml", "somebody's")]
    assert files(project) == []


def test_a_link_inside_the_project_is_followed(project):
    """A folder may be a link to another one of the project; a cassettes folder elsewhere may be one, too."""
    (project.root / "kept").mkdir()
    (project.root / "specs").symlink_to(project.root / "kept", target_is_directory=True)
    write_recording(project.root, TALK)
    assert project.cli("import", "recorded/talk.yaml").returncode == 0
    assert (project.root / "kept/talk.yaml").is_file()


@pytest.mark.parametrize("more", [["--specs", "x", "--cassettes", "."], ["--specs", ".", "--cassettes", "./"]])
def test_a_spec_is_not_its_own_cassette(project, more):
    """Where both would be one file, nothing is written."""
    write_recording(project.root, TALK)
    ended = project.cli("import", "recorded/talk.yaml", *more, "--force")
    assert (ended.returncode, files(project)) == ((1, []) if "x" in more else (2, []))


@pytest.mark.parametrize(
    "text", ["version: 1\ninteractions: []\n", "version: convrun/1\ninteractions: []\ntimings: []\ndigests: []\n"]
)
def test_a_recording_of_nothing(project, text):
    """It is said to be one, ends with 1, and the other files are imported."""
    project.write("recorded/empty.yaml", text)
    write_recording(project.root, TALK)
    ended = project.cli("import", "recorded/empty.yaml", "recorded/talk.yaml")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.splitlines() == [
        "recorded/empty.yaml",
        "  not imported: there is no interaction in it",
        "recorded/talk.yaml",
        "  specs/talk.yaml: 2 turns, gpt-4o, interactions 1-2",
        "1 conversation imported",
    ]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"version: convrun/1\ninteractions: []\n", b'{"a"'])
def test_what_is_no_recording_is_not_recorded_anew(project, content):
    """Nobody is told to record what another program recorded."""
    (project.root / "recorded").mkdir()
    (project.root / "recorded/bad.yaml").write_bytes(content)
    ended = project.cli("import", "recorded/bad.yaml")
    assert (ended.returncode, "convrun record" in ended.stderr) == (2, False)
    assert ended.stderr.startswith("recorded/bad.yaml")
    assert ended.stderr.endswith("\n  a whole recording that vcrpy wrote is wanted, YAML or JSON\n")


def test_specs_of_an_earlier_import_are_named(project):
    """Where a recording gives fewer conversations than before, the specs that stay and are run are told."""
    write_recording(project.root, [*TALK, chat(asked(user("C")), said("c")), chat(asked(user("D")), said("d"))])
    assert "stays" not in project.cli("import", "recorded/talk.yaml").stdout
    assert "stays" not in project.cli("import", "recorded/talk.yaml", "--force").stdout
    project.write("specs/talk/mine.yaml", "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n")
    write_recording(project.root, TALK)
    ended = project.cli("import", "recorded/talk.yaml", "--force")
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[1:-1] == [
        "  specs/talk.yaml: 2 turns, gpt-4o, interactions 1-2",
        *(
            f"  specs/talk/{number}.yaml stays from before; remove it, with its cassette, if it is of an earlier import"
            for number in (1, 2, 3)
        ),
    ]
    assert (project.root / "specs/talk/1.yaml").is_file()


def test_a_reader_that_is_gone_costs_no_file(project):
    """Where nobody reads what is printed, spec, cassette and the schema that the spec names are there."""
    write_recording(project.root, TALK)
    reading, writing = os.pipe()
    os.close(reading)
    command = project.command("import", "recorded/talk.yaml")
    with open(writing, "wb") as nobody:
        ended = subprocess.run(
            command, stdout=nobody, cwd=project.root, env=project.environment(), timeout=60, check=False
        )
    assert ended.returncode == 141
    assert files(project) == ["cassettes/talk.yaml", "spec.schema.json", "specs/talk.yaml"]
