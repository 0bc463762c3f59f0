"""Code in a check, imported: what an import path names, and what judges a kind that is not convrun's."""

from __future__ import annotations

from convrun.frozen import frozen


@frozen
class Code:
    """What stands in a check's value in place of an import path, once it was imported: `target` is the object."""

    path: str
    target: object


@frozen
class OwnValue:
    """What stands in place of the value of a kind that is not convrun's: the value, and the function that judges it.

    `code` is None where nothing was imported.
    """

    value: object
    code: Code | None = None


def typed(value: object) -> str:
    """Return the type of a value of the user's, in words: `an int`, `a Room`."""
    name = type(value).__name__
    return f"{'an' if name[:1] in 'aeioAEIO' else 'a'} {name}"
