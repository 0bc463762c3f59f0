"""What no linter counts for us: the length of files and functions."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from import_graph import ROOT, modules

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
USUAL_FUNCTION = 25  # 95 of 100 are not longer

FILES = sorted(modules().values())


def functions(path: Path) -> dict[str, int]:
    """Return the lines of each function from `def` on, without its docstring, comments and blank lines."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            numbers = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                numbers -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
            code = [number for number in numbers if re.match(r"\s*[^#\s]", lines[number - 1])]
            found[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = len(code)
    return found


@pytest.mark.parametrize("path", [*FILES, *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda path: path.name)
def test_a_file_is_short(path):
    """No file has more than 400 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_functions_are_short():
    """No function is longer than 60 lines, and 95 of 100 have at most 25."""
    lengths = {name: length for path in FILES for name, length in functions(path).items()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}
    usual = sorted(lengths.values())[int(len(lengths) * 0.95)]
    assert usual <= USUAL_FUNCTION


def test_no_two_files_of_tests_have_one_name():
    """Each is imported by its name alone: of two with one name pytest takes the first and refuses the other."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if "golden" not in path.parts]
    assert [name for name in sorted({*names}) if names.count(name) > 1 and name != "conftest.py"] == []


def test_tests_say_what_they_show():
    """Every test has a docstring: one sentence of behaviour."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_every_lint_exception_has_its_reason():
    """A `noqa` and a `type: ignore` name their rule and say why."""
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"#\s*noqa(?!: [A-Z][A-Z0-9, ]+\W+\w.*\w)|#\s*type:\s*ignore(?!\[[\w,-]+\]\s+\(?#? ?\w.*\w)", line)
    ]
    assert bare == []
