"""An import path in a check, imported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What stands in a check's value in place of an import path, once it was imported: `target` is the object."""

    path: str
    target: object
