"""The child's side of a run in processes: it plays what it is told to, and sends back what came of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from types import FrameType
from typing import NoReturn, TypeAlias

from convrun.frozen import frozen
from convrun.run.planning.options import RunOptions
from convrun.run.project import Request, open_project, prepare
from convrun.suite.hearing import INTERRUPTING
from convrun.suite.playing import Play, bug, playing

INTERRUPTED = "interrupted"  # what is sent instead of an outcome
_LOOK = 0.5  # seconds after which a child looks again whether its parent is there
_GRACE = 2.0  # seconds that what it plays gets to end by itself, where it is not

MakePlay: TypeAlias = Callable[[], Play]


class _Interruption:
    """What such a signal does in a child: it ends what is played, once; at other moments the parent says what to do."""

    def __init__(self) -> None:
        self.playing = False
        self._process = os.getpid()

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._process and number != signal.SIGINT:  # a process of a tool's own, which ends it
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif self.playing:
            self.playing = False
            raise KeyboardInterrupt


def work(pipe: Connection, others: Iterable[Connection], make: MakePlay) -> None:
    """Play the conversations whose indexes come through the pipe, until None comes or the parent is gone.

    `others` are the parent's ends of pipes that a fork has copied: as long as one is open, its child would not see
    that the parent is gone.
    """
    interruption = _Interruption()
    for number in INTERRUPTING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interruption)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTING)
    for other in others:
        other.close()
    play = make()
    parent = multiprocessing.parent_process()
    if parent is not None and sys.platform != "win32":
        threading.Thread(target=_end_with, args=(parent.pid,), name="convrun-parent", daemon=True).start()
    try:
        while (index := pipe.recv()) is not None:
            outcome: object = INTERRUPTED
            with suppress(KeyboardInterrupt):
                try:
                    interruption.playing = True
                    outcome = play(index)
                finally:  # code may raise what an interruption raises
                    interruption.playing = False
            _send(pipe, outcome)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except OSError:  # code has closed the pipe: the parent sees that this process ends, and says so
        sys.exit(1)


def _end_with(parent: int | None) -> NoReturn:
    """Interrupt what is played once that process is gone, which nothing could interrupt in time; then end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for what is played
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_GRACE)
    os._exit(1)


def _send(pipe: Connection, outcome: object) -> None:
    try:
        pipe.send(outcome)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  # it cannot be sent: a bug of ours, and nothing was
        pipe.send(bug(error))


@frozen
class PreparedAnew:
    """Gives a process that was not forked what it plays: it reads the specs again, and imports their code."""

    request: Request
    options: RunOptions
    environ: Mapping[str, str]
    ids: tuple[str, ...]

    def __call__(self) -> Play:
        """Return what plays the conversations of these ids, by their place among them."""
        options = replace(self.options, only=frozenset(self.ids), last_failed=False, shard=None)
        project = open_project(
            self.request.paths,
            cwd=self.request.cwd,
            environ=self.environ,
            overrides=self.request.overrides,
            only=self.ids,
        )
        prepared = prepare(project, options, environ=self.environ)
        by_id = {one.planned.id: one for one in prepared.conversations}
        return playing([by_id[name] for name in self.ids], options, environ=project.environ(self.environ))
