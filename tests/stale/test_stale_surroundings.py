"""What a run knows of a stale request beyond its text: hooks, turns, what the spec itself says, secrets."""

from __future__ import annotations

import json

import pytest

from convrun.report.console import closing
from convrun.report.json_result import to_json

SPEC, CODE = "specs/a.yaml", "desk.py"
TEXT = """
    model: {script: [{call: clock, with: {zone: Oslo}}, {reply: one}, {reply: two}, {reply: three}]}
    system: 'You know {{ place }}.'
    vars: {place: Oslo, day: '2024-01-31'}
    tools: ['desk:clock']
    HOOKS
    turns:
      - user: What time is it on {{ day }}?
        expect: [{equals: one}]
      - user: 'Again, after {{ turns[0].reply }}?'
      - user: And in {{ place }}?
"""
CITIES = ("Oslo", "Lima", "Rome", "Bonn", "Bern", "Cork", "Graz", "Metz", "Nice", "Pisa", "Riga", "Tula")
TOOL = '''
    import dataclasses
    import convrun

    def clock(zone: str) -> str:
        """Say the time."""
        return "12:30"

    def watch(tool, call, result):
        return None

    def loud(tool, call, result):
        return dataclasses.replace(result, output=result.output + "!")

    def refuse(tool, call):
        raise convrun.CancelToolCall("not today")
'''


@pytest.fixture
def recorded(project):
    """Return what records the conversation with these hooks."""

    def record(hooks="{}"):
        project.write(CODE, TOOL)
        project.write(SPEC, TEXT.replace("HOOKS", f"hooks: {hooks}"))
        project.record()
        assert project.one().verdict == "passed"
        return project

    return record


def only(project, **options):
    """The one change of the one conversation."""
    (change,) = project.one(**options).stale.changes
    return change


def test_a_hook_that_changes_a_result_is_named(recorded):
    """Where the tool returns what was recorded, it is `after_call` that makes something else of it."""
    project = recorded("{after_call: ['desk:watch']}")
    project.edit(SPEC, "'desk:watch'", "'desk:watch', 'desk:loud'")
    change = only(project)
    assert (change.recorded, change.now) == ("12:30", "12:30!")
    assert change.hint == "the tool returns what was recorded: `after_call` (watch, loud) makes this of it"


def test_a_result_behind_a_hook_is_told_before_and_behind_it(recorded):
    """Where tool and hook both have a part in a new result, what the tool returned is told."""
    project = recorded("{after_call: 'desk:loud'}")
    project.edit(CODE, '"12:30"', '"noon"')
    assert only(project).hint == "`after_call` (loud) makes this of what the tool returns: 'noon'"


def test_a_hook_that_keeps_a_result_is_not_named(recorded):
    """One that only watches has no part in it."""
    project = recorded("{after_call: 'desk:watch'}")
    project.edit(CODE, '"12:30"', '"noon"')
    assert only(project).hint is None


def test_a_hook_that_cancels_a_call_is_named(recorded):
    """What the model is told then is no result of the tool."""
    project = recorded()
    project.edit(SPEC, "hooks: {}", "hooks: {before_call: 'desk:refuse'}")
    change = only(project)
    assert (change.now, change.hint) == ("Cancelled: not today", "`before_call` (refuse) cancelled the call")


def test_a_changing_result_is_advised_to_be_replayed(recorded):
    """A time in a result is a suspect, whatever the spec says."""
    project = recorded()
    project.edit(CODE, '"12:30"', '"12:31"')
    assert only(project).hint.startswith("'12:31' looks like a time: give the tool 'clock' `policy: replay`")


def test_many_cases_with_a_broken_call_each_are_told_in_twelve_lines(project):
    """Whom one change made stale is counted behind the third, whose recorded calls are named."""
    model = "{script: [{call: clock, with: {zone: '{{ city }}'}}, {reply: one}]}"
    cases = ", ".join(f"{{city: {city}}}" for city in CITIES)
    project.write(CODE, TOOL)
    project.write(
        SPEC, f"model: {model}\ntools: ['desk:clock']\ncases: [{cases}]\nturns: [{{user: 'In {{{{ city }}}}?'}}]\n"
    )
    project.run(record="all")
    project.edit(CODE, "zone: str", "zone: str, lang: str")
    run = project.run()
    assert [len(one.stale.breaks) for one in run.conversations] == [1] * len(CITIES)
    block, _, _ = closing(run).rpartition(f"\n{len(CITIES)} conversations")
    lines = block.strip("\n").split("\n")
    assert len(lines) <= 12
    assert lines.count("      breaks: turn 1, call 1: lang is required now") == 3
    assert f"    and {len(CITIES) - 3} more" in lines


