"""Recordings judged without running anything say what a run says."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from forking import SOURCES
from projects import Project
from review_projects import KEYED
from servers import Answer, reply

from convrun.cassette.files import load
from convrun.review.judge import judge_of, judged
from convrun.review.outdated import outdated_parts
from convrun.review.transcripts import transcript
from convrun.run.planning.options import RunOptions
from convrun.run.project import open_project, planned

EVERYTHING = """
    model: gpt-4.1-mini
    vars: {city: Paris}
    tools: ['desk:price', 'desk:other']
    each_turn: [{finish_reason: stop}, {refusal: false}, {latency: {max: 1m}}, {prefix_stable: true}, {words: {max: 3}}]
    turns:
      - {id: hello, user: 'Hello from {{ city }}', expect: [{contains: Welcome}, {not: {contains: '{{ city }}'}}]}
      - {user: 'not now', skip: later}
      - user: 'You said {{ turns.hello.reply }}. What is a room?'
        expect:
          - called: {tool: price, with: {city: '{{ city }}'}, returns: 5 euros}
          - calls: {exactly: [price]}
          - matches: '\\d+ euros'
          - equals: 'wrong: {{ turns[2].tool_calls[0].result }}'
      - {user: again, known_failure: it never says so, expect: [{contains: never}]}
      - {user: too much, expect_error: {status: 400, matches: no}}
      - {user: json, expect: [{json: {path: $.a, equals: 1}}, {json_schema: {type: object, required: [b]}}]}
      - {user: open, chain: 1, expect: [{not_called: other}]}
    expect:
      - not_called: other
      - calls: {in_order: [price, price]}
      - one_of: [x, y]
      - prefix_stable: true
      - model_calls: {max: 2}
      - latency: {max: 1ms}
      - cost: {max: 1}
      - tokens: {total: {max: 1}}
"""


def judgement(project, name=None, cassette=None):
    """The plan of a project's only conversation, or the one of this id, and what is said of its recording."""
    opened = open_project([name] if name else [], cwd=project.root, environ={}, overrides={})
    (plan,) = planned(opened, RunOptions()).conversations
    recording = load(cassette or plan.cassette, plan.cassette_shown)
    (conversation,) = transcript(recording, single=True).conversations
    judge = judge_of(plan, root=project.root)
    return replace(judged(judge, conversation.turns), outdated=outdated_parts(judge, conversation.turns))


def outcome(checks):
    """What a check says, as far as a run and a judgement have to agree."""
    return [
        (one.kind, one.verdict, one.info, one.expected, _held(one.actual), one.message, str(one.where))
        for one in checks
    ]


def _held(actual):
    """What a check looked at, but for what tools raised: a recording does not hold that."""
    return (
        [call | {"error": None} if "error" in call else call for call in actual] if isinstance(actual, list) else actual
    )


@pytest.fixture
def everything(project, loopback):
    """A recorded conversation with all that a spec may ask for, some of which fails."""
    project.write(
        "desk.py", "def price(city: str):\n    return f'{len(city)} euros'\n\ndef other():\n    return 'nothing'\n"
    )
    asking = reply(calls={"price": {"city": "Paris"}})
    refused = Answer(status=400, body={"error": {"message": "no, too much"}})
    answers = ["Welcome!", asking, "5 euros", "ok", refused, '{"a": 1}', asking]
    loopback.says(*answers)
    project.write("specs/a.yaml", EVERYTHING)
    project.record(environ=KEYED, base_url=loopback.base_url)
    return project


def test_every_verdict_is_that_of_a_run(everything):
    """Turns, their checks and the conversation's own come out as in `convrun run`, word for word."""
    ran = everything.one(keep_going=True)
    found = judgement(everything)
    played = [turn for turn in ran.turns if turn.reason != "later"]
    assert {"passed", "failed", "skipped"} == {turn.verdict for turn in played}
    assert [one.verdict for one in found.turns.values()] == [turn.verdict for turn in played]
    assert [one.id for one in found.turns.values()] == [turn.id for turn in played]
    assert [outcome(one.checks) for one in found.turns.values()] == [outcome(turn.checks) for turn in played]
    assert outcome(found.checks) == outcome(ran.checks)
    assert len(found.checks) == 8
    assert (found.verdict, found.known, found.unjudged) == (ran.verdict, "failed", ())


