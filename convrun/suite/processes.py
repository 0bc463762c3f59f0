"""Several conversations at once in processes: for replay, which computes; each is safe from the others' code."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import monotonic

from convrun.errors import ProcessEndedError
from convrun.results import ConversationResult
from convrun.run.playing.conversation import blank_result
from convrun.run.problems import problem
from convrun.suite.agenda import TICK, Agenda
from convrun.suite.hearing import INTERRUPTING
from convrun.suite.playing import Outcome, Play
from convrun.suite.worker import INTERRUPTED, MakePlay, work

_GRACE = 2.0  # seconds that a process gets to end by itself


class Worker:
    """The parent's side of one child; `index` is the conversation that it plays."""

    def __init__(self, method: str, make: MakePlay, others: list[Connection]) -> None:
        context = multiprocessing.get_context(method)
        self.index: int | None = None
        self.pipe, theirs = context.Pipe()
        # What a fork copies of the parent's ends is closed there; a new interpreter gets none of them.
        copied = [*others, self.pipe] if method == "fork" else []
        new: type[BaseProcess] = context.Process  # type: ignore[attr-defined]  # every one has it
        self.process = new(target=work, args=(theirs, copied, make), name="convrun-job")
        if method == "spawn":  # what this starts would let interruptions through again
            resource_tracker.ensure_running()
        with _interruptions_held():
            self.process.start()
        theirs.close()

    def begin(self, index: int) -> None:
        """Have it play a conversation; a child that is gone by then is found out while waiting."""
        self.index = index
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(index)

    def outcome(self, patience: float = 0.0) -> Outcome | str | None:
        """Return what it sent, or sends within so many seconds; None where it ended instead."""
        try:
            return self.pipe.recv() if self.pipe.poll(patience) else None
        except (EOFError, ConnectionResetError):
            return None

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        self.process.join(_GRACE)
        code = self.process.exitcode
        if code is None:
            return "has closed its connection to convrun"
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"

    def interrupt(self) -> None:
        """Have it end what it plays, as Ctrl-C would."""
        if self.process.pid is not None and self.process.is_alive() and sys.platform != "win32":
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGINT)

    def dismiss(self) -> None:
        """Have it end when it has played what it plays."""
        with suppress(OSError):
            self.pipe.send(None)

    def end(self, grace: float) -> None:
        """Wait for its end for so many seconds, then make it end."""
        self.process.join(grace)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()
        self.process.close()


def in_processes(agenda: Agenda, play: Play, anew: MakePlay | None, jobs: int) -> None:
    """Work the agenda off with so many processes; the death of one is an error of the conversation it played.

    Processes are forks that `play`, where that is safe. Elsewhere they are new ones, and `anew` gives them what to do.

    Raises:
        KeyboardInterrupt: where this process or a conversation was interrupted. No process is left then.
    """
    method, make = ("fork", lambda: play) if anew is None or can_fork() else ("spawn", anew)
    workers: list[Worker] = []
    try:
        while True:
            while sum(worker.index is not None for worker in workers) < jobs and (index := agenda.next()) is not None:
                _idle(workers, method, make).begin(index)
            if all(worker.index is None for worker in workers):
                break
            agenda.show()
            _take(agenda, workers)
    except BaseException:
        _interrupt(agenda, workers)
        raise
    finally:
        _end(workers)


def _idle(workers: list[Worker], method: str, make: MakePlay) -> Worker:
    """A worker that has nothing to do, a new one where there is none; those that ended meanwhile are taken away."""
    for worker in [worker for worker in workers if worker.index is None]:
        if worker.process.is_alive():
            return worker
        workers.remove(worker)
        worker.end(0)
    workers.append(Worker(method, make, [worker.pipe for worker in workers]))
    return workers[-1]


def _take(agenda: Agenda, workers: list[Worker]) -> None:
    """Wait for conversations to end, for a moment, and take what came of them; a dead worker is taken away."""
    busy = [worker for worker in workers if worker.index is not None]
    ready = wait([one for worker in busy for one in (worker.pipe, worker.process.sentinel)], TICK)
    for worker in busy:
        # A process of a tool's own that lives on holds the pipe and the sentinel open: the system is asked as well.
        if worker.index is None or not (
            worker.pipe in ready or worker.process.sentinel in ready or not worker.process.is_alive()
        ):
            continue
        outcome = worker.outcome()
        if outcome == INTERRUPTED:
            raise KeyboardInterrupt
        index, worker.index = worker.index, None
        if outcome is None:
            outcome = _ended(agenda, index, worker.ending)
            workers.remove(worker)
            worker.end(0)
        assert not isinstance(outcome, str)
        agenda.done(index, outcome)


def _ended(agenda: Agenda, index: int, ending: str) -> ConversationResult:
    """The result of a conversation whose process is gone."""
    bound = agenda.conversations[index]
    error = ProcessEndedError(
        f"the process that ran it {ending}", fix="look at its tools, hooks and checks: their code runs in that process"
    )
    found = problem(error, bound.planned.where)
    return replace(blank_result(bound), verdict="error", error=found, duration_s=agenda.age(index))


def _interrupt(agenda: Agenda, workers: list[Worker]) -> None:
    """End what is played, and take what was over by then."""
    for worker in workers:
        worker.interrupt()
    late = monotonic() + _GRACE
    for worker in workers:
        outcome = worker.outcome(max(late - monotonic(), 0)) if worker.index is not None else None
        if worker.index is not None and isinstance(outcome, ConversationResult):
            agenda.done(worker.index, outcome)


def _end(workers: list[Worker]) -> None:
    """Let all end; whoever has not within a moment is killed, and at once where a second Ctrl-C comes."""
    late = monotonic() + _GRACE
    for worker in workers:
        worker.dismiss()
    for worker in workers:
        try:
            worker.end(max(late - monotonic(), 0))
        except KeyboardInterrupt:
            late = 0.0
            worker.end(0)


@contextmanager
def _interruptions_held() -> Iterator[None]:
    """Let what interrupts wait in this block: a child that is about to begin would not know yet what to do."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def can_fork() -> bool:
    """Return whether a copy of this process works: on macOS libraries break, and other threads are not copied."""
    if not hasattr(os, "fork") or sys.platform == "darwin" or threading.active_count() > 1:
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1  # a library's own threads are seen here only
    except OSError:
        return True
