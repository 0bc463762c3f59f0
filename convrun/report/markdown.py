"""The run as Markdown: for a comment on a pull request, and for the summary of a step on GitHub.

What specs, models and tools said stands in code only, which it cannot end: no mention, link, table or HTML of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from convrun.report.account import reason, told, trouble
from convrun.report.console import summary
from convrun.report.counts import counts
from convrun.report.failure import failure, problem, tolerated
from convrun.report.findings import findings_block
from convrun.report.samples import outcome
from convrun.report.stale import missing_block, stale_blocks, stale_causes, stale_title
from convrun.report.style import Line
from convrun.report.wording import noun
from convrun.report.workflow_commands import disarmed
from convrun.results import ConversationResult, Problem, RunResult, Verdict
from convrun.source import printable

COMMENT = 65_536  # what GitHub takes as a comment, in characters; counted in bytes here, which are never fewer
_WORST_FIRST: tuple[Verdict, ...] = ("error", "failed", "stale", "missing", "unchecked", "skipped", "passed")
# What is wrong with a run that none of its conversations shows, in the headline.
_TROUBLE = {"bug": "a bug in convrun", "interrupted": "interrupted", "findings": "strict findings"}
_NOTES = 400  # bytes kept for what is said of what is left out
_BLOCK = 12_000  # characters of one block
_OPEN = 3  # blocks that are shown unfolded, where there are no more


def to_markdown(result: RunResult, *, most: int = COMMENT) -> str:
    """Return the result as Markdown of at most `most` bytes in UTF-8; what is left out is counted.

    A headline with the counts, a table of what did not pass and of groups that passed without some of their samples,
    and what the console says of it, folded: each failure, each cause of stale recordings once, what is missing, what
    was let pass in groups, the findings.
    """
    head = _head(result)
    room = most - size(head) - _NOTES
    rows = [_row(one) for verdict in _WORST_FIRST[:-1] for one in result.conversations if one.verdict == verdict]
    rows += [_row(one, outcome(one.samples)) for one in result.conversations if one.samples and tolerated(one)]
    listed = fitting(rows, room // 4)
    blocks = _blocks(result)
    folded = fitting(blocks, room - size(listed))
    table = ["\n".join(["| verdict | conversation | reason |", "|---|---|---|", *listed])] if listed else []
    return "\n\n".join([*head, *table, *folded, *_left_out(len(rows) - len(listed), len(blocks) - len(folded))])


def mistakes_to_markdown(mistakes: Sequence[Problem], *, most: int = COMMENT) -> str:
    """Return the mistakes for which nothing ran as Markdown of at most `most` bytes; what is left out is counted."""
    head = [f"## convrun: nothing ran, {noun(len(mistakes), 'mistake')}"]
    blocks = [fenced(clipped(told(problem(one)))) for one in mistakes]
    shown = fitting(blocks, most - size(head) - _NOTES)
    return "\n\n".join([*head, *shown, *_left_out(0, len(blocks) - len(shown))])


def code(text: str) -> str:
    """Return a text of one line as code inside of a line or table, whatever it holds."""
    text = disarmed(printable(text))
    if not re.search(r"[`\\|]", text):
        return f"`{text}`" if text.strip() else ""
    return f"<code>{re.sub(r'[^0-9A-Za-z ]', _entity, text)}</code>"


def fenced(text: str, *, language: str = "text") -> str:
    """Return a text as a block of code that nothing in it ends."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{disarmed(text)}\n{fence}"


def _head(result: RunResult) -> list[str]:
    numbers = counts(result).told(_WORST_FIRST)
    wrong = trouble(result)
    found = [_TROUBLE[wrong.type]] if wrong and wrong.type in _TROUBLE else []
    found += [numbers] if numbers else []
    head = [f"## convrun: {', '.join(found) or 'nothing was run'}", summary(result)]
    return [*head, fenced(told(problem(wrong)))] if wrong and found else head


def _row(conversation: ConversationResult, why: str | None = None) -> str:
    return f"| {conversation.verdict} | {code(conversation.id)} | {code(why or reason(conversation))} |"


def _blocks(result: RunResult) -> list[str]:
    """What is told below the table, the worst first."""
    found: list[tuple[str, list[Line]]] = []
    for verdict in ("error", "failed"):
        members = [one for one in result.conversations if one.verdict == verdict]
        found += [(f"{verdict.upper()} {html_code(one.id)}", failure(one, command=result.command)) for one in members]
    for concerned in stale_causes(result.conversations):
        parts = stale_title(concerned[0].stale) if concerned[0].stale else concerned[0].id
        name = f"STALE {html_code(parts)}: {noun(len(concerned), 'conversation')}"
        found.append((name, stale_blocks(concerned, command=result.command)))
    lacking = (one for one in result.conversations if one.verdict == "missing")
    missing = sum(single.verdict == "missing" for one in lacking for single in one.singles)
    found.append((f"MISSING {noun(missing, 'recording')}", missing_block(result.conversations, command=result.command)))
    passing = [(one, tolerated(one)) for one in result.conversations]
    found += [(f"PASSED {html_code(one.id)}, not every sample", lines) for one, lines in passing if lines]
    found.append((noun(counts(result).findings, "finding"), findings_block(result)))
    told_of = [(name, told(lines)) for name, lines in found if lines]
    return [_folded(name, text, unfolded=len(told_of) <= _OPEN) for name, text in told_of]


def _folded(name: str, text: str, *, unfolded: bool) -> str:
    return f"<details{' open' if unfolded else ''}><summary>{name}</summary>\n\n{fenced(clipped(text))}\n\n</details>"


def html_code(text: str) -> str:
    """Return a text of one line as code inside of HTML."""
    return f"<code>{escape(disarmed(printable(text)))}</code>"


def clipped(text: str) -> str:
    """Return the text without its end, if it is very long; the lines that are missing are counted."""
    if len(text) <= _BLOCK:
        return text
    lines = text[:_BLOCK].split("\n")[:-1] or [text[:_BLOCK]]
    return "\n".join([*lines, f"... {text.count(chr(10)) + 1 - len(lines)} lines more, the console has them"])


def fitting(pieces: Sequence[str], room: int) -> list[str]:
    """Return the pieces that there is room for in so many bytes, in their order."""
    taken = []
    for piece in pieces:
        needed = size([piece])
        if needed <= room:
            taken.append(piece)
            room -= needed
    return taken


def size(pieces: Sequence[str]) -> int:
    """Return the bytes of the pieces, with what stands between them."""
    return sum(len(piece.encode("utf-8")) + 2 for piece in pieces)


def _left_out(rows: int, blocks: int) -> list[str]:
    left = [noun(number, name) for number, name in ((rows, "row"), (blocks, "block")) if number]
    return (
        [f"**Left out, as there is no room for more: {' and '.join(left)}.** The console has all of it."]
        if left
        else []
    )


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"
