"""Which calls belong to a block: those of its context, and no others."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

import convrun
from convrun import ConversationError
from convrun.testing import cassette


def say(text):
    """Say a text to the model that repeats it."""
    return convrun.get_model("echo").prompt(text).text()


def in_thread(work):
    """What a function returns or raises in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


@pytest.mark.parametrize("record", ["all", "none"])
def test_a_thread_with_the_context_is_in_the_block(folder, record):
    """copy_context().run and asyncio.to_thread take the block along."""
    with cassette("threads.yaml", "all"):
        say("A")
        say("B")
    with cassette("threads.yaml", record) as opened:
        context = copy_context()
        assert in_thread(lambda: context.run(say, "A")) == "A"
        assert asyncio.run(asyncio.to_thread(say, "B")) == "B"
    assert opened.model_calls == 2


def test_a_plain_thread_never_goes_live(folder):
    """A thread that is in no block cannot call a model while one is open: it may be meant for the block."""
    with cassette("threads.yaml", "all"):
        say("A")
        with pytest.raises(ConversationError, match="outside of the block of a cassette that is open") as caught:
            in_thread(lambda: say("B"))
    assert "opened.inside()" in str(caught.value)
    assert in_thread(lambda: say("B")) == "B"


def test_a_plain_thread_can_join_the_block(folder):
    """inside() makes what a thread calls the block's."""

    def joined(opened):
        with opened.inside():
            return say("A")

    for record in ("all", "none"):
        with cassette("threads.yaml", record) as opened:
            assert in_thread(lambda: joined(opened)) == "A"
        assert opened.model_calls == 1


def test_a_thread_that_outlives_the_block_is_refused(folder):
    """Behind the end of the block nothing is played, recorded or sent for it."""
    with cassette("threads.yaml", "all"):
        say("A")
        context = copy_context()
    with pytest.raises(ConversationError, match=r"behind the end of the block of 'threads.yaml'"):
        context.run(say, "B")


def test_blocks_of_two_threads_do_not_mix(folder):
    """Two threads with a cassette each record and play their own at the same time."""
    barrier = threading.Barrier(2, timeout=20)

    def block(name, record):
        with cassette(f"{name}.yaml", record):
            barrier.wait()
            said = [say(f"{name} {number}") for number in range(20)]
            barrier.wait()
        return said

    for record in ("all", "none"):
        with ThreadPoolExecutor(2) as pool:
            said = list(pool.map(block, ["one", "two"], [record] * 2))
        assert said == [[f"{name} {number}" for number in range(20)] for name in ("one", "two")]
    assert "two" not in (folder / "one.yaml").read_text("utf-8")


def test_many_threads_in_one_block_are_all_recorded(folder):
    """Their calls wait for each other; the order of a replay does not matter."""
    texts = [f"text {number}" for number in range(40)]
    for record in ("all", "none"):
        with cassette("many.yaml", record) as opened, ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(copy_context().run, say, text) for text in texts]
            assert [job.result() for job in jobs] == texts
        assert opened.model_calls == 40


def test_a_model_called_by_a_tool_is_in_the_block(folder):
    """Also where the tool has a time limit and runs in a thread for it."""

    def ask(question: str) -> str:
        """Ask another model."""
        return say(f"asked {question}")

    def chained():
        model = convrun.get_model("echo")
        conversation = model.conversation(tools=[ask], tool_timeout=20)
        wanted = '{"tool_calls": [{"name": "ask", "arguments": {"question": "why"}}]}'
        return conversation.chain(wanted).text()

    for record in ("all", "none"):
        with cassette("tool.yaml", record) as opened:
            context = copy_context()
            assert in_thread(lambda: context.run(chained)) == "asked why"  # noqa: B023  (called at once)
        assert opened.model_calls == 3
