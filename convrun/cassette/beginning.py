"""What the first lines of a cassette say: that it is one of ours, and of which model; nothing else of it is read."""

from __future__ import annotations

import os
import re
from pathlib import Path

from convrun.frozen import frozen

OURS = re.compile(r"\A(?:\ufeff?\s*(?:#[^\n]*)?\n)*\ufeff?version:\s*['\"]?convrun/")
_LOOKED_AT = 65_536  # bytes
_MODEL = re.compile(r"^    model: (.+)$", re.MULTILINE)  # of the first request: its replies name theirs further below
_PROVIDER = re.compile(r"^    provider: (.+)$", re.MULTILINE)


@frozen
class Beginning:
    """The names of the first request's model and provider; None where they are not told."""

    model: str | None = None
    provider: str | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """The names under which the model may have been asked for with `-m`."""
        if self.model is None:
            return ()
        return (self.model, *([f"{self.provider}/{self.model}"] if self.provider else []))


def beginning(path: Path) -> Beginning | None:
    """Return what the beginning of the file at `path` says; None where it is no cassette of ours, or a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            text = file.read(_LOOKED_AT).decode("utf-8", "replace").replace("\r\n", "\n")
    except OSError:
        return None
    if not OURS.match(text):
        return None
    return Beginning(model=_named(_MODEL.search(text)), provider=_named(_PROVIDER.search(text)))


def _named(found: re.Match[str] | None) -> str | None:
    """The text of a line's value, as the emitter writes names."""
    if found is None:
        return None
    text = found[1].strip()
    return text[1:-1].replace("''", "'") if text[:1] == "'" == text[-1:] else text
