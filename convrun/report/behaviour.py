"""What new recordings changed in the behaviour of their conversations, at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convrun.report.conversation_diff import turn_title, verdict_change, verdict_word
from convrun.report.style import Line, Role
from convrun.report.transcript import tokens
from convrun.report.wording import noun
from convrun.transcript import ConversationDifference, TurnDifference, VerdictDifference

_SCREEN = 20  # lines in all
_TURNS = 4  # of one conversation


def behaviour_lines(found: Sequence[ConversationDifference]) -> list[Line]:
    """Return a few lines for each conversation: its turns that changed and in what, verdicts, tokens.

    There are at most as many as a screen holds; empty where nothing changed.
    """
    if not found:
        return []
    lines: list[Line] = []
    for number, one in enumerate(found):
        told = _conversation(one)
        if len(lines) + len(told) > _SCREEN:
            lines.append(Line(f"... {noun(len(found) - number, 'conversation')} more"))
            break
        lines += told
    return [*lines, Line("  in full, against the last commit: convrun diff", "dim"), Line("")]


def _conversation(found: ConversationDifference) -> list[Line]:
    if found.old is None or found.new is None:
        return []
    if found.unreadable:
        problems = [side.problem.message for side in (found.old, found.new) if side.problem]
        return [Line(f"RECORDED ANEW {found.name}: {'; '.join(problems)}", "stale")]
    changed = sum(not _is_only_judged(turn) for turn in found.turns)
    parts = [
        f"{changed} of {noun(len(found.turns) + found.unchanged, 'turn')} changed",
        _verdict(found.verdict),
        f"{tokens(found.old.usage)} -> {tokens(found.new.usage)}" if found.old.usage != found.new.usage else "",
    ]
    worse = found.verdict.new in {"failed", "error"} and found.verdict.old != found.verdict.new
    role: Role = "failed" if worse else "stale"
    lines = [Line(f"RECORDED ANEW {found.name}: {', '.join(filter(None, parts))}", role)]
    asked = [part.part for part in found.parts] + list(_checks(found.verdict))
    lines += [Line(f"  {', '.join(asked)}")] if asked else []
    lines += [Line(f"  {_turn(turn)}") for turn in found.turns[:_TURNS]]
    left = len(found.turns) - _TURNS
    return [*lines, Line(f"  ... {noun(left, 'turn')} more")] if left > 0 else lines


def _is_only_judged(turn: TurnDifference) -> bool:
    """Whether the turn itself is what it was, and nothing differs but what checks say of it."""
    return turn.kind == "changed" and all(part.grade for part in turn.parts if part.part != "tokens")


def _verdict(verdict: VerdictDifference) -> str:
    """How the verdict changed; the one of now where nothing was recorded that a check asks by now."""
    if verdict.old == verdict.new:
        return ""
    return verdict_change(verdict) if verdict.old is not None else f"now {verdict_word(verdict.new)}"


def _turn(turn: TurnDifference) -> str:
    """The turn, its verdicts, and the names of what differs in it."""
    said = [*(part.part for part in turn.parts), *_checks(turn.verdict)] if turn.kind == "changed" else []
    return "; ".join([turn_title(turn), *([", ".join(said)] if said else [])])


def _checks(verdict: VerdictDifference) -> Iterator[str]:
    for check in verdict.failing:
        yield f"{check.kind} {'fails' if check.verdict == 'failed' else 'is an error'} now ({check.where})"
    yield from (f"{check.kind} failed before" for check in verdict.mended)
