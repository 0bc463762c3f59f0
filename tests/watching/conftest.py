"""What the tests of a watch share: a project of many files."""

from __future__ import annotations

import pytest
from watched_projects import with_files


@pytest.fixture
def touched(project):
    """A project in which every file but the settings belongs to one spec; `other.yaml` has none of its own."""
    return with_files(project)
