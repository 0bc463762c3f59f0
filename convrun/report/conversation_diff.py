"""What differs between two recordings of a conversation, turn by turn, and what the checks say of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convrun.report.difference import difference
from convrun.report.failure import check_failure, problem
from convrun.report.style import Line, Role
from convrun.report.transcript import tokens, turn_lines
from convrun.report.wording import dumped, noun
from convrun.results import CheckResult, UsageResult, Verdict
from convrun.transcript import (
    ConversationDifference,
    Kind,
    PartDifference,
    Side,
    TurnDifference,
    Unjudged,
    VerdictDifference,
)
from convrun.values import Json

_SHORT = 50  # characters of values that stand side by side
_WHOLE = frozenset({"user text", "reply", "refusal", "reasoning", "system prompt", "error"})  # told line by line
_HEADS: dict[Kind, tuple[str, Role]] = {
    "changed": ("CHANGED", "stale"),
    "added": ("NEW", "added"),
    "removed": ("REMOVED", "removed"),
    "same": ("SAME", "dim"),
}
_UNREADABLE: tuple[str, Role] = ("UNREADABLE", "error")
_NOT_JUDGED = "not judged"
_OUTDATED = "spec has changed since"
RESERVE = "the checks were judged on the recordings; whether these still fit the specs, `convrun run` says"


def difference_lines(found: ConversationDifference, *, full: bool = False) -> list[Line]:
    """Return what differs, with as much of each text as differs; `full` leaves nothing out. Of equal ones, one line."""
    word, role = _UNREADABLE if found.unreadable else _HEADS[found.kind]
    lines = [Line(f"{word} {found.name}", role)]
    if found.kind == "same":
        return lines
    for side in (found.old, found.new):
        if side is not None and side.problem is not None:
            lines += [line.indented(2) for line in problem(side.problem)]
    if found.unreadable:
        return lines
    verdicts = _verdict(found.verdict, full) if found.old and found.new else _checks(found.verdict, full)
    lines += [line.indented(2) for line in [*_sides(found), *verdicts]]
    lines += [line.indented(2) for part in found.parts for line in part_lines(part, full=full)]
    for turn in found.turns:
        lines += [line.indented(2) for line in turn_difference_lines(turn, full=full)]
    lines += [Line(f"  {text}", "dim") for text in _remarks(found)]
    return lines


def turn_difference_lines(turn: TurnDifference, *, full: bool = False) -> list[Line]:
    """Return what differs in a turn; one that a side has only is shown whole."""
    name = turn_title(turn)
    if turn.kind != "changed":
        recorded = turn.new if turn.new is not None else turn.old
        assert recorded is not None
        role: Role = "added" if turn.new is not None else "removed"
        _, *said = turn_lines(recorded, full=full)
        return [Line(name, role), *said, *(line.indented(2) for line in _checks(turn.verdict, full))]
    lines = [line for part in turn.parts for line in part_lines(part, full=full)]
    return [Line(name, "stale"), *(line.indented(2) for line in [*lines, *_checks(turn.verdict, full)])]


def turn_title(turn: TurnDifference) -> str:
    """Return `turn 3 (price), was turn 2: passed -> failed`."""
    recorded = turn.new if turn.new is not None else turn.old
    index = recorded.index if recorded is not None else 0
    name = f"turn {index} ({turn.id})" if turn.id else f"turn {index}"
    if turn.old is not None and turn.new is not None and turn.old.index != index:
        name += f", was turn {turn.old.index}"
    if turn.kind == "changed":
        verdicts = turn.verdict
        return f"{name}: {verdict_change(verdicts)}" if verdicts.old != verdicts.new else name
    known = turn.verdict.new if turn.kind == "added" else None
    return f"{name}, {'new' if turn.kind == 'added' else 'removed'}{f': {known}' if known else ''}"


def part_lines(part: PartDifference, *, full: bool = False) -> list[Line]:
    """Return one part that differs: old and new side by side where both are short, else as a diff."""
    old, new = part.old, part.new
    if part.part == "tokens":
        return [Line(f"tokens: {_tokens(old)} -> {_tokens(new)}")]
    whole = part.part in _WHOLE or part.part.endswith(": result")
    if old is None or new is None or whole or max(len(_text(old)), len(_text(new))) > _SHORT:
        head = f"{part.part}, {'new' if old is None else 'removed'}:" if None in (old, new) else f"{part.part}:"
        lines = difference(old, new, full=full)
        if not lines:  # JSON that is spaced otherwise
            lines = [Line(f"- {_text(old)}", "removed"), Line(f"+ {_text(new)}", "added")]
        return [Line(head), *(line.indented(2) for line in lines)]
    plain = part.literal or all(isinstance(side, str) and side and " " not in side for side in (old, new))
    shown = [side if plain else dumped(side, indent=None) for side in (old, new)]
    return [Line(f"{part.part}: {shown[0]} -> {shown[1]}")]


def verdict_change(verdicts: VerdictDifference) -> str:
    """Return `passed -> failed`."""
    return f"{verdict_word(verdicts.old)} -> {verdict_word(verdicts.new)}"


def verdict_word(verdict: Verdict | None) -> str:
    """Return a verdict of the checks, or why there is none."""
    return _OUTDATED if verdict == "stale" else verdict or _NOT_JUDGED


def judges(found: Sequence[ConversationDifference]) -> bool:
    """Return whether verdicts are told, so that `RESERVE` has to be."""
    sides = [side for one in found if one.kind != "same" for side in (one.old, one.new)]
    return any(side is not None and side.judgement.known is not None for side in sides)


def summary(found: Sequence[ConversationDifference]) -> str:
    """Return the closing line: how many conversations changed, are new, removed, or could not be compared."""
    if not found:
        return "no recording differs"
    unreadable = sum(one.unreadable for one in found)
    kinds = [one.kind for one in found if not one.unreadable]
    words = {"changed": "changed", "added": "new", "removed": "removed", "same": "the same"}
    parts = [f"{kinds.count(kind)} {word}" for kind, word in words.items() if kind in kinds]
    parts += [f"{unreadable} unreadable"] if unreadable else []
    broken = sum(_fails(one.new) and not _fails(one.old) for one in found)
    worse = f"; {broken} that did not fail before" if broken else ""
    return f"{noun(len(found), 'conversation')}: {', '.join(parts)}{worse}"


def _fails(side: Side | None) -> bool:
    return side is not None and side.judgement.known in {"failed", "error"}


def unjudged_lines(side: Side | None) -> list[str]:
    """Return why what was not judged on a side was not, each reason once."""
    if side is None:
        return []
    reasons: dict[str, list[Unjudged]] = {}
    for one in side.judgement.every_unjudged:
        reasons.setdefault(one.why, []).append(one)
    return [_reason(why, ones) for why, ones in reasons.items()]


def _reason(why: str, ones: Sequence[Unjudged]) -> str:
    checks = dict.fromkeys(f"{one.kind} ({one.where})" for one in ones if one.kind)
    return f"{', '.join(checks)}: {why}" if checks else why


def _sides(found: ConversationDifference) -> Iterator[Line]:
    old, new = found.old, found.new
    if old is None or new is None:
        side = old or new
        assert side is not None
        yield Line(side.name, "dim")
        yield Line(f"{_amount(side)}; checks: {verdict_word(side.judgement.known)}")
        return
    yield Line(f"{old.name} -> {new.name}", "dim")
    if (old.turns, old.model_calls, old.usage) != (new.turns, new.model_calls, new.usage):
        yield Line(f"{_amount(old)} -> {_amount(new)}")


def _amount(side: Side) -> str:
    return f"{noun(side.turns, 'turn')}, {noun(side.model_calls, 'model call')}, {tokens(side.usage)}"


def _verdict(verdicts: VerdictDifference, full: bool) -> list[Line]:
    role: Role = "failed" if verdicts.new in {"failed", "error"} else "passed" if verdicts.new == "passed" else "text"
    lines = [Line(f"checks: {verdict_change(verdicts)}", role)] if verdicts.old != verdicts.new else []
    return [*lines, *_checks(verdicts, full)]


def _checks(verdicts: VerdictDifference, full: bool) -> list[Line]:
    lines: list[Line] = []
    if verdicts.problem is not None:
        head, *rest = problem(verdicts.problem, full=full)
        lines += [Line(f"fails now: {head.text}", "failed"), *rest]
    for check in verdicts.failing:
        head, *rest = check_failure(check, full=full)
        lines += [Line(f"{'fails' if check.verdict == 'failed' else 'an error'} now: {head.text}", "failed"), *rest]
    return lines + [Line(f"failed before: {_named(check)}", "passed") for check in verdicts.mended]


def _named(check: CheckResult) -> str:
    place = f"{check.where}: " if check.where else ""
    return f"{place}{check.kind}: {check.message}" if check.message else f"{place}{check.kind}"


def _remarks(found: ConversationDifference) -> Iterator[str]:
    if found.unchanged and found.old is not None and found.new is not None:
        recounted = f", {found.recounted} of them but for the tokens" if found.recounted else ""
        yield f"{noun(found.unchanged, 'turn')} unchanged{recounted}"
    for side in (found.old, found.new):
        if side is not None and side.judgement.outdated:
            parts = ", ".join(side.judgement.outdated)
            yield f"the spec has changed since {side.name} was recorded: {parts}"
    old, new = unjudged_lines(found.old), unjudged_lines(found.new)
    yield from (f"not judged: {text}" for text in new)
    yield from (f"not judged before: {text}" for text in old if text not in new)


def _tokens(value: Json) -> str:
    known = value if isinstance(value, dict) else {}
    figures = [figure if isinstance(figure, int) else None for figure in (known.get("input"), known.get("output"))]
    return tokens(UsageResult(input=figures[0], output=figures[1])).replace(" tokens", "")


def _text(value: Json) -> str:
    return value if isinstance(value, str) else dumped(value, indent=None)
