"""What the tests of cassettes share: a recording that can be begun again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from partial_recordings import Beginning

from convrun.cassette.kept.known import read_known
from convrun.cassette.kept.recording import Recorder
from convrun.redaction import Redactor


@pytest.fixture
def begin(tmp_path: Path) -> Beginning:
    """Begins a recording of one cassette, which goes on from what is known of it."""

    def recorder(model: Any, mode: str = "new_episodes", **options: Any) -> Recorder:
        redactor = options.pop("redactor", None) or Redactor()
        path = tmp_path / "chat.yaml"
        known = read_known(path, shown_as="chat.yaml", mode=mode, redactor=redactor)
        return Recorder(path, shown_as="chat.yaml", live=lambda: model, known=known, redactor=redactor, **options)

    return recorder


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    """Where the partial recording stands."""
    return tmp_path / "chat.yaml.partial"
