"""What differs in two texts: a remark, and windows or, where there are several lines, a diff."""

from __future__ import annotations

import re
from collections.abc import Sequence

from convrun.checks.check import Explanation
from convrun.checks.explaining.remarks import part_remark, text_remark
from convrun.checks.explaining.shared import shared_end, shared_start
from convrun.checks.explaining.windows import Windows, place, shortened, window_lines
from convrun.values import show

_HEAD = "expected (-) and actual (+):"
_SHORT = 60  # texts up to here are seen at a glance
_MOST = 24  # lines of a diff
_COMPARED = 200  # lines of each text that are compared
_PARTS = 3  # of several that are looked for
_SOUGHT = 64  # characters of a part that are looked for
_NEAR = 60  # percent in which the nearest part is alike
_BEGINNING = 2_000  # characters by which texts are told to be near
_NEARER = 75  # the same of a short part
_BRIEF = 8  # characters of a short part


def texts_differ(expected: str, actual: str) -> Explanation:
    """Return what differs in two different texts."""
    if not expected or not actual:
        return Explanation()
    remark = text_remark(expected, actual)
    lines = max(len(expected), len(actual)) > _SHORT or "\n" in expected or "\n" in actual
    if not remark and lines:
        remark = _where(expected, actual)
    if not remark and not lines:
        return Explanation()
    if remark.endswith(" lower case differ") and not lines:
        return Explanation(remark=remark)
    return Explanation(remark=remark, lines=tuple(difference(expected, actual)))


def _where(expected: str, actual: str) -> str:
    at = shared_start(expected, actual)
    if at == len(actual):
        return f"; it ends too early, at {place(actual, at)}"
    if at == len(expected):
        return f"; it goes on behind that, from {place(actual, at)}"
    if not at and (found := actual.find(expected)) >= 0:
        return f"; it has that with more around it, from {place(actual, found)}"
    return f"; they differ from {place(actual, at)}"


def found_at(text: str, start: int, end: int, *, head: str = "found at") -> Explanation:
    """Return where the piece of a text is that should not be there; nothing where the text is short."""
    if len(text) <= _SHORT and "\n" not in text:
        return Explanation()
    windows = Windows()
    windows.lines.append(f"{head} {place(text, start)}:")
    windows.mark(text, start, end)
    return Explanation(lines=(*windows.lines, *windows.legend()))


def difference(expected: str, actual: str) -> list[str]:
    """Return the lines that show what differs in two texts; empty where they have next to nothing in common."""
    if "\n" in expected and "\n" in actual:
        return _diff(expected.split("\n"), actual.split("\n"))
    lines = window_lines(expected, actual)
    return [_HEAD, *lines] if lines else []


def part_missing(part: str, text: str) -> Explanation:
    """Return what is nearest to a part that is not in a text, if anything is near."""
    remark = part_remark(part, text)
    found = nearest(part, text)
    if found is None:
        return Explanation(remark=remark)
    start, end = found
    lines = window_lines(part, text, start=start, end=end)
    if not lines:
        return Explanation(remark=remark)
    if max(len(part), len(text)) <= _SHORT and "\n" not in text and (not remark or "lower case" in remark):
        return Explanation(remark=remark)  # it is seen at a glance
    return Explanation(remark=remark, lines=(f"nearest, at {place(text, start)}:", *lines))


def parts_missing(parts: Sequence[str], text: str) -> Explanation:
    """Return what is nearest to each of several parts that are not in a text; of many, to the first ones."""
    lines: list[str] = []
    for part in parts[:_PARTS]:
        told = part_missing(part, text).lines
        lines += [f"{shortened(repr(part), _SHORT)}, {told[0]}", *told[1:]] if told else []
    return Explanation(lines=tuple(lines))


def nearest(part: str, text: str) -> tuple[int, int] | None:
    """Return where in a text something stands that is most like a part; None where nothing is like it.

    Of a long part its beginning is looked for: the time that it takes grows with its length.
    """
    from rapidfuzz.fuzz import partial_ratio_alignment

    sought = part[:_SOUGHT]
    sides = sought.lower(), text.lower()
    if (len(sides[0]), len(sides[1])) != (len(sought), len(text)):  # places would not be the same
        sides = sought, text
    if len(sought) >= len(text):
        return None
    found = partial_ratio_alignment(*sides, score_cutoff=_NEAR if len(part) >= _BRIEF else _NEARER)
    if found is None:
        return None
    start, end = found.dest_start, min(found.dest_end + len(part) - len(sought), len(text))
    while start and text[start - 1].isalnum() and part[0].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum() and part[-1].isalnum():
        end += 1
    return start, end


def _diff(before: list[str], after: list[str]) -> list[str]:
    """The lines that differ and one around them, long ones as windows."""
    from difflib import SequenceMatcher

    start = max(shared_start(before, after) - 1, 0)
    end = min(shared_end(before, after), len(before) - start, len(after) - start)
    end = max(end - 1, 0)
    left, right = before[start : len(before) - end], after[start : len(after) - end]
    cut = max(len(left), len(right)) > _COMPARED
    left, right = left[:_COMPARED], right[:_COMPARED]
    windows = Windows()
    windows.lines.append(_HEAD)
    for number, group in enumerate(SequenceMatcher(None, left, right, autojunk=False).get_grouped_opcodes(1)):
        line = start + group[0][3] + 1
        if line > 1 or number:
            windows.lines.append(f"line {line}:")
        for kind, i, j, k, m in group:
            _draw(windows, kind, left[i:j], right[k:m])
    lines = windows.lines
    if len(lines) > _MOST + 1 or cut:
        left_out = len(lines) - _MOST
        more = f"... and {left_out} lines more" if left_out > 0 and not cut else "... and more below"
        lines = [*lines[:_MOST], more]
    return [*lines, *windows.legend()]


def _draw(windows: Windows, kind: str, gone: list[str], fresh: list[str]) -> None:
    if kind == "equal":
        windows.lines += [f"  {shortened(line)}".rstrip() for line in gone]
    elif kind == "replace" and len(gone) == len(fresh):
        for old, new in zip(gone, fresh, strict=True):
            windows.pair(old, new)
    else:
        for mark, lines in (("- ", gone), ("+ ", fresh)):
            windows.lines += [f"{mark}{shortened(line)}" if line else f"{mark}(an empty line)" for line in lines]


def none_of(texts: Sequence[str], actual: str) -> Explanation:
    """Return what differs in the text of several that a text is nearest to; nothing where it is near none."""
    chosen = _nearest_of(texts, actual) if actual else None
    if chosen is None:
        return Explanation()
    told = texts_differ(chosen, actual)
    if len(texts) == 1:
        return told
    if told.lines:
        return Explanation(remark=told.remark, lines=(f"nearest is {shortened(repr(chosen))}:", *told.lines))
    return Explanation(remark=f"; nearest is {show(chosen, _SHORT)}{told.remark}")


def _nearest_of(texts: Sequence[str], actual: str) -> str | None:
    """The text that is most like another as a whole, else one that stands in it as a word."""
    from rapidfuzz.fuzz import ratio
    from rapidfuzz.process import extractOne

    begins = [text[:_BEGINNING].lower() for text in texts]
    found = extractOne(actual[:_BEGINNING].lower(), begins, scorer=ratio, score_cutoff=_NEAR)
    if found is not None:
        return texts[found[2]]
    folded = actual.casefold()
    return next((one for one in texts if one and re.search(rf"\b{re.escape(one.casefold())}\b", folded)), None)
