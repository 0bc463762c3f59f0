"""Several conversations recorded at once: the cassettes of one after the other, in a fraction of the time."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time

import pytest
from jobs_projects import begun, until
from live_specs import KEYED, echo, files, spec
from servers import Answer, reply

from convrun.cassette.kept.claims import Claim

CALL = {"lookup": {"city": "Rome"}}
TOOLS = """
import socket
import time

def lookup(city: str) -> str:
    print("a tool prints")
    time.sleep(0.02)
    return f"sunny in {city}"

def hangs() -> str:
    time.sleep(60)

def reaches() -> str:
    socket.create_connection(("192.0.2.1", 9), timeout=1)

def interrupts() -> str:
    raise KeyboardInterrupt
"""


def large(project, base_url, specs=8, cases=8):
    """A project of conversations of two turns with a tool, and an answer for each case."""
    project.write("desk.py", TOOLS)
    rows = ", ".join(f"{{id: c{number}, number: {number}}}" for number in range(cases))
    for number in range(specs):
        project.write(
            f"specs/{number}.yaml",
            f"""
            model: {{name: gpt-4.1-mini, base_url: '{base_url}', stream: {"true" if number % 2 else "false"}}}
            tools: ['desk:lookup']
            cases: [{rows}]
            turns:
            - {{user: 'weather {number}.{{{{ number }}}}', expect: [{{called: lookup}}]}}
            - {{user: 'thanks {number}.{{{{ number }}}}', expect: [{{contains: thanks}}]}}
            """,
        )
    return project


def guide(received):
    """What a model says that calls the tool for the first message, unless it streams, and repeats all others."""
    last = received.body["messages"][-1]
    if not received.body.get("stream") and str(last["content"]).startswith("weather"):
        return reply(calls=CALL)
    return echo(received)


def without_timings(folder):
    """The texts of all cassettes, but for what each call took."""
    return {name: re.sub(rb"\ntimings: .*", b"", content) for name, content in files(folder).items()}


def test_recorded_at_once_is_recorded_one_after_the_other(project, loopback):
    """64 conversations, 16 of them at once: the same cassettes but for timings, and the same results."""
    large(project, loopback.base_url)
    for number in range(1, 8, 2):  # those that are streamed are not asked to call
        project.edit(f"specs/{number}.yaml", "{called: lookup}", "{contains: weather}")
    loopback.says(guide)
    one = project.run(record="all", cassettes="one")
    asked = len(loopback.requests)
    together = threading.Barrier(16)

    def slow(received):
        if len(loopback.requests) <= asked + 16:
            together.wait(30)  # nobody is answered before all 16 have asked
        time.sleep(0.02)
        return guide(received)

    loopback.answers[:] = [slow]
    several = project.run(record="all", cassettes="several", jobs=16)
    assert {result.verdict for result in (*one.conversations, *several.conversations)} == {"passed"}
    assert [result.id for result in several.conversations] == [result.id for result in one.conversations]
    assert without_timings(project.root / "one") == without_timings(project.root / "several")
    assert len(without_timings(project.root / "several")) == 64
    assert {result.verdict for result in project.run(cassettes="several").conversations} == {"passed"}


def arrivals(loopback, answer):
    """When requests came, on this machine's clock; `answer` is given how many did before."""
    moments, lock = [], threading.Lock()

    def noting(received):
        with lock:
            moments.append(time.monotonic())
            before = len(moments) - 1
        return answer(before, received)

    loopback.says(noting)
    return moments


def test_the_rate_of_a_provider_holds_for_all_threads(project, loopback):
    """However many wait, no more requests arrive than the setting says."""
    arrived = arrivals(loopback, lambda _, received: echo(received))
    project.write("convrun.toml", "rpm = 300\n")
    for number in range(6):
        project.write(f"specs/{number}.yaml", spec(loopback.base_url, "one", "two"))
    began = time.monotonic()
    result = project.run(record="all", jobs=6)
    assert {one.verdict for one in result.conversations} == {"passed"}
    assert len(arrived) == 12
    assert all(moment - began >= number * 0.2 for number, moment in enumerate(arrived))


def test_a_429_holds_back_all_threads(project, loopback):
    """While one waits because the provider said so, no other asks."""
    told = threading.Event()

    def answer(before, received):
        if before == 0:
            return Answer(status=429, headers={"retry-after-ms": "2500"}, body={"error": {"message": "slowly"}})
        assert told.wait(60)  # the first has begun to wait, which is told of; one was on its way by then
        return echo(received)

    arrived = arrivals(loopback, answer)
    for number in range(4):
        model = {"max_retries": 2, "timeout": "60s"}
        project.write(f"specs/{number}.yaml", spec(loopback.base_url, "one", "two", **model))
    result = project.run(record="all", jobs=2, heard=lambda _: told.set())
    assert {one.verdict for one in result.conversations} == {"passed"}
    assert len(arrived) == 9
    assert all(moment - arrived[0] >= 2.5 for moment in arrived[2:])


def test_what_tools_print_in_threads_stays_out_of_the_report(project, loopback):
    """Stdout is the report, and the lines of the console come in the order of the plan."""
    loopback.says(guide)
    large(project, loopback.base_url, specs=1)
    ended = project.cli("record", "-j", "4", "--report", "json", **KEYED)
    assert ended.returncode == 0, ended.stderr
    assert [one["case"] for one in json.loads(ended.stdout)["conversations"]] == [f"c{n}" for n in range(8)]
    assert ended.stderr.count("a tool prints") == 8
    assert re.findall(r"passed     specs/0.yaml::(c\d)", ended.stderr) == [f"c{n}" for n in range(8)]


