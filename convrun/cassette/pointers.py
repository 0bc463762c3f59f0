"""JSON pointers (RFC 6901) into requests: what stands there, and requests in which it does not count."""

from __future__ import annotations

from convrun.values import Json

# Stands for an item of a list, so that those behind it keep their place. Told by its identity, so it is no literal,
# which Python may share with others.
IGNORED: Json = b"(ignored)".decode()
_LONGEST_INDEX = 9  # digits


def pointer_parts(pointer: str) -> tuple[str, ...]:
    """Return the parts of a JSON pointer."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def value_at(value: Json, parts: tuple[str, ...], missing: Json = None) -> Json:
    """Return what a JSON pointer's parts name in `value`; `missing` where there is nothing."""
    for part in parts:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and (index := _index(part)) is not None and index < len(value):
            value = value[index]
        else:
            return missing
    return value


def without(value: Json, parts: tuple[str, ...]) -> Json:
    """Return a copy of `value` in which it does not show what stood at a JSON pointer, nor whether anything did.

    A key goes, and so does one whose mapping or list has nothing else; an item of a list becomes `IGNORED`, unless it
    is the last. `value` itself is returned where the pointer names nothing in it.
    """
    if not parts:
        return IGNORED
    if isinstance(value, dict) and parts[0] in value:
        inner = without(value[parts[0]], parts[1:])
        if inner is IGNORED or inner in ({}, []):
            return {key: item for key, item in value.items() if key != parts[0]}
        return value if inner is value[parts[0]] else value | {parts[0]: inner}
    index = _index(parts[0])
    if isinstance(value, list) and index is not None and index < len(value):
        inner = without(value[index], parts[1:])
        if inner is value[index]:
            return value
        items = [*value[:index], inner, *value[index + 1 :]]
        while items and items[-1] is IGNORED:
            items.pop()
        return items
    return value


def _index(part: str) -> int | None:
    return int(part) if part.isascii() and part.isdigit() and len(part) <= _LONGEST_INDEX else None
