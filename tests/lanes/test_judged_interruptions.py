"""Recordings that are interrupted while checks are asked: what was paid for is kept, and asked for once."""

import os
import signal
import subprocess
import sys

import pytest
from judged_specs import CASSETTE, SPEC, judge, means, spec

from convrun.cassette.files import load
from convrun.cassette.kept.partial import read_partial

PARTIAL = f"{CASSETTE}.partial"
TURNS = (("a cat", judge("kind")), ("a dog", judge("short"), means("the dog")))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_a_killed_recording_keeps_what_a_judge_said(project, world):
    """Killed when the second judge is asked, it leaves turns and the first grade; the rest alone is asked then."""
    project.write(SPEC, spec(*TURNS))
    processes = []

    def answer(received):
        if "response_format" in received.body and "short" in received.body["messages"][-1]["content"]:
            os.kill(processes[0].pid, signal.SIGKILL)
        return world.answer(received)

    world.loopback.answers[:] = [answer]
    command = project.command("record", "-y")
    environment = project.environment(**world.environ)
    with subprocess.Popen(
        command, cwd=project.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        processes.append(process)
        process.communicate(timeout=60)
    assert [one.lane for one in read_partial(project.root / PARTIAL).interactions] == [None, None, "judge"]
    world.asked()
    world.loopback.answers[:] = [world.answer]
    assert project.one(record="new_episodes", environ=world.environ).verdict == "passed"
    assert world.asked() == ["judge", "means the dog", "means You said a dog"]
    assert not (project.root / PARTIAL).exists()
    assert project.one().verdict == "passed"


def test_a_recording_that_breaks_off_again_keeps_older_grades(recorded, world):
    """What a partial recording has of lanes is in the one that takes its place."""
    recorded.write(SPEC, spec(*TURNS, ("a bird",)))
    ill = {"error": {"message": "no"}}

    def until(text):
        def answer(received):
            if "messages" in received.body and text in received.body["messages"][-1]["content"]:
                return {"choices": [], **ill}
            return world.answer(received)

        world.loopback.answers[:] = [answer]

    until("a bird")
    assert recorded.one(record="new_episodes", environ=world.environ).verdict == "error"
    world.loopback.answers[:] = [world.answer]
    world.asked()
    found = recorded.one(record="new_episodes", environ=world.environ)
    assert found.verdict == "passed"
    assert world.asked() == ["model"]
    lanes = [one.lane for one in load(recorded.root / CASSETTE, CASSETTE).interactions]
    assert lanes == [None, None, None, "judge", "judge", "means", "means"]


def test_from_scratch_a_judge_is_asked_anew(recorded, world):
    """`--record all` takes no grade from the cassette."""
    assert recorded.one(record="all", environ=world.environ).live_calls == 6
    assert world.asked().count("judge") == 2
