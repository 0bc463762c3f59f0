"""How deep JSON may be: what is nested deeper is no request and no reply, and must not exhaust Python's stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from convrun.errors import CassetteError
from convrun.source import Where
from convrun.values import Json

DEEPEST = 200  # levels


def too_deep(value: Json) -> bool:
    """Return whether a value has more than `DEEPEST` levels."""
    level: list[Json] = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, list | dict)
        ]
    return bool(level)


@contextmanager
def deep_refused(what: str, file: str) -> Iterator[None]:
    """Turn Python's own limit into an error that says that `what` is nested too deeply.

    Raises:
        CassetteError: where the block came to the limit.
    """
    try:
        yield
    except RecursionError as error:
        raise CassetteError(f"{what} is nested too deeply", where=Where(file=file)) from error
