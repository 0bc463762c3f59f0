"""The rounds of a watch: each is `convrun run` in a process of its own, which is loaded before it is needed.

The process is told on stdin what to run, and writes into a file what it has finished: how it ends says too little where
code of the user has ended it.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from convrun.frozen import frozen
from convrun.results import ConversationResult

FLAG = "--for-watch"
_GRACE = 3.0  # seconds that an interrupted round has for its report


@frozen
class Task:
    """What a round is to run: these ids, or with None all that the command line selects; `log` takes what is done."""

    only: frozenset[str] | None
    log: Path

    @classmethod
    def awaited(cls) -> Self:
        """Return the task of this process, as soon as the watch has one.

        Raises:
            SystemExit: where the watch is no more.
        """
        import jinja2  # noqa: F401  # nearly every spec needs it, and there is time

        line = sys.stdin.readline()
        if not line:
            raise SystemExit(0)
        told = json.loads(line)
        task = cls(only=None if told["only"] is None else frozenset(told["only"]), log=Path(told["log"]))
        atexit.register(task._write, None)  # not where a tool ends the process
        return task

    def finished(self, result: ConversationResult, passed: bool) -> None:
        """Note a conversation that was run to its end, or was skipped for what its spec says."""
        if result.finished:
            self._write((result.id, passed))

    def _write(self, word: tuple[str, bool] | None) -> None:
        with suppress(OSError), self.log.open("a", encoding="utf-8") as file:
            print(json.dumps(word), file=file)

    def text(self) -> str:
        """Return the line that tells of it."""
        return json.dumps({"only": None if self.only is None else sorted(self.only), "log": str(self.log)}) + "\n"


@frozen
class Outcome:
    """What came of a round: its exit code (below zero a signal's), what it finished, and whether it ended in order.

    Of what it finished, `not_passed` did not pass.
    """

    code: int
    finished: frozenset[str]
    not_passed: frozenset[str]
    orderly: bool


class Round:
    """One run in its process, which has a process group of its own: a Ctrl-C is the watch's to pass on."""

    def __init__(self, process: subprocess.Popen[str], task: Task) -> None:
        self._process = process
        self._log = task.log

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Interrupt it, so that it reports what is finished; end it where it does not end."""
        _signal(self._process, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        _end(self._process)

    def end(self) -> None:
        """End it, and what its tools left running."""
        _end(self._process)

    def outcome(self) -> Outcome:
        """Return what came of it, once it has ended; what its tools left running is ended, too."""
        code = self._process.wait()
        self.end()
        words: list[tuple[str, bool] | None] = []
        with suppress(OSError, ValueError):
            words = [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]
        finished = dict(filter(None, words))
        not_passed = frozenset(name for name, passed in finished.items() if not passed)
        return Outcome(code=code, finished=frozenset(finished), not_passed=not_passed, orderly=None in words)


class Rounds:
    """Begins rounds. As a context manager it leaves no process behind."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._command = [sys.executable, *_flags(), "-m", "convrun", "run", FLAG, *arguments]
        self._folder = TemporaryDirectory(prefix="convrun-watch-", ignore_cleanup_errors=True)
        self._ready: subprocess.Popen[str] | None = None
        self._round: Round | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._round is not None and self._round.running:
                self._round.stop()
        finally:
            if self._ready is not None:
                _end(self._ready)
            if self._round is not None:
                self._round.end()
            self._folder.cleanup()

    def load(self) -> None:
        """Have a process ready for the next round."""
        if self._ready is None or self._ready.poll() is not None:
            self._ready = subprocess.Popen(self._command, stdin=subprocess.PIPE, text=True, process_group=0)

    def begin(self, only: Iterable[str] | None) -> Round:
        """Run these conversations, or all."""
        self._count += 1
        task = Task(only=None if only is None else frozenset(only), log=Path(self._folder.name) / str(self._count))
        self.load()
        process, self._ready = self._ready, None
        assert process is not None
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin:  # it ended before it began: its outcome says so
            process.stdin.write(task.text())
        self._round = Round(process, task)
        return self._round


def _flags() -> list[str]:
    """The interpreter's flags that the user's code could notice: without -P a module begins at the current folder."""
    by_name = getattr(sys.modules["__main__"], "__spec__", None) is not None
    return [*(f"-W{option}" for option in sys.warnoptions), *([] if by_name else ["-P"])]


def _signal(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal to a process and to those that it has begun."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):  # nobody is left
            os.killpg(process.pid, number)
    elif process.poll() is None:
        process.kill()


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and what it has begun."""
    _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
