"""Which files conversations depend on, and what becomes of them by an edit."""

from __future__ import annotations

import os

import pytest
from watched_projects import append

from convrun.errors import SpecErrors, UsageError
from convrun.run.planning.options import RunOptions
from convrun.run.project import open_project
from convrun.watching.dependencies import SpecReader
from convrun.watching.inventory import Surveyor, edit_between


@pytest.fixture
def surveyor(project):
    """Takes the project's inventory; `surveyor()` makes another, with paths and options."""
    return made(project)


def made(project, *paths, **options):
    """A surveyor of the project."""

    def opened(read):
        return open_project(paths, cwd=project.root, environ={}, overrides={}, read_spec=read)

    return Surveyor(opened, [project.root / path for path in paths], RunOptions(**options))


def names(project, paths):
    """Paths as they are named below the root, of those that are there."""
    return {path.relative_to(project.root).as_posix() for path in paths if path.is_file()}


def test_a_conversation_depends_on_what_it_is_made_of(project, surveyor):
    """Its spec, bases and theirs, files of texts, rows and schemas, attachments, code, cassette and settings."""
    project.write("specs/_base.yaml", "extends: _deeper.yaml\nmodel: echo")
    project.write("specs/_deeper.yaml", "hooks: {before_call: code.hooks:call, before_conversation: code.hooks:start}")
    project.write("specs/_rows.jsonl", '{"id": "paris", "city": "Paris"}\n{"id": "rome", "city": "Rome"}\n')
    project.write("specs/_schema.json", "{}")
    project.write("specs/_Paris.png", "")
    project.write("specs/_Rome.png", "")
    project.write("specs/_prompt.md", "Be kind.")
    project.write("convrun.toml", '[checks]\nshort = "code.own:short"\nlong = "code.unused:long"\n')
    for name in ("hooks", "tools", "checks", "own", "shapes", "unused"):
        project.write(f"code/{name}.py", "")
    project.write("cassettes/a/paris.yaml", "")
    project.write(".env", "A=b")
    project.write(
        "specs/a.yaml",
        """
        extends: _base.yaml
        system: {file: _prompt.md}
        tools: [code.tools:f]
        cases: {file: _rows.jsonl}
        turns:
          - user: Hi {{ city }}
            attachments: [{path: '_{{ city }}.png'}, {url: 'https://example.com/x.png'}]
            schema: code.shapes:Shape
            expect: [{any_of: [{python: code.checks:f}, {short: 5}]}, {json_schema: {file: _schema.json}}]
        """,
    )
    found = surveyor.inventory().files
    both = {
        *(f"specs/{name}" for name in ("a.yaml", "_base.yaml", "_deeper.yaml", "_rows.jsonl", "_schema.json")),
        *(f"code/{name}.py" for name in ("hooks", "tools", "checks", "own", "shapes")),
        "specs/_prompt.md", "convrun.toml", ".env",
    }  # fmt: skip
    assert {name: names(project, files) for name, files in found.items()} == {
        "specs/a.yaml::paris": both | {"specs/_Paris.png", "cassettes/a/paris.yaml"},
        "specs/a.yaml::rome": both | {"specs/_Rome.png"},
    }
    assert project.root / "cassettes/a/rome.yaml" in found["specs/a.yaml::rome"]


def test_prompts_of_a_matrix_are_files_of_the_spec(project, surveyor):
    """An edit of one touches the conversations of the spec; one that was missing is waited for."""
    project.write("specs/_a.md", "Be kind.")
    project.write(
        "specs/a.yaml", "model: echo\nmatrix: {system: [{file: _a.md}, {text: x, id: x}]}\nturns: [{user: Hi}]"
    )
    before = surveyor.inventory()
    project.write("specs/_a.md", "Be brief.")
    edit = edit_between(before, surveyor.inventory())
    assert edit.touched == {"specs/a.yaml::_a", "specs/a.yaml::x"}
    assert names(project, edit.files) == {"specs/_a.md"}
    project.edit("specs/a.yaml", "_a.md", "_b.md")
    before = surveyor.inventory()
    assert before.unreadable == {"specs/a.yaml"}
    project.write("specs/_b.md", "Be long.")
    assert edit_between(before, surveyor.inventory()).touched == {"specs/a.yaml::_b", "specs/a.yaml::x"}


