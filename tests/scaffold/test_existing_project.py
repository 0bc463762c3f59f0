"""`convrun init` where there is something already: it adds, overwrites nothing, and says what it left."""

from __future__ import annotations

import os

import pytest
from test_first_project import convrun, files, laid

from convrun.errors import ScaffoldError
from convrun.scaffold.files import WORKFLOW
from convrun.scaffold.laying import folder_settings, lay

EXAMPLE = ("specs/parcel.yaml", "parcels.py", "cassettes/parcel.yaml")
SPEC = "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n"


def write(folder, name, text):
    """Write a file and the folders above it."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8", newline="")


def test_specs_that_are_there_need_no_example(tmp_path):
    """A project with specs gets what is missing beside them, and keeps its bytes."""
    write(tmp_path, "specs/deep/own.yaml", SPEC)
    write(tmp_path, "convrun.toml", "# mine\n")
    before = files(tmp_path)
    done = convrun(tmp_path, "init")
    assert "left out   specs/parcel.yaml: there are specs already\n" in done.stdout
    assert "kept       convrun.toml: without strict = true and block_network = true\n" in done.stdout
    assert before.items() <= files(tmp_path).items()
    assert files(tmp_path).keys() - before.keys() == {"spec.schema.json", WORKFLOW, ".gitignore", ".gitattributes"}
    assert convrun(tmp_path, "run").returncode == 0


def test_settings_in_pyproject_stay_the_only_ones(tmp_path):
    """Beside `[tool.convrun]` no convrun.toml is laid, and its folders are used."""
    text = '[tool.convrun]\nspecs = "talks/all"\ncassettes = "tapes"\nstrict = true\nblock_network = true\n'
    write(tmp_path, "pyproject.toml", text)
    outcomes = laid(tmp_path)
    assert outcomes["pyproject.toml"] == "kept"
    assert not (tmp_path / "convrun.toml").exists()
    assert {"talks/all/parcel.yaml", "tapes/parcel.yaml"} <= outcomes.keys()
    spec = (tmp_path / "talks/all/parcel.yaml").read_text("utf-8")
    assert spec.startswith("# yaml-language-server: $schema=../../spec.schema.json\n")
    assert "tapes/**/*.yaml text eol=lf diff=convrun merge=binary\n" in (tmp_path / ".gitattributes").read_text("utf-8")
    assert convrun(tmp_path, "run").returncode == 0


def test_a_pyproject_of_others_is_not_touched(tmp_path):
    """Settings go into a file of their own where pyproject.toml does not hold them."""
    write(tmp_path, "pyproject.toml", '[project]\nname = "mine"\n')
    before = files(tmp_path)
    assert laid(tmp_path)["convrun.toml"] == "created"
    assert before.items() <= files(tmp_path).items()
    assert convrun(tmp_path, "run").returncode == 0


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_added_behind_those_that_are_there(tmp_path, end):
    """A .gitignore keeps its lines, in their order, and gets those that it lacks, with its own ends of lines."""
    old = f"build/{end}.env{end}last"
    write(tmp_path, ".gitignore", old)
    assert laid(tmp_path)[".gitignore"] == "added to"
    text = (tmp_path / ".gitignore").read_bytes().decode()
    assert text == f"{old}{end}*.partial{end}.*.writing{end}.venv/{end}convrun-reports/{end}__pycache__/{end}"
    assert laid(tmp_path)[".gitignore"] == "unchanged"


@pytest.mark.parametrize(
    "change",
    [
        ("specs/parcel.yaml", SPEC),
        ("parcels.py", "MINE = 1\n"),
        ("cassettes/parcel.yaml", "version: convrun/1\n"),
        ("parcels/__init__.py", ""),
        ("lib/parcels.py", ""),
    ],
    ids=lambda change: change[0],
)
def test_an_example_that_would_not_fit_is_left_out(tmp_path, change):
    """Where one of its files or its module's name is taken, the others are not laid half."""
    write(tmp_path, "convrun.toml", 'pythonpath = ["lib"]\n')
    write(tmp_path, *change)
    outcomes = laid(tmp_path)
    for name in EXAMPLE:
        assert outcomes[name] == ("kept" if name == change[0] else "left out")
    assert (tmp_path / change[0]).read_text("utf-8") == change[1]


