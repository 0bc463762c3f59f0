"""Which requests go out in which record mode, counted at the server, and what is in the cassette afterwards."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from live_specs import KEY, KEYED, echo, files, spec
from servers import Answer, reply

from convrun.run.conversation import run_conversation
from convrun.run.options import RecordMode, RunOptions

SPEC = "specs/a.yaml"
CASSETTE = "cassettes/a.yaml"


@pytest.fixture
def echoing(loopback):
    """A server whose model repeats what it hears; `asked()` is what it heard since the last time."""
    loopback.says(echo)

    def asked():
        heard = [request.body["messages"][-1]["content"] for request in loopback.requests]
        loopback.requests.clear()
        return heard

    loopback.asked = asked
    return loopback


@pytest.fixture
def recorded(project, echoing):
    """A project whose conversation of three turns is recorded."""
    project.write(SPEC, spec(echoing.base_url, "one", "two", "three"))
    assert project.record().live_calls == 3
    assert echoing.asked() == ["one", "two", "three"]
    return project


def say(project, echoing, *users):
    """Let the spec say something else."""
    project.write(SPEC, spec(echoing.base_url, *users))


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


def test_money_spent_on_a_failed_conversation_replaces_nothing(recorded, echoing):
    """A conversation that fails in its last turn leaves the old recording, and the next try starts from there."""
    before = files(recorded.root / "cassettes")
    say(recorded, echoing, "one", "zwei", "drei")
    echoing.answers[:] = []
    echoing.says(echo, Answer(status=500, body={"error": "boom"}))
    assert recorded.one(record="new_episodes").verdict == "error"
    assert echoing.asked() == ["zwei", "drei"]
    assert files(recorded.root / "cassettes") == before
    echoing.answers[:] = [echo]
    assert recorded.one(record="new_episodes").verdict == "passed"
    assert echoing.asked() == ["zwei", "drei"]


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


@pytest.mark.parametrize("exists", [False, True])
def test_a_cassette_that_cannot_be_written_costs_nothing(project, echoing, exists):
    """Where the cassettes' folder takes no file the error comes before anything is sent."""
    project.write(SPEC, spec(echoing.base_url, "one"))
    folder = project.root / "cassettes"
    if exists:
        (folder / "a.yaml").mkdir(parents=True)  # a folder where the file should be
    else:
        folder.write_text("a file where the folder should be")
    run = project.run(record="all")
    (result,) = run.conversations
    assert (run.exit_code, result.verdict, echoing.asked()) == (4, "error", [])
    error = result.error or result.turns[0].error
    assert (error.type, error.where.file) == ("CassetteError", CASSETTE)
    assert "cannot be written" in error.message
    assert "--cassettes" in error.fix


