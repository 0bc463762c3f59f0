"""What is said outside of results, without secrets: mistakes for which nothing runs, and lines on stderr."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from convrun.backends.keys import known_keys
from convrun.errors import ConvrunError
from convrun.redaction import Redactor
from convrun.run.secrets import secrets_of
from convrun.settings import find_root


def said_without_secrets(lines: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Return lines about to be told to people without secrets: of known shapes, keys, and what settings name."""
    return _known_here(environ).text("\n".join(lines)).split("\n")


def _known_here(environ: Mapping[str, str]) -> Redactor:
    """What takes out the secrets of the project around here; where its settings are wrong, those known anyhow."""
    try:
        return secrets_of([find_root([], Path.cwd())], environ)
    except (ConvrunError, OSError):  # the folder may be gone
        return known_keys(environ).thorough


def told_without_secrets(
    errors: Iterable[ConvrunError], environ: Mapping[str, str], patterns: Iterable[str] = ()
) -> None:
    """Take secrets out of mistakes: what a module raises when it is imported, or a line of a spec, may hold some."""
    thorough = known_keys(environ, patterns).thorough
    for error in errors:
        error.what = thorough.text(error.what)
        error.args = (error.what,)
        if error.fix:
            error.fix = thorough.text(error.fix)
        if (where := error.where) is not None:
            text = thorough.text(where.text) if where.text else where.text
            error.where = replace(where, file=thorough.text(where.file), text=text)
