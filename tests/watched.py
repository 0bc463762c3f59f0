"""A `convrun run --watch` in its process: its files are edited, and what it prints is waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

WAITS = "waiting for edits"
LONGEST = 60  # seconds for anything that is waited for, on a machine with other work


class Watched:
    """The process of a watch on a project. As a context manager it leaves nothing running."""

    def __init__(self, project, *arguments, stdout=subprocess.PIPE, **environ):
        self.project = project
        self.process = subprocess.Popen(
            project.command("run", "--watch", *arguments),
            cwd=project.root,
            env=project.environment(**environ),
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.STDOUT,
            encoding="utf-8",
        )  # fmt: skip
        self.text = ""
        self._read = 0
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def _listen(self):
        for line in self.process.stdout:
            with self._more:
                self.text += line
                self._more.notify_all()
        with self._more:
            self._more.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end()

    def until(self, words):
        """What was printed since the last call, up to the end of the line with these words."""
        with self._more:
            seen = self._more.wait_for(lambda: words in self.text[self._read :] or self._is_over(), LONGEST)
            assert seen, f"{words!r} was not printed:\n{self.text}"
            assert words in self.text[self._read :], f"it ended without {words!r}:\n{self.text}"
            start = self._read
            self._read = self.text.index("\n", self.text.index(words, start)) + 1
            return self.text[start : self._read]

    def _is_over(self):
        return not self._reader.is_alive() or self.process.poll() is not None

    def round(self):
        """What was printed up to the line that says that it waits."""
        return self.until(WAITS)

    def end(self, number=signal.SIGINT):
        """Interrupt it; return its exit code."""
        self.process.send_signal(number)
        try:
            code = self.process.wait(LONGEST)
        finally:
            self.process.kill()
            self._reader.join(LONGEST)
            self.process.stdout.close()
        return code


def ran(text):
    """The ids of the conversations that a round has run, by their lines."""
    verdicts = ("passed", "failed", "stale", "missing", "error", "skipped", "unchecked")
    lines = [line.split() for line in text.splitlines() if line.startswith(verdicts)]
    return {line[1] for line in lines if len(line) > 2 and line[1].startswith("specs/")}


def eventually(holds):
    """Wait until it holds; whether it did in time."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return False


def is_alive(pid):
    """Whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return True  # no /proc: the signal has reached it
    except ProcessLookupError:
        return False
