"""What a file is, seen by its beginning: a recording, or a spec."""

from __future__ import annotations

import re
from pathlib import Path

_LOOKED_AT = 100_000  # bytes of a file, to see what it is
_OF_A_RECORDING = re.compile(r"^\ufeff?(?:version:\s*['\"]?convrun/|['\"]?interactions['\"]?:|[<>]{7} )", re.MULTILINE)
_JSON = re.compile(r"\ufeff?\s*\{.*\"interactions\"\s*:", re.DOTALL)


def is_spec(file: Path) -> bool:
    """Return whether a file looks like a spec, not like a recording of ours or of vcrpy."""
    try:
        with file.open("rb") as opened:
            begin = opened.read(_LOOKED_AT).decode("utf-8", "replace")
    except OSError:
        return False
    recorded = _OF_A_RECORDING.search(begin) or _JSON.match(begin)
    return file.suffix.lower() in (".yaml", ".yml") and recorded is None
