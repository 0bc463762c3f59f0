"""What was paid for is kept: the next recording asks for the rest alone, whatever ended the one before."""

import json
import os
import signal
import subprocess
import sys

import pytest
from live_specs import CASSETTE, SPEC, echo, files, spec
from servers import Answer, reply

from convrun.cassette.kept.partial import read_partial
from convrun.run.planning.options import Rehearsal

PARTIAL = f"{CASSETTE}.partial"
USERS = ["one", "two", "three", "four", "five", "six", "seven", "eight"]


def refusing(text):
    """A model that repeats what it hears, and is overloaded when it hears this."""

    def answer(received):
        said = received.body["messages"][-1]["content"]
        return Answer(status=503, body={"error": "overloaded"}) if said == text else echo(received)

    return answer


@pytest.mark.parametrize("arguments", [["record"], ["record", "--all"], ["run", "--record", "once"]])
def test_an_error_at_turn_seven_keeps_six_turns(project, echoing, arguments):
    """The run ends with 4, says how many calls are kept and how it goes on; the next one asks for two."""
    project.write(SPEC, spec(echoing.base_url, *USERS))
    echoing.answers[:] = [refusing("seven")]
    ended = project.cli(*arguments, "--report", "json")
    assert ended.returncode == 4
    (result,) = json.loads(ended.stdout)["conversations"]
    fix = "not the request; the 6 calls answered so far are kept: `convrun record` goes on from there"
    assert (
        result["turns"][6]["error"]["fix"] == result["error"]["fix"] == f"try again later; the provider failed, {fix}"
    )
    assert fix in ended.stderr
    assert len(read_partial(project.root / PARTIAL).interactions) == 6
    assert echoing.asked() == USERS[:7]

    echoing.answers[:] = [echo]
    ended = project.cli(*arguments, "--report", "json")
    (result,) = json.loads(ended.stdout)["conversations"]
    assert (ended.returncode, result["verdict"], result["live_calls"]) == (0, "passed", 2)
    assert echoing.asked() == USERS[6:]
    assert list(files(project.root / "cassettes")) == ["a.yaml"]
    assert project.one().verdict == "passed"


def test_a_run_that_does_not_record_never_reads_one(project, echoing):
    """What is not a finished conversation is no recording: `run` calls it missing, and leaves it."""
    project.write(SPEC, spec(echoing.base_url, *USERS))
    echoing.answers[:] = [refusing("seven")]
    project.run(record="all")
    before = files(project.root)
    assert project.one().verdict == "missing"
    assert files(project.root) == before


def test_the_same_error_again_says_what_to_do(project, echoing):
    """Where a kept answer leads to the same end each time, the file is named whose removal asks anew."""
    project.write("desk.py", "def look(word: str) -> str:\n    return word\n")
    body = json.loads(spec(echoing.base_url, "first"))
    project.write(SPEC, json.dumps({**body, "tools": ["desk:look"], "hooks": {"after_call": "desk:hook"}}))
    project.write(
        "desk.py",
        "def look(word: str) -> str:\n    return word\n\ndef hook(tool, call, result):\n    raise ValueError\n",
    )
    echoing.answers[:] = [lambda _: reply(calls={"look": {"word": "a"}}), echo]
    first = project.one(record="all").error
    assert first.fix.endswith("the call answered so far is kept: `convrun record` goes on from there")
    again = project.one(record="all").error
    assert again.fix.endswith(f"the call answered so far is played from {PARTIAL}: remove that to ask anew")
    assert len(echoing.requests) == 1
    (project.root / PARTIAL).unlink()
    project.write(
        "desk.py", "def look(word: str) -> str:\n    return word\n\ndef hook(tool, call, result):\n    pass\n"
    )
    assert project.one(record="all").live_calls == 1  # the model only repeats now


