"""Branches of a conversation: played from the recordings of trunk and branch, and recorded behind the trunk."""

import json
import time

import pytest
from branched_specs import ANGRY, DEEP, POLITE, SPEC, branched
from servers import Answer, reply

from convrun.errors import UsageError
from convrun.report.json_result import to_json
from convrun.run.planning.last_failed import remember
from convrun.run.planning.shards import Shard
from convrun.testing.specs import explained


def verdicts(result):
    """The verdict of each conversation."""
    return {one.id: one.verdict for one in result.conversations}


def without(project, name):
    """Remove a cassette."""
    (project.root / "cassettes" / name).unlink()


def test_branch_is_a_conversation_that_has_its_own_turns_only(recorded, answering):
    """Trunk and branches are conversations of their own: a branch's turns are numbered on, and nothing goes live."""
    found = recorded.run()
    told = {one.id: ([turn.index for turn in one.turns], one.model_calls, one.branched) for one in found.conversations}
    assert {name: numbers for name, (numbers, *_) in told.items()} == {
        SPEC: [1, 2],
        ANGRY: [2],
        POLITE: [2, 3],
        DEEP: [3],
    }
    assert (told[SPEC][2], told[DEEP][1]) == (None, 1)
    assert (told[DEEP][2].trunk, told[DEEP][2].turn, told[DEEP][2].root) == (POLITE, 2, SPEC)
    assert (found.passed, [*found.findings], answering.asked()) == (True, [], [])
    assert all(not one.findings for one in found.conversations)


def test_each_recording_holds_its_own_turns(recorded):
    """The trunk's cassette holds the beginning, that of a branch what is asked behind it."""
    texts = {
        path.relative_to(recorded.root / "cassettes").as_posix(): path.read_text().count("response:")
        for path in (recorded.root / "cassettes").rglob("*.yaml")
    }
    assert texts == {"lamp.yaml": 2, "lamp/angry.yaml": 1, "lamp/polite.yaml": 2, "lamp/polite/deep.yaml": 1}


def test_changed_beginning_makes_all_stale_as_one_change(recorded):
    """What is changed before the branches makes trunk and branches stale at that turn: one block names them all."""
    recorded.edit(SPEC, "A lamp.", "One lamp.")
    found = recorded.run()
    told = explained(found)
    assert (found.exit_code, told.count("STALE")) == (3, 1)
    for name in (SPEC, ANGRY, POLITE, DEEP):
        assert f"    {name}, turn 1, model call 1\n" in told
    assert f"record again: convrun record {SPEC}\n" in told
    assert f"record again: convrun record {SPEC}\n" in explained(recorded.run(DEEP))


def test_changed_branch_is_stale_alone(recorded):
    """What is changed in a branch makes that one stale, and those that go on from it."""
    recorded.edit(SPEC, "Please?", "Pretty please?")
    found = recorded.run()
    assert verdicts(found) == {SPEC: "passed", ANGRY: "passed", POLITE: "stale", DEEP: "stale"}
    assert {one.stale.turn for one in found.conversations if one.stale} == {2}
    recorded.edit(SPEC, "Pretty please?", "Please?")
    recorded.edit(SPEC, "Never mind.", "Never my mind.")
    assert verdicts(recorded.run()) == {SPEC: "stale", ANGRY: "passed", POLITE: "passed", DEEP: "passed"}


def test_branch_without_its_trunks_recording_is_missing(recorded):
    """Where the recording of its beginning is not there, a branch is missing, and told how to be recorded."""
    without(recorded, "lamp.yaml")
    found = recorded.run(ANGRY)
    assert verdicts(found) == {ANGRY: "missing"}
    found = recorded.run(DEEP)
    assert found.exit_code == 3
    assert f"{DEEP}: no cassettes/lamp.yaml, which holds its beginning\n" in explained(found)
    assert f"record: convrun record {SPEC}\n" in explained(found)


