"""Checks that ask models are recorded with their conversation, and judged again offline."""

import json
from dataclasses import replace
from itertools import accumulate

import pytest
from judged_specs import CASSETTE, SIZE, SPEC, judge, means, refused, spec
from servers import reply

from cassettes import save
from convrun.cassette.files import load
from convrun.cassette.interaction import Recording
from convrun.cassette.lanes import LanePlayer
from convrun.cassette.stored.format import chained_digest
from convrun.document import read_values
from convrun.errors import CassetteError, StaleError
from convrun.redaction import Redactor
from convrun.run.planning.options import RunOptions
from convrun.run.playing.lanes import carried_lanes


def lanes(project):
    """The lanes of the recorded interactions, in order."""
    return [one.lane for one in load(project.root / CASSETTE, CASSETTE).interactions]


def test_what_checks_ask_stands_behind_the_conversation(recorded):
    """The cassette holds the turns first, then the calls of checks in their lanes, in the order they were asked."""
    assert lanes(recorded) == [None, None, "judge", "judge", "means", "means"]


def test_a_replay_asks_nobody(recorded, world):
    """Scores and similarities are the recorded ones, with no server, no key and no variable."""
    world.loopback.answers[:] = [refused()]
    found = recorded.one()
    assert found.verdict == "passed"
    assert [check.actual for check in found.turns[0].checks] == [{"score": 0.9, "reason": "because it is 0.9"}]
    assert found.turns[1].checks[1].actual == pytest.approx(1.0, abs=1e-3)
    assert not world.asked()


def test_a_score_below_the_least_fails(project, world):
    """The failure shows the score, the least one and the reason."""
    world.scores["brief"] = 0.4
    project.write(SPEC, spec(("a cat", judge("brief", at_least=0.5))))
    (check,) = project.record(environ=world.environ).turns[0].checks
    assert check.verdict == "failed"
    assert check.message == "expected the judge to give at least 0.5 for 'brief', it gave 0.4: because it is 0.4"
    assert project.one().turns[0].checks[0] == check


def test_another_least_score_asks_nothing(recorded, world):
    """`at_least` is no part of the question: the recorded score is compared with it."""
    recorded.edit(SPEC, '"rubric": "kind"', '"rubric": "kind", "at_least": 0.95')
    found = recorded.one()
    assert (found.verdict, found.turns[0].checks[0].verdict) == ("failed", "failed")
    assert not world.asked()


def test_an_edited_rubric_is_stale(recorded):
    """It makes its check stale, and with it the turn and the conversation; the others are judged."""
    recorded.edit(SPEC, '"rubric": "short"', '"rubric": "short and sweet"')
    found = recorded.one()
    assert [turn.verdict for turn in found.turns] == ["passed", "stale"]
    assert [check.verdict for check in found.turns[1].checks] == ["stale", "passed"]
    assert found.verdict == "stale"
    assert (found.stale.lane, found.stale.turn) == ("judge", 2)
    (change,) = found.stale.changes
    assert change.part == "rubric"
    assert change.recorded.endswith("short")
    assert change.now.endswith("short and sweet")


def test_an_edited_rubric_asks_the_judge_alone(recorded, world):
    """Recorded again, only that check goes live, and what it replaces is dropped."""
    recorded.edit(SPEC, '"rubric": "short"', '"rubric": "short and sweet"')
    found = recorded.one(record="new_episodes", environ=world.environ)
    assert (found.verdict, found.live_calls) == ("passed", 1)
    assert world.asked() == ["judge"]
    assert lanes(recorded) == [None, None, "judge", "judge", "means", "means"]
    assert recorded.one().verdict == "passed"
    assert not recorded.one().findings


def test_an_edited_text_asks_for_one_vector(recorded, world):
    """The vector of the reply is known: only that of the new text is asked for."""
    recorded.edit(SPEC, "the dog", "the big dog")
    stale = recorded.one()
    assert (stale.stale.lane, stale.stale.changes[0].part) == ("means", "like")
    assert recorded.one(record="new_episodes", environ=world.environ).verdict == "passed"
    assert world.asked() == ["means the big dog"]


