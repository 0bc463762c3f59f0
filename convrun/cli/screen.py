"""The console of a run: a line as each conversation ends, on a terminal how far it has come, and the rest."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from threading import RLock
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

from convrun.cli.ending import say
from convrun.cli.output import colour_wanted
from convrun.cli.progress import Progress
from convrun.report.console import QUIET, VERBOSE, closing, conversation_line
from convrun.report.stop_token import StopToken
from convrun.report.style import Line, Style, ansi, plain, rendered
from convrun.results import ConversationResult, RunResult
from convrun.source import cells, printable
from convrun.suite.agenda import Standing


class Screen:
    """What people see of a run on a stream; `ids` are those of its conversations. It is used by several threads."""

    def __init__(
        self, stream: TextIO, ids: Sequence[str], stop_token: StopToken, *, verbosity: int, plain_text: bool
    ) -> None:
        self._stream = stream
        self._verbosity = verbosity
        self._width = max((cells(printable(name)) for name in ids), default=0)
        coloured = colour_wanted(stream, refused=plain_text)
        self._style: Style = ansi() if coloured else plain
        self._stop_token = stop_token
        self._progress = Progress(stream) if coloured and verbosity > QUIET else None
        self._printing = RLock()
        self._last = ""  # the conversation that was shown last
        self.shows_progress = self._progress is not None

    def __enter__(self) -> Self:
        """Return the screen; behind the block no line is left that would go away."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Take the passing line away."""
        self._hide()

    def show(self, conversation: ConversationResult) -> None:
        """Print the line of a conversation that has ended."""
        self._last = conversation.id
        if self._verbosity > QUIET or conversation.verdict not in {"passed", "skipped"}:
            every = self._verbosity >= VERBOSE
            self._print(conversation_line(conversation, width=self._width, every=every, style=self._style))

    def stand(self, standing: Standing) -> None:
        """Show how far the run has come, where the screen shows that."""
        if self._progress is not None:
            with self._printing:
                self._progress.show(standing, monotonic())

    def say(self, words: str) -> None:
        """Tell of a wait on stderr: stdout is the report's."""
        with self._printing:
            self._hide()
            say([words])

    def tell(self, lines: list[Line]) -> None:
        """Print lines between those of the conversations and the closing ones."""
        if lines:
            self._print(rendered(lines, self._style))

    def close(self, result: RunResult) -> None:
        """Print all that follows the lines; behind what was said, commands to the runner are taken again."""
        self._print(closing(result, verbosity=self._verbosity, style=self._style, stop_token=self._stop_token))

    def _print(self, text: str) -> None:
        with self._printing:
            self._hide()
            if not self._stream.closed:  # by code that ran: there is nobody to tell, the report is written all the same
                try:
                    self._put(text)
                except OSError as error:
                    if error.errno != errno.EBADF or not self._last:
                        raise
                    what = f"the code of a conversation has closed the console, at the latest that of {self._last}"
                    say([what, "  what follows stands here; look at its tools, hooks and checks"])
                    self._stream = sys.stderr
                    self._put(text)

    def _put(self, text: str) -> None:
        self._stream.write(f"{text}\n")  # at once: a tool in a thread may print meanwhile
        self._stream.flush()

    def _hide(self) -> None:
        if self._progress is not None:
            self._progress.hide()
