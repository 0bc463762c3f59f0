"""The record mode of a session: our option first, then that of pytest-recording, and never live by itself."""

from __future__ import annotations

import pytest

from convrun.run.options import RecordMode


def given_mode(config: pytest.Config) -> RecordMode | None:
    """Return the record mode of the command line; None where it names none."""
    given = config.getoption("convrun_record") or config.getoption("record_mode", None)
    return None if given is None else RecordMode.ALL if given == "rewrite" else RecordMode.named(given)


def record_mode(config: pytest.Config) -> RecordMode:
    """Return the record mode of specs: without an option nothing goes live."""
    return given_mode(config) or RecordMode.NONE


def recording_option(mode: RecordMode) -> str:
    """Return the option that asks for a mode, as a command line needs it that repeats a test."""
    return f"--convrun-record={mode.value}"
