"""How long a recorded conversation took, read from the end of its cassette; nothing else of it is read."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

_TAIL = 32_768  # bytes: the timings and digests of a thousand calls
_LONGEST = 10**9  # milliseconds
_KEY = b"\ntimings: "


def recorded_ms(path: Path) -> int | None:
    """Return the milliseconds that the model took for all calls; None where no cassette of ours says so."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return None
        with path.open("rb") as file:
            file.seek(-min(_TAIL, found.st_size), os.SEEK_END)
            tail = file.read()
            if _KEY not in tail and found.st_size > _TAIL:
                file.seek(0)
                tail = file.read()
        line = tail[tail.rindex(_KEY) + len(_KEY) :].partition(b"\n")[0]
        timings = json.loads(line)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(timings, list):
        return None
    whole = [timing[-1] if isinstance(timing, list) and timing else timing for timing in timings]
    known = [timing for timing in whole if isinstance(timing, int) and 0 <= timing < _LONGEST]
    return sum(known) if known and len(known) == len(whole) else None
