"""What recording has left lying in the cassettes folder: half-written files, and partial recordings put aside."""

from __future__ import annotations

import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from convrun.run.findings.orphans import folders
from convrun.settings import Settings

_ASIDE = re.compile(r".+\.yaml\.[0-9]{1,3}\.partial")
_HALF = re.compile(r"\.[0-9a-f]{16}\.writing|\..+\.yaml\.partial")
_OLD = 3600  # seconds; what is younger may be in use


def leftovers(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Yield the files, those that nobody has touched for an hour, and what they are."""
    for folder, _ in folders(settings):
        for file in sorted(folder.iterdir()):
            why = "it was put aside, as it could not be used" if _ASIDE.fullmatch(file.name) else None
            why = "it was never written to its end" if _HALF.fullmatch(file.name) else why
            with suppress(OSError):
                found = file.lstat()
                if why is not None and stat.S_ISREG(found.st_mode) and time.time() - found.st_mtime > _OLD:
                    yield file, why