def test_what_the_spec_says_is_no_suspect(recorded):
    """A date that stands in the spec was put there; the same from the command line, or from a hook, is a suspect."""
    project = recorded()
    project.edit(SPEC, "2024-01-31", "2024-02-01")
    assert (only(project).part, only(project).hint) == ("user text", None)
    project.edit(SPEC, "2024-02-01", "2024-01-31")
    change = only(project, defines={"day": "2024-02-01"})
    assert change.hint.startswith(
        "'2024-02-01' looks like a date: fix it with `freeze: {time: '2024-01-31T12:00:00Z'}`"
    )


AGAIN = "  - user: 'Again, after {{ turns[0].reply }}?'\n"
AND = "  - user: And in {{ place }}?\n"
LATE = "  - user: Is it late?\n"


@pytest.mark.parametrize(
    ("turns", "turn", "part", "was", "now"),
    [
        (LATE + AGAIN + AND, 2, "turn 2 is new", None, "Is it late?"),
        (AGAIN + LATE + AND, 3, "turn 3 is new", None, "Is it late?"),
        (AGAIN + AND + LATE, 4, "recording ended", None, "Is it late?"),
        (AND, 2, "turn removed", "Again, after one?", None),
        (AND + AGAIN, 2, "order of the turns", "Again, after one?", "And in Oslo?"),
        (LATE + AND, 2, "user text", "Again, after one?", "Is it late?"),
    ],
)
def test_whole_turns_are_told_as_such(recorded, turns, turn, part, was, now):
    """A turn that is new, gone or elsewhere is no edit of the text that was recorded in its place."""
    project = recorded()
    project.edit(SPEC, AGAIN + AND, turns)
    stale = project.one().stale
    (change,) = stale.changes
    assert (stale.turn, change.part, change.recorded, change.now) == (turn, part, was, now)


def test_an_edited_history_is_told_by_its_messages(recorded):
    """What is new in `history` is new, and what was edited in it is a text in the history."""
    project = recorded()
    project.edit(SPEC, "turns:", "history: [{user: Hello.}, {assistant: Good day.}]\nturns:")
    project.edit(SPEC, "{call: clock", "{reply: Good day.}, {call: clock")
    project.record()
    project.edit(SPEC, "{user: Hello.}", "{user: Good morning.}")
    (change,) = project.one().stale.changes
    assert (change.path, change.part) == ("/messages/1/content", "user text in the history")


def test_a_secret_is_its_name_on_both_sides(recorded):
    """Neither old nor new, nor what a hook made of it, shows the value of a key; what is told of it is."""
    project = recorded("{after_call: 'desk:loud'}")
    environ = {"OPENAI_API_KEY": "sk-loopback-0123456789"}
    project.edit(CODE, 'return "12:30"', f"return {environ['OPENAI_API_KEY']!r}")
    run = project.run(environ=environ)
    (result,) = run.conversations
    (change,) = result.stale.changes
    assert change.now == "<OPENAI_API_KEY>!"
    assert change.hint == "`after_call` (loud) makes this of what the tool returns: '<OPENAI_API_KEY>'"
    assert environ["OPENAI_API_KEY"] not in closing(run, verbosity=2) + to_json(run)


def test_the_json_result_has_all_of_it(recorded):
    """Each change has its path, its part, both values and the hint; also where the console shows some only."""
    project = recorded()
    project.edit(SPEC, "You know", "Always know")
    project.edit(CODE, "zone: str", "zone: str, lang: str")
    (found,) = json.loads(to_json(project.run()))["conversations"]
    assert [(one["path"], one["part"], one["hint"]) for one in found["stale"]["changes"]] == [
        ("/tools/0/function/parameters", "tool 'clock': schema", None),
        ("/messages/0/content", "system prompt", None),
    ]
    schema, prompt = found["stale"]["changes"]
    assert schema["recorded"]["required"] == ["zone"]
    assert schema["now"]["required"] == ["zone", "lang"]
    assert (prompt["recorded"], prompt["now"]) == ("You know Oslo.", "Always know Oslo.")
    assert found["stale"]["breaks"] == ["turn 1, call 1: lang is required now"]
