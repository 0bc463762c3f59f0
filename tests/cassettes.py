"""Cassettes on disk without a recording: their text is the recorder's."""

from __future__ import annotations

from pathlib import Path

from convrun.cassette.files import replace_cassette
from convrun.cassette.interaction import Recording
from convrun.cassette.stored.writing import write


def save(path: Path, recording: Recording) -> None:
    """Write the recording to `path` as a cassette."""
    aside: dict[str, bytes] = {}
    replace_cassette(path, write(recording, aside), aside, shown_as=recording.file)