@pytest.mark.parametrize("settings", ["[defaults]\noptions = {seed = 1}\n", 'cassettes = "../tapes"\n'])
def test_settings_that_the_example_does_not_fit(tmp_path, settings):
    """Defaults would make its recording stale, and cassettes elsewhere are not the project's: no example."""
    write(tmp_path, "inner/convrun.toml", settings)
    outcomes = laid(tmp_path / "inner")
    assert "created" not in {outcome for path, outcome in outcomes.items() if path.endswith("parcel.yaml")}
    assert "left out" in outcomes.values()
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]


def test_an_old_schema_is_kept_and_said_to_be(tmp_path):
    """A copy of another version stays, with the command that writes it anew."""
    laid(tmp_path)
    write(tmp_path, "spec.schema.json", "{}\n")
    done = convrun(tmp_path, "init")
    assert "kept       spec.schema.json: `convrun schema > spec.schema.json` brings it up to date\n" in done.stdout


def test_a_workflow_below_the_top_of_a_repository_is_left_out(tmp_path):
    """GitHub would not read it there; at the top it is laid."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "part").mkdir()
    assert laid(tmp_path / "part")[WORKFLOW] == "left out"
    assert laid(tmp_path, "--plain")[WORKFLOW] == "created"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["file"], "file' is no folder"),
        (["file/below"], "file' is no folder"),
        (["dangling"], "dangling' is no folder"),
        (["project/specs"], "is inside the convrun project"),
        (["project/new"], "is inside the convrun project"),
        ([""], "an empty DIR"),
    ],
)
def test_a_wrong_folder_is_a_mistake_of_the_command_line(tmp_path, arguments, message):
    """A file, a link to nowhere, a folder of another project: exit 2, and nothing is written."""
    write(tmp_path, "file", "")
    write(tmp_path, "project/convrun.toml", "")
    (tmp_path / "project/specs").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    before = files(tmp_path)
    done = convrun(tmp_path, "init", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert files(tmp_path) == before


def test_a_project_inside_another_is_one_of_its_own(tmp_path):
    """With settings of its own, a folder below another project is laid out."""
    write(tmp_path, "convrun.toml", "")
    write(tmp_path, "inner/convrun.toml", "")
    assert laid(tmp_path / "inner")["specs/parcel.yaml"] == "created"


def test_a_link_does_not_lead_out_of_the_project(tmp_path):
    """A folder of the project that is a link to elsewhere: exit 2 before anything is written."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project/cassettes").symlink_to(tmp_path / "elsewhere")
    done = convrun(tmp_path / "project", "init")
    assert (done.returncode, done.stdout) == (2, "")
    assert "would lie outside of the project" in done.stderr
    assert files(tmp_path) == {}


def test_a_file_that_is_a_link_is_kept(tmp_path):
    """Neither a link to nowhere is filled nor the file of others behind one."""
    write(tmp_path, "shared", "build/\n")
    project = tmp_path / "project"
    project.mkdir()
    (project / ".gitignore").symlink_to(tmp_path / "shared")
    (project / ".gitattributes").symlink_to(tmp_path / "nowhere")
    outcomes = laid(project)
    assert (outcomes[".gitignore"], outcomes[".gitattributes"]) == ("kept", "kept")
    assert (tmp_path / "shared").read_text("utf-8") == "build/\n"
    assert not (tmp_path / "nowhere").exists()


def test_what_was_written_before_a_failure_is_said(tmp_path):
    """A file that cannot be written ends with 4, names it, and a second try goes on from there."""
    # A name that is too long for a folder stops root as well, which may write everywhere.
    name = "n" * 250
    write(tmp_path, "convrun.toml", f'cassettes = "{name}{name}"\n')
    done = convrun(tmp_path, "init")
    assert done.returncode == 4
    assert done.stdout == "created    specs/parcel.yaml\ncreated    parcels.py\n"
    assert f"{name}/parcel.yaml: cannot be written: file name too long" in done.stderr
    assert not list(tmp_path.rglob("*.writing"))
    write(tmp_path, "convrun.toml", "")
    assert laid(tmp_path)["cassettes/parcel.yaml"] == "created"
    assert convrun(tmp_path, "run").returncode == 0


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_an_error(tmp_path):
    """Without the right to write there is an error that names the first file."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ScaffoldError, match=r"specs/parcel.yaml: cannot be written: permission denied"):
            list(lay(folder_settings(tmp_path), plain=True))
    finally:
        tmp_path.chmod(0o700)


def test_settings_that_are_wrong_are_not_added_to(tmp_path):
    """A settings file with a mistake ends with 2, as for every command."""
    write(tmp_path, "convrun.toml", "stirct = true\n")
    done = convrun(tmp_path, "init")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'strict'?" in done.stderr
