"""What differs between recordings as Markdown, for a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from convrun.report.conversation_diff import difference_lines, summary, verdict_change, verdict_word
from convrun.report.style import Line
from convrun.report.transcript import tokens
from convrun.report.wording import noun
from convrun.source import printable
from convrun.transcript import ConversationDifference, Side

_MOST = 60_000  # characters; a comment on GitHub takes 65,536
_LONGEST = 12_000  # of one conversation
_MARKS = {"removed": "-", "added": "+"}


def to_markdown(found: Sequence[ConversationDifference]) -> str:
    """Return a table of the conversations, and what differs in each; nothing that was said is markup in it."""
    lines = [f"**convrun diff**: {summary(found)}"]
    differing = [one for one in found if one.kind != "same"]
    if differing:
        lines += ["", "| conversation | turns | verdict | tokens |", "|---|---|---|---|", *map(_row, differing)]
    text = "\n".join(lines)
    left_out = 0
    for one in differing:
        block = _block(one)
        if left_out or len(text) + len(block) > _MOST:
            left_out += 1
        else:
            text += f"\n\n{block}"
    return f"{text}\n\n{noun(left_out, 'conversation')} more, which `convrun diff` shows." if left_out else text


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
    return f"| {_code(found.name)} | {' | '.join(cells)} |"


def _tokens(side: Side) -> str:
    return tokens(side.usage).replace(" tokens", "")


def _block(found: ConversationDifference) -> str:
    """What differs in one conversation, folded up; a fence of its own keeps all of it text."""
    text = "\n".join(map(_line, difference_lines(found)[1:]))
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition("\n")[0] + "\n  ... more, which `convrun diff` shows"
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"<details><summary>{_escaped(found.name)}</summary>\n\n{fence}diff\n{text}\n{fence}\n\n</details>"


def _line(line: Line) -> str:
    """A line as a diff has it: what was added or removed begins with its sign."""
    text, mark = printable(line.text), _MARKS.get(line.role)
    bare = text.lstrip()
    if mark is not None and bare.startswith(f"{mark} "):
        indent = len(text) - len(bare)
        return f"{mark} {' ' * indent}{bare[2:]}"
    return f"  {text}"


def _code(text: str) -> str:
    """A text as code in a cell of a table."""
    shown = printable(text).replace("|", "\\|")
    return f"<code>{_escaped(shown)}</code>"


def _escaped(text: str) -> str:
    """A text that is no markup, neither of HTML nor of Markdown."""
    shown = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]~@#])", lambda found: f"&#{ord(found[1])};", shown)
