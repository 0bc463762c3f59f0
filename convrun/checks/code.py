"""An import path in a check, imported."""

from __future__ import annotations

from convrun.frozen import frozen


@frozen
class Code:
    """What stands in a check's value in place of an import path, once it was imported: `target` is the object."""

    path: str
    target: object
