"""One part of a request that changed, in lines: a text as a diff, a schema by its paths, a tool by its signature."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from convrun.report.causes import spans
from convrun.report.changed_paths import path_lines
from convrun.report.difference import around, clipped, difference, limited
from convrun.report.style import Line
from convrun.report.wording import dumped
from convrun.results import Change

_FEWEST = 4  # lines for the first of several changes
_MOST = 40  # lines of one part, unless all of it is asked for


def change_lines(change: Change, *, named: bool = True, full: bool = False, most: int = _MOST) -> list[Line]:
    """Return old and new of one part of a request, and what the difference looks like; `named`: with its name.

    `most` are the lines for it all, unless `full` asks for everything.
    """
    lines = [Line(f"  {change.part} ({change.path}):" if change.path else f"  {change.part}:")] if named else []
    advice = [Line(f"    {line}") for line in (change.hint or "").split("\n") if line]
    room = max(most - len(lines) - len(advice), 2)
    return [*lines, *(line.indented(4) for line in _values(change, full, room)), *advice]


def changes_lines(changes: Sequence[Change], *, full: bool = False, most: int = _MOST) -> list[Line]:
    """Return what changed in one request: the first change whole, of what follows from it the name.

    `most` are the lines for it all, unless `full` asks for everything.
    """
    if len(changes) <= 1 or full:
        return [
            line for change in changes for line in change_lines(change, named=len(changes) > 1, full=full, most=most)
        ]
    first, *others = changes
    cause = spans(first)
    places = most - _FEWEST
    shown = others if len(others) <= places else others[: places - 1]
    left = [Line(f"  also: {len(others) - len(shown)} parts more, -vv shows them")] if len(shown) < len(others) else []
    begun = change_lines(first, most=most - len(shown) - len(left))
    room = most - len(begun) - len(shown) - len(left)  # for those that do not just follow
    lines: list[Line] = []
    for change in shown:
        follows = all(pair in cause for pair in spans(change))
        whole = [] if follows else change_lines(change, most=room + 1)
        if whole and len(whole) <= room + 1:
            room -= len(whole) - 1
            lines += whole
        else:
            lines.append(_also(change, follows=follows))
    return [*begun, *lines, *left]


def _also(change: Change, *, follows: bool) -> Line:
    """The name of a part that changed with another one."""
    place = f" ({change.path})" if change.path else ""
    return Line(f"  also: {change.part}{place}{'' if follows else ', -vv shows it'}")


def _values(change: Change, full: bool, most: int) -> list[Line]:
    """Both values, in at most `most` lines."""
    parsed = [_parsed(side) for side in (change.recorded, change.now)]
    if all(isinstance(side, Mapping | list) for side in parsed):
        lines = _by_path(change, *parsed)
        return lines if full else clipped(lines, most - 1)
    if any(isinstance(side, Mapping | list) for side in parsed):  # one side only, or one side only is JSON
        lines = _sides(*(_told(side, change.part) for side in parsed))
        return lines if full else clipped([limited(line) for line in lines], most - 1)
    return difference(change.recorded, change.now, full=full, most=most - 1)


def _sides(old: str | None, new: str | None) -> list[Line]:
    """All of what was, then all of what is."""
    gone = [Line(f"- {line}", "removed") for line in old.split("\n")] if old is not None else []
    return gone + ([Line(f"+ {line}", "added") for line in new.split("\n")] if new is not None else [])


def _by_path(change: Change, old: object, new: object) -> list[Line]:
    try:
        lines = path_lines(_root(change.path), old, new)
    except RecursionError:  # a result of a tool may be JSON of any depth
        lines = []
    if lines:
        return lines
    # JSON that is written otherwise
    return _sides(*around(*map(str, (change.recorded, change.now))))


def _told(value: object, part: str) -> str | None:
    """A tool as its signature, a message as who says what, any other JSON on one line; a text as it is."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping) and part.startswith("tool ") and isinstance(value.get("name"), str):
        return _signature(value)
    if isinstance(value, Mapping) and isinstance(value.get("role"), str):
        return _message(value)
    return dumped(value, indent=None)


def _signature(function: Mapping[str, object]) -> str:
    """A tool as `find_room(city, nights): Look for a free room.`."""
    parameters = function.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, Mapping) else None
    names = ", ".join(map(str, properties)) if isinstance(properties, Mapping) else ""
    description = str(function.get("description") or "").strip().partition("\n")[0]
    return f"{function['name']}({names}){f': {description}' if description else ''}"


def _message(message: Mapping[str, object]) -> str:
    """A message as `assistant: text`, with the calls that it makes."""
    content = message.get("content")
    said = [content if isinstance(content, str) else dumped(content, indent=None)] if content else []
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            said.append(f"{function.get('name')}({dumped(function.get('arguments'), indent=None)})")
    return f"{message['role']}: {' '.join(said)}".rstrip()


def _parsed(value: object) -> object:
    """A text that is a JSON mapping or list, as that; results of tools often are."""
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _root(path: str) -> str:
    """What the places in a value begin with: the name of an option or of a part of a tool; nothing in messages."""
    last = path.rpartition("/")[2]
    return "" if last == "content" or last.isdigit() else last
