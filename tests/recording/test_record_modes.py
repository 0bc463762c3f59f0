"""Which requests go out in which record mode, counted at the server, and what is in the cassette afterwards."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from live_specs import CASSETTE, SPEC, echo, files, say, spec
from servers import Answer, reply

from convrun.run.planning.options import RecordMode, RunOptions
from convrun.run.playing.conversation import run_conversation


def stored(project):
    """What the user says in the cassette."""
    lines = (project.root / CASSETTE).read_text("utf-8").splitlines()
    return [line.partition("user: ")[2] for line in lines if "user: " in line]


def test_none_never_goes_live(recorded, echoing):
    """Without --record nothing is sent: not for a missing cassette, not for a difference, not for a new turn."""
    before = files(recorded.root / "cassettes")
    assert recorded.run().exit_code == 0
    for users in (["one", "zwei", "three"], ["one", "two", "three", "four"]):
        say(recorded, echoing, *users)
        assert recorded.run().exit_code == 3
        assert recorded.one().verdict == "stale"
    assert files(recorded.root / "cassettes") == before
    (recorded.root / CASSETTE).unlink()
    assert (recorded.one().verdict, recorded.run().exit_code) == ("missing", 3)
    assert echoing.asked() == []


def test_once_records_what_is_missing_and_nothing_else(recorded, echoing):
    """A cassette that is there is played and stays, stale or not; one that is not there is recorded."""
    before = files(recorded.root / "cassettes")
    assert recorded.one(record="once").verdict == "passed"
    say(recorded, echoing, "one", "zwei")
    assert (recorded.one(record="once").verdict, recorded.run(record="once").exit_code) == ("stale", 3)
    assert (echoing.asked(), files(recorded.root / "cassettes")) == ([], before)
    (recorded.root / CASSETTE).unlink()
    assert recorded.one(record="once").live_calls == 2
    assert echoing.asked() == ["one", "zwei"]
    assert recorded.one().verdict == "passed"


def test_new_episodes_costs_nothing_where_nothing_changed(recorded, echoing):
    """A fresh conversation is played, and its file is not even touched."""
    before = (recorded.root / CASSETTE).stat()
    result = recorded.one(record="new_episodes")
    assert (result.verdict, result.live_calls, echoing.asked()) == ("passed", 0, [])
    after = (recorded.root / CASSETTE).stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_new_episodes_goes_live_from_the_first_difference(recorded, echoing):
    """The matching beginning is played for free; what follows the difference replaces the rest."""
    say(recorded, echoing, "one", "zwei", "three", "four")
    result = recorded.one(record="new_episodes")
    assert (result.verdict, result.stale, result.live_calls, result.model_calls) == ("passed", None, 3, 4)
    assert echoing.asked() == ["zwei", "three", "four"]
    assert stored(recorded) == ["one", "zwei", "three", "four"]
    assert recorded.one().verdict == "passed"


def test_the_tail_is_replaced_even_where_it_fits_again(recorded, echoing):
    """Behind the first live call nothing is played, though the requests are the recorded ones: the model may differ."""
    body = json.loads(spec(echoing.base_url, "one", "two", "three"))
    body["turns"][1]["options"] = {"temperature": 1}
    recorded.write(SPEC, json.dumps(body))
    assert recorded.one(record="new_episodes").live_calls == 2
    assert echoing.asked() == ["two", "three"]
    assert stored(recorded) == ["one", "two", "three"]
    assert recorded.one().verdict == "passed"


def test_new_episodes_appends_new_turns(recorded, echoing):
    """A turn that was added at the end costs one call."""
    say(recorded, echoing, "one", "two", "three", "four")
    assert recorded.one(record="new_episodes").live_calls == 1
    assert echoing.asked() == ["four"]
    assert stored(recorded) == ["one", "two", "three", "four"]


def test_an_unplayed_tail_stays(recorded, echoing):
    """A spec that became shorter keeps its recording, says so where it is run, and `all` drops the tail."""
    before = files(recorded.root / "cassettes")
    say(recorded, echoing, "one", "two")
    assert recorded.one(record="new_episodes").live_calls == 0
    assert files(recorded.root / "cassettes") == before
    played = recorded.one()
    assert (played.verdict, [finding.kind for finding in played.findings]) == ("passed", ["unplayed"])
    assert recorded.one(record="all").live_calls == 2
    assert stored(recorded) == ["one", "two"]
    assert echoing.asked() == ["one", "two"]


def test_all_starts_from_scratch(recorded, echoing):
    """Everything is asked anew, whatever was recorded."""
    assert recorded.one(record="all").live_calls == 3
    assert echoing.asked() == ["one", "two", "three"]


def test_a_failing_check_stops_no_recording(project, echoing):
    """Every turn is sent and stored; the checks are judged afterwards, and replay says the same."""
    turns = [{"user": text, "expect": [{"equals": "never"}]} for text in ("one", "two", "three")]
    project.write(SPEC, json.dumps({**json.loads(spec(echoing.base_url)), "turns": turns}))
    run = project.run(record="all")
    (result,) = run.conversations
    assert (run.exit_code, result.verdict, result.live_calls) == (1, "failed", 3)
    assert [turn.verdict for turn in result.turns] == ["failed"] * 3
    assert stored(project) == ["one", "two", "three"]
    replayed = project.one()
    assert [turn.verdict for turn in replayed.turns] == ["failed", "skipped", "skipped"]


def test_money_spent_on_a_failed_conversation_is_kept(recorded, echoing):
    """A conversation that fails in its last turn leaves the old recording, and the next try goes on from there."""
    before = files(recorded.root / "cassettes")
    say(recorded, echoing, "one", "zwei", "drei")
    echoing.answers[:] = []
    echoing.says(echo, Answer(status=500, body={"error": "boom"}))
    assert recorded.one(record="new_episodes").verdict == "error"
    assert echoing.asked() == ["zwei", "drei"]
    assert files(recorded.root / "cassettes").items() > before.items()
    echoing.answers[:] = [echo]
    assert recorded.one(record="new_episodes").verdict == "passed"
    assert echoing.asked() == ["drei"]
    assert files(recorded.root / "cassettes").keys() == before.keys()


def test_a_live_tool_runs_while_its_past_is_played(project, loopback):
    """The prefix of a chain is played and its tools run; a tool that answers differently sends the rest live."""
    project.write("desk.py", "def look(word: str) -> str:\n    return word.upper()\n")
    body = json.loads(spec(loopback.base_url, "go"))
    body["turns"][0]["expect"] = [{"called": "look"}]
    project.write(SPEC, json.dumps({**body, "tools": ["desk:look"]}))
    loopback.says(reply(calls={"look": {"word": "a"}}), echo)
    project.record()
    loopback.requests.clear()
    assert project.one(record="new_episodes").live_calls == 0
    project.write("desk.py", "def look(word: str) -> str:\n    return word.lower()\n")
    assert project.one().verdict == "stale"
    result = project.one(record="new_episodes")
    assert (result.live_calls, result.turns[0].reply) == (1, "a")
    assert len(loopback.requests) == 1
    assert project.one().verdict == "passed"


def test_record_takes_what_is_stale_or_missing(project, echoing):
    """`convrun record` asks for a new turn and for a new spec only; `--all` asks for everything."""
    for name in ("fresh", "stale", "missing"):
        project.write(f"specs/{name}.yaml", spec(echoing.base_url, name))
        if name != "missing":
            project.run(f"specs/{name}.yaml", record="all")
    project.write("specs/stale.yaml", spec(echoing.base_url, "stale", "more"))
    echoing.asked()
    ended = project.cli("record", "--report", "json")
    assert ended.returncode == 0
    assert sorted(echoing.asked()) == ["missing", "more"]
    live = {one["id"]: one["live_calls"] for one in json.loads(ended.stdout)["conversations"]}
    assert live == {"specs/fresh.yaml": 0, "specs/missing.yaml": 1, "specs/stale.yaml": 1}
    assert project.cli("record", "--all").returncode == 0
    assert sorted(echoing.asked()) == ["fresh", "missing", "more", "stale"]


def test_define_needs_a_folder_of_its_own(project, echoing):
    """`record -D` is refused beside the committed cassettes, before anything is sent; with --cassettes it records."""
    settings = json.loads(spec(echoing.base_url, "{{ word }}"))
    project.write(SPEC, json.dumps({**settings, "vars": {"word": "a"}}))
    refused = project.cli("record", "-D", "word=b")
    assert (refused.returncode, refused.stdout, echoing.asked()) == (2, "", [])
    assert "--cassettes" in refused.stderr
    assert "Traceback" not in refused.stderr
    taken = project.cli("record", "-D", "word=b", "--cassettes", "elsewhere")
    assert (taken.returncode, echoing.asked()) == (0, ["b"])
    assert not (project.root / "cassettes").exists()
    assert "user: b" in (project.root / "elsewhere/a.yaml").read_text("utf-8")


OFFLINE = {
    "echo": {"model": "echo", "turns": [{"user": "one", "expect": [{"equals": "one"}]}]},
    "script": {
        "model": {"script": [{"reply": "one"}]},
        "turns": [{"user": "Say one", "expect": [{"equals": "one"}]}],
    },
}


@pytest.mark.parametrize("model", OFFLINE)
def test_offline_models_are_recorded_on_request_only(project, model):
    """Without a cassette an offline model just runs; `record` writes one, which then is played."""
    project.write(SPEC, json.dumps(OFFLINE[model]))
    for mode in ("none", "once", "new_episodes"):
        assert project.one(record=mode).verdict == "passed"
        assert not (project.root / "cassettes").exists()
    ended = project.cli("record")
    assert ended.returncode == 0
    assert (project.root / CASSETTE).is_file()
    assert project.one().verdict == "passed"
    assert project.one(record=RecordMode.NEW_EPISODES, refresh=True).live_calls == 0


def test_an_edited_script_is_stale(project):
    """A recorded script that says something else now is another model; recording it again mends that."""
    project.write(SPEC, json.dumps(OFFLINE["script"]))
    project.record()
    changed = json.loads(json.dumps(OFFLINE["script"]).replace('"reply": "one"', '"reply": "two"'))
    project.write(SPEC, json.dumps(changed))
    stale = project.one()
    assert (stale.verdict, stale.stale.changes[0].part) == ("stale", "model")
    assert project.one(record=RecordMode.NEW_EPISODES, refresh=True).turns[0].reply == "two"
    assert project.one().turns[0].reply == "two"


def test_eight_threads_record_eight_conversations(project, echoing):
    """Conversations recorded at once stand each in their own cassette, whole."""
    users = ["{{ id }} begins", *(f"{number} of {{{{ id }}}}" for number in range(6))]
    body = json.loads(spec(echoing.base_url, *users))
    project.write(SPEC, json.dumps({**body, "cases": [{"id": name} for name in "abcdefgh"]}))
    options = RunOptions(record=RecordMode.ALL)
    bound = project.prepared(record="all").conversations
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda one: run_conversation(one, options, environ={}), bound))
    assert [result.verdict for result in results] == ["passed"] * 8
    assert len(echoing.asked()) == 8 * 7
    replayed = project.run()
    assert [result.verdict for result in replayed.conversations] == ["passed"] * 8
    for name in "abcdefgh":
        text = (project.root / f"cassettes/a/{name}.yaml").read_text("utf-8")
        assert f"user: {name} begins" in text
        assert text.count(f"of {name}") == 12
