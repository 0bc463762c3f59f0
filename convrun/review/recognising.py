"""What a file is, seen by its beginning: a recording, or a spec."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Mapping
from pathlib import Path

from convrun.source import is_below

_LOOKED_AT = 100_000  # bytes of a file, to see what it is
_OF_A_RECORDING = re.compile(r"^\ufeff?(?:version:\s*['\"]?convrun/|['\"]?interactions['\"]?:|[<>]{7} )", re.MULTILINE)
_JSON = re.compile(r"\ufeff?\s*\{.*\"interactions\"\s*:", re.DOTALL)


def is_spec(file: Path, environ: Mapping[str, str]) -> bool:
    """Return whether a file looks like a spec, not like a recording of ours or of vcrpy.

    Of one that holds no text it is told by whether it lies in the specs folder.

    Raises:
        SettingsError: where the settings are wrong that name this folder.
    """
    if file.suffix.lower() not in (".yaml", ".yml"):
        return False
    try:
        with file.open("rb") as opened:
            content = opened.read(_LOOKED_AT)
    except OSError:
        return False
    begin = content.decode("utf-8", "replace")
    if _OF_A_RECORDING.search(begin) or _JSON.match(begin):
        return False
    return _is_among_specs(file, environ) if not content.strip() or not _is_text(content) else True


def _is_text(content: bytes) -> bool:
    """Whether it is the beginning of a text; it may end within a character."""
    try:
        getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        return False
    return True


def _is_among_specs(file: Path, environ: Mapping[str, str]) -> bool:
    from convrun.settings import find_root, load  # git shows files one by one: each module counts

    root = find_root([file], file.parent)
    return is_below(file, root / load(root, environ, {}).specs)
