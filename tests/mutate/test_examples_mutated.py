"""Our own examples hold what they show: little of what could go wrong in them goes unnoticed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mutate_projects import result
from projects import Project

from convrun.scaffold.laying import folder_settings, lay

ROOT = Path(__file__).parents[2]
LEAST = 0.9


@pytest.fixture(params=["specs", "init", "init --plain"])
def example(request, tmp_path):
    """A project: the example specs, or what `convrun init` lays."""
    if request.param == "specs":
        for folder in ("specs", "cassettes"):
            shutil.copytree(ROOT / folder, tmp_path / folder)
    else:
        list(lay(folder_settings(tmp_path), plain="plain" in request.param))
        (tmp_path / "convrun.toml").unlink()
    return Project(tmp_path)


def test_the_examples_notice_wrong_calls_and_wrong_fields(example):
    """Of changed tool calls and of changed JSON nine of ten at least are noticed, and nothing is left out."""
    found = result(example)
    assert found.passed_over == ()
    scores = found.scores
    assert scores["tool calls"].all >= 5
    assert {family: scores[family].rate >= LEAST for family in scores if family != "reply"} == {
        family: True for family in scores if family != "reply"
    }
