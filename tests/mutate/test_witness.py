"""Whether a mutant is noticed: the quick way says what judging everything anew says."""

from __future__ import annotations

import pytest
from mutate_projects import recorded, result, subjects, survivors

from convrun.run.playing.judging import judge_conversation, judge_turn

SCRIPT = """
    model: {script: [{call: price, with: {city: Paris, days: 2}}, {reply: 'It is 40 euros in Paris.'},
                     {reply: '{"city": "Paris", "euros": 40}'}, {call: book, with: {city: Paris}}, {reply: Booked.}]}
    tools: ['desk:price', 'desk:book']
    vars: {city: Paris, euros: 40}
"""
CHECKS = {
    "none": "turns: [{user: A}, {user: B}, {user: C}]\n",
    "of the turn": """
        turns:
          - {user: A, expect: [{called: {tool: price, with: {city: '{{ city }}'}}}, {contains: '{{ euros }} euros'}]}
          - {user: B, expect: [{json: {path: $.euros, min: 40, max: 40}}, {not: {contains: sorry}}]}
          - {user: C, expect: [{calls: {exactly: [book]}}, {one_of: [Booked., Done.]}]}
        each_turn: [{finish_reason: stop}]
        """,
    "that name other turns": """
        turns:
          - {id: first, user: A, expect: [{contains: '{{ turns[0].tool_calls[0].arguments.city }}'}]}
          - {user: B, expect: [{json: {path: $.city, equals: '{{ turns.first.tool_calls[0].arguments.city }}'}}]}
          - {user: C, expect: [{not: {contains: '{{ turns[1].reply }}'}}, {not: {equals: '{{ turns.first.reply }}'}}]}
        expect: [{equals: '{{ turns[-1].reply }}'}]
        """,
    "of the conversation": """
        turns: [{user: A}, {user: B}, {user: C, expect: [{matches: '.'}]}]
        expect: [{calls: {in_order: [price, book]}}, {called: {tool: book, times: 1}}, {contains: Booked},
                 {finish_reason: stop}]
        """,
    "combined": """
        turns:
          - {user: A, expect: [{any_of: [{contains: '41'}, {called: {tool: price, with: {days: 2}}}]}]}
          - {user: B, expect: [{all_of: [{json: true}, {finish_reason: stop}]}]}
          - {user: C, expect: [{not: {not_called: book}}]}
        """,
    "of figures and by expressions": """
        turns:
          - user: A
            expect: [{model_calls: 2}, {words: {min: 5}}, {that: "tool_calls[0].arguments.days * 20 == vars.euros"}]
          - {user: B, expect: [{that: "parsed.city == turns[0].tool_calls[0].arguments.city"}, {prefix_stable: true}]}
          - {id: end, user: C, expect: [{refusal: false}, {that: "'Booked' in turns.end.reply"}]}
        expect: [{chars: {max: 9}}, {model_calls: {max: 5}}, {that: "turns | length == 3"}]
        """,
    "of a turn known to fail": """
        turns:
          - {user: A, expect: [{contains: Rome}], known_failure: it says Paris}
          - {user: B, expect: [{json: true}]}
          - {user: C, expect: [{equals: Booked.}]}
        """,
}


def judged_anew(subject, place, view):
    """Whether one of all the checks does not pass where the turn at a place is this one."""
    judge = subject.judge
    views = [*subject.witness.views[:place], view, *subject.witness.views[place + 1 :]]
    found = judge_conversation(judge.checks, views, judge.planned.vars, judge.surroundings)
    for index, turn in enumerate(judge.turns):
        if not turn.bound.spec.known_failure:
            found += judge_turn(turn.bound.checks, views[: index + 1], judge.planned.vars, judge.surroundings)
    return any(one.verdict != "passed" for one in found)


@pytest.mark.parametrize("checks", CHECKS.values(), ids=CHECKS)
def test_a_mutant_is_noticed_where_any_check_would_not_pass(project, checks):
    """The checks that are asked are those that can see the change, and what they say is what all would say."""
    from textwrap import dedent

    recorded(project, dedent(SCRIPT) + dedent(checks))
    (subject,) = subjects(project)
    asked = 0
    for place in subject.places:
        for mutant in subject.mutants(place):
            assert subject.witness.notices(place, mutant.view) is judged_anew(subject, place, mutant.view), mutant
            asked += 1
    assert asked >= 20


def test_a_later_check_notices_what_an_earlier_turn_said(project):
    """The second turn's check names the first turn's reply, so that a change of that does not survive."""
    recorded(
        project,
        """
        model: {script: [{reply: Blue whale}, {reply: The whale is blue.}]}
        turns:
          - {id: animal, user: A}
          - {user: B, expect: [{matches: '{{ turns.animal.reply | replace("Blue ", "") }} is'}]}
        """,
    )
    found = {one[2] for one in survivors(result(project)) if one[1] == 1}
    assert found == {"cut off", "reply emptied", "model refuses"}  # without a reply the other still matches
