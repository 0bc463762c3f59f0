"""Annotations of GitHub: commands as the runner parses them, on the line that matters."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pytest
from goldens import goldens
from report_malice import VISIBLE, hostile_run
from report_samples import FAILED, FIRST, MISSING, PASSED, PROMPT, RUN, SECOND, STALE, UNCHECKED, run

from convrun.report.console import details
from convrun.report.github import to_github
from convrun.report.workflow_commands import command, disarmed
from convrun.results import CheckResult, Finding, Problem
from convrun.source import Where

golden = goldens(__file__)


@dataclass
class Command:
    """A command as GitHub's runner takes it apart."""

    name: str
    properties: dict[str, str]
    message: str


def commands(text):
    """Take each line for a command, as the runner does: properties, then what is escaped back."""
    found = []
    for line in text.splitlines():
        head, message = re.fullmatch(r"::(.*?)::(.*)", line).groups()
        name, _, listed = head.partition(" ")
        pairs = [one.partition("=") for one in listed.split(",") if one]
        found.append(Command(name, {key: plain(value) for key, _, value in pairs}, plain(message)))
    return found


def plain(text):
    """What is escaped, as it was."""
    for escaped, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escaped, sign)
    return text


def test_the_whole_report_is_the_golden_one():
    """All verdicts, as they are written down."""
    text = to_github(RUN) + "\n"
    assert text == golden("everything.github.txt", text)


def test_a_failure_is_on_the_line_of_its_check():
    """File, line and column are the check's; the title says which conversation and turn."""
    (found,) = commands(to_github(run(FAILED, exit_code=1)))
    assert (found.name, found.properties) == (
        "error",
        {
            "file": "specs/crumpet.yaml",
            "line": "12",
            "col": "9",
            "title": "FAILED specs/crumpet.yaml::rome & co, turn 2 (second)",
        },
    )


def test_the_text_of_a_failure_is_that_of_the_console():
    """What the console says of the turn stands below the title, word for word."""
    title, _, text = details(FAILED, command=RUN.command).partition("\n")
    (found,) = commands(to_github(run(FAILED, exit_code=1)))
    assert found.properties["title"] == title
    assert "".join(found.message.split()) == "".join(text.split())


def test_each_failing_check_has_its_own_line():
    """Two checks of a turn are two annotations, each with what was said in the turn."""
    other = CheckResult(
        kind="contains", verdict="failed", message="no", where=Where(file="specs/crumpet.yaml", line=13)
    )
    both = replace(FAILED, turns=(replace(SECOND, checks=(*SECOND.checks, other)),))
    found = commands(to_github(run(both, exit_code=1)))
    assert [one.properties["line"] for one in found] == ["12", "13"]
    assert all("user: 'You said YES" in one.message for one in found)
    assert ["matches:" in one.message for one in found] == [True, False]


@pytest.mark.parametrize(
    ("conversation", "line"),
    [
        (replace(PASSED, verdict="failed", checks=(CheckResult(kind="calls", verdict="failed"),)), "20"),
        (replace(FAILED, turns=(replace(SECOND, checks=(), where=Where(file="specs/crumpet.yaml", line=7)),)), "7"),
        (replace(PASSED, verdict="error", error=Problem(type="E", message="no")), "20"),
        (replace(FAILED, turns=(), checks=()), "1"),
    ],
)
def test_what_has_no_place_is_on_the_nearest_line(conversation, line):
    """Without a place of its own it is the turn's, else the conversation's, else the first line of the spec."""
    (found,) = commands(to_github(run(conversation, exit_code=4)))
    assert (found.properties["file"], found.properties["line"]) == ("specs/crumpet.yaml", line)


def test_one_cause_is_one_annotation():
    """All conversations that one change made stale are told at the turn where the first of them is."""
    turn = replace(FIRST, verdict="stale", where=Where(file="specs/old.yaml", line=4, column=5))
    others = [replace(STALE, id=f"specs/old.yaml::{number}", turns=(turn,)) for number in range(20)]
    (found,) = commands(to_github(run(*others, exit_code=3)))
    assert found.properties == {"file": "specs/old.yaml", "line": "4", "col": "5", "title": "STALE system prompt"}
    assert PROMPT.now.partition("\n")[0] in found.message
    assert found.message.count("turn 1, model call 1") == 20


def test_what_is_missing_is_one_annotation_for_each_spec():
    """The cases of a spec without recordings are told together."""
    missing = [replace(MISSING, id=f"specs/{name}.yaml::{n}", spec=f"specs/{name}.yaml") for name in "ab" for n in "xy"]
    found = commands(to_github(run(*missing, exit_code=3)))
    assert [(one.properties["file"], one.message.count("no cassettes")) for one in found] == [
        ("specs/a.yaml", 2),
        ("specs/b.yaml", 2),
    ]


def test_what_is_let_pass_is_a_warning():
    """With `--on-stale warn` a stale recording is no error; it is shown all the same."""
    assert [one.name for one in commands(to_github(run(STALE, MISSING, exit_code=0)))] == ["warning", "warning"]


