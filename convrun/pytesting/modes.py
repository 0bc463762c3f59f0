"""The record mode of a session: our option first, then that of pytest-recording, and never live by itself."""

from __future__ import annotations

import pytest

from convrun.run.options import RecordMode


def record_mode(config: pytest.Config) -> RecordMode:
    """Return the record mode of the command line; without an option nothing goes live."""
    given = config.getoption("convrun_record") or config.getoption("record_mode", None) or "none"
    return RecordMode.ALL if given == "rewrite" else RecordMode.named(given)


def recording_option(mode: RecordMode) -> str:
    """Return the option that asks for a mode, as a command line needs it that repeats a test."""
    return f"--convrun-record={mode.value}"
