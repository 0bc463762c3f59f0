"""Recordings that break off, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from test_cassette_recording import Model, converse

from convrun.cassette.kept.recording import Recorder

TEXTS = ["one", "twoöö", "three", "four", "five"]
Beginning = Callable[..., Recorder]


def record(begin: Beginning, texts: list[str], *, mode: str = "new_episodes", finish: bool = True, **model: Any) -> int:
    """Record these turns; return how many were asked."""
    answering = Model(**model)
    with begin(answering, mode) as recorder:
        converse(recorder, texts)
        if finish:
            recorder.finish()
    return answering.asked
