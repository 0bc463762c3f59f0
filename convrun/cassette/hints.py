"""What differs in two texts, and what it looks like: a date, a time, a path, an id; with the line that settles it."""

from __future__ import annotations

import re

from convrun.values import Json

_SCRIPT = "script:"  # names of models that are files of our own
_WORD = re.compile(r"[\w./\\:+@%-]")
_SHAPES = (
    ("a date and time", re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}\S*")),
    ("a date", re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")),
    (
        "a date",
        re.compile(
            r"(?i)\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
        ),
    ),
    ("a time", re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?")),
    ("an id", re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")),
    ("a path", re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+){2,}[\\/]?")),
    ("an id", re.compile(r"(?i)(?=[a-z_-]*\d)[0-9a-z_-]{12,}|\d{9,}")),
)


def hint(path: str, recorded: Json, now: Json, *, tool: str | None = None) -> str | None:
    """Return what the difference of two texts looks like and what to do about it; None where it is no usual suspect.

    `tool` is the one whose result the texts are.
    """
    if not isinstance(recorded, str) or not isinstance(now, str):
        return None
    if path == "/model" or _SCRIPT in (recorded[: len(_SCRIPT)], now[: len(_SCRIPT)]):
        return None  # another model gives other replies, whatever its name looks like
    old, new = _spans(recorded, now)
    for name, shape in _SHAPES:
        before, after = shape.search(old), shape.search(new)
        if before is not None and after is not None:
            fixed = f"fix it, as with `vars: {{{_variable(name)}: '{before[0]}'}}`"
            mended = fixed if tool is None else f"give the tool {tool!r} `policy: replay`"
            return f"{after[0]!r} looks like {name}: {mended}, or leave it out with `cassette: {{ignore: [{path}]}}`"
    return None


def _variable(name: str) -> str:
    return {"a date and time": "now", "a date": "today", "a time": "time", "an id": "id"}.get(name, "folder")


def _spans(old: str, new: str) -> tuple[str, str]:
    """The parts of two texts that differ, out to the borders of words."""
    limit = min(len(old), len(new))
    start = next((index for index in range(limit) if old[index] != new[index]), limit)
    end = next((index for index in range(limit - start) if old[-1 - index] != new[-1 - index]), limit - start)
    while start and _WORD.match(old[start - 1]):
        start -= 1
    while end and _WORD.match(old[len(old) - end]):
        end -= 1
    return old[start : len(old) - end], new[start : len(new) - end]
