"""Simulated users in recordings: what makes them stale, what is asked again, and what a recording goes on from."""

import pytest
from servers import Answer, output, said
from simulated_specs import CASSETTE, SPEC, scripted, simulate, spec

from convrun.testing.specs import explained


def users(found):
    """What the user says, turn by turn."""
    return [turn.user for turn in found.turns]


def verdicts(found):
    """The verdicts, turn by turn."""
    return [turn.verdict for turn in found.turns]


@pytest.mark.parametrize(
    ("old", "new", "part"), [("In a hurry.", "At ease.", "persona"), ("Get a refund.", "Get the lamp back.", "goal")]
)
def test_an_edited_persona_or_goal_is_stale(recorded, old, new, part):
    """From the first turn of the user on; what was recorded is played on, to show what can be shown."""
    recorded.edit(SPEC, old, new)
    found = recorded.one()
    assert (found.verdict, verdicts(found)) == ("stale", ["passed", "stale", "stale", "stale"])
    assert users(found) == ["Hi", "It is 1042", "refund it now", "Thanks"]
    assert (found.stale.lane, found.stale.turn) == ("user", 2)
    assert [(one.part, one.recorded, one.now) for one in found.stale.changes] == [(part, old, new)]
    assert all(check.info for turn in found.turns[1:] for check in turn.checks)


def test_an_edited_persona_asks_the_user_anew(recorded, world):
    """Where it says the same again, the tested model is not asked; where it does not, from there on it is."""
    recorded.edit(SPEC, "In a hurry.", "At ease.")
    found = recorded.one(record="new_episodes", environ=world.environ)
    assert (found.verdict, found.live_calls, found.user_calls) == ("passed", 2, 2)
    assert world.asked() == ["user", "user"]
    recorded.edit(SPEC, "At ease.", "Calm.")
    world.says[2] = "refund it, please"
    found = recorded.one(record="new_episodes", environ=world.environ)
    assert world.asked() == ["user", "user", "model", "model", "model"]
    assert users(found) == ["Hi", "It is 1042", "refund it, please", "Thanks"]
    again = recorded.one()
    assert (again.verdict, users(again), again.findings) == ("passed", users(found), ())


def test_another_reply_of_the_tested_model_is_another_question(recorded, world):
    """Recorded anew from a turn on, the user is asked what it says to that; the rest is played."""
    world.word = "other"
    found = recorded.one(record="new_episodes", from_turn=2, environ=world.environ)
    assert world.asked() == ["user", "model", "user", "model", "model", "model"]
    assert found.turns[1].reply == "other: It is 1042"
    assert recorded.one().verdict == "passed"


def test_from_turn_may_name_any_turn_that_there_may_be(recorded):
    """Beyond the most there is an error."""
    recorded.one(record="new_episodes", from_turn=4, environ={})
    with pytest.raises(Exception, match="has 12 turns at most"):
        recorded.one(record="new_episodes", from_turn=13)


def test_a_stale_turn_before_it_plays_on(recorded):
    """The user's lane is asked what it was asked, and finds it; nothing of it is told as stale."""
    recorded.edit(SPEC, '"model": "m"', '"model": "m", "system": "Be kind."')
    found = recorded.one()
    assert (verdicts(found), found.stale.lane, found.stale.turn) == (["stale"] * 4, None, 1)
    assert users(found) == ["Hi", "It is 1042", "refund it now", "Thanks"]


def test_what_was_played_between_the_users_answers_is_kept_when_that_breaks_off(recorded, world):
    """A partial recording has the turns that were played after the first live answer of the user, too."""
    recorded.edit(SPEC, "In a hurry.", "At ease.")
    world.says[2] = "refund it, please"
    world.word, model = "new", world.answer
    calls = iter(range(100))
    refused = Answer(status=400, body={"error": {"message": "too hot"}})
    world.loopback.answers[:] = [lambda received: refused if next(calls) == 3 else model(received)]
    assert recorded.one(record="new_episodes", environ=world.environ).verdict == "error"
    assert world.asked() == ["user", "user", "model", "model"]
    found = recorded.one(record="new_episodes", environ=world.environ)
    assert (found.verdict, world.asked()) == ("passed", ["model", "model"])
    assert [turn.reply for turn in found.turns[:2]] == ["model: Hi", "model: It is 1042"]
    again = recorded.one()
    assert (again.verdict, users(again)) == ("passed", ["Hi", "It is 1042", "refund it, please", "Thanks"])


