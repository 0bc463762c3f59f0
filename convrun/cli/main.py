"""`convrun` as a process: its streams, its memory, then its command line."""

from __future__ import annotations

import gc
import os
import sys
from io import TextIOWrapper


def main() -> None:
    """Run the command line of this process and exit with its code."""
    # Started without an open stdout or stderr there is nobody to tell; what is printed goes nowhere.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open until the process ends
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open until the process ends
    if isinstance(sys.stdout, TextIOWrapper):
        # What is printed is UTF-8 as reports are, whatever the locale; a file name that is none is shown escaped.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    # Starting makes many small values that stay and hardly a cycle: collecting them over and over costs a tenth of it.
    gc.set_threshold(50_000, 20, 20)
    from convrun.cli.application import application  # behind that: most of them are made here

    application(sys.argv[1] if len(sys.argv) > 1 else None)(prog_name="convrun")