def test_damaged_trunk_is_told_with_what_mends_it(recorded):
    """Where the trunk's recording cannot be read, the branch is an error that names the trunk to be recorded."""
    recorded.write("cassettes/lamp.yaml", "version: convrun/1\ninteractions: 3\n")
    found = recorded.one(ANGRY)
    assert (found.verdict, found.error.where.file) == ("error", "cassettes/lamp.yaml")
    assert found.error.fix.endswith(f"convrun record --all {SPEC}")


def test_missing_branch_is_recorded_alone(recorded, answering):
    """To record a branch asks for its own turns, and plays the beginning."""
    without(recorded, "lamp/angry.yaml")
    assert verdicts(recorded.run()) == {SPEC: "passed", ANGRY: "missing", POLITE: "passed", DEEP: "passed"}
    ran = recorded.cli("record", "-y", ANGRY, OPENAI_API_KEY="k")
    assert (ran.returncode, answering.asked()) == (0, ["Now!"])
    assert recorded.run().passed


def test_branch_is_not_recorded_before_its_trunk(recorded, answering):
    """A branch alone whose trunk is stale or missing asks for nothing: the trunk is named, which is to be recorded."""
    recorded.edit(SPEC, "A lamp.", "One lamp.")
    ran = recorded.cli("record", "-y", ANGRY, OPENAI_API_KEY="k")
    assert (ran.returncode, answering.asked()) == (3, [])
    assert f"record again: convrun record {SPEC}\n" in ran.stdout
    without(recorded, "lamp.yaml")
    ran = recorded.cli("record", "-y", "--all", ANGRY, OPENAI_API_KEY="k")
    assert (ran.returncode, answering.asked()) == (3, [])
    assert f"record: convrun record --all {SPEC}\n" in ran.stdout


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_trunk_is_recorded_first(recorded, answering, jobs):
    """What is stale is recorded with the trunk first, however many at once: no beginning is asked for twice."""
    recorded.edit(SPEC, "A lamp.", "One lamp.")
    answering.instead(
        lambda received: (
            time.sleep(0.05 * ("lamp" in received.body["messages"][-1]["content"])),
            reply(received.body["messages"][-1]["content"]),
        )[1]
    )
    ran = recorded.cli("record", "-y", "-j", jobs, OPENAI_API_KEY="k")
    asked = answering.asked()
    assert (ran.returncode, asked[0]) == (0, "One lamp.")
    assert sorted(asked) == ["Deep: Please?", "Never mind.", "Now!", "One lamp.", "Please?", "Thanks."]
    assert recorded.run().passed


def test_branches_of_a_trunk_that_cannot_be_recorded_ask_for_nothing(project, answering):
    """Where the trunk's recording fails, its branches are missing: nothing of them went live."""
    project.write(SPEC, branched(answering.base_url))
    answering.instead(Answer(status=500, body={"error": {"message": "no"}}))
    ran = project.cli("record", "-y", OPENAI_API_KEY="k")
    assert (ran.returncode, answering.asked()) == (4, ["A lamp."])
    assert ran.stdout.count("missing") >= 3


def test_trunk_recorded_from_scratch_makes_its_branches_stale(recorded):
    """A trunk that is recorded anew has other replies: its branches are stale by what they go on from."""
    recorded.run(SPEC, record="all", keyword="not lamp.yaml/")
    assert verdicts(recorded.run()) == {SPEC: "passed", ANGRY: "stale", POLITE: "stale", DEEP: "stale"}


def test_failed_trunk_is_recorded_with_its_branches(recorded, answering):
    """Where what failed is recorded from scratch, so are its branches, which would be stale."""
    recorded.edit(SPEC, '"contains": "lamp"', '"contains": "One"')
    answering.instead(lambda received: reply(f"One {received.body['messages'][-1]['content']}"))
    ran = recorded.cli("record", "-y", "--only", "failed", OPENAI_API_KEY="k")
    assert (ran.returncode, len(answering.asked())) == (0, 6)
    assert recorded.run().passed


