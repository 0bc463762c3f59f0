"""Old and new of one value, as a diff of what differs only."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby, pairwise

from convrun.report.style import Line, Role
from convrun.report.wording import dumped

_CONTEXT = 40  # characters shown on both sides of what differs in one long line
_WORDS = 12  # characters that are left out so that a line is cut between words
_LONG = 160
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_LONGEST = 240  # of what is shown of a line
_COMPARED = 2_000  # lines that are compared with each other; of more, all are removed and added
_MOST = 40  # lines of a diff, unless all of it is asked for


def difference(old: object, new: object, *, full: bool = False, most: int = _MOST) -> list[Line]:
    """Return the removed and added lines, `most` of them and one at most; a side that is None does not appear.

    Where there are too many, they are told without the lines around them first, then without those at the end.
    """
    before, after = _lines(old), _lines(new)
    if len(before) == len(after) == 1:
        first, second = (before[0], after[0]) if full else around(before[0], after[0])
        return [Line(f"- {first}", "removed"), Line(f"+ {second}", "added")]
    if not before or not after:
        both = [*(Line(f"- {line}", "removed") for line in before), *(Line(f"+ {line}", "added") for line in after)]
        return both if full else clipped([limited(line) for line in both], most)
    lines = _unified(before, after, context=1, full=full)
    if not full and most + 1 < len(lines) <= _COMPARED:
        lines = min(lines, _unified(before, after, context=0, full=full), key=lambda found: max(len(found), most + 1))
    return lines if full else clipped(_balanced(lines, most), most)


def _balanced(lines: list[Line], most: int) -> list[Line]:
    """The lines; where those that were removed first fill it all, with half of the room for what is in their place."""
    runs = [[*run] for _, run in groupby(lines, key=lambda line: line.role)]
    at = next((index for index, run in enumerate(runs) if run[0].role == "removed"), len(runs))
    before = sum(map(len, runs[:at]))
    if len(lines) <= most + 1 or len(runs) < at + 2 or before + len(runs[at]) < most or runs[at + 1][0].role != "added":
        return lines
    gone, fresh = runs[at : at + 2]
    shown = max(most - before - min(len(fresh), (most - before) // 2), 1)
    here = before + len(gone)
    return [*lines[:before], *gone[:shown], *fresh, *gone[shown:], *lines[here + len(fresh) :]]


def clipped(lines: list[Line], most: int) -> list[Line]:
    """Return the lines; of more than `most` and one, the first `most` and a line that counts the others."""
    if len(lines) <= most + 1:  # that line would take the place of one
        return lines
    return [*lines[:most], Line(f"... {len(lines) - most} lines more, -vv shows them", "dim")]


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


def around(old: str, new: str) -> tuple[str, str]:
    """Return two lines, of which only what differs and what is next to it is left where they are long."""
    if max(len(old), len(new)) <= _LONG:
        return old, new
    start = _shared(old, new)
    end = _shared(old[start:][::-1], new[start:][::-1])
    left = max(start - _CONTEXT, 0)
    left = old.find(" ", left, left + _WORDS) + 1 or left if left else 0
    return _piece(old, left, len(old) - end), _piece(new, left, len(new) - end)


def _piece(text: str, left: int, right: int) -> str:
    right = min(right + _CONTEXT, len(text))
    if right < len(text) and (blank := text.rfind(" ", right - _WORDS, right)) > left:
        right = blank
    return f"{'...' if left else ''}{_limited(text[left:right])}{'...' if right < len(text) else ''}"


def _limited(text: str) -> str:
    """A text without its middle, if it is very long."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"


def limited(line: Line) -> Line:
    """Return the line without its middle, if it is very long."""
    return Line(_limited(line.text), line.role)


def _shared(left: Sequence[object], right: Sequence[object]) -> int:
    """How much two texts, or lists of lines, have in common at the start."""
    shortest = min(len(left), len(right))
    return next((index for index in range(shortest) if left[index] != right[index]), shortest)


def _unified(before: list[str], after: list[str], *, context: int, full: bool) -> list[Line]:
    """The changed lines and those around them, but for blank ones; without any, it is not marked what is left out."""
    from difflib import unified_diff  # only once something differs

    start = _shared(before, after)
    end = _shared(before[start:][::-1], after[start:][::-1])
    old, new = (side[max(start - context, 0) : len(side) - max(end - context, 0)] for side in (before, after))
    if max(len(old), len(new)) > _COMPARED:
        removed = [limited(Line(f"- {line}", "removed")) for line in old]
        return [*removed, *(limited(Line(f"+ {line}", "added")) for line in new)]
    lines: list[Line] = []
    for text in list(unified_diff(old, new, n=context, lineterm=""))[2:]:
        if text.startswith("@@"):
            lines += [Line("  ...", "dim")] if lines and context else []
        elif text.strip():
            role: Role = "removed" if text.startswith("-") else "added" if text.startswith("+") else "text"
            lines.append(Line(f"{text[0]} {text[1:]}".rstrip(), role))
    return lines if full else _shortened(lines)


def _shortened(lines: list[Line]) -> list[Line]:
    """The lines, long ones around what differs between a removed line and the added one in its place."""
    runs = [list(run) for _, run in groupby(lines, key=lambda line: line.role)]
    for gone, fresh in pairwise(runs):
        if (gone[0].role, fresh[0].role) == ("removed", "added"):
            for index, (old, new) in enumerate(zip(gone, fresh, strict=False)):
                first, second = around(old.text[2:], new.text[2:])
                gone[index], fresh[index] = Line(f"- {first}", "removed"), Line(f"+ {second}", "added")
    return [limited(line) for run in runs for line in run]


def changed_words(old: str, new: str) -> list[tuple[str, str]]:
    """Return which words differ in two texts, each with those in their place; one side of a pair may be empty."""
    from difflib import SequenceMatcher  # only once something differs

    before, after = _WORD.findall(old), _WORD.findall(new)
    start = _shared(before, after)
    end = _shared(before[start:][::-1], after[start:][::-1])
    before, after = before[start : len(before) - end], after[start : len(after) - end]
    if max(len(before), len(after)) > _COMPARED:
        return [("".join(before), "".join(after))]
    pairs = SequenceMatcher(None, before, after).get_opcodes()
    return [("".join(before[i:j]), "".join(after[k:m])) for kind, i, j, k, m in pairs if kind != "equal"]
