"""A pytest that is too old for the plugin is not disturbed by it, and is told so where specs are asked for."""

from __future__ import annotations

import re
import sys

import pytest
from documentation import ROOT

from convrun.pytest_plugin import OLDEST

SAID = "convrun: no spec is collected by pytest 7.2.0: install 8.3 or newer"


@pytest.fixture
def old(suite, monkeypatch):
    """A project with a spec and a test; the plugin finds pytest 7.2 there."""
    monkeypatch.setattr(pytest, "__version__", "7.2.0")
    for name in ("pytest_plugin", "pytesting.hooks", "pytesting.outdated"):
        monkeypatch.delitem(sys.modules, f"convrun.{name}", raising=False)
    suite.write("specs/a.yaml", "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n")
    suite.write(
        "tests/test_own.py", "import sys\n\ndef test_own():\n    assert 'convrun.pytesting.hooks' not in sys.modules\n"
    )
    return suite


def test_an_old_pytest_runs_what_it_has(old):
    """Tests in Python run as if the plugin were not there, and nothing of it is said."""
    assert SAID not in old.passes("tests", passed=1).outlines


@pytest.mark.parametrize(("asked", "code"), [("specs", 5), ("specs/a.yaml", 4), (".", 0)])
def test_an_old_pytest_says_that_it_collects_no_specs(old, asked, code):
    """Where a folder with specs, or a spec, stands on the command line, a line says what is missing."""
    assert SAID in old.pytest(asked, code=code).outlines


def test_the_oldest_pytest_is_the_one_that_is_tested():
    """What the plugin asks for is the lower bound of our tests, which run with it, and what the page says."""
    bound = ".".join(map(str, OLDEST))
    assert re.search(rf'^    "pytest>={bound}",$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert f"needs pytest {bound} or newer" in (ROOT / "docs/pytest.md").read_text("utf-8")
    assert f"install {bound} or newer" in SAID