def test_a_user_who_would_speak_longer_is_new(project, world):
    """More turns than are recorded are told as such, and nothing is played in their place."""
    world.says = ["one", "two", "three"]
    project.write(SPEC, spec(simulate(max_turns=1)))
    project.record(environ=world.environ)
    project.write(SPEC, spec(simulate(max_turns=2)))
    found = project.one()
    assert (verdicts(found), found.stale.turn, found.stale.lane) == (["passed", "stale"], 2, "user")
    (change,) = found.stale.changes
    assert (change.part, change.recorded, change.now) == ("what the simulated user says", None, "model: one")
    world.asked()
    found = project.one(record="new_episodes", environ=world.environ)
    assert (users(found), world.asked()) == (["one", "two"], ["user", "model"])


def test_fewer_turns_leave_something_unplayed(project, world):
    """That is the finding, which counts turns and what the user said."""
    world.says = ["one", "two", "three"]
    project.write(SPEC, spec(simulate(max_turns=3)))
    project.record(environ=world.environ)
    project.write(SPEC, spec(simulate(max_turns=2, expect=[{"contains": "two"}])))
    found = project.one()
    assert found.verdict == "passed"
    (finding,) = found.findings
    assert finding.message.startswith("2 recorded interactions were never played")


def test_a_recording_that_broke_off_goes_on(project, world):
    """Nothing that was answered is asked again, of neither."""
    world.says = ["one", "two", Answer(status=400, body={"error": {"message": "too hot"}})]
    project.write(SPEC, spec(simulate(max_turns=3)))
    assert project.one(record="new_episodes", environ=world.environ).verdict == "error"
    assert (project.root / f"{CASSETTE}.partial").is_file()
    world.says = ["never", "never", "three"]
    world.asked()
    found = project.one(record="new_episodes", environ=world.environ)
    assert (users(found), world.asked()) == (["one", "two", "three"], ["user", "model"])
    assert users(project.one()) == ["one", "two", "three"]
    assert not (project.root / f"{CASSETTE}.partial").exists()


def test_an_edited_script_of_a_user_is_stale(project):
    """What changed is told by its lines, also where those that were said are the same."""
    project.write(SPEC, scripted("Hi", "one [END]", expect=[{"equals": "b"}]))
    assert project.record().verdict == "passed"
    project.write(SPEC, scripted("Hi", "two [END]", "never", expect=[{"equals": "b"}]))
    found = project.one()
    assert (found.verdict, users(found), found.stale.lane) == ("stale", ["Hi", "one"], "user")
    (change,) = found.stale.changes
    said, now = "Hi\none [END]", "Hi\ntwo [END]"
    assert (change.part, change.recorded, change.now) == ("lines of the script", said, now)
    project.write(SPEC, scripted("Hi", "one [END]", "never", expect=[{"equals": "b"}]))
    assert project.one().stale.changes[0].now == f"{said}\nnever"


def test_a_script_of_a_user_that_runs_out(project):
    """What ends a user is told, and nothing is shown that it did not say."""
    project.write(SPEC, scripted("one"))
    found = project.one()
    assert found.error.fix == "end its last line with [END], set max_turns, or add a line"
    assert "user: ''" not in explained(project.run())


def test_a_secret_is_kept_out_of_what_the_user_is_told(project, world):
    """The recording has its placeholder, and plays without the value."""
    project.write(SPEC, spec(simulate(persona="I am {{ env.CUSTOMER_TOKEN }}.", max_turns=1)))
    found = project.one(record="all", environ={**world.environ, "CUSTOMER_TOKEN": "s3cr3t-value-of-mine"})
    assert found.verdict == "unchecked"
    assert "s3cr3t" in world.loopback.requests[0].body["messages"][0]["content"]
    assert "s3cr3t" not in (project.root / CASSETTE).read_text("utf-8")
    assert users(project.one(environ={})) == ["I want my money"]


def test_a_rehearsal_ends_where_the_user_would_be_asked(recorded, world):
    """`record` quotes it, and `status` says why, before anything is asked."""
    recorded.edit(SPEC, "In a hurry.", "At ease.")
    status = recorded.cli("status", **world.environ)
    assert status.returncode == 3
    assert "user: persona, turn 2" in status.stdout
    assert not world.asked()


