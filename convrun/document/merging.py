"""Two mappings as one: what is written over a base."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from convrun.document.nodes import Mapping, Node, Scalar, Sequence

_SIGN = "+"  # behind a key: its list goes behind the base's, instead of in its place


def merged(base: Mapping, over: Mapping, *, whole: Collection[str] = (), appending: Collection[str] = ()) -> Mapping:
    """Return `base` with `over` written over it; every node keeps the place where it is written.

    Mappings merge at every depth, but for those under the `whole` keys at the top; everything else replaces. A list
    under an `appending` key, as `expect+`, goes behind that of the base; it waits where there is none.
    """
    below = {key.text: (key, value) for key, value in base.entries}
    entries: list[tuple[Scalar, Node]] = []
    for key, value in over.entries:
        if key.text in appending:
            before = below.pop(_plain(key), None) or below.pop(key.text, None)
            entries.append((_named(key, before[0].text), _appended(before[1], value)) if before else (key, value))
            continue
        below.pop(f"{key.text}{_SIGN}" if f"{key.text}{_SIGN}" in appending else "", None)
        _, inner = below.pop(key.text, (None, None))
        both = isinstance(inner, Mapping) and isinstance(value, Mapping) and key.text not in whole
        entries.append((key, merged(inner, value) if both else value))  # type: ignore[arg-type]  # both are mappings
    return Mapping(entries=(*entries, *below.values()), start=over.start, end=over.end, source=over.source)


def settled(mapping: Mapping, appending: Collection[str]) -> Mapping:
    """Return the mapping with the lists that found nothing to stand behind under their plain keys."""
    entries = tuple(
        (_named(key, _plain(key)) if key.text in appending else key, value) for key, value in mapping.entries
    )
    return replace(mapping, entries=entries)


def _plain(key: Scalar) -> str:
    return key.text.removesuffix(_SIGN)


def _appended(before: Node, value: Node) -> Node:
    if not isinstance(before, Sequence) or not isinstance(value, Sequence):
        return value  # whoever reads it says that it is no list
    return replace(value, items=(*before.items, *value.items))


def _named(key: Scalar, name: str) -> Scalar:
    return replace(key, value=name, text=name)
