"""Which spec files a command line means."""

from __future__ import annotations

import pytest

from convrun.errors import UsageError
from convrun.spec.collecting import collect


@pytest.fixture
def root(tmp_path):
    """A project with specs, fragments and other files."""
    folder = tmp_path / "project"
    for name in (
        "specs/b.yaml",
        "specs/a.yml",
        "specs/_base.yaml",
        "specs/.hidden.yaml",
        "specs/notes.md",
        "specs/deep/c.yaml",
        "specs/_cases/d.yaml",
        "specs/.git/e.yaml",
        "more/f.YAML",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", "utf-8")
    (tmp_path / "outside.yaml").write_text("", "utf-8")
    return folder


def names(root, *paths):
    """What is selected, as `file` or `file::rest`."""
    return [
        one.file.relative_to(root).as_posix() + (f"::{one.rest}" if one.rest else "")
        for one in collect(paths, root, root / "specs", cwd=root)
    ]


def test_without_paths_the_specs_folder_is_meant(root):
    """Specs are found in order; names with `_` or `.` in front are not."""
    assert names(root) == ["specs/a.yml", "specs/b.yaml", "specs/deep/c.yaml"]


def test_a_project_without_specs_has_none(root):
    """No specs folder, nothing selected."""
    assert collect((), root, root / "nothing", cwd=root) == ()


def test_paths_are_files_and_folders_each_once(root):
    """Overlapping paths select a file once; a named file is taken whatever its name."""
    assert names(root, "specs/deep", "specs", "specs/a.yml", "more") == [
        "more/f.YAML",
        "specs/a.yml",
        "specs/b.yaml",
        "specs/deep/c.yaml",
    ]
    assert names(root, "specs/_base.yaml") == ["specs/_base.yaml"]


def test_a_conversation_is_selected_by_what_follows_the_path(root):
    """`file::rest` narrows a file, unless the whole of it is selected too."""
    assert names(root, "specs/b.yaml::y", "specs/b.yaml::x") == ["specs/b.yaml::x", "specs/b.yaml::y"]
    assert names(root, "specs/b.yaml::y", "specs") == ["specs/a.yml", "specs/b.yaml", "specs/deep/c.yaml"]


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("specs/bb.yaml", "does not exist"),
        ("../outside.yaml", "outside of the project"),
        ("specs/notes.md", "is no spec"),
        ("specs::x", "only a file"),
        ("specs/b.yaml::", "ends in ::"),
    ],
)
def test_wrong_paths_are_usage_errors(root, path, what):
    """A path that selects nothing is an error, not an empty run."""
    with pytest.raises(UsageError, match=what):
        names(root, path)


def test_links_out_of_the_project_are_refused(root):
    """A symbolic link does not bring a file into the project."""
    (root / "specs" / "link.yaml").symlink_to(root.parent / "outside.yaml")
    with pytest.raises(UsageError, match="outside"):
        names(root, "specs/link.yaml")


@pytest.mark.parametrize("paths", [(), ("specs",), ("specs/x::y.yaml",), ("specs/x::y.yaml::one",)])
def test_a_spec_with_two_colons_in_its_name_is_refused(root, paths):
    """Nobody could name it, or one of its conversations, on the command line."""
    (root / "specs" / "x::y.yaml").write_text("", "utf-8")
    with pytest.raises(UsageError) as caught:
        names(root, *paths)
    if paths[-1:] == ("specs/x::y.yaml::one",):
        assert caught.value.what == "'specs/x' does not exist"
    else:
        assert "x::y.yaml' has '::' in its name" in caught.value.what


def test_a_path_that_is_too_long_is_refused(root):
    """A path that no system takes is an error of the command line, and not printed whole."""
    with pytest.raises(UsageError) as caught:
        names(root, "x" * 5000)
    assert "cannot be read: " in caught.value.what
    assert len(caught.value.what) < 300