def test_from_turn_takes_the_trunk_alone(recorded, answering):
    """With --from-turn it is the trunk's turn: what is stale behind it is recorded the next time."""
    recorded.run(SPEC, record="new_episodes", from_turn=2)
    assert answering.asked() == ["Never mind."]
    recorded.run(POLITE, record="new_episodes", from_turn=3)
    assert answering.asked() == ["Thanks."]
    with pytest.raises(UsageError, match=f"{ANGRY} has turn 1 from {SPEC}"):
        recorded.prepared(ANGRY, record="new_episodes", from_turn=1)


def test_broken_off_branch_goes_on(recorded, answering):
    """A recording of a branch that broke off goes on behind what was answered; what goes on from it waits for it."""
    without(recorded, "lamp/polite.yaml")
    answering.instead(reply("Please"), Answer(status=500, body={"error": {"message": "no"}}), reply("Thanks"))
    assert verdicts(recorded.run(POLITE, record="new_episodes")) == {POLITE: "error", DEEP: "missing"}
    assert answering.asked() == ["Please?", "Thanks."]
    recorded.run(POLITE, record="new_episodes")
    assert answering.asked()[0] == "Thanks."


def test_beginning_is_judged_in_the_trunk_alone(recorded):
    """A check that fails before the branches fails the trunk; the conversation's own are asked of each, over all."""
    recorded.edit(SPEC, '"contains": "lamp"', '"contains": "tramp"')
    assert verdicts(recorded.run()) == {SPEC: "failed", ANGRY: "passed", POLITE: "passed", DEEP: "passed"}
    recorded.edit(SPEC, '"contains": "tramp"', '"contains": "lamp"')
    recorded.write(SPEC, json.dumps(json.loads((recorded.root / SPEC).read_text()) | {"expect": [{"model_calls": 2}]}))
    assert verdicts(recorded.run()) == {SPEC: "passed", ANGRY: "passed", POLITE: "failed", DEEP: "failed"}


def test_each_turn_is_asked_of_a_branchs_own_turns(recorded):
    """What is asked of every turn is asked of a branch's own, and of the beginning in the trunk."""
    recorded.write(
        SPEC, json.dumps(json.loads((recorded.root / SPEC).read_text()) | {"each_turn": [{"contains": "("}]})
    )
    found = recorded.run()
    assert [sum(len(turn.checks) for turn in one.turns) for one in found.conversations] == [4, 2, 4, 2]


def test_samples_of_a_branch_go_on_from_samples_of_the_trunk(project, answering):
    """Each sample of a branch goes on from the trunk's sample of its number, and they are one test."""
    project.write(SPEC, branched(answering.base_url, samples={"times": 2}, cases=[{"id": "a"}, {"id": "b"}]))
    found = project.run(record="new_episodes")
    assert found.passed
    assert len(answering.asked()) == 24
    ids = [single.id for one in found.conversations for single in one.singles]
    assert ids[:4] == [f"{SPEC}::a", f"{SPEC}::a@2", f"{SPEC}::a/angry", f"{SPEC}::a/angry@2"]
    assert (project.root / "cassettes/lamp/a/angry@2.yaml").is_file()
    again = project.run()
    assert (again.passed, len(again.conversations), answering.asked()) == (True, 8, [])
    without(project, "lamp/a@2.yaml")
    broken = project.run(f"{SPEC}::a/angry")
    assert [one.verdict for one in broken.conversations[0].singles] == ["passed", "missing"]
    assert "1 of 2 samples has no recording: no cassettes/lamp/a@2.yaml, which holds its beginning\n" in explained(
        broken
    )
    assert f"record: convrun record {SPEC}::a\n" in explained(broken)


