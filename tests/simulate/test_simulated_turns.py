"""A model plays the user: each of its turns is one of the conversation's, numbered on and judged."""

import json

import pytest
from servers import Answer, reply
from simulated_specs import CASSETTE, SPEC, TOOLS, scripted, simulate, spec

from convrun.cassette.files import load


def users(found):
    """What the user says, turn by turn."""
    return [turn.user for turn in found.turns]


def verdicts(found):
    """The verdicts, turn by turn."""
    return [turn.verdict for turn in found.turns]


def test_its_turns_are_numbered_on_and_end_with_until(recorded):
    """A replay without a server says the same, and shows four turns; the id is that of the last simulated one."""
    found = recorded.one()
    assert found.verdict == "passed"
    assert [(turn.index, turn.id, turn.user) for turn in found.turns] == [
        (1, None, "Hi"),
        (2, None, "It is 1042"),
        (3, "asks", "refund it now"),
        (4, None, "Thanks"),
    ]
    assert [[check.kind for check in turn.checks] for turn in found.turns] == [
        [],
        [],
        ["called", "contains"],
        ["contains"],
    ]
    assert not found.findings


def test_the_user_is_shown_the_conversation_with_roles_exchanged(recorded):
    """Its own words are the model's there, and tool calls are not shown; it stands in a lane behind the turns."""
    every = load(recorded.root / CASSETTE, CASSETTE).interactions
    assert [one.lane for one in every] == [None] * 5 + ["user"] * 2
    said = [(one["role"], one["content"]) for one in every[-1].request.messages[1:]]
    assert said[1:] == [
        ("assistant", "Hi"),
        ("user", "model: Hi"),
        ("assistant", "It is 1042"),
        ("user", "model: It is 1042"),
    ]
    assert said[0][0] == "user"
    system = every[-1].request.messages[0]["content"]
    assert "In a hurry." in system
    assert "Get a refund." in system


def test_what_it_says_is_no_template(project):
    """Braces in it go to the model as they are."""
    project.write(SPEC, scripted("{{ vars }} {% raw", max_turns=1))
    assert users(project.one()) == ["{{ vars }} {% raw"]


def test_a_persona_and_a_goal_are_templates(project, world):
    """They name vars and earlier turns, and are rendered once, when the user begins."""
    turn = simulate(goal="About {{ turns[0].reply }}.", persona="{{ who }}", max_turns=2)
    project.write(SPEC, spec("Hi", turn, vars={"who": "Ada"}))
    project.record(environ=world.environ)
    told = {one.body["messages"][0]["content"] for one in world.loopback.requests[1:] if len(one.body["messages"]) > 1}
    (system,) = {text for text in told if text.startswith("You play")}
    assert "\nAda\n" in system
    assert system.endswith("About model: Hi.")


@pytest.mark.parametrize(
    "last", ["Bye! [END]", "Bye!\n[END]", "Bye!\n\n**[end]**\n", "Bye! `[END]`.", "Bye!\n\n[END] "]
)
def test_it_ends_by_itself_behind_its_last_words(project, last):
    """The marker is not part of what is said, however a model puts it."""
    project.write(SPEC, scripted("Hello", last, "never"))
    assert users(project.one()) == ["Hello", "Bye!"]


def test_it_ends_by_itself_without_another_word(project):
    """An answer of nothing but the marker is no turn: the one before was the last, with its checks."""
    project.write(SPEC, scripted("Hello", "[END]", turns=None, expect=[{"equals": "a"}], id="it"))
    found = project.one()
    assert [(turn.user, turn.id, len(turn.checks)) for turn in found.turns] == [("Hello", "it", 1)]
    assert found.verdict == "passed"


def test_a_marker_in_the_middle_is_text(project):
    """Only at the end of an answer does it end anything."""
    project.write(SPEC, scripted("Does [END] end it?", "Fine [END]"))
    assert users(project.one()) == ["Does [END] end it?", "Fine"]


def test_max_turns_ends_it(project):
    """Without `until` that is no failure; nothing is asked of the user behind the last turn."""
    project.write(SPEC, scripted("one", "two", max_turns=2))
    found = project.one()
    assert (found.verdict, users(found)) == ("unchecked", ["one", "two"])


@pytest.mark.parametrize(
    ("lines", "why"), [(["one", "two"], "had its 2 turns (max_turns)"), (["one [END]"], "has ended the conversation")]
)
def test_until_that_never_holds_fails_its_last_turn(project, lines, why):
    """The failing check says that it was to hold, and why there are no more turns."""
    project.write(SPEC, scripted(*lines, max_turns=2, until=[{"equals": "z"}, {"chars": {"min": 1}}]))
    found = project.one()
    assert found.verdict == "failed"
    assert verdicts(found)[:-1] == ["passed"] * (len(lines) - 1)
    first, second = found.turns[-1].checks
    assert (first.kind, first.verdict) == ("equals", "failed")
    assert why in first.because
    assert "until" in first.because
    assert (second.verdict, second.because) == ("passed", None)


def test_each_turn_checks_every_simulated_turn(project):
    """`expect` looks at the last one only; a failing turn before it stops the rest, which is said."""
    turn = json.loads(scripted("one", "two", "three", max_turns=3, expect=[{"equals": "c"}]))
    project.write(SPEC, json.dumps(turn | {"each_turn": [{"one_of": ["a", "c"]}]}))
    found = project.one()
    assert verdicts(found) == ["passed", "failed", "skipped"]
    assert found.turns[-1].reason == "not reached"
    kept = project.one(keep_going=True)
    assert verdicts(kept) == ["passed", "failed", "passed"]
    assert [len(one.checks) for one in kept.turns] == [1, 1, 2]


