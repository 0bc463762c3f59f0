"""Cassettes on disk without a recording: their text is the recorder's."""

from __future__ import annotations

from pathlib import Path

from convrun.cassette.files import replace_text
from convrun.cassette.interaction import Recording
from convrun.cassette.writing import write


def save(path: Path, recording: Recording) -> None:
    """Write the recording to `path` as a cassette."""
    replace_text(path, write(recording), shown_as=recording.file)
