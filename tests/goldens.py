"""The texts that reports are held against; with `CONVRUN_GOLDEN=write` pytest writes what they say now."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def goldens(test_file: str) -> Callable[[str, str], str]:
    """Return what reads the texts in the folder `golden` beside a test's file.

    It is called with a name and what is said now, and returns what is written down under this name; where it is to be
    written, that is what is said from now on.
    """
    folder = Path(test_file).parent / "golden"

    def golden(name: str, text: str) -> str:
        path = folder / name
        if os.environ.get("CONVRUN_GOLDEN") == "write":
            path.write_text(text, "utf-8", newline="\n")
        return path.read_text("utf-8")

    return golden
