"""Faults and checks that ask models: grades with a fault and without it stand side by side in one recording."""

import json

import pytest
from judged_specs import CASSETTE, SPEC, judge, spec

from convrun.cassette.files import load

EMPTY = "'empty' in turn 2, model call 1"


@pytest.fixture
def written(recorded):
    """Writes the spec of the recorded conversation with other faults, and checks of its last turn."""

    def write(*checks, faults=({"turn": 2, "inject": "empty"},)):
        recorded.write(SPEC, spec(("a cat", judge("kind")), ("a dog", *checks), faults=[*faults]))

    return write


def lanes(project):
    """The lanes of the recorded interactions, in order."""
    return [one.lane for one in load(project.root / CASSETTE, CASSETTE).interactions]


def test_a_judge_of_what_a_fault_made_is_an_error_until_it_is_recorded(recorded, world, written):
    """It names the fault, for status, too; recorded, the grades of both are kept, and each is played."""
    written(judge("short"))
    broken = recorded.one()
    assert (broken.verdict, broken.stale, broken.findings) == ("error", None, ())
    assert [turn.verdict for turn in broken.turns] == ["passed", "error"]
    (check,) = broken.turns[1].checks
    assert (check.verdict, check.message) == (
        "error",
        f"after the fault {EMPTY} the recording does not hold what this asks (record it: convrun record {SPEC})",
    )
    assert f"what comes after the fault {EMPTY}" in recorded.cli("status").stdout

    done = recorded.one(record="new_episodes", refresh=True, environ=world.environ)
    assert (done.verdict, done.live_calls, done.findings) == ("passed", 1, ())
    assert world.asked() == ["judge"]
    assert sorted(lanes(recorded)[2:]) == ["judge", "judge", "judge", "means", "means"]
    assert "nothing to prune" in recorded.cli("cassette", "prune").stdout
    replayed = recorded.one()
    assert (replayed.verdict, replayed.live_calls, replayed.findings) == ("passed", 0, ())
    written(judge("short"), faults=())
    assert recorded.one().verdict == "passed"


def test_a_check_that_fails_beside_the_fault_makes_no_grade_superfluous(recorded, written):
    """What the judge said of the recorded reply is asked for again without the fault."""
    written({"contains": "dog"})
    found = recorded.one()
    assert (found.verdict, found.findings) == ("failed", ())


def test_an_edited_rubric_is_stale_before_the_fault_and_behind_it(recorded, world, written):
    """A fault is to blame only for what it changed: a judge of the turn before it, or a rubric, is stale as ever."""
    written(judge("short"))
    recorded.one(record="new_episodes", refresh=True, environ=world.environ)
    recorded.edit(SPEC, json.dumps("kind"), json.dumps("kinder"))
    found = recorded.one()
    assert (found.verdict, found.stale.turn, found.stale.changes[0].part) == ("stale", 1, "rubric")
    recorded.edit(SPEC, json.dumps("kinder"), json.dumps("kind"))
    recorded.edit(SPEC, json.dumps("short"), json.dumps("shorter"))
    found = recorded.one()
    assert (found.verdict, found.stale.turn, found.stale.changes[0].part) == ("stale", 2, "rubric")