# The bounding set loses CAP_DAC_OVERRIDE, by which root writes to folders that are read-only; then the command runs.
WITHOUT_PRIVILEGE = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.mark.skipif(sys.platform == "win32", reason="the rights of a folder are other ones there")
def test_a_read_only_folder_costs_nothing(recorded, echoing, locks):
    """In a folder without the right to write nothing is sent, and the old cassette is as it was."""
    say(recorded, echoing, "one", "zwei")
    folder = recorded.root / "cassettes"
    before = files(folder)
    begin = [sys.executable, "-c", WITHOUT_PRIVILEGE] if os.getuid() == 0 else []
    folder.chmod(0o555)
    try:
        touched = subprocess.run([*begin, shutil.which("touch"), folder / "probe"], capture_output=True, check=False)
        if touched.returncode == 0:
            (folder / "probe").unlink()
            pytest.skip("whoever runs this may write everywhere")
        ended = subprocess.run(
            [*begin, *recorded.command("record", "--report", "json")],
            cwd=recorded.root,
            env=recorded.environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    finally:
        folder.chmod(0o755)
    assert (ended.returncode, echoing.asked()) == (4, [])
    (result,) = json.loads(ended.stdout)["conversations"]
    error = result["turns"][1]["error"]
    assert (result["verdict"], error["message"]) == ("error", "cannot be written: permission denied")
    assert error["where"]["file"] == CASSETTE
    assert error["fix"]
    assert "Traceback" not in ended.stderr
    assert files(folder) == before
    assert files(locks) == {}


@pytest.mark.parametrize("arguments", [["run", "--record", "once"], ["run", "--record", "all"], ["record"]])
def test_a_missing_key_is_said_before_anything_is_sent(project, echoing, arguments):
    """Exit 2 names each variable that lacks a value, and the place of the model that needs it."""
    project.write("convrun.toml", f"base_urls = [{json.dumps(echoing.base_url)}]\n")
    project.write("specs/a.yaml", "model: gpt-4.1-mini\nturns: [{user: one}]\n")
    project.write("specs/b.yaml", spec(echoing.base_url, "one", api_key_env="MY_KEY"))
    project.write("specs/c.yaml", spec(echoing.base_url, "one"))
    ended = project.cli(*arguments)
    assert (ended.returncode, ended.stdout, echoing.asked()) == (2, "", [])
    assert "specs/a.yaml:1:8: no key for 'gpt-4.1-mini': the environment variable OPENAI_API_KEY is not" in ended.stderr
    assert "specs/b.yaml:1:" in ended.stderr
    assert "MY_KEY is not set" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_key_is_not_asked_for_where_everything_is_recorded(recorded, echoing):
    """A recorded conversation whose difference shows later is that turn's error, naming the variable."""
    body = json.loads(spec(echoing.base_url, "one", "zwei", api_key_env="MY_KEY"))
    recorded.write("convrun.toml", f"base_urls = [{json.dumps(echoing.base_url)}]\n")
    recorded.write(SPEC, json.dumps(body))
    result = recorded.one(record="new_episodes")
    assert [turn.verdict for turn in result.turns] == ["passed", "error"]
    assert "MY_KEY is not set" in result.turns[1].error.message
    assert echoing.asked() == []


def test_a_spec_alone_sends_no_key_away(project, echoing):
    """A key for an address that only the spec names is refused before anything is sent; others allow it."""
    project.write(SPEC, spec(echoing.base_url, "one", api_key_env="OPENAI_API_KEY"))
    refused = project.cli("run", "--record", "all", **KEYED)
    assert (refused.returncode, echoing.requests) == (2, [])
    assert "may not go to" in refused.stderr
    assert SPEC in refused.stderr
    assert KEY not in refused.stderr
    assert project.one(record="all", environ=KEYED, base_url=echoing.base_url).verdict == "passed"
    project.write("convrun.toml", f"base_urls = [{json.dumps(echoing.base_url)}]\n")
    assert project.one(record="all", environ=KEYED).verdict == "passed"
    project.write("convrun.toml", "")
    for variable in ("CONVRUN_BASE_URLS", "OPENAI_BASE_URL"):
        named = {**KEYED, variable: echoing.base_url}
        assert project.one(record="all", environ=named).verdict == "passed"
    sent = [request.headers.get("authorization") for request in echoing.requests]
    assert sent == [f"Bearer {KEY}"] * 4


def test_a_key_that_nobody_named_stays_at_home(project, echoing):
    """A base URL of a spec gets requests, and no key at all."""
    project.write(SPEC, spec(echoing.base_url, "one"))
    assert project.one(record="all", environ=KEYED).verdict == "passed"
    assert KEY not in str(echoing.requests)
    assert "authorization" not in echoing.requests[0].headers


def test_a_write_that_fails_at_the_end_hides_nothing(project, loopback):
    """Where the cassette's place is taken meanwhile, the turns are shown, paid for and judged; the error is added."""
    project.write(
        "desk.py",
        f"""
        from pathlib import Path

        def take() -> str:
            Path({str(project.root / CASSETTE)!r}).mkdir()
            return "taken"
        """,
    )
    body = json.loads(spec(loopback.base_url, "taken"))
    project.write(SPEC, json.dumps({**body, "tools": ["desk:take"]}))
    loopback.says(reply(calls={"take": {}}), echo)
    run = project.run(record="all")
    (result,) = run.conversations
    assert (run.exit_code, result.verdict, result.live_calls) == (4, "error", 2)
    assert (result.error.type, result.error.where.file) == ("CassetteError", CASSETTE)
    assert [(turn.verdict, turn.reply) for turn in result.turns] == [("passed", "taken")]
    assert [check.verdict for check in result.turns[0].checks] == ["passed"]
    assert [path.name for path in (project.root / "cassettes").iterdir()] == ["a.yaml"]


def test_turns_survive_a_hook_that_raises_at_the_end(project, loopback):
    """What follows a hook's yield may fail: the conversation is an error, and its recording and its turns are kept."""
    project.write("desk.py", "def hook(conversation):\n    yield\n    raise ValueError('too late')\n")
    body = json.loads(spec(loopback.base_url, "one"))
    project.write(SPEC, json.dumps({**body, "hooks": {"before_conversation": "desk:hook"}}))
    loopback.says(echo)
    result = project.one(record="all")
    assert (result.verdict, result.error.type, result.live_calls) == ("error", "HookError", 1)
    assert [turn.reply for turn in result.turns] == ["one"]
    assert (project.root / CASSETTE).is_file()
    replayed = project.one()
    assert (replayed.verdict, [turn.reply for turn in replayed.turns]) == ("error", ["one"])
