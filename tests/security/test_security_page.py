"""docs/security.md: each line names a test, and each named test exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| (?:can|cannot) \|.*$", (ROOT / "docs/security.md").read_text("utf-8"), re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_the_page_has_lines():
    """The lines are found: without one the tests below would say nothing."""
    assert len(ROWS) > 20


@pytest.mark.parametrize("row", ROWS)
def test_each_line_names_tests_that_exist(row):
    """What is claimed is shown by a test."""
    named = NAMED.findall(row.rpartition(" | ")[2])
    assert named
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
