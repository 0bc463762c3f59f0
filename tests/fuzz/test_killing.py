"""A few of the kills of `make kills`: a recording that is killed loses nothing that was paid for."""

from __future__ import annotations

import sys

import killing
import pytest

COUNT = 5


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked, and killed by their number")
def test_a_killed_recording_loses_nothing(request, monkeypatch):
    """Kills of five of the eight kinds of recording; the seed of the test run says which, and where."""
    monkeypatch.setenv("TMPDIR", "")  # it sets its own
    seed = getattr(request.config.option, "randomly_seed", 0)
    seed = seed if isinstance(seed, int) else 0
    in_time, failures = killing.kill(COUNT, seed, first=seed % 8)
    assert failures == []
    assert in_time  # else it would show nothing
