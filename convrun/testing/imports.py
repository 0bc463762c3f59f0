"""What a run imports in a test's process: from its own folders, and without a trace where that would be another's."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

_NEVER = frozenset({"convrun", "__main__"})  # what runs the specs, and the tests


@contextmanager
def same_path() -> Iterator[None]:
    """Leave sys.path as it was, whatever a run puts there."""
    before = [*sys.path]
    try:
        yield
    finally:
        sys.path[:] = before


@contextmanager
def own_modules(folders: Sequence[Path]) -> Iterator[None]:
    """Let imports find the modules in `folders` where others of the same name were imported from elsewhere.

    Those are back afterwards. Python's own and installed ones are never moved.
    """
    importlib.invalidate_caches()  # files may be some milliseconds old
    own = {name: folder for folder in reversed(folders) for name in _names(folder)}
    others: dict[str, ModuleType] = {}
    for name, module in [*sys.modules.items()]:
        top = name.partition(".")[0]
        if top in own and _is_elsewhere(module, own[top] / top):
            others[name] = sys.modules.pop(name)
    try:
        yield
    finally:
        tops = {name.partition(".")[0] for name in others}
        for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
            del sys.modules[name]
        sys.modules.update(others)


def _names(folder: Path) -> Iterator[str]:
    """The modules and packages in a folder."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        name = entry.stem if entry.suffix == ".py" else entry.name
        if name not in _NEVER and (entry.suffix == ".py" or (entry / "__init__.py").is_file()):
            yield name


@cache
def _installed() -> tuple[Path, ...]:
    """The folders of what is installed."""
    return tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def _is_elsewhere(module: ModuleType, own: Path) -> bool:
    """Whether a module is from a file that is neither of the package `own` (or the file of that name) nor installed."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return False
    place = Path(file).resolve()
    if place == own.with_name(f"{own.name}.py").resolve():
        return False
    return not any(map(place.is_relative_to, (own.resolve(), *_installed())))