def test_an_attachment_named_by_what_is_said_stands_for_its_folder(project, surveyor):
    """Any file beside the one that a reply will name touches the conversation."""
    project.write("specs/_maps/a.png", "")
    project.write(
        "specs/a.yaml",
        """
        model: echo
        turns:
          - user: a
          - user: Which?
            attachments: [{path: '_maps/{{ turns[0].reply }}.png'}]
        """,
    )
    before = surveyor.inventory()
    project.write("specs/_maps/b.png", "")
    edit = edit_between(before, surveyor.inventory())
    assert edit.touched == {"specs/a.yaml"}
    assert names(project, edit.files) == set()
    assert edit.files == {project.root / "specs/_maps"}


def test_nothing_that_is_not_depended_on_is_an_edit(project, surveyor):
    """Notes, caches, reports, other modules, and a folder that a module could lie in."""
    project.write("specs/a.yaml", "model: echo\ntools: [code.later.tools:f]\nturns: [{user: Hi}]")
    project.write("code/tools.py", "")
    before = surveyor.inventory()
    project.write("README.md", "x")
    project.write("code/other.py", "x")
    project.write("code/__pycache__/tools.pyc", "x")
    project.write("specs/_draft.yaml", "x")
    (project.root / "code/later").mkdir()
    assert edit_between(before, surveyor.inventory()) is None


def test_a_missing_base_is_waited_for(project, surveyor):
    """A spec whose base is not there is one with mistakes, and is touched by the base's coming."""
    project.write("specs/a.yaml", "extends: _base.yaml\nturns: [{user: Hi}]")
    before = surveyor.inventory()
    assert before.unreadable == {"specs/a.yaml"}
    project.write("specs/_base.yaml", "model: echo")
    after = surveyor.inventory()
    assert after.unreadable == frozenset()
    assert edit_between(before, after).touched == {"specs/a.yaml"}


def test_settings_that_come_touch_everything(project, surveyor):
    """A pyproject.toml counts from when it has settings."""
    (project.root / "convrun.toml").unlink()
    project.write("pyproject.toml", "[project]\nname = 'x'\n")
    project.write("specs/a.yaml", "model: echo\nturns: [{user: Hi}]")
    surveyor.inventory()
    project.write("pyproject.toml", "[project]\nname = 'y'\n")
    before = surveyor.inventory()
    project.write("pyproject.toml", "[project]\nname = 'y'\n[tool.convrun]\nstrict = true\n")
    edit = edit_between(before, surveyor.inventory())
    assert (edit.touched, names(project, edit.files)) == ({"specs/a.yaml"}, {"pyproject.toml"})


def test_a_spec_is_read_again_only_where_it_changed(project):
    """What a spec says, right or wrong, is known until it or a file that it names is another."""
    project.write("specs/_base.yaml", "model: echo")
    based = project.write("specs/a.yaml", "extends: _base.yaml\nturns: [{user: Hi}]")
    wrong = project.write("specs/b.yaml", "turns: 1")
    reader = SpecReader()

    def read(path):
        reader.begin()
        try:
            return reader.read(path, project.root, None)
        except SpecErrors as errors:
            return errors

    before = {path: read(path) for path in (based, wrong)}
    assert all(read(path) is found for path, found in before.items())
    project.edit("specs/_base.yaml", "echo", "m")
    assert read(based).model.name == "m"
    assert read(wrong) is before[wrong]


