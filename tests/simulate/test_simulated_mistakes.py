"""Mistakes in simulated users: each is told with its place and a fix, before anything runs."""

import pytest
from simulated_specs import SPEC

MISTAKES = [
    ("simulate: {persona: Ada}", "simulate needs the key 'goal' (write `goal:` into it)"),
    ("simulate: be nice", "expected a mapping for simulate, got the text 'be nice' (say what the user is after"),
    ("simulate: {goal: ' '}", "expected a text that is not empty (write it, or leave it out)"),
    ("simulate: {goal: g, personna: Ada}", "unknown key 'personna' in simulate (did you mean 'persona'?)"),
    ("simulate: {goal: g, turns: 3}", "unknown key 'turns' in simulate (did you mean 'max_turns'?)"),
    ("simulate: {goal: g, max_turns: 0}", "from 1 on, got the number 0 (write a number, 1 or more)"),
    ("simulate: {goal: g, max_turns: 101}", "101 turns are more than the 100 that a simulated user may have"),
    ("simulate: {goal: g, until: []}", "an empty list of checks"),
    ("simulate: {goal: g, until: [{contain: x}]}", "unknown check 'contain' (did you mean 'contains'?)"),
    (
        "simulate: {goal: g, until: [{judge: {rubric: kind, model: j}}]}",
        "'judge' asks a model, and cannot say when a simulated user is to",
    ),
    ("simulate: {goal: g, until: [{called: refnd}]}", "no tool is called 'refnd'"),
    ("simulate: {goal: '{{ nobody }}'}", "unknown name 'nobody' in a template"),
    ("simulate: {goal: '{{ turns[0].reply }}'}", "turns[0]"),
    ("simulate: {goal: g, model: echo}", "'echo' repeats what it is told, and has nothing to say as a user"),
    ("simulate: {goal: g, model: {script: [{call: x}]}}", "a simulated user calls no tools"),
    ("simulate: {goal: g, model: nowhere/m, max_turns: x}", "expected a whole number from 1 on, got the text 'x'"),
    ("simulate: {goal: g}, user: Hi", "'user' does not go with 'simulate'"),
    ("simulate: {goal: g}, chain: false", "'chain' does not go with 'simulate'"),
    ("simulate: {goal: g}, attachments: [{path: a.png}]", "'attachments' does not go with 'simulate'"),
    ("simulate: {goal: g}, expect_error: {status: 400}", "'expect_error' does not go with 'simulate'"),
    ("simulate: {goal: g}, persona: Ada", "unknown key 'persona' in a simulated turn (did you mean 'simulate'?)"),
    ("simulate: {goal: g}, known_failure: later", "known_failure of what has no check: it cannot fail"),
]


@pytest.mark.parametrize(("turn", "said"), MISTAKES)
def test_a_mistake_is_told(project, turn, said):
    """It has its file and line."""
    project.write(SPEC, f"model: m\nturns:\n  - {{{turn}}}\n")
    (mistake,) = project.mistakes()
    assert mistake.startswith(f"{SPEC}:3:")
    assert said in mistake


def test_a_user_needs_a_model_that_is_not_the_offline_one_under_test(project):
    """The model of the spec is the default, unless it is one of our own."""
    project.write(SPEC, "model: echo\nturns:\n  - simulate: {goal: g}\n")
    (mistake,) = project.mistakes()
    assert mistake.startswith(f"{SPEC}:3:")
    assert "no model is named that plays the user, and 'echo' is the one that is tested" in mistake


def test_a_key_that_lacks_is_told_before_anything_is_asked(project):
    """It is that of the user's model, at its turn."""
    project.write(SPEC, "model: {script: [{reply: a}]}\nturns:\n  - simulate: {goal: g, model: gpt-4.1-mini}\n")
    (mistake,) = project.mistakes(record="all")
    assert mistake.startswith(f"{SPEC}:3:")
    assert "OPENAI_API_KEY" in mistake


def test_a_fault_behind_a_user_is_a_mistake(project):
    """Which turn it would meet is known when they are played."""
    turns = "turns:\n  - user: Hi\n  - simulate: {goal: g}\n  - {user: Bye, id: last}\n"
    project.write(
        SPEC, f"model: m\n{turns}faults:\n  - {{turn: 1, inject: refusal}}\n  - {{turn: last, inject: empty}}\n"
    )
    (mistake,) = project.mistakes()
    assert mistake.startswith(f"{SPEC}:8:")
    assert "turn last is simulated, or comes behind one that is" in mistake


def test_a_template_may_name_any_turn_that_there_may_be(project):
    """One beyond the most is a mistake; one that a user did not come to is an error of its turn."""
    user = "simulate: {goal: g, max_turns: 3, model: {script: [{reply: 'one [END]'}]}}"
    head = "model: {script: [{reply: a}, {reply: b}]}\nturns:\n"
    text = "  - {user}\n  - user: '{{{{ turns[{index}].reply }}}}'\n"
    project.write(SPEC, head + text.format(user=user, index=3))
    (mistake,) = project.mistakes()
    assert mistake.startswith(f"{SPEC}:4:")
    project.write(SPEC, head + text.format(user=user, index=2))
    assert [turn.verdict for turn in project.one().turns] == ["passed", "error"]
    project.write(SPEC, head + text.format(user=user, index=0))
    assert [turn.user for turn in project.one().turns] == ["one", "a"]


@pytest.mark.parametrize("beside", ["", "\n  - user: Bye"])
def test_branches_behind_a_user_are_a_mistake(project, beside):
    """Nobody knows how many turns of the trunk they would begin with; before it and in branches there may be both."""
    branches = "branches: {way: [{user: Hi}, {simulate: {goal: g}}]}"
    project.write(SPEC, f"model: m\nturns:\n  - user: Hi\n    {branches}\n  - simulate: {{goal: g}}\n")
    project.prepared()
    project.write(SPEC, f"model: m\nturns:\n  - simulate: {{goal: g}}{beside}\n    {branches}\n")
    (mistake,) = project.mistakes()
    assert ("branches behind a simulated user" if beside else "'branches' does not go with 'simulate'") in mistake
