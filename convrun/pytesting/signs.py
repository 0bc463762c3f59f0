"""What a look tells, before convrun is loaded: YAML that reads as a spec, folders that may have settings."""

from __future__ import annotations

import re
from pathlib import Path

_SUFFIXES = (".yaml", ".yml")
_SPEC = re.compile(rb"^(?:turns|extends)[ \t]*:", re.MULTILINE)  # what tells a spec from other YAML
_LOOKED_AT = 1_000_000  # bytes


def is_yaml(file: Path) -> bool:
    """Return whether a file is called as YAML is."""
    return file.suffix.lower() in _SUFFIXES


def reads_as_spec(file: Path) -> bool:
    """Return whether a file has the keys of a spec at its margin."""
    try:
        with file.open("rb") as opened:
            return _SPEC.search(opened.read(_LOOKED_AT)) is not None
    except OSError:
        return False


def may_be_settled(folder: Path, known: dict[Path, bool]) -> bool:
    """Return whether a folder or one above it may have settings of convrun; which, is found out by who reads them."""
    if folder not in known:
        above = folder.parent != folder and may_be_settled(folder.parent, known)
        known[folder] = above or (folder / "convrun.toml").exists() or _speaks_of_convrun(folder / "pyproject.toml")
    return known[folder]


def _speaks_of_convrun(file: Path) -> bool:
    try:
        return b"convrun" in file.read_bytes()
    except OSError:
        return False
