"""Several conversations at once in threads: for live calls, which wait, and whose pace is kept for all of them."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeAlias

from convrun.cassette.kept.claims import give_up_all
from convrun.suite.agenda import TICK, Agenda
from convrun.suite.playing import Outcome, Play

_Done: TypeAlias = tuple[int, Outcome | BaseException]


def in_threads(agenda: Agenda, play: Play, jobs: int) -> None:
    """Work the agenda off with so many threads. This one begins nothing itself, so that it hears of an interruption.

    Where this is left early, what is still running is left alone: it can wait for a reply for long. It keeps no
    cassette any more.

    Raises:
        BaseException: what ended a conversation and is no outcome, as KeyboardInterrupt.
    """
    todo: SimpleQueue[int | None] = SimpleQueue()
    done: SimpleQueue[_Done] = SimpleQueue()
    running = started = 0
    try:
        while True:
            while running < jobs and (index := agenda.next()) is not None:
                if running == started:
                    Thread(target=_work, args=(todo, done, play), name="convrun-job", daemon=True).start()
                    started += 1
                todo.put(index)
                running += 1
            if not running:
                break
            agenda.show()
            running -= _taken(agenda, done)
    except BaseException:
        give_up_all()
        with suppress(Empty):
            while True:  # what was over by then
                index, outcome = done.get(timeout=TICK)
                if not isinstance(outcome, BaseException):
                    agenda.done(index, outcome)
        raise
    finally:
        for _ in range(started):
            todo.put(None)


def _taken(agenda: Agenda, done: SimpleQueue[_Done]) -> int:
    """Wait for a conversation to end, for a moment, and return how many have."""
    try:
        index, outcome = done.get(timeout=TICK)
    except Empty:
        return 0
    if isinstance(outcome, BaseException):
        raise outcome
    agenda.done(index, outcome)
    return 1


def _work(todo: SimpleQueue[int | None], done: SimpleQueue[_Done], play: Play) -> None:
    """Play what is to be done until there is no more."""
    while (index := todo.get()) is not None:
        try:
            done.put((index, play(index)))
        except BaseException as error:  # noqa: BLE001  # handed over to the thread that waits, whatever it is
            done.put((index, error))
