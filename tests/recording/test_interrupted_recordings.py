"""Recordings that end early, and two at once: the old cassette stays, and nothing hinders the next recording."""

import json
import signal
import subprocess
import sys
import threading

import pytest
from live_specs import CASSETTE, SPEC, echo, files, spec

WAIT = 30  # seconds


@pytest.fixture
def stuck(loopback):
    """A server whose model answers the first message, and falls silent at `wait`; `reached` is set by then."""
    loopback.reached, loopback.go_on = threading.Event(), threading.Event()

    def answer(received):
        if received.body["messages"][-1]["content"] == "wait":
            loopback.reached.set()
            loopback.go_on.wait(WAIT)
        return echo(received)

    loopback.says(answer)
    yield loopback
    loopback.go_on.set()


@pytest.fixture
def begun(project, stuck, started):
    """Begins a process that records, and returns it when it has come to where the model is silent."""

    def begin(*arguments):
        process = started(
            project.command(*arguments),
            cwd=project.root,
            env=project.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert stuck.reached.wait(WAIT)
        return process

    return begin


def recorded(project, stuck):
    """Record two turns, then let the spec say something that the model will not answer; return the files."""
    project.write(SPEC, spec(stuck.base_url, "one", "two", timeout="60s"))
    project.record()
    project.write(SPEC, spec(stuck.base_url, "one", "wait", "three", timeout="60s"))
    return files(project.root)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("exists", [False, True], ids=["missing", "recorded"])
def test_an_interrupted_recording_can_be_begun_again(project, stuck, begun, locks, ending, exists):
    """After Ctrl-C or kill -9 the cassettes are as they were, and the next recording asks for the rest alone."""
    before = recorded(project, stuck)
    if not exists:
        (project.root / CASSETTE).unlink()
        (project.root / "cassettes").rmdir()
        before = files(project.root)
    process = begun("record")
    process.send_signal(ending)
    _, stderr = process.communicate(timeout=WAIT)
    assert process.returncode == (130 if ending is signal.SIGINT else -ending)
    assert "Traceback" not in stderr
    after = files(project.root)
    assert (after.pop(f"{CASSETTE}.partial", None) is None) is exists  # the cassette holds the first answer
    assert after == before
    if ending is signal.SIGINT:
        assert files(locks) == {}

    stuck.go_on.set()
    again = project.one(record="new_episodes")
    assert (again.verdict, again.live_calls) == ("passed", 2)
    assert files(locks) == {}
    assert list(files(project.root / "cassettes")) == ["a.yaml"]
    assert project.one().verdict == "passed"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_that_ends_no_wait_is_heard(project, stuck, begun, locks, ending):
    """A signal in the moment before the wait for a reply ends it; here another thread of the process takes it."""
    project.write(
        "desk.py",
        f"""
        import signal, threading, time
        from pathlib import Path
        def take():
            while not Path("now").exists():
                time.sleep(0.05)
            signal.pthread_kill(threading.get_ident(), {ending.value})
        def watch(conversation):
            threading.Thread(target=take, daemon=True).start()
        """,
    )
    model = {"name": "m", "base_url": stuck.base_url, "timeout": "60s"}
    hooks = {"before_conversation": "desk:watch"}
    project.write(SPEC, json.dumps({"model": model, "hooks": hooks, "turns": [{"user": "wait"}]}))
    process = begun("record")
    (project.root / "now").touch()
    stdout, stderr = process.communicate(timeout=WAIT / 2)  # sooner than the model says something
    assert (process.returncode, stderr) == (130, "")
    assert "interrupted" in stdout
    assert files(locks) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_what_was_finished_before_an_interruption_is_kept_and_reported(project, stuck, begun):
    """Ctrl-C in the second conversation leaves the first one's cassette and result."""
    project.write("specs/a.yaml", spec(stuck.base_url, "one", timeout="60s"))
    project.write("specs/b.yaml", spec(stuck.base_url, "wait", timeout="60s"))
    process = begun("record", "--report", "json")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=WAIT)
    result = json.loads(stdout)
    assert (process.returncode, result["exit_code"], result["interrupted"]) == (130, 130, True)
    assert [one["verdict"] for one in result["conversations"]] == ["passed"]
    assert "interrupted" in stderr
    assert list(files(project.root / "cassettes")) == ["a.yaml"]
    assert project.one("specs/a.yaml").verdict == "passed"


def test_the_second_recording_of_a_cassette_is_refused(project, stuck, begun, locks):
    """While one process records, another gets one clear error before it sends anything; the first one's work counts."""
    recorded(project, stuck)
    process = begun("record")
    requests = len(stuck.requests)
    other = project.run(record="all")
    (refused,) = other.conversations
    error = refused.error or refused.turns[0].error
    assert (other.exit_code, refused.verdict) == (4, "error")
    assert (error.message, error.where.file) == ("another process is recording this cassette", CASSETTE)
    assert "--cassettes" in error.fix
    assert len(stuck.requests) == requests
    assert project.run().exit_code == 3  # reading is not hindered
    stuck.go_on.set()
    process.communicate(timeout=WAIT)
    assert process.returncode == 0
    assert project.one().verdict == "passed"
    assert files(locks) == {}