def test_the_examples_are_judged_as_they_run(tmp_path):
    """Each example spec has the verdict of its run, but for checks that need code, which are listed."""
    for name in ("specs", "cassettes", "demo"):
        shutil.copytree(SOURCES / name, tmp_path / name)
    project = Project(tmp_path)
    opened = open_project([], cwd=tmp_path, environ={}, overrides={})
    ids = [one.id for one in planned(opened, RunOptions()).conversations]
    ran = {one.id: one for one in project.run().conversations}
    assert len(ids) > 5
    for name in ids:
        found = judgement(project, name)
        code = {str(one.where) for one in found.every_unjudged}
        wanted = [one for turn in ran[name].turns for one in turn.checks if str(one.where) not in code]
        assert outcome(check for turn in found.turns.values() for check in turn.checks) == outcome(wanted)
        assert (found.verdict, found.outdated) == (ran[name].verdict, ())
        assert found.known == (None if code else ran[name].verdict)


def test_what_needs_code_is_not_judged(desk):
    """Checks by a function, of a kind of the project's own, by a model's schema and by what a tool raised are listed.

    Without them no turn passes.
    """
    desk.project.edit(
        "specs/desk.yaml", "expect: [{contains: Welcome}]", "expect: [python: 'desk:polite', any_of: [{sql: SELECT}]]"
    )
    desk.project.edit("specs/desk.yaml", "- contains: '5'", "- not: {called: {tool: price, error: {matches: x}}}")
    desk.project.edit("specs/desk.yaml", "- user: Thanks", "- {user: Thanks, expect: [{json_schema: 'desk:Model'}]}")
    found = judgement(desk.project)
    assert [one.known for one in found.turns.values()] == [None, None, None]
    assert [(one.kind, one.why) for one in found.every_unjudged] == [
        ("python", "it needs the project's code"),
        ("any_of", "it needs the project's code"),
        ("not", "a recording does not hold what a tool raised"),
        ("json_schema", "it needs the project's code"),
    ]
    assert found.known is None


def test_a_failure_beside_what_is_not_judged_is_one(desk):
    """Whatever the other checks would say, a turn with a failed one has failed."""
    desk.project.edit("specs/desk.yaml", "[{contains: Welcome}]", "[{python: 'desk:polite'}, {contains: Bye}]")
    found = judgement(desk.project)
    assert found.turns[1].known == "failed"
    assert found.known == "failed"


def test_turns_are_found_by_what_the_user_says(desk):
    """Where the spec has a turn more, the others are judged by their own checks, and the whole is not judged."""
    desk.project.edit("specs/desk.yaml", "  - id: paris", "  - {user: New, expect: [{equals: x}]}\n  - id: paris")
    found = judgement(desk.project)
    assert {index: (one.id, one.known) for index, one in found.turns.items()} == {
        1: (None, "passed"),
        2: ("paris", "passed"),
        3: (None, "passed"),
    }
    assert [one.why for one in found.unjudged] == ["not every turn of the spec was recorded"]
    assert (found.known, found.outdated) == ("stale", ("turn 2, which was not recorded",))


def test_a_turn_whose_text_was_edited_stays_the_same_turn(desk):
    """As many turns are the same ones in order, whatever the user says in them now."""
    desk.project.edit("specs/desk.yaml", "What is a room in Paris?", "What does a room in Paris cost?")
    assert [one.known for one in judgement(desk.project).turns.values()] == ["passed"] * 3


def test_errors_and_open_calls_are_no_successes(everything):
    """An error that is not expected is one, and so are calls that stay open where a chain is wanted."""
    everything.edit("specs/a.yaml", ", expect_error: {status: 400, matches: no}", "")
    found = judgement(everything)
    assert found.turns[4].verdict == "error"
    assert "no, too much" in found.turns[4].problem.message
    everything.edit("specs/a.yaml", "chain: 1, ", "")
    assert judgement(everything).turns[6].verdict == "failed"
    assert "open tool calls" in judgement(everything).turns[6].problem.message


def test_a_skipped_conversation_is_not_judged(desk):
    """Of what the spec passes over nothing is said but why."""
    desk.project.edit("specs/desk.yaml", "model: gpt-4.1-mini", "model: gpt-4.1-mini\nskip: not today")
    found = judgement(desk.project)
    assert (found.known, [one.why for one in found.unjudged]) == (None, ["skipped: not today"])


def test_judging_runs_no_code(desk, monkeypatch):
    """The module of tools and checks is not imported."""
    sys.modules.pop("desk")
    desk.project.write("desk.py", "raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(Path(desk.root)))
    assert judgement(desk.project).known == "passed"
    assert "desk" not in sys.modules
