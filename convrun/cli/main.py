"""`convrun` as a process: its streams, its memory, then its command line."""

from __future__ import annotations

import gc
import os
import signal
import sys
from io import TextIOWrapper
from types import FrameType

_INTERRUPTED = 130  # as in ending.py, which is loaded later


def main() -> None:
    """Run the command line of this process and exit with its code."""
    _hear_of_ends()
    # Started without an open stdout or stderr there is nobody to tell; what is printed goes nowhere.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open until the process ends
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open until the process ends
    if isinstance(sys.stdout, TextIOWrapper):
        # What is printed is UTF-8 as reports are, whatever the locale; a file name that is none is shown escaped.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    # Starting makes many small values that stay and hardly a cycle: collecting them over and over costs a tenth of it.
    gc.set_threshold(50_000, 20, 20)
    try:
        try:
            from convrun.cli.application import application  # behind that: most of them are made here

            run = application(sys.argv[1] if len(sys.argv) > 1 else None)
        except KeyboardInterrupt:
            print("interrupted: nothing ran", file=sys.stderr)
            sys.exit(_INTERRUPTED)
        run(prog_name="convrun")
    finally:
        # An interruption within the `exec` of a text, which makes dataclasses, is kept by CPython although it was
        # caught, and the process would end by a signal instead of with its code; the next `exec` of one forgets it.
        exec("")


def _hear_of_ends() -> None:
    """Have SIGTERM and SIGHUP interrupt this process as Ctrl-C does: CI sends them, and a terminal that is closed."""
    process = os.getpid()

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if os.getpid() == process:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)  # a process of a tool's own, which ends it
        os.kill(os.getpid(), number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, interrupt)
