"""What differs in two values of mappings and lists, a line for each place: `parameters.city.default: 'Oslo' -> 'Rome'`.

Schemas read as signatures: the path of a parameter is its name, and that it is required is said of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from convrun.report.difference import around
from convrun.report.style import Line
from convrun.report.wording import dumped, quoted
from convrun.values import equal

_BRIEF = 100  # characters of a value in a line
_SIDES = 72  # of a text; longer ones stand below each other, around what differs
_HALF = 2


def path_lines(path: str, old: object, new: object) -> list[Line]:
    """Return the lines of what differs below `path`; none where the values are equal as JSON."""
    return [Line(text) if isinstance(text, str) else text for text in _differing(path, old, new)]


def _differing(path: str, old: object, new: object) -> Iterator[str | Line]:
    if equal(old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _mappings(path, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(path, old, new)
    elif isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > _SIDES:
        first, second = around(old.replace("\n", " "), new.replace("\n", " "))
        yield f"{path}:"
        yield Line(f"  - {first}", "removed")
        yield Line(f"  + {second}", "added")
    else:
        yield f"{_named(path)}{brief(old)} -> {brief(new)}"


def _mappings(path: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str | Line]:
    told = {"properties", "required"} if _is_object(old) and _is_object(new) else set()
    if told:
        yield from _signature(path, old, new)
    for key in dict.fromkeys([*old, *new]):
        if key not in told:
            yield from _one(_joined(path, key), key in old, old.get(key), key in new, new.get(key))


def _one(path: str, was: bool, old: object, is_now: bool, new: object, remark: str = "") -> Iterator[str | Line]:
    """One key, which a side may be without."""
    if was and is_now:
        yield from _differing(path, old, new)
    elif is_now:
        yield f"{path} is new{remark}: {brief(new)}"
    else:
        yield f"{path} is gone: {brief(old)}"


def _is_object(schema: Mapping[str, object]) -> bool:
    return isinstance(schema.get("properties"), Mapping) or (schema.get("type") == "object" and len(schema) == 1)


def _signature(path: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str | Line]:
    """The properties of two schemas: which are called otherwise, new, gone, required now, and what else differs."""
    before, after = _properties(old), _properties(new)
    needed, needs = _names(old.get("required")), _names(new.get("required"))
    renamed = dict(_renamed(before, after))
    for name in before:
        if name in renamed:
            yield f"{_joined(path, name)} is called {quoted(renamed[name])} now"
    for name in dict.fromkeys([*before, *after]):
        if name in renamed or (name in renamed.values() and name not in before):
            continue
        place = _joined(path, name)
        remark = ", required" if name in needs else ""
        yield from _one(place, name in before, before.get(name), name in after, after.get(name), remark)
    for was in before:
        name = renamed.get(was, was)
        if name in after and (was in needed) != (name in needs):
            yield f"{_joined(path, name)} is {'required now' if name in needs else 'no longer required'}"
    if needed == needs and not equal(old.get("required"), new.get("required")):
        yield f"{_joined(path, 'required')}: {brief(old.get('required'))} -> {brief(new.get('required'))}"


def _renamed(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The one property that is gone and the new one with the same schema, where there is no doubt which."""
    gone = [name for name in before if name not in after]
    fresh = [name for name in after if name not in before]
    if len(gone) == len(fresh) == 1 and equal(before[gone[0]], after[fresh[0]]):
        yield gone[0], fresh[0]


def _properties(schema: Mapping[str, object]) -> Mapping[str, object]:
    found = schema.get("properties")
    return found if isinstance(found, Mapping) else {}


def _names(required: object) -> set[str]:
    return {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()


def _lists(path: str, old: list[object], new: list[object]) -> Iterator[str | Line]:
    if not any(isinstance(item, Mapping | list) for item in [*old, *new]):
        gone, fresh = _without(old, new), _without(new, old)
        parts = [f"{brief(item)} is gone" for item in gone] + [f"{brief(item)} is new" for item in fresh]
        yield f"{_named(path)}{', '.join(parts)}" if parts else f"{_named(path)}{brief(old)} -> {brief(new)}"
        return
    for index in range(max(len(old), len(new))):
        was, now = (side[index] if index < len(side) else None for side in (old, new))
        yield from _one(f"{path}[{index}]", index < len(old), was, index < len(new), now)


def _without(items: Iterable[object], others: Iterable[object]) -> list[object]:
    known = list(others)
    return [item for item in items if not any(equal(item, other) for other in known)]


def brief(value: object) -> str:
    """Return a value on one short line."""
    text = quoted(value.replace("\n", " ")) if isinstance(value, str) else dumped(value, indent=None)
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF // _HALF]} ... {text[-_BRIEF // _HALF :]}"


def _joined(path: str, key: str) -> str:
    if not key.isprintable() or not key or any(sign in key for sign in " .[]'\""):
        return f"{path}[{quoted(key)}]"
    return f"{path}.{key}" if path else key


def _named(path: str) -> str:
    return f"{path}: " if path else ""
