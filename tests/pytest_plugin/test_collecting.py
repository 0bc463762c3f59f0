"""Which YAML files are specs to pytest, what their items are called, and how mistakes in them are told."""

from __future__ import annotations

import pytest

HELLO = """
    model: echo
    turns: [{user: Hi, expect: [{equals: Hi}]}]
"""
CASES = """
    model: echo
    tags: [desk]
    turns: [{user: 'Hello {{ name }}', expect: [{contains: Ada}]}]
    cases:
      - {id: paris, name: Ada}
      - {id: 京都, name: Ada}
      - {id: 'a.b[c] d', name: Grace}
"""
DESK = '''
    import os

    OWNER = "ours"

    def look() -> str:
        """Look who is at the desk."""
        import late
        return f"{late.OWNER} {os.environ['DESK_KEY']}"
'''
SHOW_MODULES = """
    import sys

    def pytest_unconfigure(config):
        found = sorted(name for name in sys.modules if name.partition(".")[0] in {"convrun", "yaml", "openai", "vcr"})
        print("LOADED", *found)
"""


def test_a_project_without_settings_pays_for_next_to_nothing(suite):
    """Its YAML is left alone, stock cassettes are played, and of convrun the face and the plugin are loaded."""
    (suite.root / "convrun.toml").unlink()
    suite.write("pyproject.toml", "[tool.other]\nx = 1\n")
    suite.write("specs/hello.yaml", HELLO)
    suite.write("openapi.yaml", "openapi: 3.1.0\n")
    suite.write("conftest.py", SHOW_MODULES)
    suite.write(
        "test_own.py", "import pytest\n\n@pytest.mark.parametrize('x', [1, 2])\ndef test_own(x):\n    assert x\n"
    )
    result = suite.passes("-W", "error", "--strict-markers", "-p", "no:recording", passed=2)
    assert (
        "LOADED convrun convrun.pytest_plugin convrun.pytesting convrun.pytesting.hooks convrun.pytesting.signs"
        in result.outlines
    )
    suite.pytest("specs", code=5)


def test_ids_are_those_of_convrun(suite):
    """Node ids are the ids that `convrun list` prints, and each selects its conversation."""
    suite.write("specs/hello.yaml", HELLO)
    suite.write("specs/desk/cases.yml", CASES)
    suite.write("specs/_base.yaml", "nothing")
    suite.write("specs/.hidden/a.yaml", "nothing")
    suite.write("elsewhere/openapi.yaml", "openapi: 3.1.0\n")
    listed = suite.cli("list").stdout.splitlines()
    assert len(listed) == 4
    assert suite.ids() == listed
    assert suite.ids(*reversed(listed)) == [*reversed(listed)]
    assert suite.ids(listed[1]) == [listed[1]]


def test_specs_are_found_in_folders_that_pytest_passes_over(suite):
    """Below the specs folder `norecursedirs` hides no spec, but tests in Python; what the user leaves out is out."""
    suite.write("specs/hello.yaml", HELLO)
    suite.write("specs/build/hello.yaml", HELLO)
    suite.write("specs/build/dist/deep/hello.yaml", HELLO)
    suite.write("build/openapi.yaml", "openapi: 3.1.0\n")
    for folder in ("specs/build", "specs/build/dist/deep", "specs/build/_x", "build"):
        suite.write(f"{folder}/test_own.py", "def test_own():\n    pass\n")
    listed = suite.cli("list").stdout.splitlines()
    assert len(listed) == 3
    assert sorted(suite.ids()) == sorted(listed)
    deep = "specs/build/dist/deep"
    assert suite.ids("specs/build/dist") == [f"{deep}/hello.yaml", f"{deep}/test_own.py::test_own"]  # it is named
    for options in (["--ignore=specs/build/dist"], ["--ignore-glob=*/dist"]):
        assert suite.ids(*options) == ["specs/build/hello.yaml", "specs/hello.yaml"]
    suite.write("specs/conftest.py", "collect_ignore = ['build']\n")
    assert suite.ids() == ["specs/hello.yaml"]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (("-k", "desk and not paris"), ["京都", "a.b[c] d"]),
        (("-k", "echo and cases.yaml::京都"), ["京都"]),
        (("-m", "desk", "-k", "not 京都"), ["paris", "a.b[c] d"]),
    ],
)
def test_conversations_are_selected(suite, options, kept):
    """By parts of their ids, tags and models with -k, by tags with -m; under --strict-markers, too."""
    suite.write("specs/hello.yaml", HELLO)
    suite.write("specs/cases.yaml", CASES)
    found = suite.ids("specs", "--strict-markers", *options)
    assert found == [f"specs/cases.yaml::{rest}" for rest in kept]


def test_no_tag_decides_what_runs(suite):
    """Tags that mean something to pytest, or cannot be markers, hide no failure and raise no warning."""
    tags = "[skip, xfail, skipif, parametrize, usefixtures, filterwarnings, vcr, convrun, a b, 'a:b', _x, and]"
    suite.write("specs/wrong.yaml", f"tags: {tags}\nmodel: echo\nturns: [{{user: Hi, expect: [{{equals: Bye}}]}}]\n")
    suite.passes("--strict-markers", "-W", "error", "-p", "no:cacheprovider", "--import-mode=importlib", failed=1)
    assert suite.ids("-k", "skip and xfail and convrun") == ["specs/wrong.yaml"]