def test_limits_on_tools_hold_in_threads(project, loopback):
    """A tool that hangs is given up, one that leaves the machine on replay is refused; the others are as they were."""
    loopback.says(lambda received: reply(calls={received.body["messages"][-1]["content"]: {}})
                  if received.body["messages"][-1]["role"] == "user" else reply("done"))  # fmt: skip
    project.write("convrun.toml", "block_network = true\n")
    project.write("desk.py", TOOLS.replace("def reaches() -> str:", "def reaches() -> str:\n    return 'quiet'"))
    for name in ("hangs", "reaches", "interrupts"):
        project.write(
            f"specs/{name}.yaml",
            f"""
            model: {{name: gpt-4.1-mini, base_url: '{loopback.base_url}'}}
            tool_timeout: 100ms
            tools: ['desk:{name}']
            turns: [{{user: {name}, expect: [{{equals: done}}]}}]
            """,
        )
    assert project.one("specs/reaches.yaml", record="all").verdict == "passed"
    project.write("desk.py", TOOLS)
    result = project.run("specs/hangs.yaml", "specs/reaches.yaml", record="new_episodes", jobs=2)
    errors = [one.error.message for one in result.conversations]
    assert errors[0] == "tool 'hangs' did not return within 0.1 s"
    assert errors[1].startswith("tool 'reaches' wants to reach '192.0.2.1:9'")
    assert project.run("specs/interrupts.yaml", record="all", jobs=2).interrupted


def test_a_folder_stays_as_long_as_somebody_records_into_it(project):
    """Who gives up removes what it created only where nobody else needs it; the last one does."""
    folder = project.root / "cassettes/deep"
    first, second, third = (Claim(folder / f"{name}.yaml", shown_as=name) for name in "abc")
    first.take()
    second.take()
    first.release()
    assert folder.is_dir()
    third.take()
    second.release()
    assert folder.is_dir()
    third.release()
    assert not (project.root / "cassettes").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_an_interruption_does_not_wait_for_replies(project, loopback, locks):
    """Ctrl-C while threads hang in calls: what was finished is kept and reported, all else is as it was."""
    reached, go_on = threading.Semaphore(0), threading.Event()

    def answer(received):
        if received.body["messages"][-1]["content"] == "wait":
            reached.release()
            go_on.wait(60)
        return echo(received)

    loopback.says(answer)
    for number, text in enumerate(["one", "wait", "one", "wait", "wait"]):
        project.write(f"specs/{number}.yaml", spec(loopback.base_url, "first", text, "after", timeout="60s"))
    project.write("specs/deep/x.yaml", spec(loopback.base_url, "wait", timeout="60s"))
    try:
        with begun(project, "record", "-j", "3", "--report", "json") as process:
            for _ in range(3):
                assert reached.acquire(timeout=60)
            asked = len(loopback.requests)
            os.killpg(process.pid, signal.SIGINT)
            stdout, stderr = process.communicate(timeout=30)  # the replies hang for longer
    finally:
        go_on.set()
    assert process.returncode == 130
    result = json.loads(stdout)
    assert (result["exit_code"], result["interrupted"]) == (130, True)
    assert [one["id"] for one in result["conversations"]] == ["specs/0.yaml", "specs/2.yaml"]
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    kept = [f"{number}.yaml.partial" for number in (1, 3, 4)]  # that have one answer each
    assert sorted(files(project.root / "cassettes")) == sorted(["0.yaml", "2.yaml", *kept])
    assert not (project.root / "cassettes/deep").exists()
    assert files(locks) == {}
    assert len(loopback.requests) == asked


def test_who_waits_for_a_reply_keeps_nothing_once_the_run_is_over(project, loopback, locks):
    """A reply that comes too late is neither written nor followed by another request."""
    go_on = threading.Event()

    def answer(received):
        if received.body["messages"][-1]["content"] == "wait":
            (project.root / "reached").touch()
            go_on.wait(60)
        return echo(received)

    loopback.says(answer)
    project.write("specs/a.yaml", spec(loopback.base_url, "wait", "after", timeout="60s"))
    project.write(
        "specs/b.yaml",
        f"""
        model: {{name: gpt-4.1-mini, base_url: '{loopback.base_url}'}}
        hooks: {{before_conversation: ['desk:stops']}}
        turns: [{{user: never, expect: [{{equals: never}}]}}]
        """,
    )
    project.write("desk.py", f"import time\nfrom pathlib import Path\nMARK = Path({str(project.root / 'reached')!r})\n"
                  "def stops(conversation):\n    while not MARK.exists():\n        time.sleep(0.01)\n"
                  "    raise KeyboardInterrupt\n")  # fmt: skip
    before = set(threading.enumerate())
    assert project.run(record="all", jobs=2).interrupted
    assert files(locks) == {}
    go_on.set()
    until(lambda: not [one for one in set(threading.enumerate()) - before if one.name == "convrun-job"])
    assert [one.body["messages"][-1]["content"] for one in loopback.requests] == ["wait"]
    assert not (project.root / "cassettes").exists()