def test_where_edits_may_happen(project, surveyor):
    """The folders of all files that count, there or not, those above them, and every folder of specs."""
    project.write("specs/a.yaml", "model: echo\ntools: [code.deep.tools:f]\nturns: [{user: Hi}]")
    project.write("code/deep/tools.py", "")
    (project.root / "specs/empty/deeper").mkdir(parents=True)
    (project.root / "specs/_kept").mkdir()
    (project.root / "node_modules/x").mkdir(parents=True)
    assert {path.relative_to(project.root).as_posix() for path in surveyor.inventory().folders} == {
        ".", "specs", "specs/empty", "specs/empty/deeper", "code", "code/deep",
    }  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_is_watched_at_both_ends(project, surveyor):
    """The folder of what a file links to is watched, too."""
    project.write("texts/prompt.md", "Be kind.")
    project.write("specs/a.yaml", "model: echo\nsystem: {file: _prompt.md}\nturns: [{user: Hi}]")
    (project.root / "specs/_prompt.md").symlink_to(project.root / "texts/prompt.md")
    before = surveyor.inventory()
    assert project.root / "texts" in before.folders
    project.write("texts/prompt.md", "Be brief.")
    assert edit_between(before, surveyor.inventory()).touched == {"specs/a.yaml"}


def test_paths_and_options_that_fit_no_more_are_an_error(project):
    """A path that is gone cannot be looked at; its last known files can."""
    project.write("specs/a.yaml", "model: echo\nturns: [{user: Hi}]")
    surveyor = made(project, "specs/a.yaml")
    before = surveyor.inventory()
    (project.root / "specs/a.yaml").unlink()
    with pytest.raises(UsageError, match="does not exist"):
        surveyor.inventory()
    again = before.again()
    assert again.broken
    assert edit_between(before, again).touched == {"specs/a.yaml"}


@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "specs/other.yaml": {"specs/other.yaml"},
        "specs/_base.yaml": {"specs/based.yaml"},
        "specs/_cities.csv": {"specs/cases.yaml::Paris", "specs/cases.yaml::Rome"},
        "specs/_prompt.md": {"specs/files.yaml"},
        "specs/_map.txt": {"specs/files.yaml"},
        "lib/tools.py": {"specs/calls.yaml"},
        "lib/sky.py": {"specs/calls.yaml"},
        "lib/checks.py": {"specs/checked.yaml"},
    }.items(),
)
def test_each_file_touches_what_is_made_of_it(touched, name, expected):
    """Spec, base, rows, prompt, attachment, modules of tools and checks, and modules that those import."""
    surveyor = made(touched)
    before = surveyor.inventory()
    append(touched, name)
    edit = edit_between(before, surveyor.inventory())
    assert (edit.touched, edit.removed, names(touched, edit.files)) == (expected, set(), {name})


def test_a_new_row_is_a_new_conversation(touched):
    """The rows of a case file are read anew, also where the spec alone was asked for."""
    surveyor = made(touched, "specs/cases.yaml")
    before = surveyor.inventory()
    touched.write("specs/_cities.csv", "city\nParis\nOslo\n")
    edit = edit_between(before, surveyor.inventory())
    assert edit.touched == {"specs/cases.yaml::Paris", "specs/cases.yaml::Oslo"}
    assert edit.removed == {"specs/cases.yaml::Rome"}


def test_an_edit_beside_a_cassette_touches_its_conversation(project, surveyor):
    """An attachment in `.d/` that was edited, removed or restored."""
    project.write("specs/a.yaml", "model: echo\nturns: [{user: a}]\n")
    project.write("specs/b.yaml", "model: echo\nturns: [{user: b}]\n")
    name = project.write("cassettes/a.yaml.d/0123", "x")
    for step in (lambda: name.write_text("changed"), name.unlink, lambda: name.write_text("x")):
        before = surveyor.inventory()
        step()
        edit = edit_between(before, surveyor.inventory())
        assert (edit.touched, edit.files) == ({"specs/a.yaml"}, {name})


def test_samples_of_a_group_are_touched_together(project, surveyor):
    """They have one name, and the cassette of each is among its files."""
    project.write("specs/a.yaml", "model: echo\nsamples: {times: 2}\nturns: [{user: Hi, expect: [contains: Hi]}]\n")
    project.run(record="all")
    before = surveyor.inventory()
    assert names(project, before.files["specs/a.yaml"]) >= {"cassettes/a.yaml", "cassettes/a/@2.yaml"}
    append(project, "cassettes/a/@2.yaml")
    assert edit_between(before, surveyor.inventory()).touched == {"specs/a.yaml"}
