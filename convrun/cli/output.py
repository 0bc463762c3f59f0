"""Where output goes: the report owns stdout; whatever tools and hooks print goes to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TextIO

from convrun.report.stop_token import StopToken
from convrun.report.style import Line, ansi, plain, rendered


@contextmanager
def own_stdout() -> Iterator[TextIO]:
    """Yield a stream to the real stdout; meanwhile everything else that writes to stdout reaches stderr.

    The file descriptor is moved, not only `sys.stdout`: what a tool's subprocess prints must not get into a report.
    What code puts in the place of `sys.stdout` and `sys.stderr`, None or its own stream, is gone again behind it.
    """
    sys.stdout.flush()
    errors = sys.stderr
    _without_input()
    try:
        own = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # no such descriptors: a process without a console
        with redirect_stdout(errors), redirect_stderr(errors):
            yield sys.__stdout__ or errors
        return
    stream = open(own, "w", encoding="utf-8", errors="backslashreplace", newline="\n", closefd=False)  # noqa: SIM115 (closed below, once the descriptor is back)
    try:
        with redirect_stdout(errors), redirect_stderr(errors):
            yield stream
    finally:
        with suppress(ValueError):  # code has closed it
            errors.flush()
        with suppress(OSError):  # nobody reads it, or there is no room: said where it was written
            stream.close()
        with suppress(OSError):  # code has closed it
            os.dup2(own, 1)
            os.close(own)


@contextmanager
def commands_stopped(token: StopToken) -> Iterator[None]:
    """Have GitHub's runner take nothing in this block for a command to it, up to the end of the token.

    Where the block ends well it has printed that, on the stream that it was last to write to: the runner reads two of
    them, in any order. Without a word nothing happens.
    """
    if not token.word:
        yield
        return
    errors = sys.stderr  # code may put another in its place
    print(token.begin, file=errors, flush=True)
    try:
        yield
    except BaseException:
        print(token.end, file=errors, flush=True)
        raise


def _without_input() -> None:
    """Give tools an input that is at its end: one that asks a person would wait for ever."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def colour_wanted(stream: TextIO, *, refused: bool) -> bool:
    """Return whether the console may use colour: on a terminal, unless `--no-color` or NO_COLOR says otherwise."""
    return not refused and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def print_said(lines: list[Line], stream: TextIO, *, refused: bool) -> None:
    """Print what models and tools said: on GitHub the runner takes none of it for a command to it."""
    style = ansi() if colour_wanted(stream, refused=refused) else plain
    token = StopToken.made(os.environ)
    print(token.around(rendered(lines, style)) if token.word else rendered(lines, style), file=stream)