def test_branch_whose_turns_are_all_skipped_is_skipped(project, answering):
    """It needs no recording, in no command: none would ever be made."""
    spec = json.loads(branched(answering.base_url))
    spec["turns"][0]["branches"]["angry"][0]["skip"] = "later"
    project.write(SPEC, json.dumps(spec))
    project.write("specs/all.yaml", '{"model": "m", "turns": [{"user": "Hi", "skip": "later"}]}')
    for command in (("record", "-y"), ("run",), ("status",)):
        ran = project.cli(*command, OPENAI_API_KEY="k")
        assert (ran.returncode, "missing" in ran.stdout) == (0, False), command
    assert "skipped   2 conversations: specs/all.yaml, specs/lamp.yaml/angry\n" in ran.stdout
    assert {one.reason for one in project.run(ANGRY, "specs/all.yaml").conversations} == {"every turn is skipped"}


def test_shards_keep_together_what_is_recorded(recorded):
    """A branch may be in another shard than its trunk, unless they may be recorded."""
    shards = [Shard.of(f"{number}/4") for number in (1, 2, 3, 4)]
    found = [recorded.run(shard=shard) for shard in shards]
    assert [(one.exit_code, len(one.conversations)) for one in found] == [(0, 1)] * 4
    plans = [recorded.prepared(shard=shard, record="new_episodes").conversations for shard in shards]
    assert sorted(map(len, plans)) == [0, 0, 0, 4]


def test_what_failed_last_is_run_alone(recorded):
    """A branch that failed is run again alone, from the recordings of both."""
    recorded.edit(SPEC, '"contains": "Now"', '"contains": "Later"')
    remember(recorded.root, recorded.run().conversations, strict=False)
    found = recorded.one(last_failed=True)
    assert (found.id, found.verdict) == (ANGRY, "failed")
    assert json.loads(to_json(recorded.run(ANGRY)))["conversations"][0]["branch"] == {"trunk": SPEC, "turn": 1}


def test_branches_run_in_processes(recorded):
    """Several at once are played from the same recordings."""
    found = recorded.run(jobs=2)
    assert (found.passed, len(found.conversations)) == (True, 4)


def test_tool_of_the_beginning_is_replayed_from_the_trunk(project, answering):
    """A tool without code gets its results of the beginning from the trunk, and those behind it from the branch."""
    function = {"name": "look", "parameters": {"type": "object", "properties": {}}}
    tools = [{"declare": function, "policy": "stub", "returns": "dark"}]
    answering.instead(
        lambda received: (
            reply(calls={"look": {}})
            if received.body["messages"][-1]["role"] == "user"
            else reply(f"it is {received.body['messages'][-1]['content']}")
        )
    )
    turns = [{"user": "one", "branches": {"other": [{"user": "two", "expect": [{"called": "look"}]}]}}]
    spec = {"model": {"name": "m", "base_url": answering.base_url}, "tools": tools, "turns": turns}
    project.write(SPEC, json.dumps(spec))
    project.run(record="new_episodes", environ={"OPENAI_API_KEY": "k"})
    project.write(SPEC, json.dumps(spec | {"tools": [{"declare": function}]}))
    found = project.run()
    assert [one.verdict for one in found.conversations] == ["unchecked", "passed"]
    assert found.conversations[1].turns[0].tool_calls[0].result == "dark"


def test_tool_that_counts_is_told_with_what_helps(project, answering):
    """A tool with another result in each conversation makes its branches stale for ever, unless it is replayed."""
    project.write("tools.py", "n = 0\ndef count() -> int:\n    global n\n    n += 1\n    return n\n")
    spec = json.loads(branched(answering.base_url, tools=["tools:count"]))
    answering.instead(
        lambda received: (
            reply(received.body["messages"][-1]["content"])
            if received.body["messages"][-1]["content"] != "A lamp."
            else reply(calls={"count": {}})
        )
    )
    spec["turns"][0]["expect"] = [{"called": "count"}]
    project.write(SPEC, json.dumps(spec))
    found = project.run(record="new_episodes")
    assert verdicts(found) == {SPEC: "passed", ANGRY: "stale", POLITE: "stale", DEEP: "missing"}
    assert "if 'count' gives another result each time" in explained(found)
    project.write(SPEC, json.dumps({**spec, "tool_policy": "replay"}))
    assert project.run(record="new_episodes").passed
