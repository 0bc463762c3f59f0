"""Known failures: what fails as the spec says is shown as skipped and counts nowhere; once it passes, it fails.

Nothing else is covered: an error, a stale or a missing recording is what it is. Nor is a known failure that passes.
"""

from __future__ import annotations

from dataclasses import replace

from convrun.results import CheckResult, ConversationResult, TurnResult
from convrun.run.playing.turn import PlayedTurn
from convrun.run.verdicts import of_conversation
from convrun.spec.model import KnownFailure
from convrun.values import show

_KIND = "known_failure"  # of the check that says that something passes


def turn_known_to_fail(played: PlayedTurn, known: KnownFailure) -> PlayedTurn:
    """Return a judged turn that the spec says fails, as it counts: skipped if it does, failed if it passes."""
    if played.verdict == "failed":
        checks = tuple(replace(check, info=True) for check in played.checks)
        return replace(played, verdict="skipped", reason=_reason(known), checks=checks, excused=True)
    if played.verdict == "passed":
        return replace(played, verdict="failed", checks=(*played.checks, _passes(known, "the turn passes")))
    return played


def conversation_known_to_fail(result: ConversationResult, known: KnownFailure) -> ConversationResult:
    """Return the result of a conversation that the spec or its case says fails, as it counts."""
    if result.verdict == "failed":
        turns = tuple(_excused(turn, known) for turn in result.turns)
        checks = tuple(replace(check, info=check.info or check.verdict == "failed") for check in result.checks)
        counting = replace(result, turns=turns, checks=checks)
        left = of_conversation(turns, checks)
        if left in {"failed", "stale"}:
            return replace(counting, verdict=left)
        return replace(counting, verdict="skipped", reason=_reason(known))
    if result.verdict in {"passed", "unchecked"}:
        what = "the conversation passes" if result.verdict == "passed" else "the conversation has no check"
        return replace(result, verdict="failed", checks=(*result.checks, _passes(known, what)))
    return result


def group_known_to_fail(group: ConversationResult, known: KnownFailure) -> ConversationResult:
    """Return the result of a group of samples that the spec or its case says fails, as it counts.

    Its samples that failed count as skipped where it did; that one or the other passes is no news.
    """
    samples = group.samples
    if group.verdict != "failed" or samples is None:
        return conversation_known_to_fail(group, known)
    counting = tuple(
        conversation_known_to_fail(one, known) if one.verdict == "failed" else one for one in samples.conversations
    )
    marked = replace(group, samples=replace(samples, conversations=counting))
    for left in ("failed", "stale"):
        if any(one.verdict == left for one in counting):
            return replace(marked, verdict=left)
    return replace(marked, verdict="skipped", reason=_reason(known))


def _excused(turn: TurnResult, known: KnownFailure) -> TurnResult:
    if turn.verdict != "failed" or any(check.kind == _KIND for check in turn.checks):
        return turn  # that a turn passes which is known to fail is no failure of the model
    checks = tuple(replace(check, info=True) for check in turn.checks)
    return replace(turn, verdict="skipped", reason=_reason(known), checks=checks)


def _reason(known: KnownFailure) -> str:
    return f"known failure: {known.reason}"


def _passes(known: KnownFailure, what: str) -> CheckResult:
    message = f"{what}, and is known to fail ({show(known.reason, 80)}): take known_failure out"
    return CheckResult(kind=_KIND, verdict="failed", message=message, where=known.where)
