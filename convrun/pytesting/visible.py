"""What others said, as pytest may write it: control characters visible, and no line a command to GitHub's runner."""

from __future__ import annotations

import os

from convrun.report.workflow_commands import disarmed
from convrun.source import printable


def visible(line: str) -> str:
    """Return the text of a line that pytest writes as it is."""
    shown = printable(line)
    return disarmed(shown) if _is_obeyed() else shown


def visible_reason(text: str) -> str:
    """Return a text that pytest may break into lines wherever it likes."""
    shown = visible(text)
    return shown.replace("::", ": :").replace("::", ": :") if _is_obeyed() else shown


def _is_obeyed() -> bool:
    """Whether a runner reads along that takes commands."""
    return os.environ.get("GITHUB_ACTIONS") == "true"
