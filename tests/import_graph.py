"""Every import of a package, read from its source: at the top, under TYPE_CHECKING and inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import: who, what, on which line, and whether it runs when the file is loaded."""

    importer: str
    imported: str
    line: int
    at_load: bool


def modules(root: Path = ROOT, package: str = "convrun") -> dict[str, Path]:
    """Return the package's modules by their dotted names."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(known: dict[str, Path]) -> list[Import]:
    """Return every import of every module; `from package import module` counts as an import of the module."""
    return [one for name, path in known.items() for one in _imports(name, path, known)]


def _imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[Import]:
    for node, at_load in _walk(ast.parse(path.read_text(encoding="utf-8")), at_load=True):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer=name, imported=alias.name, line=node.lineno, at_load=at_load)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                target = full if full in known else node.module or ""
                yield Import(importer=name, imported=target, line=node.lineno, at_load=at_load)


def _walk(node: ast.AST, *, at_load: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and child in node.body
        now = at_load and not function and not checking
        yield child, now
        yield from _walk(child, at_load=now)


def cycles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Return one cycle for each file that closes one, as the path around it."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> None:
        if node in path:
            found.append([*path[path.index(node) :], node])
        elif node not in done:
            for target in sorted(edges.get(node, ())):
                visit(target, [*path, node])
            done.add(node)

    for start in sorted(edges):
        visit(start, [])
    return found
