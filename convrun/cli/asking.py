"""A question on a terminal. Tools must not read the answer: it is asked through a descriptor of our own."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Self


class Asking:
    """Asks where a person can answer, if that is `wanted`; made before the input is taken away from tools."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._input: int | None = None
        with suppress(OSError, ValueError, AttributeError):  # no such streams: a process without a console
            if wanted and sys.stdin.isatty() and sys.stderr.isatty():
                self._input = os.dup(sys.stdin.fileno())

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the terminal."""
        if self._input is not None:
            os.close(self._input)
            self._input = None

    @property
    def possible(self) -> bool:
        """Whether there is a terminal."""
        return self._input is not None

    def agreed(self, question: str) -> bool:
        """Return whether the answer is yes; the end of the input, and an empty line, are no."""
        if self._input is None:
            return True
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        with os.fdopen(os.dup(self._input), encoding="utf-8", errors="replace") as stream:
            answer = stream.readline()
        if not answer.endswith("\n"):
            print(file=sys.stderr)
        return answer.strip().lower() in {"y", "yes"}
