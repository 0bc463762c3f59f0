"""Values that another reader has read, as nodes: TOML's, whose parser tells no places."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as AnyMapping

from convrun.document.nodes import Mapping, Node, Scalar, Sequence
from convrun.document.source_text import Source
from convrun.errors import DocumentError

_QUOTED = '"'  # TOML's texts are never cut off by a comment


def nodes_of(values: AnyMapping[str, object], text: str, file: str, *, start: int = 0) -> Mapping:
    """Return the nodes of a table; its keys are looked for in `text`, from the character `start` on.

    Raises:
        DocumentError: for a value that YAML does not have (a date, infinity).
    """
    return _mapping(values, Source(text, file), start)


def _mapping(values: AnyMapping[str, object], source: Source, start: int) -> Mapping:
    entries: list[tuple[Scalar, Node]] = []
    for name, value in values.items():
        begin, end = _place(name, source, start)
        key = Scalar(value=name, text=name, style=_QUOTED, start=begin, end=end, source=source)
        entries.append((key, _node(value, source, begin, end)))
    return Mapping(entries=tuple(entries), start=start, end=start, source=source)


def _place(name: str, source: Source, start: int) -> tuple[int, int]:
    """Where a key is written, as far as it can be found; else where its table begins."""
    found = re.compile(rf"(?<![\w-]){re.escape(name)}(?=[\"']?\s*[=.\]])").search(source.text, start)
    return found.span() if found else (start, start + 1)


def _node(value: object, source: Source, start: int, end: int) -> Node:
    if isinstance(value, AnyMapping):
        return _mapping(value, source, start)
    if isinstance(value, list):
        items = tuple(_node(item, source, start, end) for item in value)
        return Sequence(items=items, start=start, end=end, source=source)
    if isinstance(value, str):
        return Scalar(value=value, text=value, style=_QUOTED, start=start, end=end, source=source)
    try:
        if not isinstance(value, bool | int | float):
            raise ValueError
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        where = source.where(start, end)
        raise DocumentError(f"{value} is nothing that a spec can say", where=where, fix="write it as a text") from None
    return Scalar(value=value, text=text, style="", start=start, end=end, source=source)
