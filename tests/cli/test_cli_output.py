"""What a run prints where: console, report, findings; and what others read from it."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest

PASSES = "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n"
FAILS = "model: echo\nturns: [{user: Hi, expect: [{equals: Ho}]}]\n"


@pytest.fixture
def mixed(project):
    """A project with a conversation that passes, one that fails and one that is missing."""
    project.write("specs/a.yaml", PASSES)
    project.write("specs/b.yaml", FAILS)
    project.write("specs/c.yaml", "model: gpt-4.1-mini\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n")
    return project


def test_a_report_on_stdout_moves_the_console_to_stderr(mixed):
    """Stdout is one JSON document of the documented shape; people read stderr."""
    ended = mixed.cli("run", "--report", "json")
    assert ended.returncode == 1
    assert "3 conversations: 1 passed, 1 failed, 1 missing" in ended.stderr
    result = json.loads(ended.stdout)
    assert result["exit_code"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", result["started"])
    assert {key: result["summary"][key] for key in ("conversations", "passed", "failed", "missing", "turns")} == {
        "conversations": 3, "passed": 1, "failed": 1, "missing": 1, "turns": 2,
    }  # fmt: skip
    assert [(one["id"], one["verdict"]) for one in result["conversations"]] == [
        ("specs/a.yaml", "passed"), ("specs/b.yaml", "failed"), ("specs/c.yaml", "missing"),
    ]  # fmt: skip
    (check,) = result["conversations"][1]["turns"][0]["checks"]
    assert check == {
        "kind": "equals", "verdict": "failed", "info": False, "expected": "Ho", "actual": "Hi", "because": None,
        "message": check["message"], "comparison": [], "where": {"file": "specs/b.yaml", "line": 2, "column": 30},
    }  # fmt: skip
    missing = result["conversations"][2]
    assert (missing["turns"], missing["cassette"], missing["error"]) == ([], "cassettes/c.yaml", None)


def test_a_report_in_a_file_leaves_the_console_alone(mixed):
    """Stdout is the console; the file is the report, and its folder is made."""
    ended = mixed.cli("run", "--report", "json=out/result.json")
    assert ended.returncode == 1
    assert "3 conversations: 1 passed" in ended.stdout
    assert ended.stderr == ""
    assert json.loads((mixed.root / "out/result.json").read_text("utf-8"))["exit_code"] == 1


def test_a_report_that_cannot_be_written_is_an_error(project):
    """The run is over by then: its console stands, and the exit code is that of a failed write."""
    project.write("specs/a.yaml", PASSES)
    (project.root / "taken").mkdir()
    ended = project.cli("run", "--report", "json=taken")
    assert ended.returncode == 4
    assert "1 conversation: 1 passed" in ended.stdout
    assert "'taken' cannot be written" in ended.stderr
    assert "nothing ran" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_verbosity(mixed):
    """-q shows what did not pass and the counts, -v every turn and check, -vv all of it."""
    quiet, normal, verbose, full = (mixed.cli("run", *more).stdout for more in (["-q"], [], ["-v"], ["-vv"]))
    assert "specs/a.yaml" not in quiet
    assert "specs/b.yaml" in quiet
    assert "3 conversations" in quiet
    assert "specs/a.yaml" in normal
    assert "passed equals" not in normal
    assert "passed equals" in verbose
    assert "passed equals" in full


def test_a_failure_says_what_a_person_needs(mixed):
    """Its line in the spec, expected and actual, and one line that repeats just it."""
    printed = mixed.cli("run", "-k", "b").stdout
    assert "specs/b.yaml:2:30" in printed
    assert "'Ho'" in printed
    assert "'Hi'" in printed
    assert "convrun run specs/b.yaml" in printed


def test_the_line_that_repeats_a_failure_does(project):
    """Vars and cassettes of the command line are in it."""
    project.write("specs/a.yaml", "model: echo\nvars: {x: a b}\nturns: [{user: '{{ x }}', expect: [{equals: Ho}]}]\n")
    printed = project.cli("run", "-D", "x=c d", "--cassettes", "tapes").stdout
    assert "convrun run -D 'x=c d' --cassettes tapes specs/a.yaml" in printed


def test_findings_are_named(project):
    """A conversation without a check is never shown as passed, and the finding says how to mend it."""
    project.write("specs/a.yaml", "model: echo\nturns: [{user: Hi}]\n")
    ended, strict = project.cli("run"), project.cli("run", "--strict")
    assert (ended.returncode, strict.returncode) == (0, 1)
    assert "unchecked  specs/a.yaml" in ended.stdout
    assert "FINDING unchecked" in ended.stdout
    assert "passed" not in ended.stdout


def test_a_console_that_is_no_terminal_is_plain(mixed):
    """No colour and no control characters, with or without NO_COLOR."""
    for environ in ({}, {"NO_COLOR": ""}, {"FORCE_COLOR": "1", "TERM": "xterm"}):
        assert "\x1b" not in mixed.cli("run", **environ).stdout


@pytest.mark.parametrize(
    ("more", "environ", "coloured"),
    [([], {}, True), (["--no-color"], {}, False), ([], {"NO_COLOR": "1"}, False), ([], {"TERM": "dumb"}, False)],
    ids=["colour", "--no-color", "NO_COLOR", "dumb"],
)
def test_a_terminal_has_colour_unless_it_is_refused(project, more, environ, coloured):
    """On a terminal verdicts are coloured; --no-color, NO_COLOR and a dumb terminal refuse it."""
    project.write("specs/a.yaml", PASSES)
    ours, theirs = os.openpty()
    environment = project.environment(**{"NO_COLOR": "", "TERM": "xterm"} | environ)
    process = subprocess.Popen(
        project.command("run", *more), cwd=project.root, env=environment, stdout=theirs, stderr=subprocess.DEVNULL
    )
    assert process.wait(20) == 0
    os.close(theirs)
    printed = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "specs/a.yaml" in printed
    assert ("\x1b[" in printed) == coloured


@pytest.mark.parametrize("command", [["run"], ["run", "--report", "json"], ["list"], ["list", "--json"], ["validate"]])
def test_any_script_is_printed_on_any_console(project, command):
    """Names and texts that the console's encoding lacks are escaped or written as UTF-8; nothing breaks."""
    project.write("specs/ü/東京.yaml", PASSES.replace("Hi", "'Grüße 🙂'"))
    ended = subprocess.run(
        project.command(*command),
        cwd=project.root, env=project.environment(PYTHONIOENCODING="ascii"), capture_output=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr
    if "validate" not in command:
        assert "specs/ü/東京.yaml" in ended.stdout.decode("utf-8")


def test_a_file_name_that_is_no_text_is_shown_escaped(project):
    """A name that is not UTF-8 breaks neither the console nor the JSON."""
    project.write("specs/a.yaml", PASSES)
    try:
        os.rename(project.root / "specs/a.yaml", os.fsencode(project.root) + b"/specs/\xff.yaml")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    listed, ran = project.cli("list", "--json"), project.cli("run", "--report", "json")
    assert json.loads(listed.stdout)[0]["id"] == "specs/\udcff.yaml"
    assert json.loads(ran.stdout)["conversations"][0]["id"] == "specs/\udcff.yaml"
    assert (listed.returncode, ran.returncode) == (0, 0)


def test_texts_of_models_cannot_steer_the_terminal(project):
    """Control characters are made visible."""
    project.write(
        "specs/a.yaml",
        r"""
        model: {script: [{reply: "\e[31mred\e[0m\r[bold]x[/bold]"}]}
        turns: [{user: Hi, expect: [{equals: Ho}]}]
        """,
    )
    printed = project.cli("run").stdout
    assert "\x1b" not in printed
    assert "\r" not in printed.replace("\r\n", "\n")
    assert r"\x1b[31mred" in printed
    assert "[bold]x[/bold]" in printed


def test_on_github_texts_of_models_are_no_commands(project):
    """They stand between `::stop-commands::TOKEN` and its end, with a new token each time."""
    project.write(
        "specs/a.yaml",
        'model: {script: [{reply: "\\n::error::mine"}]}\nturns: [{user: Hi, expect: [{equals: Ho}]}]\n',
    )
    printed = [project.cli("run", GITHUB_ACTIONS="true").stdout for _ in range(2)]
    tokens = []
    for text in printed:
        begin = re.search(r"^::stop-commands::(\w{32,})$", text, re.MULTILINE)
        assert begin
        assert begin.start() < text.index("mine") < text.index(f"\n::{begin[1]}::\n")
        tokens.append(begin[1])
    assert tokens[0] != tokens[1]
    assert "stop-commands" not in project.cli("run").stdout


def test_list_names_what_would_run(mixed):
    """One id a line; as JSON with cassette and tags; it imports nothing; exit 5 where there is nothing."""
    mixed.write("specs/b.yaml", FAILS.replace("turns", "tags: [x]\ntools: ['not_there:f']\ncases: [{id: k}]\nturns"))
    listed, selected, none = mixed.cli("list"), mixed.cli("list", "--json", "-k", "b"), mixed.cli("list", "--tag", "y")
    assert (listed.returncode, listed.stdout.split()) == (0, ["specs/a.yaml", "specs/b.yaml::k", "specs/c.yaml"])
    (entry,) = json.loads(selected.stdout)
    assert (entry["id"], entry["tags"], entry["cassette"], entry["recorded"]) == (
        "specs/b.yaml::k", ["x"], "cassettes/b/k.yaml", False,
    )  # fmt: skip
    assert (none.returncode, none.stdout) == (5, "")


def test_validate_says_all_that_can_be_said(mixed):
    """Without mistakes 0 and the counts; an import that fails is one, unless nothing may be imported."""
    assert mixed.cli("validate").stdout == "3 specs, 3 conversations: no mistakes\n"
    mixed.write("specs/b.yaml", FAILS.replace("turns", "tools: ['not_there:f']\nturns"))
    refused, unread = mixed.cli("validate"), mixed.cli("validate", "--no-import")
    assert (refused.returncode, unread.returncode) == (2, 0)
    assert "no module named 'not_there'" in refused.stderr
    mixed.write("specs/b.yaml", FAILS.replace("equals", "equal"))
    assert mixed.cli("validate", "--no-import").returncode == 2


def test_nothing_to_validate_is_said(project):
    """A hook at the wrong folder does not pass for ever: 5 and the words of `run`, which name `convrun init`."""
    ended, ran = project.cli("validate"), project.cli("run")
    assert (ended.returncode, ended.stdout) == (5, "")
    there = str(project.root / "specs")
    fix = "name a file or folder, set `specs` in the settings, or lay a first one with `convrun init`"
    assert ended.stderr == f"no spec below {there!r}: {fix}\n"
    assert ended.stderr == ran.stderr


def test_validate_runs_nothing(project):
    """Modules are imported, as pytest does; neither tools nor hooks are called."""
    project.write("desk.py", "open('imported', 'w').close()\ndef f():\n    open('called', 'w').close()\n")
    project.write(
        "specs/a.yaml", PASSES.replace("turns", "tools: ['desk:f']\nhooks: {before_conversation: 'desk:f'}\nturns")
    )
    assert project.cli("validate", "--no-import").returncode == 0
    assert not (project.root / "imported").exists()
    assert project.cli("validate").returncode == 0
    assert (project.root / "imported").exists()
    assert not (project.root / "called").exists()
