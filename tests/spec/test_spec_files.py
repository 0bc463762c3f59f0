"""Files that a spec names."""

from __future__ import annotations

import os

import pytest

from convrun.errors import SpecErrors
from convrun.spec.loading import load_spec


@pytest.fixture
def project(tmp_path):
    """A project with a spec of this text and these files."""

    def make(text, **files):
        root = tmp_path / "project"
        (root / "specs").mkdir(parents=True, exist_ok=True)
        (root / "specs" / "a.yaml").write_text(f"{text}\nturns: [{{user: Hi}}]\n", "utf-8")
        for name, content in files.items():
            (root / "specs" / name.replace("__", ".")).write_bytes(content)
        return root

    return make


def mistake(root):
    """The only mistake of the spec."""
    with pytest.raises(SpecErrors) as raised:
        load_spec(root / "specs" / "a.yaml", root)
    (error,) = raised.value.errors
    return error


def test_a_text_is_read_from_its_file(project):
    """A prompt file gives its text: no BOM, no CR, one line break less at the end; its mistakes name it."""
    root = project("system: {file: p.md}", p__md="\ufeffé\r\nb\r\n\r\n".encode())
    system = load_spec(root / "specs" / "a.yaml", root).system
    assert system.source == "é\nb\n"
    assert str(system.where) == "specs/p.md:1:1"
    raw = project("system: {file: p.md, raw: true}", p__md=b"{# x\n")
    assert load_spec(raw / "specs" / "a.yaml", raw).system.raw


def test_schemas_are_read_as_json_or_yaml(project):
    """A schema file is JSON by its suffix, else YAML."""
    for name, content in (("s.json", b'{"type": "object"}'), ("s.yaml", b"type: object\n")):
        root = project(f"expect: [{{json_schema: {{file: {name}}}}}]", **{name.replace(".", "__"): content})
        assert load_spec(root / "specs" / "a.yaml", root).expect[0].value == {"type": "object"}


@pytest.mark.parametrize(
    ("content", "place", "what"),
    [
        (b'{"a" 1}', "specs/s.json:1:6", "not valid JSON"),
        (b'{"a": 1, "a": 2}', "specs/s.json", "duplicate key 'a'"),
        (b'{"a": NaN}', "specs/s.json", "NaN is no number"),
        (b"[" * 100_000, "specs/s.json", ""),
        (b"", "specs/s.json:1:1", "not valid JSON"),
        (b'{"minimum": ' + b"1" * 5000 + b"}", "specs/s.json", "a number has too many digits"),
        (b'{"not": ' * 101 + b"{}" + b"}" * 101, "specs/s.json", "nested deeper than 100 levels"),
    ],
)
def test_wrong_json_is_told_by_its_own_place(project, content, place, what):
    """A mistake in a schema file stands at the file's own line."""
    error = mistake(project("expect: [{json_schema: {file: s.json}}]", s__json=content))
    assert str(error.where).startswith(place)
    assert what in error.what


def test_a_missing_file_suggests_its_neighbour(project):
    """A misspelt file name is told with the one that is there."""
    error = mistake(project("system: {file: promt.md}", prompt__md=b"x"))
    assert error.what == "'specs/promt.md' does not exist"
    assert error.fix == "did you mean 'prompt.md'?"


def test_files_stay_below_the_root(project, tmp_path):
    """Neither dots nor absolute paths nor symbolic links lead out of the project."""
    secret = tmp_path / "secret.md"
    secret.write_text("x", "utf-8")
    root = project("system: {file: ../../secret.md}")
    assert "outside of the project" in mistake(root).what
    assert "outside of the project" in mistake(project(f"system: {{file: '{secret.as_posix()}'}}")).what
    (root / "specs" / "link.md").symlink_to(secret)
    assert "outside of the project" in mistake(project("system: {file: link.md}")).what


@pytest.mark.parametrize("name", ["'.'", "'..'", '"a\\0b"', "'" + "x" * 5000 + "'"])
def test_what_is_no_file_is_a_mistake(project, name):
    """Folders and names that no system takes are told, whatever they are."""
    assert mistake(project(f"system: {{file: {name}}}")).where.line == 1


def test_text_and_file_exclude_each_other(project):
    """A long text is either written here or there."""
    assert "one of 'text' and 'file'" in mistake(project("system: {text: a, file: b}", b=b"x")).what
    assert "one of 'text' and 'file'" in mistake(project("system: {raw: true}")).what


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
@pytest.mark.parametrize("key", ["system: {file: p}", "cases: {file: p}", "expect: [{json_schema: {file: p}}]"])
def test_pipes_and_devices_are_not_read(project, key):
    """What may never end is refused wherever a file is named."""
    root = project(key)
    os.mkfifo(root / "specs" / "p")
    assert mistake(root).what == "'specs/p' is not a regular file"
    device = project(key)
    (device / "specs" / "p").unlink()
    (device / "specs" / "p").symlink_to("/dev/zero")
    assert "is outside of the project" in mistake(device).what


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_no_spec(tmp_path):
    """A spec file that is a pipe is a mistake of its own."""
    os.mkfifo(tmp_path / "a.yaml")
    with pytest.raises(SpecErrors) as raised:
        load_spec(tmp_path / "a.yaml", tmp_path)
    assert [error.what for error in raised.value.errors] == ["'a.yaml' cannot be read: not a regular file"]
