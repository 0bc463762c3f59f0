"""Time limits: a tool that does not return ends the turn."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
from scripted_models import calls, says, scripted

import convrun as llm

SHORT = 0.05


def chain_with(tool, seconds=SHORT):
    """Return a chain in which the model calls `tool`."""
    model, _ = scripted(calls((tool.__name__, {})), says("done"))
    return model.conversation(tools=[tool], tool_timeout=seconds).chain("go")


def sleeps():
    """Sleep too long."""
    time.sleep(30)


def loops():
    """Compute too long."""
    while True:
        pass


def swallows():
    """Sleep too long and swallow exceptions."""
    while True:
        with suppress(Exception):
            time.sleep(30)


def swallows_more():
    """Swallow even the alarm, and return late."""
    for _ in range(2):
        with suppress(BaseException):
            time.sleep(30)
    return "late"


async def sleeps_async():
    """Sleep too long in a loop."""
    await asyncio.sleep(30)


@pytest.mark.parametrize("tool", [sleeps, loops, swallows, swallows_more, sleeps_async])
def test_a_tool_that_does_not_return_ends_the_turn(tool):
    """A tool past its time is a ToolTimeoutError out of the chain, even where it swallows exceptions."""
    began = time.monotonic()
    with pytest.raises(llm.ToolTimeoutError, match=f"tool '{tool.__name__}' did not return within 0.05 s"):
        chain_with(tool).text()
    assert time.monotonic() - began < 20  # of 30


def test_in_other_threads_a_tool_is_abandoned():
    """Off the main thread the limit holds as well."""
    caught = []

    def work():
        try:
            chain_with(sleeps).text()
        except llm.ToolTimeoutError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(5)
    assert len(caught) == 1


def test_in_other_threads_results_and_errors_come_back():
    """Off the main thread a tool in time gives its result, or its error."""
    results = []

    def fine() -> str:
        return "fine"

    def broken() -> str:
        raise ValueError("broken")

    def work():
        for tool in (fine, broken):
            chain = chain_with(tool, 5)
            chain.text()
            results.extend(result.output for result in chain.tool_results())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert results == ["fine", "Error: broken"]


def test_handler_and_timer_are_put_back():
    """After a tool, in time or not, the signal handler and a running timer are those from before."""
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_given: rung.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)

        def fine() -> str:
            return "fine"

        assert chain_with(fine).text() == "done"
        with pytest.raises(llm.ToolTimeoutError):
            chain_with(sleeps).text()
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 0.2
        deadline = time.monotonic() + 5
        while not rung and time.monotonic() < deadline:
            time.sleep(0.01)
        assert rung == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


CANNOT_BE_INTERRUPTED = """
import itertools
from convrun.conversation import time_limit

def swallows_all():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass

def computes_in_c():
    sum(itertools.repeat(1))

time_limit._GRACE = 0.2
time_limit.within(0.05, "slow", {name})
"""


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("swallows_all", 4, "tool 'slow' did not return within 0.05 s, and cannot be interrupted"),
        ("computes_in_c", -signal.SIGPROF, "in computes_in_c"),
    ],
)
def test_a_tool_that_cannot_be_interrupted_ends_the_process(name, code, said):
    """A process that would hang for ever ends instead, and says which tool it was."""
    script = CANNOT_BE_INTERRUPTED.replace("{name}", name)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == code
    assert said in ended.stderr


@pytest.mark.parametrize("seconds", [1e10, 1e300])
def test_a_limit_that_no_timer_has_is_none(seconds: float):
    """A tool is called also where its limit is longer than the system can count."""
    assert [result.output for result in chain_with(at_once, seconds).tool_results()] == ["done"]


def at_once():
    """Return."""
    return "done"
