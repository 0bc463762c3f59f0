"""What these tests share: recordings of their own making, and the reader of the real ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "real"))  # its independent reader of recordings, and offline processes


@pytest.fixture
def imported(project):
    """Call it with recorded exchanges; it imports them and returns the outcome of the file."""
    from recordings import import_exchanges

    def run(*exchanges, **more):
        return import_exchanges(project.root, exchanges, **more)

    return run
