"""`record --from-turn N`: what is before turn N is played, from there on it is asked anew, even where it matches."""

from __future__ import annotations

import pytest
from live_specs import CASSETTE, KEYED, SPEC, echo, spec
from servers import Answer, reply

from convrun.errors import UsageError
from convrun.run.planning.options import Rehearsal
from convrun.run.playing.from_turn import turn_number


@pytest.fixture
def counted(recorded, loopback):
    """A recorded conversation of three turns, whose model now adds how often it was asked."""
    loopback.answers.clear()
    loopback.says(lambda received: f"{received.body['messages'][-1]['content']} again")
    return recorded


def again(project, **options):
    """The result of the only conversation, recorded from a turn on."""
    return project.one(record="new_episodes", refresh=True, **options)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_it_goes_live_from_the_turn_on(counted, loopback, turn):
    """The turns before are played for free, all others are sent, and the cassette holds both."""
    result = again(counted, from_turn=turn)
    said = ["one", "two", "three"]
    assert [request.body["messages"][-1]["content"] for request in loopback.requests] == said[turn - 1 :]
    expected = said[: turn - 1] + [f"{text} again" for text in said[turn - 1 :]]
    assert [one.reply for one in result.turns] == expected
    assert result.live_calls == 4 - turn
    loopback.requests.clear()
    assert [one.reply for one in counted.one(keep_going=True).turns] == expected
    assert loopback.requests == []


def test_what_is_stale_before_goes_live_there(counted, echoing, loopback):
    """A difference before the turn ends the playing where it is."""
    counted.write(SPEC, spec(loopback.base_url, "one", "changed", "three"))
    again(counted, from_turn=3)
    assert echoing.asked() == ["changed", "three"]


def test_a_turn_that_is_skipped_is_none_to_begin_with(counted, loopback, echoing):
    """It goes live from the next one on that is played."""
    counted.write(
        SPEC, spec(loopback.base_url, "one", "two", "three").replace('"user": "two"', '"user": "two", "skip": "x"')
    )
    counted.record()
    echoing.asked()
    again(counted, from_turn=2)
    assert echoing.asked() == ["three"]


@pytest.mark.parametrize("rehearsal", list(Rehearsal))
def test_a_rehearsal_ends_at_the_turn(counted, loopback, rehearsal):
    """It says where recording would go live, and sends and writes nothing."""
    before = (counted.root / CASSETTE).read_bytes()
    result = again(counted, from_turn=2, rehearsal=rehearsal)
    assert result.verdict == "stale"
    assert (result.stale.turn, result.stale.model_call) == (2, 1)
    assert [change.part for change in result.stale.changes] == ["--from-turn"]
    assert result.turns[0].verdict in {"passed", "unchecked"}
    assert (loopback.requests, (counted.root / CASSETTE).read_bytes()) == ([], before)


def test_tools_that_replay_are_asked_anew_as_well(project, loopback):
    """From the turn on a tool with `policy: replay` runs, as it does for a live call; before it does not."""
    project.write("desk.py", "RAN = []\n\ndef note() -> str:\n    RAN.append(1)\n    return f'noted {len(RAN)}'\n")
    loopback.says(reply(calls={"note": {}}), "first", reply(calls={"note": {}}), "second")
    model = f"{{name: m, base_url: '{loopback.base_url}'}}"
    turns = "[{user: one}, {user: two, expect: [{called: note}]}]"
    project.write(SPEC, f"model: {model}\ntools: [{{use: 'desk:note', policy: replay}}]\nturns: {turns}\n")
    project.record(cwd=project.root)
    loopback.answers.clear()
    loopback.says(reply(calls={"note": {}}), "other")
    result = again(project, from_turn=2)
    assert [one.reply for one in result.turns] == ["first", "other"]
    assert [one.tool_calls[0].result for one in result.turns] == ["noted 1", "noted 1"]  # the second was noted 2
    assert result.live_calls == 2


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "", "²", "12345678901"])
def test_a_turn_is_a_number_from_1_on(text):
    """Anything else is a mistake of the command line."""
    with pytest.raises(UsageError, match="is no number from 1 on"):
        turn_number(text)


def test_a_turn_that_is_not_there_is_refused(counted, loopback):
    """The message says how many there are; nothing runs."""
    with pytest.raises(UsageError, match="has 3 turns"):
        again(counted, from_turn=4)
    assert loopback.requests == []


def test_what_is_not_recorded_cannot_be_played(counted, loopback):
    """Without a cassette there is nothing before the turn."""
    (counted.root / CASSETTE).unlink()
    with pytest.raises(UsageError, match=f"there is no {CASSETTE}"):
        again(counted, from_turn=2)
    assert loopback.requests == []


def test_it_is_for_one_conversation(counted, loopback):
    """Several are refused, and named; one of them is fine."""
    counted.write("specs/b.yaml", spec(loopback.base_url, "one"))
    with pytest.raises(UsageError, match=r"2 are selected: specs/a\.yaml, specs/b\.yaml"):
        counted.run(record="new_episodes", refresh=True, from_turn=2)
    assert counted.one(SPEC, record="new_episodes", refresh=True, from_turn=3).live_calls == 1


def test_the_command_line_records_from_a_turn_on(counted, echoing):
    """`convrun record --from-turn` does it; mistakes end with 2."""
    done = counted.cli("record", "-y", "--from-turn", "3", SPEC, **KEYED)
    assert echoing.asked() == ["three"]
    assert "asked anew from turn 3 on: 1 model call in 1 conversation" in done.stdout
    assert done.returncode == 1  # the check wants what was said before
    done = counted.cli("record", "--from-turn", "4", SPEC)
    assert (done.returncode, "has 3 turns" in done.stderr) == (2, True)
    assert echoing.asked() == []


@pytest.mark.parametrize("other", [("--all",), ("--only", "stale")])
def test_what_is_recorded_is_said_once(counted, other):
    """Another option that says what is recorded is refused."""
    done = counted.cli("record", "--from-turn", "3", *other)
    assert (done.returncode, f"--from-turn and {other[0]} exclude each other" in done.stderr) == (2, True)


def test_what_broke_off_goes_on_where_it_did(counted, loopback, echoing):
    """The answers from the turn on are kept, and the next recording goes on behind them."""
    loopback.answers.clear()
    loopback.says("two again", Answer(status=500), echo)
    assert again(counted, from_turn=2).verdict == "error"
    echoing.asked()
    result = again(counted)
    assert [one.reply for one in result.turns] == ["one", "two again", "three"]
    assert echoing.asked() == ["three"]


@pytest.mark.parametrize("then", [("--from-turn", "2"), ()])
def test_from_the_same_turn_it_goes_on_where_it_broke_off(recorded, loopback, echoing, then):
    """What was answered anew is not asked again, by the same command and by `record`, be it what it was."""
    loopback.answers[:] = [echo, Answer(status=500), echo]
    assert again(recorded, from_turn=2).verdict == "error"
    assert echoing.asked() == ["two", "three"]
    done = recorded.cli("record", SPEC, *then)
    assert "  a recording broke off in turn 3, 2 calls are kept: 1 model call in 1 conversation" in done.stdout
    assert (done.returncode, echoing.asked()) == (0, ["three"])


def test_from_another_turn_on_all_is_asked_anew(recorded, loopback, echoing):
    """What broke off is played up to there only, and gives way."""
    loopback.answers[:] = [echo, Answer(status=500), echo]
    again(recorded, from_turn=2)
    echoing.asked()
    again(recorded, from_turn=1)
    assert echoing.asked() == ["one", "two", "three"]
    assert [one.name for one in (recorded.root / "cassettes").iterdir()] == ["a.yaml"]