def test_equal_checks_ask_once(project, world):
    """Two equal checks have one answer, and one call in the cassette."""
    project.write(SPEC, spec(("a cat", judge("kind"), judge("kind"), means("cat"), means("cat"))))
    assert project.record(environ=world.environ).live_calls == 4
    assert lanes(project) == [None, "judge", "means", "means"]
    assert project.one().verdict == "passed"


def test_a_judge_that_fails_costs_the_conversation_nothing(project, world):
    """That check is an error; the turns are kept, and recorded again, only it is asked."""
    project.write(SPEC, spec(("a cat", judge("kind"))))
    world.judge = refused()
    found = project.record(environ=world.environ)
    assert (found.verdict, found.turns[0].checks[0].verdict) == ("error", "error")
    assert "the judge is ill" in found.turns[0].checks[0].message
    assert lanes(project) == [None]
    world.judge = None
    world.asked()
    assert project.one(record="new_episodes", environ=world.environ).verdict == "passed"
    assert world.asked() == ["judge"]


@pytest.mark.parametrize(
    "answer",
    [
        reply("fine"),
        reply('{"score": 2, "reason": "great"}'),
        reply('{"score": true, "reason": "great"}'),
        reply('{"score": NaN, "reason": "great"}'),
        reply('{"score": 0.5}'),
        reply('["score", 1]'),
        reply('{"score": 0.1, "reason": "great", "score": 1}'),
        reply(""),
    ],
)
def test_a_judge_without_a_score_is_an_error(project, world, answer):
    """What is no JSON, or no score from 0 to 1 with a reason, is an error of that check, and is shown."""
    project.write(SPEC, spec(("a cat", judge("kind"))))
    world.judge = answer
    (check,) = project.record(environ=world.environ).turns[0].checks
    assert check.verdict == "error"
    assert "the judge gave no score from 0 to 1 with a reason" in check.message
    assert project.one().turns[0].checks[0] == check


@pytest.mark.parametrize(
    ("vector", "why"),
    [
        ([0.0] * 8, "all of its numbers are 0"),
        ([1e300] * 8, "there are numbers in it that 32 bits do not hold"),
        ([True] * 8, "{"),
    ],
)
def test_vectors_that_point_nowhere_are_no_embeddings(project, world, vector, why):
    """Where nothing can be compared nothing is far from it either: an error, live and on a replay, not a pass."""
    project.write(SPEC, spec(("a cat", {"not": means("a dog")})))
    world.vector = vector
    (check,) = project.record(environ=world.environ).turns[0].checks
    assert check.verdict == "error"
    assert f"no embedding: 127.0.0.1 gave no embedding: {why}" in check.message
    assert project.one(environ=world.environ).turns[0].checks[0] == check


def test_a_question_with_two_answers_is_told(recorded):
    """Of two answers to one question the first counts, and the finding says that there is another one."""
    cassette = load(recorded.root / CASSETTE, CASSETTE)
    (first, *_) = cassette.lanes
    other = replace(first, reply=next(one for one in cassette.interactions if one.lane is None).reply)
    save(recorded.root / CASSETTE, replace(cassette, interactions=(*cassette.interactions, other)))
    (finding,) = recorded.one().findings
    assert finding.message == (
        f"1 recorded interaction was never played, the first is number 7 in {CASSETTE}; "
        "what number 7 asks was asked twice and answered differently: the first answer counts"
    )
    assert finding.fix == f"take it out of it: convrun cassette prune {SPEC}"
    assert recorded.cli("cassette", "prune").returncode == 0
    assert not recorded.one().findings


@pytest.mark.parametrize("lane", ["nosuch", None])
def test_an_edited_lane_is_told_where_it_is_missed(recorded, lane):
    """What then begins the lane names it, and says that one before it may have been of it."""
    document = read_values((recorded.root / CASSETTE).read_text("utf-8"), CASSETTE)
    nodes = document["interactions"]
    next(node for node in nodes if node.get("lane") == "judge")["lane"] = lane
    document["digests"] = [*accumulate(nodes, lambda before, node: chained_digest(node, before), initial="")][1:]
    recorded.write(CASSETTE, "".join(f"{key}: {json.dumps(value)}\n" for key, value in document.items()))
    with pytest.raises(CassetteError) as caught:
        load(recorded.root / CASSETTE, CASSETTE)
    assert caught.value.what.startswith("interaction 4, the first of lane 'judge': the first request has a 'url'")
    assert caught.value.fix.startswith("an interaction before it may have had this lane, and has another now: ")


