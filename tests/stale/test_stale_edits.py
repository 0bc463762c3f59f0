"""Every kind of edit on one recorded conversation, and the whole block that explains it.

`CONVRUN_GOLDEN=write pytest tests/stale` writes what is said now; the difference is for the reviewer.
"""

from __future__ import annotations

import shutil

import pytest
from edits import EDITS
from goldens import goldens
from hotels import recorded_hotel
from projects import Project

from convrun.report.console import closing

golden = goldens(__file__)


@pytest.fixture(scope="module")
def hotel(tmp_path_factory):
    """The recorded project; it is copied, never changed."""
    return recorded_hotel(tmp_path_factory.mktemp("hotel"))


@pytest.fixture
def edited(hotel, project):
    """Return what makes an edit by its name and runs the project."""

    def run(name):
        shutil.copytree(hotel, project.root, dirs_exist_ok=True)
        for file, old, new in EDITS[name]:
            Project.edit(project, file, old, new)
        return project.run()

    return run


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_explained(name, edited):
    """The block says which turn and call, which part and which lines of it, what to do, and has at most 12 lines."""
    run = edited(name)
    (result,) = run.conversations
    assert result.verdict == "stale"
    assert result.stale.changes
    block, _, _ = closing(run).rpartition("\n1 conversation")
    assert len(block.strip("\n").split("\n")) <= 12
    edit = "".join(f"# in {file}\n{_lines('- ', old)}{_lines('+ ', new)}" for file, old, new in EDITS[name])
    assert f"{edit}\n{block}" == golden(f"{name}.txt", f"{edit}\n{block}")


def _lines(sign, text):
    """The lines of a text behind a sign."""
    return "".join(f"# {sign}{line}\n" for line in text.strip("\n").split("\n")) if text else ""
