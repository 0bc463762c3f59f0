"""Commands to GitHub's runner: how they are written, and how a text is kept from being one."""

from __future__ import annotations

import re
from collections.abc import Mapping

_COMMAND = re.compile(r"^([^\S\n]*):(?=:)|#(?=#\[)", re.MULTILINE)
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def command(name: str, message: str, properties: Mapping[str, object]) -> str:
    """Return the line that is this command; properties without a value are left out."""
    known = {key: str(value) for key, value in properties.items() if value is not None}
    listed = ",".join(f"{key}={value.translate(_PROPERTY)}" for key, value in known.items())
    return f"::{name}{' ' if listed else ''}{listed}::{message.translate(_DATA)}"


def disarmed(text: str, colon: str = ": ", hash_sign: str = "# ") -> str:
    """Return `text` without what the runner would obey: the first sign of `::error::` and of `##[error]` is another."""
    return _COMMAND.sub(lambda found: hash_sign if found[1] is None else f"{found[1]}{colon}", text)
