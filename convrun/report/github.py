"""The run as annotations of GitHub: workflow commands that put each failure on its line of the spec."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from posixpath import join
from typing import Literal

from convrun.frozen import frozen
from convrun.report.account import told, trouble
from convrun.report.failure import Fault, fault_line, faults, problem, reproducing, transcript
from convrun.report.findings import finding_groups, finding_lines
from convrun.report.stale import missing_block, stale_blocks, stale_causes, stale_title
from convrun.report.style import Line
from convrun.report.wording import noun, short
from convrun.report.workflow_commands import command
from convrun.results import ConversationResult, Problem, RunResult
from convrun.source import Where, printable

MOST = 10  # annotations of a level that GitHub shows of one step
_LONGEST = 8_000  # characters of a message
_NAMED = 20  # others in the same place that are named
_TITLE = 180  # about; GitHub takes 255


@frozen
class _Annotation:
    """One thing to be seen at a place: `title` and the `text` below it."""

    level: Literal["error", "warning"]
    title: str
    text: str
    where: Where | None = None


def to_github(result: RunResult, *, folder: str = "") -> str:
    """Return the commands, a line each: at most ten errors and ten warnings, the last of which counts those left out.

    Where there are more, those at one place are one. Failed checks and errors are errors, and so are stale and missing
    recordings unless they are let pass; findings are warnings. `folder` leads from the root of the repository to that
    of the project. Empty where all is well.
    """
    return _commands(_annotations(result), folder)


def mistakes_to_github(mistakes: Iterable[Problem], *, folder: str = "") -> str:
    """Return the commands for mistakes for which nothing ran: an error at the place of each."""
    title = "nothing ran: a mistake"
    every = [_Annotation(level="error", title=title, text=told(problem(one)), where=one.where) for one in mistakes]
    return _commands(every, folder)


def _commands(annotations: list[_Annotation], folder: str) -> str:
    every = [replace(one, text=_shortened(one.text)) for one in annotations]
    lines = []
    for level in ("error", "warning"):
        shown = [one for one in every if one.level == level]
        shown = shown if len(shown) <= MOST else _merged(shown)
        more = len(shown) - MOST
        for number, one in enumerate(shown[:MOST], start=1):
            rest = f"\n\nnot shown here: {noun(more, level)} more" if number == MOST and more > 0 else ""
            lines.append(_command(one, rest, folder))
    return "\n".join(lines)


def _command(one: _Annotation, rest: str, folder: str) -> str:
    where = one.where
    properties = {
        "file": printable(join(folder, where.file)) if where else None,
        "line": where.line or 1 if where else None,
        "col": where.column if where else None,
        "title": short(printable(one.title), _TITLE),
    }
    return command(one.level, one.text + rest, properties)


def _merged(annotations: list[_Annotation]) -> list[_Annotation]:
    """The annotations with those of one place together: the text of the first, the titles of all others."""
    places: dict[object, list[_Annotation]] = {}
    for number, one in enumerate(annotations):
        where = one.where
        places.setdefault((where.file, where.line, where.column) if where else number, []).append(one)
    return [_together(first, others) for first, *others in places.values()]


def _together(first: _Annotation, others: list[_Annotation]) -> _Annotation:
    if not others:
        return first
    named = [f"  {printable(one.title)}" for one in others[:_NAMED]]
    named += [f"  ... {len(others) - _NAMED} more"] if len(others) > _NAMED else []
    return replace(first, text="\n".join([first.text, "", "in the same place:", *named]))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _annotations(result: RunResult) -> list[_Annotation]:
    found = []
    if wrong := trouble(result):
        found.append(_Annotation(level="error", title="convrun", text=told(problem(wrong))))
    for conversation in result.conversations:
        found += [_fault(conversation, fault, result.command) for fault in faults(conversation)]
    level: Literal["error", "warning"] = "error" if result.exit_code else "warning"  # with --on-stale warn it is 0
    for members in stale_causes(result.conversations):
        first = members[0]
        title = f"STALE {stale_title(first.stale) if first.stale else first.id}"
        text = told(stale_blocks(members, command=result.command, every=True))
        found.append(_Annotation(level=level, title=title, text=text, where=_stale_place(first)))
    missing: dict[str, list[ConversationResult]] = {}
    for one in result.conversations:
        if one.verdict == "missing":
            missing.setdefault(one.spec, []).append(one)
    for spec, members in missing.items():
        text = told(missing_block(members, command=result.command))
        found.append(_Annotation(level=level, title=f"MISSING {spec}", text=text, where=_place(members[0])))
    for group in finding_groups(result):
        text = told(finding_lines(group.finding, group.concerned))
        title = f"FINDING {group.finding.kind}"
        found.append(_Annotation(level="warning", title=title, text=text, where=group.where))
    return found


def _fault(conversation: ConversationResult, fault: Fault, reproduced: str) -> _Annotation:
    """One thing that went wrong, with what was said in its turn."""
    lines: list[Line] = [*transcript(fault.turn), Line("")] if fault.turn else []
    lines += [*fault.lines, *([reproducing(reproduced, conversation)] if reproduced else [])]
    where = fault.where or (fault.turn.where if fault.turn else None) or _place(conversation)
    title = fault_line(conversation, fault).text
    return _Annotation(level="error", title=title, text=told(lines), where=where)


def _stale_place(conversation: ConversationResult) -> Where:
    """The turn at which the recording stopped to match."""
    number = conversation.stale.turn if conversation.stale else None
    turn = next((turn for turn in conversation.turns if turn.index == number), None)
    return turn.where if turn and turn.where else _place(conversation)


def _place(conversation: ConversationResult) -> Where:
    return conversation.where or Where(file=conversation.spec, line=1)