def test_what_follows_sees_all_its_turns(project):
    """Templates count them, and name the last by the id; so does a check of the conversation."""
    user = {"script": [{"reply": "one"}, {"reply": "two"}]}
    turns = [simulate(max_turns=2, model=user, id="it"), "{{ turns.it.user }} of {{ turns | length }}"]
    project.write(
        SPEC,
        spec(*turns, model={"script": [{"reply": one} for one in "abc"]}, expect=[{"that": "turns | length == 3"}]),
    )
    found = project.one()
    assert users(found) == ["one", "two", "two of 2"]
    assert found.verdict == "passed"


def test_a_system_prompt_of_the_turn_is_set_from_its_first_on(project, world):
    """The tested model has it in each of them, and behind them."""
    world.says = ["never", "one", "two"]
    project.write(SPEC, spec("Hi", simulate(max_turns=2, system="Be {{ turns[0].reply }}."), "Bye", system="First"))
    project.record(environ=world.environ)
    systems = [one.body["messages"][0]["content"] for one in world.loopback.requests]
    assert [text for text in systems if not text.startswith("You play")] == ["First"] + ["Be model: Hi."] * 3


def test_an_empty_answer_is_an_error(project, world):
    """It is told where the user stands in the spec, and asked again in the next recording."""
    world.says = ["one", " \n"]
    project.write(SPEC, spec(simulate()))
    found = project.one(record="all", environ=world.environ)
    assert (found.verdict, verdicts(found)) == ("error", ["passed", "error"])
    assert found.error.message.startswith("the simulated user said nothing")
    assert found.error.where.file == SPEC
    world.says = ["one", "two [END]"]
    world.asked()
    found = project.one(record="new_episodes", environ=world.environ)
    assert users(found) == ["one", "two"]
    assert world.asked() == ["user", "model"]
    assert project.one().verdict == "unchecked"


def test_one_who_ends_before_a_word_is_an_error(project):
    """There would be nothing to check."""
    project.write(SPEC, scripted("[END]", expect=[{"equals": "a"}]))
    found = project.one()
    assert (found.verdict, verdicts(found)) == ("error", ["error"])
    assert "before it had said anything" in found.error.message


def test_a_refusal_or_an_error_of_its_model_is_an_error_of_the_turn(project, world):
    """What it says is told, and no turn follows."""
    world.says = [reply(None, choices=[{"index": 0, "message": {"role": "assistant", "refusal": "No."}}])]
    project.write(SPEC, spec(simulate(), "Bye"))
    found = project.one(record="all", environ=world.environ)
    assert (found.verdict, found.error.message) == ("error", "the model that plays the user refuses: 'No.'")
    world.says = [Answer(status=400, body={"error": {"message": "too hot"}})]
    found = project.one(record="all", environ=world.environ)
    assert found.verdict == "error"
    assert "too hot" in found.error.message


def test_history_and_a_refused_turn_are_shown_as_far_as_they_were_said(project, world):
    """Messages before the first turn are; a turn without a reply is not."""
    world.loopback.answers.clear()
    world.loopback.says(Answer(status=400, body={"error": {"message": "no"}}), "Hello [END]", "model: Hello")
    refused = {"user": "forbidden", "expect_error": {"status": 400}}
    history = [{"user": "before"}, {"assistant": "yes"}]
    project.write(SPEC, spec(refused, simulate(), history=history))
    assert users(project.record(environ=world.environ)) == ["forbidden", "Hello"]
    messages = world.loopback.requests[1].body["messages"]
    assert [one["content"] for one in messages[2:]] == ["before", "yes"]
    assert users(project.one()) == ["forbidden", "Hello"]


def test_a_skipped_one_is_passed_over(project):
    """It is one turn, and needs no model."""
    project.write(SPEC, scripted(turns=[simulate(skip="later"), "Hi"]))
    found = project.one()
    assert verdicts(found) == ["skipped", "passed"]
    assert found.turns[0].user == "(simulated user: Get a refund.)"


def test_a_known_failure_is_of_its_last_turn(project):
    """The turns before it count."""
    project.write(SPEC, scripted("one", "two", max_turns=2, expect=[{"equals": "z"}], known_failure="later"))
    assert verdicts(project.one()) == ["passed", "skipped"]


def test_samples_have_users_of_their_own(project, world):
    """Each sample asks for itself, and has its lane."""
    project.write(SPEC, spec(simulate(max_turns=1, expect=[{"contains": "money"}]), samples={"times": 2}))
    found = project.one(record="all", environ=world.environ)
    assert found.verdict == "passed"
    assert world.asked() == ["user", "model"] * 2
    assert (found.live_calls, found.user_calls, found.check_calls) == (4, 2, 0)


def test_a_user_that_is_offline_plays_against_a_model_that_is_not(project, world):
    """Its lines are counted on behind turns that were written; no call of it goes live."""
    user = {"script": [{"reply": "one"}, {"reply": "two"}]}
    project.write("tools.py", TOOLS)
    project.write(SPEC, spec("Hi", simulate(model=user, max_turns=2), tools=["tools:refund"]))
    found = project.record(environ=world.environ)
    assert (users(found), found.live_calls, found.user_calls) == (["Hi", "one", "two"], 3, 0)
    assert users(project.one()) == ["Hi", "one", "two"]
