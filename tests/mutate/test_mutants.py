"""What is changed in a recording, and what is not."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from mutate_projects import mutants, recorded, result, subjects

from convrun.checks.context import TurnView
from convrun.checks.reply import read_json
from convrun.checks.views import parsed_reply
from convrun.mutate.mutant import Material
from convrun.mutate.operators import mutants as every_mutant
from convrun.mutate.structured import structured_mutants
from convrun.results import ToolCallResult

CALLS = """
    model: {script: [
      [{call: price, with: {city: Paris, days: 2}}, {call: book, with: {city: Paris}}],
      {call: book, with: {city: Rome}}, {reply: Done.}, {reply: Bye.}]}
    tools: ['desk:price', 'desk:book']
    turns: [{user: Hi}, {user: Thanks}]
"""


def test_the_calls_of_a_turn_are_dropped_doubled_swapped_and_given_other_arguments(project):
    """Each call by itself, then its arguments one by one, in the order of the recording."""
    recorded(project, CALLS)
    price, book, rome = "price(city='Paris', days=2)", "book(city='Paris')", "book(city='Rome')"
    found = [one for one in mutants(project) if one[1].startswith("call")]
    assert found[:4] == [
        ("call dropped", "call 1", price, None),
        ("call doubled", "call 1", price, f"{price}, {price}"),
        ("calls swapped", "calls 1 and 2", f"{price}, {book}", f"{book}, {price}"),
        ("argument missing", "call 1, price: $.city", '"Paris"', None),
    ]
    assert found[4:8] == [
        ("argument changed: text", "call 1, price: $.city", '"Paris"', '"something else"'),
        ("argument missing", "call 1, price: $.days", "2", None),
        ("argument changed: number", "call 1, price: $.days", "2", "3"),
        ("argument added", "call 1, price: $.guests", None, '"something else"'),
    ]
    assert ("calls swapped", "calls 2 and 3", f"{book}, {rome}", f"{rome}, {book}") in found
    assert ("argument added", "call 3, book: $.extra", None, '"something else"') in found
    assert len(found) == 19


def test_nested_arguments_are_changed_at_every_depth(project):
    """Of a list the last item is left out, of a mapping each key."""
    recorded(
        project,
        """
        model: {script: [{call: price, with: {city: Oslo, guests: {old: 1, kids: [a, b7]}}}, {reply: Done.}]}
        tools: ['desk:price']
        turns: [{user: Hi}]
        """,
    )
    parts = [(operator, part) for operator, part, _, _ in mutants(project) if "guests" in part]
    assert parts == [
        ("argument missing", "call 1, price: $.guests"),
        ("argument missing", "call 1, price: $.guests.old"),
        ("argument changed: number", "call 1, price: $.guests.old"),
        ("argument missing", "call 1, price: $.guests.kids"),
        ("argument changed: text", "call 1, price: $.guests.kids[0]"),
        ("argument missing", "call 1, price: $.guests.kids[1]"),
        ("argument changed: text", "call 1, price: $.guests.kids[1]"),
    ]


def test_what_a_dropped_call_was_told_goes_with_it_and_other_results_stay(project):
    """A model call that asked for nothing else is none; a doubled call is told the same again."""
    recorded(project, CALLS)
    (subject,) = subjects(project)
    before = subject.witness.views[0]
    by_part = {(one.operator, one.difference.part): one.view for one in subject.mutants(0)}
    dropped = by_part["call dropped", "call 3"]
    assert [(call.name, call.result) for call in dropped.tool_calls] == [("price", "40 euros"), ("book", "booked")]
    assert (before.model_calls, dropped.model_calls) == (3, 2)
    assert by_part["call dropped", "call 1"].model_calls == 3
    doubled = by_part["call doubled", "call 1"]
    assert [call.result for call in doubled.tool_calls] == ["40 euros", "40 euros", "booked", "booked"]
    changed = by_part["argument changed: text", "call 1, price: $.city"]
    assert [call.result for call in changed.tool_calls] == ["40 euros", "booked", "booked"]
    assert dropped.reply == doubled.reply == before.reply


def test_a_turn_that_ends_with_calls_ends_with_stop_without_them(project):
    """With `chain: false` the last model call has the calls; where none is left the reason to end is another one."""
    recorded(
        project,
        """
        model: {script: [[{call: book, with: {city: A}}, {call: book, with: {city: B}}]]}
        tools: ['desk:book']
        turns: [{user: Hi, chain: false}]
        """,
    )
    (subject,) = subjects(project)
    dropped = [one.view for one in subject.mutants(0) if one.operator == "call dropped"]
    assert [view.finish_reason for view in dropped] == ["tool_calls", "tool_calls"]
    recorded(
        project,
        """
        model: {script: [{call: book, with: {city: A}}]}
        tools: ['desk:book']
        turns: [{user: Hi, chain: false}]
        """,
    )
    (subject,) = subjects(project)
    assert [one.view.finish_reason for one in subject.mutants(0) if one.operator == "call dropped"] == ["stop"]
    assert {one.family for one in subject.mutants(0)} == {"tool calls", "finish reason"}


def test_a_reply_is_emptied_cut_replaced_and_its_numbers_are_changed(project):
    """The other turn's reply is the next one's; the last takes the first."""
    recorded(
        project,
        """
        model: {script: [{reply: 'From 9:30 on it costs 1,200 euros.'}, {reply: See you.}]}
        turns: [{user: Hi}, {user: Thanks}]
        """,
    )
    reply, refusal = "From 9:30 on it costs 1,200 euros.", "I'm sorry, but I can't help with that."
    assert mutants(project) == [
        ("reply emptied", "reply", reply, ""),
        ("reply cut", "reply", reply, "From 9:30 on it"),
        ("reply of another turn", "reply", reply, "See you."),
        ("reply is a refusal", "reply", reply, refusal),
        ("model refuses", "refusal", None, refusal),
        ("number changed", "reply", "From 9:30 on it costs...", "From 9:31 on it costs..."),
        ("number changed", "reply", "...on it costs 1,200 euros.", "...on it costs 1,201 euros."),
        ("cut off", "finish reason", "stop", "length"),
    ]
    assert ("reply of another turn", "reply", "See you.", reply) in mutants(project, 1)


def test_a_reply_that_is_json_loses_its_end_a_field_or_a_value(project):
    """Its numbers are fields, not numbers in a text."""
    recorded(
        project,
        """
        model: {script: [{reply: '{"a": 7, "b": [true]}'}]}
        turns: [{user: Hi}]
        """,
    )
    assert mutants(project)[:6] == [
        ("JSON broken", "reply", '{"a": 7, "b": [true]}', '{"a": 7, "b": [true]'),
        ("field missing", "reply: $.a", "7", None),
        ("field changed: number", "reply: $.a", "7", "8"),
        ("field missing", "reply: $.b", "[true]", None),
        ("item missing", "reply: $.b[0]", "true", None),
        ("item changed: true/false", "reply: $.b[0]", "true", "false"),
    ]
    assert [operator for operator, *_ in mutants(project)[6:]] == [
        "reply emptied",
        "reply cut",
        "reply is a refusal",
        "model refuses",
        "cut off",
    ]


def test_the_mutants_of_a_large_json_reply_are_parsed_once(project):
    """What did not change is one value in all of them, and the checks that are tried share what was parsed."""
    reply = json.dumps([{"a": at} for at in range(30)])
    recorded(project, f"model: {{script: [{{reply: '{reply}'}}]}}\nturns: [{{user: Hi, expect: [json: true]}}]\n")
    (subject,) = subjects(project)
    changed = [one.view for one in subject.mutants(0) if one.family == "structured output"][1:]
    assert all(view.parsed == json.loads(view.reply) for view in changed)
    assert all(one.parsed[29] is two.parsed[29] for one, two in pairwise(changed[:20]))
    before = read_json.cache_info().misses
    assert len(result(project).gaps) > 20
    assert read_json.cache_info().misses - before < 4 * len(changed)


def test_a_reply_that_is_too_long_is_said_to_be_passed_over(project):
    """Each change would be judged on all of it."""
    recorded(project, f"model: echo\nturns: [{{user: {'x' * 2_000_001}}}]\n")
    (one,) = subjects(project)
    assert one.why == "a reply has 2,000,001 characters: changes are made in 2,000,000 at most"


def test_a_key_that_is_there_twice_leaves_the_other_one_behind():
    """Checks see what the changed text says."""
    text = '{"a": 1, "a": 2}'
    view = TurnView(index=1, reply=text, parsed=parsed_reply(text))
    views = [one.view for one in structured_mutants(Material(view=view, rounds=((),)))]
    assert [view.parsed for view in views[1:]] == [json.loads(view.reply) for view in views[1:]] == [{"a": 1}, {"a": 3}]


def test_a_change_that_leaves_the_transcript_as_it_is_does_not_count(project):
    """Two calls alike cannot be swapped, and either dropped gives the same; so does a turn that was cut off anyway."""
    recorded(
        project,
        """
        model: {script: [[{call: book, with: {city: A}}, {call: book, with: {city: A}}], {reply: x},
                         {reply: x}]}
        tools: ['desk:book']
        turns: [{user: Hi}, {user: Thanks}]
        """,
    )
    operators = [operator for operator, *_ in mutants(project)]
    assert operators.count("call dropped") == 1
    assert operators.count("call doubled") == 1
    assert "calls swapped" not in operators
    assert "reply cut" not in operators  # the half of one letter is nothing, which is the reply emptied
    assert "reply of another turn" not in operators


@pytest.mark.parametrize("key", ["known_failure: it is wrong", "expect_error: {status: 400}"])
def test_turns_that_fail_as_they_shall_are_left_alone(project, loopback, key):
    """Nothing of a known failure counts, and of an error that is expected the model said nothing."""
    from servers import Answer, reply

    refusal = Answer(status=400, body={"error": {"message": "too long"}})
    loopback.says(refusal if "error" in key else reply("Wrong."), reply("Right, 5."))
    expect = "" if "error" in key else ", expect: [{contains: Right}]"
    project.write(
        "specs/a.yaml",
        f"model: gpt-4.1-mini\nturns:\n  - {{user: A, {key}{expect}}}\n"
        "  - {user: B, expect: [{equals: 'Right, 5.'}]}\n",
    )
    project.run(record="all", environ={"OPENAI_API_KEY": "sk-loopback-0123456789"}, base_url=loopback.base_url)
    found = result(project)
    assert found.passed_over == ()
    assert {one.turn for gap in found.gaps for one in gap.survivors} == {2}
    assert [one.operator for gap in found.gaps for one in gap.survivors] == ["cut off"]
    assert len(found.known_failures) == ("known" in key)


def test_everything_is_the_same_each_time(project):
    """Two results of one recording are equal."""
    recorded(project, CALLS)
    assert result(project) == result(project)


def test_a_turn_as_large_as_any_has_so_many_mutants():
    """Of wide values a part is changed, and none is too deep."""
    deep = json.loads('{"a": ' * 190 + "1" + "}" * 190)
    value = {**{f"k{number}": number for number in range(1000)}, "d": deep}
    call = ToolCallResult(id="1", name="f", arguments={"d": deep, **{f"k{number}": number for number in range(1000)}})
    reply = json.dumps(value)
    view = TurnView(index=1, reply=reply, parsed=parsed_reply(reply), tool_calls=(call,), finish_reason="stop")
    operators = [one.operator for one in every_mutant(Material(view=view, rounds=((call,), ())))]
    assert operators.count("field missing") == operators.count("field changed: number") == 100
    assert operators.count("argument missing") == 110  # the deep one is gone into by twenty levels
    assert operators.count("argument changed: number") == 90


def test_a_conversation_with_faults_in_the_place_of_replies_is_not_mutated(project):
    """What the model would have said there is in no recording."""
    recorded(project, "model: {script: [{reply: Hello.}]}\nturns: [{user: Hi}]\n")
    project.edit("specs/desk.yaml", "turns:", "faults: [{turn: 1, inject: refusal}]\nturns:")
    (one,) = subjects(project)
    assert one.why == "its faults are in no recording: a run injects them"
