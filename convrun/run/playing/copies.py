"""Copies of this process that a spec's code makes with `os.fork` and lets run on: they end, and go on with nothing."""

from __future__ import annotations

import os


def end_copy(process: int) -> None:
    """End this process at once where it is a copy of that one: what follows is said, paid for and kept only once."""
    if os.getpid() != process:
        os._exit(0)
