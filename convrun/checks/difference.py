"""Where two texts begin to differ."""

from __future__ import annotations

from convrun.values import show

_SHORT = 60  # texts up to here are shown whole
_BEFORE, _AFTER = 12, 28  # characters shown around the first difference


def got(actual: str, expected: str | None = None) -> str:
    """Return `got 'NO'`; where a text is too long to be seen at a glance, also the place of the first difference."""
    if not actual:
        return "got an empty reply"
    if expected is None or max(len(actual), len(expected)) <= _SHORT:
        return f"got {show(actual)}"
    at = first_difference(expected, actual)
    start = max(0, at - _BEFORE)
    return (
        f"got {show(actual, _SHORT)}; they differ from character {at + 1}{_line(actual, at)}: "
        f"expected {_window(expected, start, at)}, got {_window(actual, start, at)}"
    )


def first_difference(left: str, right: str) -> int:
    """Return the first index at which two texts differ; the shorter one's length where one begins with the other."""
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return index
    return min(len(left), len(right))


def _line(text: str, at: int) -> str:
    lines = text.count("\n", 0, at)
    return f" (line {lines + 1})" if lines else ""


def _window(text: str, start: int, at: int) -> str:
    if at >= len(text):
        return f"its end after {text[start:at]!r}"
    shown = text[start : at + _AFTER]
    return f"{'…' if start else ''}{shown!r}{'…' if at + _AFTER < len(text) else ''}"
