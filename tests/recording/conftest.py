"""What the tests of recording share."""

import tempfile

import pytest


@pytest.fixture(autouse=True)
def locks(tmp_path_factory, monkeypatch):
    """A temporary folder of the test's own, also for its processes: whatever is left in it was forgotten there."""
    folder = tmp_path_factory.mktemp("locks")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder
