"""What differs between recordings as Markdown, for a comment on a pull request.

What was said stands in code only, as in the Markdown of a run.
"""

from __future__ import annotations

from collections.abc import Sequence

from convrun.report.conversation_diff import RESERVE, difference_lines, judges, summary, verdict_change, verdict_word
from convrun.report.markdown import COMMENT, clipped, code, fenced, fitting, html_code, size
from convrun.report.style import Line
from convrun.report.transcript import tokens
from convrun.report.wording import noun
from convrun.source import printable
from convrun.transcript import ConversationDifference, Side

_NOTES = 400  # bytes kept for what is said of what is left out
_MARKS = {"removed": "-", "added": "+"}


def to_markdown(found: Sequence[ConversationDifference], *, most: int = COMMENT) -> str:
    """Return as Markdown, of at most `most` bytes, a table of the conversations and what differs in each.

    What is left out is counted.
    """
    head = [f"## convrun diff: {summary(found)}"]
    differing = [one for one in found if one.kind != "same"]
    room = most - size(head) - _NOTES
    rows = fitting([_row(one) for one in differing], room // 4)
    table = ["\n".join(["| conversation | changed | checks | tokens |", "|---|---|---|---|", *rows])] if rows else []
    table += [f"{RESERVE[0].upper()}{RESERVE[1:]}."] if rows and judges(found) else []
    blocks = fitting([_block(one) for one in differing], room - size(rows))
    left = len(differing) - len(blocks)
    note = [f"**Left out, as there is no room for more: {noun(left, 'conversation')}.** `convrun diff` has all of it."]
    return "\n\n".join([*head, *table, *blocks, *(note if left else [])])


def _row(found: ConversationDifference) -> str:
    old, new = found.old, found.new
    if found.unreadable:
        cells = ("unreadable", "", "")
    elif old is None or new is None:
        side = old or new
        assert side is not None
        verdict = verdict_word(side.judgement.known) if new is not None else ""
        cells = (f"{noun(side.turns, 'turn')}, {'new' if old is None else 'removed'}", verdict, _tokens(side))
    else:
        changed = len(found.turns)
        known = (
            verdict_change(found.verdict) if found.verdict.old != found.verdict.new else verdict_word(found.verdict.new)
        )
        used = _tokens(new) if old.usage == new.usage else f"{_tokens(old)} → {_tokens(new)}"
        cells = (f"{changed} of {noun(changed + found.unchanged, 'turn')}", known.replace("->", "→"), used)
    return f"| {code(found.name)} | {' | '.join(cells)} |"


def _tokens(side: Side) -> str:
    return tokens(side.usage).replace(" tokens", "")


def _block(found: ConversationDifference) -> str:
    """What differs in one conversation, folded up."""
    text = clipped("\n".join(map(_line, difference_lines(found)[1:])))
    return f"<details><summary>{html_code(found.name)}</summary>\n\n{fenced(text, language='diff')}\n\n</details>"


def _line(line: Line) -> str:
    """A line as a diff has it: what was added or removed begins with its sign."""
    text, mark = printable(line.text), _MARKS.get(line.role)
    bare = text.lstrip()
    if mark is not None and bare.startswith(f"{mark} "):
        indent = len(text) - len(bare)
        return f"{mark} {' ' * indent}{bare[2:]}"
    return f"  {text}"
