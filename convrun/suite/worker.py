"""The child's side of a run in processes: it plays what it is told to, and sends back what came of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from types import FrameType
from typing import TypeAlias

from convrun.frozen import frozen
from convrun.run.options import RunOptions
from convrun.run.project import Request, open_project, prepare
from convrun.suite.playing import Play, bug, playing

INTERRUPTED = "interrupted"  # what is sent instead of an outcome

MakePlay: TypeAlias = Callable[[], Play]


class _Interruption:
    """What SIGINT does in a child: it ends what is played, once; at any other moment the parent says what to do."""

    def __init__(self) -> None:
        self.playing = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        if self.playing:
            self.playing = False
            raise KeyboardInterrupt


def work(pipe: Connection, others: Iterable[Connection], make: MakePlay) -> None:
    """Play the conversations whose indexes come through the pipe, until None comes or the parent is gone.

    `others` are the parent's ends of pipes that a fork has copied: as long as one is open, its child would not see
    that the parent is gone.
    """
    interruption = _Interruption()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interruption)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    for other in others:
        other.close()
    itself = os.getpid()
    play = make()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while (index := pipe.recv()) is not None:
            outcome: object = INTERRUPTED
            with suppress(KeyboardInterrupt):
                interruption.playing = True
                outcome = play(index)
                interruption.playing = False
            if os.getpid() != itself:
                os._exit(0)  # a copy that a tool has made of this process and let run on
            _send(pipe, outcome)


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
