"""How far a run has come: one line on a terminal that goes away again."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, TextIO

from convrun.source import printable
from convrun.suite.agenda import Standing

if TYPE_CHECKING:
    from rich.console import Console

_FIRST = 0.5  # seconds: a run that is over by then needs no such line
_AGAIN = 0.1  # seconds between two of them


class Progress:
    """The line; nothing draws it but who calls, so that no thread is in the way of a fork."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console: Console | None = None
        self._next = monotonic() + _FIRST
        self._shown = ""

    def show(self, standing: Standing, now: float) -> None:
        """Draw the line, unless one was drawn a moment ago; `now` is a reading of `time.monotonic`."""
        if now < self._next or standing.finished == standing.total or self._stream.closed:
            return
        self._next = now + _AGAIN
        from rich.text import Text  # only what lasts loads it

        console = self._console = self._console or _console(self._stream)
        line = Text(words(standing, now), style="dim", no_wrap=True)
        line.truncate(console.width - 1, overflow="ellipsis")
        if line.plain != self._shown:
            self.hide()
            console.print(line, end="")
            self._shown = line.plain

    def hide(self) -> None:
        """Take the line away."""
        if self._shown and self._console is not None and not self._stream.closed:
            from rich.control import Control
            from rich.segment import ControlType

            self._console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))
            self._stream.flush()
        self._shown = ""


def words(standing: Standing, now: float) -> str:
    """Return how many of how many, how many of them did not pass, and what has been running the longest."""
    text = f"{standing.finished} of {standing.total}"
    if standing.not_passed:
        text += f", {standing.not_passed} did not pass"
    if standing.running:
        first, *others = standing.running
        seconds = int(now - standing.since)
        text += f"; {printable(first)}" + (f" for {seconds} s" if seconds else "")
        text += f" and {len(others)} more" if others else ""
    return text


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