def test_all_mistakes_are_told_at_once(suite):
    """Each spec with mistakes is one error, in the words of `convrun validate`; nothing runs."""
    suite.write("specs/hello.yaml", HELLO)
    suite.write("specs/two.yaml", "model: echo\nturn: []\nturns: [{user: Hi, expect: [{contain: Hi}]}]\n")
    suite.write("specs/code.yaml", "model: echo\ntools: ['nowhere:x']\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n")
    suite.write("specs/deep.yaml", "turns: " + "[" * 50_000)
    result = suite.pytest("specs", code=2)
    output = result.stdout.str()
    assert "Traceback" not in output
    assert result.parseoutcomes() == {"errors": 3}
    result.stdout.fnmatch_lines(
        [
            "*ERROR collecting specs/code.yaml*",
            "specs/code.yaml:2:*: no module named 'nowhere'",
            "*ERROR collecting specs/deep.yaml*",
            "specs/deep.yaml:1:*nested*",
            "*ERROR collecting specs/two.yaml*",
            "specs/two.yaml:2:1: unknown key 'turn'*",
            "    2 | turn: []",
            "      | ^^^^",
            "specs/two.yaml:3:*: unknown check 'contain'*",
        ]
    )


def test_two_specs_with_one_cassette_do_not_run(suite):
    """What is a mistake of two files together fails before the second of them runs."""
    for name in ("a.yml", "a.yaml", "b.yaml"):
        suite.write(f"specs/{name}", HELLO)
    result = suite.passes("specs", passed=2, errors=1)
    result.stdout.fnmatch_lines(["specs/a.yml:1:1: 'specs/a.yml' stands beside 'specs/a.yaml'*"])


def test_roots_below_the_root_of_pytest(suite, monkeypatch):
    """Two projects with a spec of one name are told apart; commands begin where pytest was started."""
    (suite.root / "convrun.toml").unlink()
    suite.write("pytest.ini", "[pytest]\n")
    for name, reply in (("one", "one"), ("two", "TWO")):
        suite.write(f"{name}/convrun.toml", "")
        suite.write(f"{name}/desk.py", f"def right(context):\n    return context.reply == {reply!r}\n")
        suite.write(
            f"{name}/specs/a.yaml", f"model: echo\nturns: [{{user: {name}, expect: [{{python: 'desk:right'}}]}}]\n"
        )
    assert suite.ids() == ["one/specs/a.yaml", "two/specs/a.yaml"]
    suite.passes("-v", passed=1, failed=1).stdout.fnmatch_lines(["  run just it: pytest two/specs/a.yaml"])
    monkeypatch.chdir(suite.root / "one")
    result = suite.passes("..", passed=1, failed=1)
    result.stdout.fnmatch_lines(["  run just it: pytest ../two/specs/a.yaml"])


def test_a_named_file_is_a_spec_wherever_it_lies(suite):
    """A YAML file on the command line is collected if it reads as a spec, with and without settings; others are not."""
    suite.write("drafts/hello.yaml", HELLO)
    suite.write("drafts/openapi.yaml", "openapi: 3.1.0\n")
    assert suite.ids("drafts/hello.yaml") == ["drafts/hello.yaml"]
    suite.pytest("drafts/openapi.yaml", code=4)
    suite.pytest("drafts", code=5)
    (suite.root / "convrun.toml").unlink()
    suite.passes("drafts/hello.yaml", passed=1)
    suite.write("pyproject.toml", "[project]\ndependencies = ['convrun']\n")
    suite.write("drafts/.env", "of another program")
    suite.pytest("drafts", code=5)


def test_wrong_settings_are_told_once(suite):
    """Settings that cannot be read are one error, whatever YAML there is, as nobody knows which of it are specs."""
    suite.write("specs/a.yaml", HELLO)
    suite.write("specs/desk/b.yaml", HELLO)
    suite.write("convrun.toml", "spec = 'talks'\n")
    result = suite.pytest(code=2)
    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(["convrun.toml:1:1: unknown setting 'spec'", "  did you mean 'specs'?"])


def test_the_rest_of_the_session_stays_as_it_was(suite):
    """Specs have import path, .env and modules of their project, whatever the tests before them imported."""
    suite.write(".env", "DESK_KEY=from-dotenv\n")
    suite.write("desk.py", DESK)
    suite.write("lib/late.py", "OWNER = 'ours'\n")
    suite.write("convrun.toml", "pythonpath = ['lib']\n")
    suite.write(
        "specs/desk.yaml",
        """
        model: {script: [{call: look, with: {}}, {reply: done}]}
        tools: ['desk:look']
        turns: [{user: Look, expect: [{called: {tool: look, returns: ours from-dotenv}}]}]
        """,
    )
    suite.write("tests/desk.py", "OWNER = 'the tests'\n")
    suite.write(
        "tests/test_own.py",
        """
        import os, sys
        from pathlib import Path

        import desk

        def test_own():
            import desk as again
            assert desk.OWNER == again.OWNER == "the tests"
            assert "DESK_KEY" not in os.environ
            assert str(Path(__file__).parents[1] / "lib") not in sys.path
        """,
    )
    suite.passes("tests", "specs", "-p", "no:cacheprovider", passed=2)