def test_findings_are_warnings():
    """What is unchecked or unplayed is a warning at its place."""
    finding = Finding(kind="unplayed", message="2 interactions", where=Where(file="cassettes/a.yaml", line=9))
    found = commands(to_github(run(UNCHECKED, replace(PASSED, findings=(finding,)))))
    assert [(one.name, one.properties["file"], one.properties["line"]) for one in found] == [
        ("warning", "specs/free.yaml", "1"),
        ("warning", "cassettes/a.yaml", "9"),
    ]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"interrupted": True, "exit_code": 130}, "interrupted: only what was finished is reported"),
        (
            {"bug": Problem(type="KeyError", message="KeyError: 'x'"), "exit_code": 70},
            "a bug in convrun: KeyError: 'x'",
        ),
        ({"exit_code": 1}, "there are findings, and the run is strict"),
        ({"exit_code": 5, "conversations": ()}, "nothing to run"),
    ],
)
def test_what_no_conversation_shows_is_an_error(change, text):
    """An interruption, a bug, findings of a strict run and an empty run are never silent."""
    (found,) = commands(to_github(replace(run(PASSED), **change)))
    assert (found.name, found.properties["title"]) == ("error", "convrun")
    assert text in found.message


def test_nothing_is_said_where_all_is_well():
    """What passed and what was skipped has no annotation."""
    assert to_github(run(PASSED)) == ""


def at(number, place):
    """A conversation that fails at a place."""
    check = replace(SECOND.checks[0], where=place)
    return replace(FAILED, id=f"f{number}", turns=(replace(SECOND, checks=(check,)),))


def test_no_more_are_given_than_github_shows():
    """Ten errors and ten warnings; the tenth says how many there are beside."""
    failed = [at(number, Where(file="specs/a.yaml", line=number)) for number in range(1, 14)]
    findings = [Finding(kind="unplayed", message=str(number)) for number in range(10)]
    found = commands(to_github(replace(run(*failed, exit_code=1), findings=tuple(findings))))
    assert [one.name for one in found] == ["error"] * 10 + ["warning"] * 10
    assert found[9].message.endswith("\n\nnot shown here: 3 errors more")
    assert [one for one in found if "not shown here" in one.message] == [found[9]]


def test_many_at_one_place_leave_room_for_others():
    """Where there are too many, all at one check are one annotation, which names the others."""
    place = Where(file="specs/a.yaml", line=3, column=5)
    others = [at(number, place) for number in range(40)]
    first, second = commands(to_github(run(*others, at(40, Where(file="specs/b.yaml", line=1)), exit_code=1)))
    assert first.properties["title"] == "FAILED f0, turn 2 (second)"
    assert "in the same place:\n  FAILED f1, turn 2 (second)\n" in first.message
    assert first.message.endswith("\n  ... 19 more")
    assert second.properties["file"] == "specs/b.yaml"
    assert len(commands(to_github(run(*others[:10], exit_code=1)))) == 10


def test_files_are_found_from_the_root_of_the_repository():
    """A project in a subfolder has its way in front of each file, but for one that is somewhere else."""
    (found,) = commands(to_github(run(FAILED, exit_code=1), folder="services/desk"))
    assert found.properties["file"] == "services/desk/specs/crumpet.yaml"
    elsewhere = replace(PASSED, verdict="error", error=Problem(type="E", message="no", where=Where(file="/lib/x.py")))
    (found,) = commands(to_github(run(elsewhere, exit_code=4), folder="services/desk"))
    assert found.properties["file"] == "/lib/x.py"


def test_what_models_say_ends_no_command():
    """Each annotation is one line that the runner takes apart into what was meant."""
    text = to_github(hostile_run())
    found = commands(text)
    assert [one.name for one in found] == ["error"] * 4 + ["warning"]
    assert [sorted(one.properties) for one in found] == [["file", "line", "title"]] * 5
    assert [piece for piece in VISIBLE if piece not in found[0].message] == []
    assert found[1].properties["file"] == "a,b:c%.yaml"
    assert all(len(one.properties["title"]) <= 255 for one in found)
    assert not set(text) & set("\x1b\x00\x07\r\u202e\u2066\ud800")


def test_a_command_is_escaped_as_the_runner_wants_it():
    """Percent signs and line breaks everywhere, colons and commas in properties; what is unknown is left out."""
    assert command("error", "50 %\r\na:b,c", {"file": "a:b,c%\n", "line": 1, "col": None}) == (
        "::error file=a%3Ab%2Cc%25%0A,line=1::50 %25%0D%0Aa:b,c"
    )
    assert command("warning", "x", {}) == "::warning::x"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("::error::x", ": :error::x"),
        ("a\n \t::stop-commands::x", "a\n \t: :stop-commands::x"),
        ("x ##[error]y ##[a]", "x # #[error]y # #[a]"),
        ("a::b ## [c] specs/a.yaml::b", "a::b ## [c] specs/a.yaml::b"),
    ],
)
def test_what_would_be_a_command_is_disarmed(text, wanted):
    """A line that begins with two colons and the older form anywhere are spelt otherwise; all else stays."""
    assert disarmed(text) == wanted
