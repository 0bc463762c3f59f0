"""What checks ask models is known before it is recorded: status says it, record quotes it, a limit counts it."""

import pytest
from judged_specs import CASSETTE, SPEC, judge, means, spec
from servers import reply

from convrun.backends.metering import Meter
from convrun.cassette.files import load
from convrun.results import NO_GRADE
from convrun.review.states import recording_states
from convrun.run.binding.bind import live_errors
from convrun.run.planning.options import RunOptions


def state(project, **environ):
    """How the only recording stands, by `status`."""
    prepared = project.prepared(environ=environ)
    (found,) = recording_states(prepared, RunOptions(), environ=environ, whole=False).states
    return found


def test_an_edited_rubric_is_stale_on_paper(recorded):
    """Status names the lane and what changed, and quotes one call, by what the judge took before."""
    assert state(recorded).state == "fresh"
    recorded.edit(SPEC, '"rubric": "short"', '"rubric": "short and sweet"')
    found = state(recorded)
    assert (found.state, found.stale.lane, found.stale.changes[0].part) == ("stale", "judge", "rubric")
    assert (found.quote.calls, found.quote.input, found.quote.output) == (1, 3, 2)


def asked_by(project, world, *arguments):
    """Who is asked by a command, and how that ends."""
    found = project.cli(*arguments, **world.environ)
    return world.asked(), found.returncode, found.stdout


@pytest.mark.parametrize("only", [(), ("--only", "stale")])
def test_a_stale_judge_is_recorded_beside_what_fails(recorded, world, only):
    """Whether something goes live decides, also behind a turn that fails; then there is nothing to record any more."""
    turns = (("a cat", {"contains": "nope"}, judge("kind")), ("a dog", judge("shorter"), means("the dog")))
    recorded.write(SPEC, spec(*turns))
    assert recorded.one(keep_going=True).findings == ()  # what it had asked is not unplayed: it is about to be replaced
    asked, code, told = asked_by(recorded, world, "record", "-y", *only)
    assert (asked, code) == (["judge"], 1)
    assert "judge: rubric, turn 2: 1 model call in 1 conversation" in told
    asked, code, told = asked_by(recorded, world, "record", "-y", *only)
    assert (asked, code) == ([], 1)
    assert "to record" not in told


@pytest.mark.parametrize("only", [(), ("--only", "stale")])
def test_a_judge_without_a_grade_is_asked_again(project, world, only):
    """A replay shows its answer; a recording asks anew, and keeps one answer, until one is a grade."""
    project.write(SPEC, spec(("a cat", judge("kind"), judge("short"))))
    world.answers["kind"] = reply("I think good")
    assert project.record(environ=world.environ).verdict == "error"
    world.asked()
    assert "gave no score" in project.one().turns[0].checks[0].message
    found = state(project)
    assert (found.state, found.quote.calls, found.stale.changes[0].part) == ("stale", 1, NO_GRADE)
    asked, code, told = asked_by(project, world, "record", "-y", *only)
    assert (asked, code) == (["judge"], 4)
    assert "1 model call and 1 of checks (1 live) in" in told
    assert len(load(project.root / CASSETTE, CASSETTE).lanes) == 2
    del world.answers["kind"]
    asked, code, told = asked_by(project, world, "record", "-y", *only)
    assert (asked, code) == (["judge"], 0)
    assert "judge: the judge gave no grade, turn 1: 1 model call in 1 conversation" in told
    assert project.one().verdict == "passed"
    assert asked_by(project, world, "record", "-y")[:2] == ([], 0)


def test_judges_of_turns_asked_anew_are_asked_anew(recorded, world):
    """From that turn on every check is, though it asks the same; those before are played. The quote says it."""
    asked, code, told = asked_by(recorded, world, "record", "-y", "--from-turn", "2", SPEC)
    assert (asked, code) == (["model", "judge", "means the dog", "means You said a dog"], 0)
    assert "quoted 4 model calls" in told
    lanes = [one.lane for one in load(recorded.root / CASSETTE, CASSETTE).lanes]
    assert sorted(lanes) == ["judge", "judge", "means", "means"]
    assert (recorded.one().verdict, recorded.one().findings) == ("passed", ())


