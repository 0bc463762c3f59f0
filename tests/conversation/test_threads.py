"""Threads that share one conversation, which is not async."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

import pytest
from scripted_models import Script, says, scripted

import convrun as llm
from convrun.wire import Reply, Request


class Slow(Script):
    """Lets other threads go on before it answers."""

    def send(self, request: Request) -> Reply:
        """Return what was asked last, after a moment."""
        sleep(0.002)
        messages: Any = request.body["messages"]
        self.replies = [says(messages[-1]["content"])]
        return super().send(request)


def test_threads_take_turns() -> None:
    """Prompts of several threads are all answered, one after the other, and all of them are in the history."""
    model, _ = scripted()
    model.backend.transport = Slow()  # type: ignore[attr-defined]
    talk = model.conversation()

    def asked(number: int) -> str:
        response = talk.prompt(f"number {number}")
        return "".join(response) if number % 2 else response.text()

    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(asked, range(40)))
    assert texts == [f"number {number}" for number in range(40)]
    assert sorted(turn.prompt for turn in talk.turns) == sorted(texts)
    assert [message.role for message in talk.history] == ["user", "assistant"] * 40


@pytest.mark.parametrize("seconds", [None, 5.0])
def test_a_tool_does_not_wait_for_itself(seconds: float | None) -> None:
    """A tool that prompts its own conversation is told so, also where its time limit gives it a thread of its own."""
    told: list[BaseException] = []

    def selfish() -> str:
        """Ask the one that waits."""
        with pytest.raises(llm.ConversationError, match="waiting for it") as refused:
            talk.prompt("and?").text()
        told.append(refused.value)
        return "done"

    talk = llm.get_model("echo").conversation(tools=[selfish], tool_timeout=seconds)
    thread = threading.Thread(target=lambda: talk.chain('{"tool_calls": [{"name": "selfish"}]}').text(), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert len(told) == 1
