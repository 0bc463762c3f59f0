"""The texts that show and diff are held against; `CONVRUN_GOLDEN=write pytest tests/review` writes what they say."""

from __future__ import annotations

import os
from pathlib import Path

_FOLDER = Path(__file__).parent / "golden"


def golden(name: str, text: str) -> str:
    """Return what is written down under this name; where it is to be written, that is `text` from now on."""
    path = _FOLDER / name
    if os.environ.get("CONVRUN_GOLDEN") == "write":
        path.write_text(text, "utf-8", newline="\n")
    return path.read_text("utf-8")