def test_a_missing_recording_counts_what_its_checks_ask(project):
    """Two turns, a judge of each and of all, two texts that the second turn means, and its reply."""
    project.write(
        SPEC,
        spec(
            ("a cat",),
            ("a dog", means("the dog"), {"not": means("a cat")}),
            each_turn=[judge("kind")],
            expect=[judge("good")],
        ),
    )
    found = state(project)
    assert (found.state, found.quote.calls) == ("missing", 2 + 3 + 3)


def test_a_changed_turn_counts_the_checks_behind_it(recorded):
    """From the first stale turn on the checks are asked anew, too."""
    recorded.edit(SPEC, "a dog", "a big dog")
    assert state(recorded).quote.calls == 1 + 3


def test_only_the_checks_need_their_key(project):
    """Where only a judge goes live, the key of the conversation's own model is not needed, and that of the judge is."""
    project.write(SPEC, spec(("a cat", judge("kind", model="mistral/j")), model="groq/m"))
    (bound,) = project.prepared().conversations
    names = ["GROQ_API_KEY", "MISTRAL_API_KEY"]

    def missing(**how):
        told = " ".join(error.what for error in live_errors([bound], environ={}, **how))
        return [name for name in names if name in told]

    assert missing() == names
    assert missing(judged=[bound.planned.id]) == ["MISTRAL_API_KEY"]


def test_a_limit_counts_what_checks_ask(project, world):
    """A limit of dollars needs the prices of judges, too, and counts their calls."""
    project.write(SPEC, spec(("a cat", judge("kind", model="gpt-4.1-mini")), model="gpt-4.1-mini"))
    how = {"environ": {"OPENAI_API_KEY": "k"}, "base_url": world.loopback.base_url, "record": "all"}
    found = project.run(meter=Meter(1.0), **how)
    (one,) = found.conversations
    assert one.live_calls == 2
    assert one.spent.calls == 2
    assert one.spent.usd == pytest.approx(2 * (3 * 0.4e-6 + 2 * 1.6e-6))
    project.write(SPEC, spec(("a cat", judge("kind", model="nobody-knows")), model="gpt-4.1-mini"))
    (mistake,) = project.mistakes(meter=Meter(1.0), **how)
    assert "none is known for 'nobody-knows'" in mistake


def test_embeddings_have_a_price(project, world):
    """They cost by their input alone."""
    project.write(SPEC, spec(("a cat", means("a cat", model="text-embedding-3-small")), model="gpt-4.1-mini"))
    how = {"environ": {"OPENAI_API_KEY": "k"}, "base_url": world.loopback.base_url, "record": "all"}
    (one,) = project.run(meter=Meter(1.0), **how).conversations
    assert one.spent.total_usd == pytest.approx(3 * 0.4e-6 + 2 * 1.6e-6 + 2 * 4 * 0.02e-6)


def test_a_limit_that_is_reached_leaves_the_check_in_error(project, world):
    """The conversation is kept; recorded again, the judge alone is asked."""
    project.write(SPEC, spec(("a cat", judge("kind", model="gpt-4.1-mini")), model="gpt-4.1-mini"))
    how = {"environ": {"OPENAI_API_KEY": "k"}, "base_url": world.loopback.base_url}
    (one,) = project.run(meter=Meter(1e-7), record="all", **how).conversations
    (check,) = one.turns[0].checks
    assert (one.live_calls, check.verdict) == (1, "error")
    assert "--max-cost 0.0000001 is reached" in check.message
    world.asked()
    assert project.one(record="new_episodes", **how).verdict == "passed"
    assert world.asked() == ["judge"]
