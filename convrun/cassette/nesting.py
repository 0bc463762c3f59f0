"""Requests and replies that are nested too deeply to be looked through: an error, where Python's stack ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from convrun.errors import CassetteError
from convrun.source import Where


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
