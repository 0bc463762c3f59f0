"""Which conversations run, with which vars, under which ids, and where their cassettes are."""

from __future__ import annotations

import os

import pytest

from convrun.errors import UsageError

CASES = """
    model: echo
    tags: [slow, tools]
    vars: {city: Rome, greeting: Hello}
    cases: [{id: paris, city: Paris}, {id: oslo, city: Oslo}]
    turns: [{user: '{{ greeting }}, {{ city }}', expect: [{contains: '{{ city }}'}]}]
"""
PLAIN = "model: echo\ntags: [smoke]\nvars: {name: Ada}\nturns: [{user: 'Hi {{ name }}', expect: [{contains: Hi}]}]\n"


@pytest.fixture
def two(project):
    """A project with a spec of two cases and a plain one in a folder."""
    project.write("specs/cities.yaml", CASES)
    project.write("specs/deep/plain.yaml", PLAIN)
    return project


def ids(run):
    """The ids, without what all have in common."""
    return [one.id.removeprefix("specs/") for one in run.conversations]


def said(run):
    """What the user said first in each conversation."""
    return [one.turns[0].user for one in run.conversations]


ALL = ["cities.yaml::paris", "cities.yaml::oslo", "deep/plain.yaml"]


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        ((), ALL),
        (("specs",), ALL),
        (("specs/deep",), ALL[2:]),
        (("specs/deep/plain.yaml", "specs/cities.yaml"), ALL),
        (("specs/cities.yaml::oslo",), ALL[1:2]),
        (("specs/cities.yaml::oslo", "specs/cities.yaml"), ALL[:2]),
        (("specs/deep/plain.yaml", "specs/deep/plain.yaml"), ALL[2:]),
    ],
)
def test_paths_select(two, paths, found):
    """Files, folders and `file::case`; each conversation once."""
    assert ids(two.run(*paths)) == found


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ({"keyword": "PARIS"}, ALL[:1]),
        ({"keyword": "cities and not oslo"}, ALL[:1]),
        ({"keyword": "oslo or plain"}, ALL[1:]),
        ({"keyword": "not (oslo or plain)"}, ALL[:1]),
        ({"tags": ("smoke",)}, ALL[2:]),
        ({"tags": ("tools", "smoke")}, ALL),
        ({"tags": ("tools",), "keyword": "oslo"}, ALL[1:2]),
        ({"tags": ("none",)}, []),
        ({"keyword": "zz"}, []),
    ],
)
def test_keywords_and_tags_select(two, selection, found):
    """Substrings of ids without regard to case, and tags of specs; both must hold."""
    assert ids(two.run(**selection)) == found


@pytest.mark.parametrize("keyword", ["", "and", "a or", "(a", "a b", "not", ")"])
def test_a_keyword_that_is_no_expression_is_refused(two, keyword):
    """It is a wrong command line, said before anything runs."""
    with pytest.raises(UsageError):
        two.run(keyword=keyword)


def test_a_case_that_is_not_there_is_refused(two):
    """With the nearest one, or with what there is."""
    with pytest.raises(UsageError, match=r"has no conversation 'pariss'.*did you mean 'paris'"):
        two.run("specs/cities.yaml::pariss")
    with pytest.raises(UsageError, match="it holds one conversation"):
        two.run("specs/deep/plain.yaml::x")


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("CITY-1", "`specs/a.yaml -k CITY-1` selects 10: city-10, .*, city-17 and 2 more"),
        ("nowhere at all", "its conversations are city-10, .*, city-17 and 12 more"),
    ],
)
def test_of_many_conversations_those_are_named_that_the_word_is_in(project, rest, told):
    """With `-k`, which selects them; else the first of all, and how many others there are."""
    rows = ", ".join(f"{{id: city-{number}}}" for number in range(10, 30))
    project.write("specs/a.yaml", f"model: echo\ncases: [{rows}]\nturns: [{{user: Hi}}]\n")
    with pytest.raises(UsageError, match=told):
        project.run(f"specs/a.yaml::{rest}")


@pytest.mark.parametrize("path", ["specs/none.yaml", "/", "..", "convrun.toml", "specs::paris", "specs/cities.yaml::"])
def test_paths_that_are_none_are_refused(two, path):
    """What does not exist, is no spec or lies outside of the project."""
    with pytest.raises(UsageError):
        two.run(path)


