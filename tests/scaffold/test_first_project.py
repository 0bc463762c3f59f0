"""`convrun init` in an empty folder: what it lays is green at once, offline, wherever it is checked out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import forking
import pytest
from documentation import ROOT
from jsonschema import Draft202012Validator

from convrun.document import read_values
from convrun.scaffold.files import SCHEMA

VARIANTS = pytest.mark.parametrize("variant", [(), ("--plain",)], ids=["python", "plain"])


def convrun(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A process of `convrun` in this folder, without a key."""
    return forking.convrun(*arguments, cwd=folder, environ=forking.environment(PYTHONDONTWRITEBYTECODE="1"))


def files(folder: Path) -> dict[str, bytes]:
    """The files of a folder and their bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def laid(folder: Path, *arguments: str) -> dict[str, str]:
    """Run `convrun init`, which ends well; return what became of each file."""
    done = convrun(folder, "init", *arguments)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.partition("\n\n")[0].splitlines()
    return {line[11:].partition(": ")[0]: line[:11].strip() for line in lines}


@VARIANTS
def test_a_first_project_is_green_offline(tmp_path, variant):
    """Two commands in an empty folder: passed, strict, and nothing was asked live."""
    outcomes = laid(tmp_path, *variant)
    assert set(outcomes.values()) == {"created"}
    assert outcomes.keys() == files(tmp_path).keys()
    done = convrun(tmp_path, "run", "--strict", "--report", "json=result.json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert (result["summary"]["passed"], result["summary"]["live_calls"], result["findings"]) == (1, 0, [])
    assert result["summary"]["model_calls"] >= 2


@VARIANTS
def test_the_example_can_fail(tmp_path, variant):
    """Another prompt makes it stale, another expectation makes it fail."""
    laid(tmp_path, *variant)
    spec = tmp_path / "specs/parcel.yaml"
    text = spec.read_text("utf-8")
    spec.write_text(text.replace("one sentence", "two sentences"), "utf-8")
    assert convrun(tmp_path, "run").returncode == 3
    spec.write_text(text.replace("with_exactly: {number: RB-1042}", "with_exactly: {number: RB-1}"), "utf-8")
    assert convrun(tmp_path, "run").returncode == 1


def test_plain_is_without_python(tmp_path):
    """`--plain` lays no module and names none."""
    assert not [path for path in laid(tmp_path, "--plain") if path.endswith(".py")]
    assert "__pycache__" not in (tmp_path / ".gitignore").read_text("utf-8")


@VARIANTS
def test_laying_it_again_changes_nothing(tmp_path, variant):
    """The second time every file is unchanged, and the command says that nothing was."""
    laid(tmp_path, *variant)
    before = files(tmp_path)
    assert set(laid(tmp_path, *variant).values()) == {"unchanged"}
    again = convrun(tmp_path, "init", *variant).stdout
    assert "nothing was changed\nnext: convrun run\n" in again
    assert again.endswith("set OPENAI_API_KEY: convrun record --all specs/parcel.yaml\n")
    assert files(tmp_path) == before


def test_where_convrun_comes_from_is_to_be_named(tmp_path):
    """The name is free on package indexes: who gets the workflow hears of it, and so does who reads its steps."""
    said = convrun(tmp_path, "init").stdout
    assert said.endswith(
        "before the first push: name in requirements.txt where you have convrun from, as the workflow says\n"
    )
    workflow = (tmp_path / ".github/workflows/convrun.yml").read_text("utf-8")
    warning, install = workflow.index("on no package index yet"), workflow.index("pip install convrun\n")
    assert warning < install
    assert "before the first push" not in convrun(tmp_path, "init").stdout


@VARIANTS
def test_a_checkout_with_other_line_ends_is_the_same(tmp_path, variant):
    r"""With `\r\n` in every file it is as green, and `convrun init` finds it unchanged."""
    laid(tmp_path, *variant)
    for name, content in files(tmp_path).items():
        (tmp_path / name).write_bytes(content.replace(b"\n", b"\r\n"))
    done = convrun(tmp_path, "run", "--strict")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(laid(tmp_path, *variant).values()) == {"unchanged"}


def test_it_is_green_from_a_folder_below(tmp_path):
    """Where the settings are is the root, also from the folder of the specs."""
    laid(tmp_path)
    assert convrun(tmp_path / "specs", "run").returncode == 0


def test_a_missing_folder_is_made(tmp_path):
    """DIR may be new; the command says where to go on."""
    done = convrun(tmp_path, "init", "a/new one")
    assert done.returncode == 0
    assert f"next: cd '{tmp_path}/a/new one' && convrun run\n" in done.stdout
    assert convrun(tmp_path / "a/new one", "run").returncode == 0


@VARIANTS
def test_an_editor_finds_the_schema_and_the_spec_right(tmp_path, variant):
    """The first line of the spec leads to the schema, which the spec fits."""
    laid(tmp_path, *variant)
    spec = tmp_path / "specs/parcel.yaml"
    text = spec.read_text("utf-8")
    target = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (spec.parent / target).resolve() == tmp_path / SCHEMA
    schema = json.loads((tmp_path / SCHEMA).read_text("utf-8"))
    assert schema == json.loads((ROOT / "schemas/spec.schema.json").read_text("utf-8"))
    assert list(Draft202012Validator(schema).iter_errors(read_values(text, "spec"))) == []


def test_git_keeps_cassettes_and_ignores_what_is_unfinished(tmp_path):
    """Git gives cassettes line feeds everywhere and sees neither keys nor partial recordings."""
    laid(tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    names = ["cassettes/a/b.yaml.partial", "cassettes/.0a1b.writing", ".env", "__pycache__/x.pyc"]
    ignored = subprocess.run(["git", "check-ignore", *names], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ignored.stdout.split() == names
    command = ["git", "check-attr", "eol", "text", "--", "cassettes/parcel.yaml", "cassettes/a/b.yaml.d/12ab"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "cassettes/parcel.yaml: eol: lf" in said
    assert "cassettes/a/b.yaml.d/12ab: text: unset" in said
