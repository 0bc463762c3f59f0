"""The rules by which checks make a turn's verdict, turns a conversation's, and conversations an exit code.

And which conversations did not pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from convrun.results import TOOL_RESULT, CheckResult, ConversationResult, Finding, TurnResult, Verdict

_DID_NOT_PASS = frozenset({"failed", "error", "stale", "missing"})
_WORST_FIRST: tuple[Verdict, ...] = ("error", "failed", "stale")


def of_checks(checks: Iterable[CheckResult]) -> Verdict:
    """Return the worst verdict of the checks: error, failed, stale, passed; those marked `info` count nothing."""
    verdicts = {check.verdict for check in checks if not check.info}
    return next((verdict for verdict in _WORST_FIRST if verdict in verdicts), "passed")


def of_conversation(turns: Sequence[TurnResult], checks: Sequence[CheckResult]) -> Verdict:
    """Return the worst of the turns and of the conversation's own checks; unchecked where nothing was asserted.

    That verified tools gave what was recorded asserts nothing of what the model says.
    """
    found = {turn.verdict for turn in turns} | {of_checks(checks)}
    for verdict in _WORST_FIRST:
        if verdict in found:
            return verdict
    every = (*checks, *(check for turn in turns for check in turn.checks))
    asserted = any(not check.info and check.kind != TOOL_RESULT for check in every)
    return "passed" if asserted else "unchecked"


def did_not_pass(result: ConversationResult, *, strict: bool) -> bool:
    """Return whether a conversation did not pass, which of a strict run is also one with findings."""
    return result.verdict in _DID_NOT_PASS or (strict and bool(result.findings))


def exit_code(
    conversations: Sequence[ConversationResult],
    findings: Sequence[Finding],
    *,
    strict: bool,
    stale_is_fatal: bool,
    interrupted: bool,
    elsewhere: bool = False,
) -> int:
    """Return the exit code of a run: 130, 4, 1, 3, 5, 0, the first that holds.

    `elsewhere` says that other shards have conversations: none here is no mistake then.
    """
    verdicts = {conversation.verdict for conversation in conversations}
    found = bool(findings) or any(conversation.findings for conversation in conversations)
    rules = (
        (130, interrupted),
        (4, "error" in verdicts),
        (1, "failed" in verdicts or (strict and found)),
        (3, stale_is_fatal and not verdicts.isdisjoint({"stale", "missing"})),
        (5, not conversations and not elsewhere),
    )
    return next((code for code, holds in rules if holds), 0)
