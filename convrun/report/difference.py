"""Old and new of one value, as a diff of what differs only."""

from __future__ import annotations

import json

from convrun.report.style import Line, Role
from convrun.report.wording import dumped

_CONTEXT = 40  # characters shown on both sides of what differs in one long line
_LONG = 160
_MOST = 40  # lines of a diff, unless all of it is asked for


def difference(old: object, new: object, *, full: bool = False) -> list[Line]:
    """Return the removed and added lines; a side that is None does not appear."""
    before, after = _lines(old), _lines(new)
    if len(before) == len(after) == 1:
        first, second = (before[0], after[0]) if full else _window(before[0], after[0])
        return [Line(f"- {first}", "removed"), Line(f"+ {second}", "added")]
    if not before or not after:
        lines = [*(Line(f"- {line}", "removed") for line in before), *(Line(f"+ {line}", "added") for line in after)]
    else:
        lines = _unified(before, after)
    if full or len(lines) <= _MOST:
        return lines
    return [*lines[:_MOST], Line(f"... {len(lines) - _MOST} lines more, -vv shows them", "dim")]


def _lines(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, str):
        return dumped(value).split("\n")
    return (_embedded(value) or value).split("\n")


def _embedded(text: str) -> str | None:
    """A text that is a JSON mapping or list, laid out: tool results and arguments often are."""
    if not text.startswith(("{", "[")) or "\n" in text:
        return None
    try:
        return dumped(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _window(old: str, new: str) -> tuple[str, str]:
    """Both lines around what differs, where they are long."""
    if max(len(old), len(new)) <= _LONG:
        return old, new
    start = _shared(old, new)
    end = _shared(old[start:][::-1], new[start:][::-1])
    left = max(start - _CONTEXT, 0)
    return _piece(old, left, len(old) - end), _piece(new, left, len(new) - end)


def _piece(text: str, left: int, right: int) -> str:
    right = min(right + _CONTEXT, len(text))
    return f"{'...' if left else ''}{text[left:right]}{'...' if right < len(text) else ''}"


def _shared(left: str, right: str) -> int:
    """How many characters two texts have in common at the start."""
    shortest = min(len(left), len(right))
    return next((index for index in range(shortest) if left[index] != right[index]), shortest)


def _unified(before: list[str], after: list[str]) -> list[Line]:
    from difflib import unified_diff  # only once something differs

    lines: list[Line] = []
    for text in list(unified_diff(before, after, n=1, lineterm=""))[2:]:
        if text.startswith("@@"):
            lines += [Line("  ...", "dim")] if lines else []
        else:
            role: Role = "removed" if text.startswith("-") else "added" if text.startswith("+") else "text"
            lines.append(Line(f"{text[0]} {text[1:]}".rstrip(), role))
    return lines