def test_a_python_check_that_ends_it_is_not_called_on_paper(project, world):
    """`status` takes the user to have ended where the recording did."""
    project.write("checks.py", "def two(context):\n    return 'money' in context.turn.user\n")
    project.write(SPEC, spec(simulate(until=[{"python": "checks:two"}]), "Bye"))
    assert users(project.record(environ=world.environ)) == ["I want my money", "Bye"]
    project.edit("checks.py", "return", "raise")
    status = project.cli("status", **world.environ)
    assert (status.returncode, status.stdout.splitlines()[0]) == (0, "fresh     1 conversation")


def test_a_branch_may_go_on_with_a_user(project, world):
    """What it says there is in the recording of the branch, numbered behind the turns of the trunk."""
    branch = {"ways": [simulate(max_turns=2, expect=[{"contains": "model"}])]}
    project.write(SPEC, spec({"user": "Hi", "branches": branch}, "Bye"))
    world.says = ["never", "one", "two"]
    ran = project.run(record="new_episodes", environ=world.environ)
    assert [users(one) for one in ran.conversations] == [["Hi", "Bye"], ["one", "two"]]
    assert world.asked() == ["model", "model", "user", "model", "user", "model"]
    again = project.run()
    assert [one.verdict for one in again.conversations] == ["unchecked", "passed"]
    assert [turn.index for turn in again.conversations[1].turns] == [2, 3]
    assert not again.conversations[1].findings
    shown = project.cli("show", f"{SPEC}::ways")
    assert "two" in shown.stdout, shown.stderr
    assert project.cli("mutate", SPEC).returncode == 0


def test_the_api_is_that_of_its_model(project, world):
    """A user that speaks the Responses API is recorded, replayed, stale and shown as any other."""
    user = {"name": "u", "api": "responses"}
    words = iter(["one", "two", "three"])

    def answer(received):
        if received.path.endswith("/responses"):
            return output(said(next(words)))
        return world.answer(received)

    world.loopback.answers[:] = [answer]
    project.write(SPEC, spec(simulate(max_turns=2, model=user, persona="Ada", until=[{"contains": "two"}])))
    assert users(project.record(environ=world.environ)) == ["one", "two"]
    assert (project.one().verdict, users(project.one())) == ("passed", ["one", "two"])
    assert "not mutated: what 1 simulated user answered" in project.cli("mutate", SPEC).stdout
    project.edit(SPEC, "Ada", "Eve")
    found = project.one()
    assert (found.verdict, users(found)) == ("stale", ["one", "two"])
    assert [(one.part, one.recorded, one.now) for one in found.stale.changes] == [("persona", "Ada", "Eve")]


def test_a_fault_before_a_user_changes_what_it_is_asked(project, world):
    """What is not recorded behind it is an error that names the fault; recorded, both stand in the cassette."""
    project.write(SPEC, spec("Hi", simulate(max_turns=1)))
    project.record(environ=world.environ)
    project.write(SPEC, spec("Hi", simulate(max_turns=1), faults=[{"turn": 1, "inject": "refusal"}]))
    found = project.one()
    assert (found.verdict, verdicts(found)) == ("error", ["passed", "error"])
    assert "after the fault 'refusal' in turn 1, model call 1" in found.error.message
    world.asked()
    found = project.one(record="new_episodes", environ=world.environ)
    assert (users(found), world.asked()) == (["Hi", "It is 1042"], ["user", "model"])
    assert users(project.one()) == ["Hi", "It is 1042"]


def test_several_run_at_once(project, world):
    """Recorded in threads and replayed in processes, each has its own user."""
    for name in ("b", "c", "d"):
        project.write(f"specs/{name}.yaml", spec(name, simulate(max_turns=2, expect=[{"contains": "model"}])))
    world.says = ["never", "one", "two"]
    ran = project.run(record="all", jobs=3, environ=world.environ)
    again = project.run(jobs=2)
    for run in (ran, again):
        assert [users(one) for one in run.conversations] == [[name, "one", "two"] for name in ("b", "c", "d")]
        assert {one.verdict for one in run.conversations} == {"passed"}


def test_the_console_names_the_lane(recorded):
    """The block of what is stale has the part that changed, and where."""
    recorded.edit(SPEC, "In a hurry.", "At ease.")
    stale = recorded.cli("run")
    assert stale.returncode == 3
    assert "STALE user: persona" in stale.stdout
    assert "specs/a.yaml, turn 2, lane 'user'" in stale.stdout
