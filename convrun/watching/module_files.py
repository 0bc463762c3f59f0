"""The files of a project that its modules are read from: found by looking at their imports, without importing."""

from __future__ import annotations

import ast
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from convrun.frozen import frozen
from convrun.watching.marks import Mark, Marks

_BY_NAME = frozenset({"import_module", "__import__"})


@frozen
class _Import:
    """`a.b`; `level` is how many dots stand before it, 0 where it begins at the import path."""

    name: str
    level: int = 0


class ModuleFiles:
    """Finds the files behind modules, and remembers the imports of a file until it changes."""

    def __init__(self) -> None:
        self._imports: dict[Path, tuple[Mark, tuple[_Import, ...]]] = {}

    def behind(self, module: str, folders: Sequence[Path], marks: Marks) -> frozenset[Path]:
        """Return the files that importing a module from these folders reads, and what those import from there.

        Where a name could be a file that is not there, that file is among them: with it the import would be another.
        """
        found: set[Path] = set()
        waiting = list(_candidates(module, folders))
        while waiting:
            path = waiting.pop()
            if path in found:
                continue
            found.add(path)
            if marks.of(path) is not None:
                waiting += self._imported(path, folders, marks)
        return frozenset(found)

    def _imported(self, path: Path, folders: Sequence[Path], marks: Marks) -> Iterator[Path]:
        mark = marks.of(path)
        known = self._imports.get(path)
        if known is None or known[0] != mark:
            known = self._imports[path] = (mark, tuple(_imports(path)))
        for one in known[1]:
            if one.level:
                yield from _below(path.parents[one.level - 1 : one.level], one.name)
            else:
                yield from _candidates(one.name, folders)


def import_folders(root: Path, pythonpath: Iterable[str]) -> tuple[Path, ...]:
    """Return where the modules of a project may lie: the root, `pythonpath`, and what Python looks through below it.

    The last is for a project that is installed where it stands; what is installed into it is not its own.
    """
    below = [entry for entry in map(Path, sys.path) if entry.is_absolute() and entry.is_relative_to(root)]
    own = [entry for entry in below if not entry.is_relative_to(sys.prefix) and "site-packages" not in entry.parts]
    named = [Path(os.path.abspath(root / folder)) for folder in pythonpath]
    return tuple(dict.fromkeys([root, *named, *own]))


def _candidates(name: str, folders: Sequence[Path]) -> Iterator[Path]:
    """The files that a module may be read from, those of the packages above it included."""
    found = _below(folders, name)
    # One that Python brings along is another only where the project has a file of its name.
    yield from filter(Path.is_file, found) if name.partition(".")[0] in sys.stdlib_module_names else found


def _below(folders: Iterable[Path], name: str) -> Iterator[Path]:
    for folder in folders:
        place = folder
        for part in name.split(".") if name else ():
            yield place / f"{part}.py"
            yield place / part / "__init__.py"
            place /= part
            if not place.is_dir():
                break


def _imports(path: Path) -> Iterator[_Import]:
    """The imports of a file, wherever they stand in it; none of a file that is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said when the module is imported
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (_Import(name=alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            for alias in node.names:  # what is imported may be a module itself
                name = ".".join(part for part in (module, alias.name) if part)
                yield _Import(name=module if alias.name == "*" else name, level=node.level)
        elif isinstance(node, ast.Call):
            yield from _by_name(node)


def _by_name(call: ast.Call) -> Iterator[_Import]:
    """The module that `import_module("tools.weather")` names."""
    function = call.func
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
    first = call.args[0] if call.args else None
    if called in _BY_NAME and isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield _Import(name=first.value.lstrip("."))  # of a relative one nobody knows the beginning