def test_cases_go_over_vars_and_d_goes_over_both(two):
    """Precedence: vars, case, -D; the value of -D is text."""
    assert said(two.run("specs/cities.yaml")) == ["Hello, Paris", "Hello, Oslo"]
    run = two.run("specs/cities.yaml", defines={"city": "12", "greeting": "Hi"})
    assert said(run) == ["Hi, 12", "Hi, 12"]
    assert run.conversations[0].vars["city"] == "12"


def test_a_define_needs_one_spec_that_has_it(two):
    """Others do not get it; one that nobody has is refused."""
    run = two.run(defines={"name": "Eve"})
    assert said(run)[2] == "Hi Eve"
    assert "name" not in run.conversations[0].vars
    with pytest.raises(UsageError, match="did you mean 'name'"):
        two.run(defines={"nam": "Eve"})


def test_rows_of_a_csv_are_cases(project):
    """With a BOM, quoted line breaks and commas; values are text, the first column names the case."""
    project.write("specs/_rows.csv", '\ufeffcity,note\nParis,"a, b"\nOslo,"two\nlines"\n012,\n')
    project.write("specs/a.yaml", "model: echo\ncases: {file: _rows.csv}\nturns: [{user: '{{ city }}{{ note }}'}]\n")
    run = project.run()
    assert ids(run) == ["a.yaml::Paris", "a.yaml::Oslo", "a.yaml::012"]
    assert said(run) == ["Parisa, b", "Oslotwo\nlines", "012"]


def test_another_model_adds_its_name_to_the_id(two):
    """A model that is the spec's own does not; each has a cassette of its own."""
    run = two.run("specs/cities.yaml::paris", models=("echo", "gpt-4.1-mini", "ollama/llama"))
    assert ids(run) == ["cities.yaml::paris", "cities.yaml::paris-gpt-4.1-mini", "cities.yaml::paris-ollama/llama"]
    assert [one.verdict for one in run.conversations] == ["passed", "missing", "missing"]
    first, second, third = (one.cassette for one in run.conversations)
    assert (first, second) == ("cassettes/cities/paris.yaml", "cassettes/cities/paris-gpt-4.1-mini.yaml")
    assert third.startswith("cassettes/cities/paris-ollama-llama-")
    assert ids(two.run("specs/deep/plain.yaml", models=("m",)))[0] == "deep/plain.yaml::m"


def test_an_id_does_not_change_when_a_row_is_added(two):
    """Ids follow the rows' ids, not their number: one case is still named."""
    two.edit("specs/cities.yaml", ", {id: oslo, city: Oslo}", "")
    assert ids(two.run("specs/cities.yaml")) == ["cities.yaml::paris"]


def test_a_spec_outside_of_the_specs_folder_has_its_cassette_too(project):
    """Its path below the root is the cassette's."""
    project.write("more/a.yaml", PLAIN)
    assert project.one("more/a.yaml").cassette == "cassettes/more/a.yaml"


def test_a_run_from_a_folder_inside_means_the_same(two):
    """The root is found above; ids, cassettes and paths in messages are the same."""
    here = two.root / "specs" / "deep"
    assert ids(two.run(cwd=here)) == ALL
    assert two.one("plain.yaml", cwd=here).cassette == "cassettes/deep/plain.yaml"
    assert ids(two.run("../cities.yaml::oslo", cwd=here)) == ALL[1:2]


def test_two_roots_are_refused(two):
    """Paths of two projects cannot run together."""
    two.write("other/convrun.toml", "")
    two.write("other/specs/a.yaml", PLAIN)
    with pytest.raises(UsageError, match="under two roots"):
        two.run("specs", f"other{os.sep}specs")
    assert two.run("other/specs").conversations[0].id == "specs/a.yaml"


def test_an_empty_project_has_nothing_to_run(project):
    """No specs folder, or none in it, is exit code 5."""
    assert project.run().exit_code == 5
    project.write("specs/_base.yaml", "no spec")
    assert project.run().exit_code == 5


def test_a_whole_project_is_selected_by_its_folder(project):
    """The folder of a project means its specs: cassettes below it are none."""
    project.write("specs/a.yaml", "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n")
    assert project.record().verdict == "passed"
    assert [one.id for one in project.run(str(project.root)).conversations] == ["specs/a.yaml"]
