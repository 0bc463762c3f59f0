"""Async conversations: many at once in one event loop, one task at a time in each, and never an invalid history."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from async_models import conversation, in_loop, roles
from servers import Answer, Loopback, Received, chunk, event_stream, reply

import convrun as llm
from convrun.testing import cassette


def test_two_tasks_read_one_response(loopback: Loopback):
    """It is sent once, and both get it whole."""
    loopback.says(Answer(body=event_stream(chunk(content="a"), chunk(content="b"), chunk("stop"))))

    async def main() -> None:
        response = conversation(loopback, stream=True).prompt("hi")
        pieces = [piece async for piece in response]
        assert await asyncio.gather(response.text(), response.text()) == ["ab", "ab"]
        assert pieces == ["a", "b"]

    in_loop(main)
    assert len(loopback.requests) == 1


def test_tasks_take_turns_in_one_conversation(loopback: Loopback):
    """Prompts that are read at the same time go out one after the other, in the order they were made."""
    loopback.says(*(Answer(body=reply(text), delay=0.01) for text in "abc"))

    async def main() -> None:
        talk = conversation(loopback)
        prompts = [talk.prompt(text) for text in "123"]
        assert await asyncio.gather(*(one.text() for one in reversed(prompts))) == ["c", "b", "a"]
        assert [message.text for message in talk.history] == ["1", "a", "2", "b", "3", "c"]

    in_loop(main)


def test_a_cancelled_reading_leaves_a_valid_history(loopback: Loopback):
    """The turn is not in it, who reads it later is told, and the next prompt is valid."""
    release = threading.Event()
    loopback.says("one", Answer(body=[b"data: {}\n\n", b"data: [DONE]\n\n"], hold=release), "three")

    async def main() -> None:
        talk = conversation(loopback)
        await talk.prompt("1")
        second = talk.prompt("2", stream=True)
        reading = asyncio.create_task(second.text())
        while len(loopback.requests) < 2:
            await asyncio.sleep(0.005)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        release.set()
        with pytest.raises(llm.ConversationError, match="was cancelled before it was whole"):
            await second.text()
        assert await talk.prompt("3").text() == "three"

    in_loop(main)
    assert [message["content"] for message in loopback.requests[2].body["messages"]] == ["1", "one", "3"]


def test_who_waits_for_a_turn_can_be_cancelled(loopback: Loopback):
    """A task that waits while another drives the conversation is cancelled alone; its own prompt stays to be read."""
    loopback.says(Answer(body=reply("one"), delay=0.05), "two")

    async def main() -> None:
        talk = conversation(loopback)
        first, second = talk.prompt("1"), talk.prompt("2")
        driving = asyncio.create_task(first.text())
        waiting = asyncio.create_task(second.text())
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await driving == "one"
        assert await second.text() == "two"

    in_loop(main)


def test_a_timeout_around_a_reading_cancels_it(loopback: Loopback):
    """`asyncio.timeout` works as everywhere."""
    loopback.says(Answer(body=reply("late"), delay=5), "next")

    async def main() -> None:
        talk = conversation(loopback)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await talk.prompt("1")
        loopback.answers = [Answer(body=reply("next"))]
        assert await talk.prompt("2").text() == "next"

    in_loop(main)


def test_a_half_read_response_goes_on_from_the_same_stream(loopback: Loopback):
    """Left in the middle it can be read to its end, without another request."""
    loopback.says(Answer(body=event_stream(*(chunk(content=text) for text in "abc"), chunk("stop"))))

    async def main() -> None:
        response = conversation(loopback, stream=True).prompt("hi")
        async for piece in response:
            assert piece == "a"
            break
        assert not response.done
        assert await response.text() == "abc"

    in_loop(main)
    assert len(loopback.requests) == 1


def test_a_closed_response_is_given_up(loopback: Loopback):
    """Nothing of its turn is in the history, reading it is an error, and the conversation goes on."""
    release = threading.Event()
    loopback.says(Answer(body=[event_stream(chunk(content="a"), done=False), b""], hold=release), "two")

    async def main() -> None:
        talk = conversation(loopback, stream=True)
        response = talk.prompt("1")
        async for _ in response:
            break
        await response.close()
        await response.close()
        release.set()
        with pytest.raises(llm.ConversationError, match="closed before it was whole"):
            await response.text()
        assert await talk.prompt("2", stream=False).text() == "two"

    in_loop(main)
    assert roles(loopback)[-1] == ["user"]


def test_sixty_conversations_wait_at_the_same_time(loopback: Loopback):
    """The server answers none before all have asked."""
    everybody = threading.Barrier(60)

    def answer(received: Received) -> dict[str, Any]:
        everybody.wait(20)
        return reply(received.body["messages"][-1]["content"])

    loopback.says(answer)

    async def talk(number: int) -> list[str]:
        mine = conversation(loopback)
        return [await mine.prompt(f"{number}.{turn}").text() for turn in range(2)]

    async def main() -> None:
        found = await asyncio.gather(*map(talk, range(60)))
        assert found == [[f"{number}.0", f"{number}.1"] for number in range(60)]

    in_loop(main)


def test_a_model_serves_several_event_loops(loopback: Loopback):
    """A model and a conversation outlive the loop they were first used in."""
    loopback.says("one", "two", "three", "four")
    talk = conversation(loopback)

    async def both() -> list[str]:
        return await asyncio.gather(talk.prompt("a").text(), talk.prompt("b").text())

    assert asyncio.run(both()) == ["one", "two"]
    assert asyncio.run(both()) == ["three", "four"]


def test_two_event_loops_at_the_same_time_are_told(loopback: Loopback):
    """The second one is refused while the first waits for the model or has read half, and changes nothing."""
    release = threading.Event()
    held = Answer(body=[event_stream(chunk(content="a"), done=False), event_stream(chunk("stop"))], hold=release)
    again = Answer(body=event_stream(chunk(content="a"), chunk(content="b"), chunk("stop")))
    loopback.says(held, "to the one that was refused", again)
    talk = conversation(loopback, stream=True)
    response, read = talk.prompt("hi"), threading.Event()
    found: list[str] = []

    async def reading() -> None:
        async for piece in response:
            found.append(piece)
            read.set()

    thread = threading.Thread(target=asyncio.run, args=(reading(),))
    thread.start()
    assert read.wait(10)
    for wants in (response.text, talk.prompt("me too").text):
        with pytest.raises(llm.ConversationError, match="two event loops"):
            asyncio.run(wants())
    release.set()
    thread.join(10)
    assert (found, response.done) == (["a"], True)

    async def half() -> None:
        other = talk.prompt("half", stream=True)
        async for _ in other:
            break
        with ThreadPoolExecutor(1) as pool, pytest.raises(llm.ConversationError, match="two event loops"):
            pool.submit(asyncio.run, other.text()).result()
        assert await other.text() == "ab"

    asyncio.run(half())


def test_a_reply_does_not_outlive_its_event_loop(loopback: Loopback):
    """Begun in a loop that has ended, it is an error each time, and the conversation goes on in a new one."""
    loopback.says(Answer(body=event_stream(chunk(content="a"), chunk(content="b"), chunk("stop"))), "two")
    talk = conversation(loopback)
    response = talk.prompt("hi", stream=True)

    async def half() -> None:
        async for _ in response:
            break

    asyncio.run(half())
    for _ in range(2):
        with pytest.raises(llm.ConversationError, match="event loop that has ended"):
            asyncio.run(response.text())
    assert asyncio.run(talk.prompt("again").text()) == "two"
    assert [message.text for message in talk.history] == ["again", "two"]


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_leaving_early_leaves_nothing_behind(loopback: Loopback, *, awaited: bool):
    """A program that reads one piece and ends says nothing of open connections or coroutines."""
    release = threading.Event()
    loopback.says(Answer(body=[event_stream(chunk(content="a"), done=False), b"", b""], hold=release))
    program = (
        "import asyncio, convrun as llm\n"
        "async def main():\n"
        f"    model = llm.get_async_model('m', base_url={loopback.base_url!r})\n"
        "    async for piece in model.prompt('hi'):\n"
        "        print(piece)\n"
        "        break\n"
        "asyncio.run(main())\n"
    )
    if not awaited:
        program = program.replace("async ", "").replace("get_async_", "get_").replace("asyncio.run(main())", "main()")
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    release.set()
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\n", "")


def test_what_needs_the_whole_reply_says_so(loopback: Loopback):
    """Properties are there once the response was awaited; before, they name what to do."""
    loopback.says("hi")

    async def main() -> None:
        response = conversation(loopback).prompt("hi")
        with pytest.raises(llm.ConversationError, match="await it first"):
            _ = response.finish_reason
        assert await response is response
        assert (response.finish_reason, response.model_name, response.refusal) == ("stop", "m-2025", None)

    in_loop(main)


def test_callbacks_may_be_awaited(loopback: Loopback):
    """`on_done` takes functions and coroutines; one that prompts the conversation it is called from is told."""
    loopback.says("hi")
    heard = []

    async def main() -> None:
        talk = conversation(loopback)
        response = talk.prompt("hi")

        async def later(one: llm.AsyncResponse) -> None:
            heard.append(await one.text())
            with pytest.raises(llm.ConversationError, match="waiting for it"):
                await talk.prompt("and then?")

        await response.on_done(later)
        await response.on_done(lambda one: heard.append(one.finish_reason))
        await response.text()
        await response.on_done(lambda one: heard.append(one.id))

    in_loop(main)
    assert heard == ["hi", "stop", "chatcmpl-1"]


def test_a_reading_that_is_cancelled_in_a_callback_calls_the_others(loopback: Loopback):
    """They hear of the reply, and the cancelling gets through, also before an error that came earlier."""
    loopback.says("hi")
    heard: list[str] = []

    async def main() -> None:
        response = conversation(loopback).prompt("hi")
        waits = asyncio.Event()

        def fails(_response: llm.AsyncResponse) -> None:
            raise ValueError("told to nobody")

        async def waiting(_response: llm.AsyncResponse) -> None:
            waits.set()
            await asyncio.sleep(30)

        async def later(one: llm.AsyncResponse) -> None:
            await asyncio.sleep(0)
            heard.append(await one.text())

        for callback in (fails, waiting, later):
            await response.on_done(callback)
        reading = asyncio.create_task(response.text())
        await waits.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    in_loop(main)
    assert heard == ["hi"]


def test_an_async_model_is_recorded_and_replayed(loopback: Loopback, tmp_path: Path):
    """In the block of a cassette an async conversation is recorded, and played without a server."""
    loopback.says("one", "two")

    async def main(*, record: str) -> list[str]:
        with cassette(tmp_path / "talk.yaml", record=record):
            talk = conversation(loopback)
            return [await talk.prompt(text).text() for text in ("a", "b")]

    assert asyncio.run(main(record="once")) == ["one", "two"]
    asked = len(loopback.requests)
    assert asyncio.run(main(record="none")) == ["one", "two"]
    assert (asked, len(loopback.requests)) == (2, 2)