def test_a_transcript_is_written_once(project, world):
    """A judge of every turn adds a message a turn to the cassette: it grows with the new messages."""
    users = [(f"a cat named {number} {'x' * 300}",) for number in range(12)]
    project.write(SPEC, spec(*users, each_turn=[judge("kind")]))
    assert project.record(environ=world.environ).verdict == "passed"
    text = (project.root / CASSETTE).read_text("utf-8")
    assert text.count("a cat named 3 ") == 2 * 2  # in the conversation and for the judge: said, and repeated
    assert project.one().verdict == "passed"


def test_vectors_lie_beside_the_cassette(recorded):
    """A vector of 1,536 numbers is a file of four bytes for each, and a few lines in the cassette."""
    beside = [*(recorded.root / f"{CASSETTE}.d").iterdir()]
    assert [path.stat().st_size for path in beside] == [4 * SIZE] * 2
    assert max(map(len, (recorded.root / CASSETTE).read_text("utf-8").splitlines())) < 1500


def test_a_removed_check_is_told(recorded):
    """What it had asked is never played, which a replay tells, and a recording of something else drops."""
    recorded.edit(SPEC, f", {means_text('the dog')}", "")
    (finding,) = recorded.one().findings
    assert finding.message == f"2 recorded interactions were never played, the first is number 5 in {CASSETTE}"
    assert "put the checks back" in finding.fix


def means_text(text):
    """A check for the meaning of a text, as the spec has it."""
    return json.dumps(means(text))


def test_a_scripted_conversation_with_a_judge_is_recorded(project, world):
    """The judge makes a recording necessary, and its price is all that the script costs."""
    project.write(SPEC, spec(("a cat", judge("kind")), model={"script": [{"reply": "Hello"}]}))
    assert project.one().verdict == "missing"
    found = project.record(environ=world.environ)
    assert (found.verdict, found.live_calls) == ("passed", 1)
    assert lanes(project) == [None, "judge"]
    assert project.one().verdict == "passed"
    project.edit(SPEC, '"kind"', '"kinder"')
    assert project.one(record="new_episodes", environ=world.environ).live_calls == 1
    assert lanes(project) == [None, "judge"]


def test_checks_within_others_are_stale_with_them(project, world):
    """`not`, `all_of` and `any_of` of a judge that was not asked are stale, whatever the others say."""
    checks = ({"not": judge("rude")}, {"any_of": [{"contains": "cat"}, judge("dull")]})
    world.scores["rude"] = 0.1
    project.write(SPEC, spec(("a cat", *checks)))
    assert project.record(environ=world.environ).verdict == "passed"
    project.edit(SPEC, '"dull"', '"dull or not"')
    found = project.one()
    assert [check.verdict for check in found.turns[0].checks] == ["passed", "stale"]
    assert found.verdict == "stale"


def test_a_failure_is_worse_than_a_stale_judge(project, world):
    """A turn is the worst of its checks: error, failed, stale."""
    project.write(SPEC, spec(("a cat", judge("kind"), judge("short"))))
    project.record(environ=world.environ)
    project.write(SPEC, spec(("a cat", judge("kinder"), judge("short", at_least=0.95))))
    found = project.one()
    assert [check.verdict for check in found.turns[0].checks] == ["stale", "failed"]
    assert (found.turns[0].verdict, found.verdict) == ("failed", "failed")
    assert found.stale.lane == "judge"


def test_the_lanes_of_a_turn_stay_that_turns(recorded):
    """What is asked for one turn is told of it, also where those of another have been handed out since."""
    (bound,) = recorded.prepared().conversations
    empty = LanePlayer(Recording(), redactor=Redactor())
    lanes = carried_lanes(bound, RunOptions(), lambda: empty, environ={}, redactor=Redactor())
    first, _second = lanes.at(1), lanes.at(2, info=True)
    with pytest.raises(StaleError):
        first.vector("means", "e", "the dog", part="like")
    assert lanes.staleness is not None
    assert lanes.staleness.turn == 1