FILLING = """
import resource
import signal
from pathlib import Path

def fill() -> str:
    room = Path("{partial}").stat().st_size + {room}
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    return "full"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize("room", [0, 100])
def test_a_full_disk_stops_before_more_is_paid(project, echoing, room):
    """One answer cannot be kept: no further call is made; what is there is whole, and the rest is asked later."""
    project.write("desk.py", FILLING.format(partial=PARTIAL, room=room))
    body = json.loads(spec(echoing.base_url, *USERS))
    body["turns"][2] = {"user": "fill"}
    project.write(SPEC, json.dumps({**body, "tools": ["desk:fill"]}))

    def answer(received):
        last = received.body["messages"][-1]
        return reply(calls={"fill": {}}) if last["role"] == "user" and last["content"] == "fill" else echo(received)

    echoing.answers[:] = [answer]
    ended = project.cli("record")
    assert ended.returncode == 4, ended.stdout + ended.stderr
    assert "cannot be written: file too large; the call that was just answered could not be kept" in ended.stdout
    assert "make room on the disk" in ended.stdout
    assert "folder writable" not in ended.stdout
    assert "the 3 calls answered so far are kept" in ended.stdout
    assert echoing.asked() == ["one", "two", "fill", "full"]  # the last one's answer found no room
    content = (project.root / PARTIAL).read_bytes()
    assert content.endswith(b"\n")
    assert len(read_partial(project.root / PARTIAL).interactions) == 3
    assert list(files(project.root / "cassettes")) == ["a.yaml.partial"]

    project.write("desk.py", "def fill() -> str:\n    return 'full'\n")
    assert project.cli("record").returncode == 0
    assert echoing.asked() == ["full", *USERS[3:]]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_signals_keep_what_was_answered(project, echoing, ending):
    """A process that is asked to end leaves what was answered, and the next one asks for the rest."""
    project.write(SPEC, spec(echoing.base_url, *USERS, timeout="60s"))
    hearing = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    processes = []

    def answer(received):
        if received.body["messages"][-1]["content"] == "five":
            os.kill(processes[0].pid, ending)
            return Answer(delay=20)
        return echo(received)

    echoing.answers[:] = [answer]
    command = [sys.executable, "-c", hearing, *project.command("record")]
    with subprocess.Popen(
        command, cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        processes.append(process)
        process.communicate(timeout=60)
    assert len(read_partial(project.root / PARTIAL).interactions) == 4
    echoing.asked()
    echoing.answers[:] = [echo]
    assert project.one(record="new_episodes").verdict == "passed"
    assert echoing.asked() == USERS[4:]


def test_a_folder_in_its_place_is_said_and_put_aside(project, echoing):
    """What is no partial recording hinders nothing: it is moved away, and a line says so."""
    project.write(SPEC, spec(echoing.base_url, "one"))
    (project.root / PARTIAL / "mine").mkdir(parents=True)
    ended = project.cli("record")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{PARTIAL} cannot be read: is a directory; it is put aside" in ended.stderr
    assert (project.root / "cassettes/a.yaml.1.partial/mine").is_dir()
    assert "put aside" not in project.cli("record").stderr


def test_a_damaged_one_is_said_and_used_as_far_as_it_is_whole(project, echoing):
    """A line names the file and the line that is damaged; what is before it is not asked again."""
    project.write(SPEC, spec(echoing.base_url, *USERS))
    echoing.answers[:] = [refusing("seven")]
    project.run(record="all")
    path = project.root / PARTIAL
    path.write_bytes(path.read_bytes().replace(b'"three"', b'"threw"', 1))
    echoing.asked()
    echoing.answers[:] = [echo]
    ended = project.cli("record")
    assert ended.returncode == 0
    assert f"{PARTIAL} is damaged in line 4: what was answered up to there is used" in ended.stderr
    assert echoing.asked() == USERS[2:]


def test_models_of_our_own_leave_none(project):
    """What costs nothing is not kept: a script that ends early leaves nothing but the old files."""
    project.write(SPEC, "model: {script: [{reply: one}]}\nturns: [{user: Hi}, {user: Ho}]\n")
    assert project.one(record="all").verdict == "error"
    assert not (project.root / "cassettes").exists()


def test_a_rehearsal_only_reads(project, echoing):
    """On paper nothing is written or locked; with the tools only what was answered to its end becomes the cassette."""
    project.write(SPEC, spec(echoing.base_url, *USERS))
    echoing.answers[:] = [refusing("seven")]
    project.run(record="all")
    before = files(project.root)
    for rehearsal in Rehearsal:
        result = project.one(record="new_episodes", rehearsal=rehearsal)
        assert (result.verdict, result.stale.turn, result.live_calls) == ("stale", 7, 0)
        assert files(project.root) == before
    echoing.asked()
    project.write(SPEC, spec(echoing.base_url, *USERS[:6]))
    result = project.one(record="new_episodes", rehearsal=Rehearsal.ON_PAPER)
    assert (result.verdict, result.live_calls) == ("unchecked", 0)
    assert (project.root / PARTIAL).exists()
    assert project.one(record="new_episodes", rehearsal=Rehearsal.WITH_TOOLS).verdict == "passed"
    assert list(files(project.root / "cassettes")) == ["a.yaml"]
    assert project.one().verdict == "passed"
    assert echoing.asked() == []


@pytest.fixture
def clocked(project, echoing):
    """A recorded conversation of four turns, whose model is asked again and breaks off at the second call."""
    project.write(SPEC, spec(echoing.base_url, *USERS[:4]))
    project.record()
    echoing.answers[:] = [refusing("two")]
    project.cli("record", "--all")
    echoing.answers[:] = [echo]
    echoing.asked()
    return project


def test_a_recording_from_scratch_goes_on_beside_a_cassette_that_could_answer(clocked, echoing):
    """What is kept equals what the cassette says, and still the rest is asked anew; status and quote say so."""
    said = clocked.cli("status").stdout
    assert "partial   1 conversation, a recording from scratch broke off, 1 call is kept: specs/a.yaml" in said
    assert "recording takes 3 model calls" in said
    done = clocked.cli("record")
    assert (
        "  a recording from scratch broke off in turn 2, 1 call is kept: 3 model calls in 1 conversation" in done.stdout
    )
    assert (done.returncode, echoing.asked()) == (0, USERS[1:4])
    assert list(files(clocked.root / "cassettes")) == ["a.yaml"]


def test_a_recording_from_scratch_of_other_questions_leaves_the_cassette_to_answer(clocked, echoing):
    """It does not hold the first request: the cassette alone counts."""
    clocked.write(SPEC, spec(echoing.base_url, "other", *USERS[1:4]))
    clocked.cli("record", "--all")  # whole
    echoing.answers[:] = [refusing("one")]
    clocked.write(SPEC, spec(echoing.base_url, "zero", *USERS[:4]))
    clocked.cli("record", "--all")
    clocked.write(SPEC, spec(echoing.base_url, "other", *USERS[1:4]))
    assert "fresh     1 conversation" in clocked.cli("status").stdout
    echoing.asked()
    done = clocked.cli("record")
    assert (done.returncode, echoing.asked()) == (0, [])


def test_the_reason_is_that_a_recording_broke_off(project, echoing):
    """A cassette of two turns, a spec of eight, of which the last ones were not answered: no turn is called new."""
    project.write(SPEC, spec(echoing.base_url, *USERS[:2]))
    project.record()
    project.write(SPEC, spec(echoing.base_url, *USERS))
    echoing.answers[:] = [refusing("six")]
    project.cli("record")
    echoing.answers[:] = [echo]
    said = project.cli("record").stdout
    assert "  a recording broke off in turn 6, 5 calls are kept: 3 model calls in 1 conversation" in said
    assert "is new" not in said


@pytest.mark.parametrize("only", ["stale", "missing", "failed"])
def test_what_broke_off_makes_none_stale_where_only_some_are_recorded(clocked, echoing, only):
    """A conversation that passes by its cassette is left alone, and so is what is kept."""
    done = clocked.cli("record", "--only", only)
    assert (done.returncode, echoing.asked()) == (0, [])
    assert "passed     specs/a.yaml" in done.stdout
    assert (clocked.root / PARTIAL).exists()


def test_only_failed_goes_on_by_itself(clocked, echoing):
    """It is from scratch, and what it had before it broke off is not asked again."""
    (clocked.root / PARTIAL).unlink()
    clocked.edit(SPEC, '"equals": "four"', '"equals": "five"')
    echoing.answers[:] = [refusing("three")]
    assert clocked.cli("record", "--only", "failed").returncode == 4
    echoing.answers[:] = [echo]
    echoing.asked()
    done = clocked.cli("record", "--only", "failed")
    assert "  a recording from scratch broke off in turn 3, 2 calls are kept: 2 model calls" in done.stdout
    assert (done.returncode, echoing.asked()) == (1, USERS[2:4])


def test_only_stale_is_quoted_and_recorded_with_what_is_kept(project, echoing):
    """The cassette is judged alone, and what was paid for behind it is not asked again."""
    project.write(SPEC, spec(echoing.base_url, *USERS[:2]))
    project.record()
    project.write(SPEC, spec(echoing.base_url, "one", "deux", "three", "four"))
    echoing.answers[:] = [refusing("three")]
    project.cli("record", "--only", "stale")
    echoing.answers[:] = [echo]
    echoing.asked()
    done = project.cli("record", "--only", "stale")
    assert "  a recording broke off in turn 3, 2 calls are kept: 2 model calls" in done.stdout
    assert (done.returncode, echoing.asked()) == (0, ["three", "four"])
