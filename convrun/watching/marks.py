"""What tells one state of a file from another without reading it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TypeAlias

# None: there is no such file, or nobody can look at it. Of a folder, the marks of what lies in it.
Mark: TypeAlias = tuple[object, ...] | None


class Marks:
    """The marks of files at one moment: each file is looked at once."""

    def __init__(self) -> None:
        self._seen: dict[Path, Mark] = {}

    def of(self, path: Path) -> Mark:
        """Return the mark of a file: another one after every edit, also where its length stays the same."""
        if path not in self._seen:
            self._seen[path] = _mark(path)
        return self._seen[path]


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
        if not stat.S_ISDIR(found.st_mode):
            return found.st_mtime_ns, found.st_size, found.st_ino
        with os.scandir(path) as entries:
            return tuple(sorted((one.name, *_file(one.stat())) for one in entries if one.is_file()))
    except (OSError, ValueError):
        return None


def _file(found: os.stat_result) -> tuple[int, int]:
    return found.st_mtime_ns, found.st_size
