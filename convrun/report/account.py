"""The account of one conversation, or of the run itself, for reports that show each by itself."""

from __future__ import annotations

from convrun.report.failure import failure, faults, in_line
from convrun.report.samples import outcome, unrecorded
from convrun.report.stale import missing_block, no_cassette, stale_blocks, stale_place, stale_relation, stale_title
from convrun.report.style import Line, plain, rendered
from convrun.report.wording import short
from convrun.results import ConversationResult, Problem, RunResult
from convrun.source import printable

_LONGEST = 240  # characters of a reason that stands in one line


def account(conversation: ConversationResult, *, command: str, full: bool = False) -> list[Line]:
    """Return why a conversation did not pass, as the console says it; empty where there is nothing to say."""
    lines = failure(conversation, command=command, full=full)
    lines += stale_blocks([conversation], command=command, full=full)
    return lines + missing_block([conversation], command=command)


def told(lines: list[Line]) -> str:
    """Return the lines as plain text, control characters visible, without empty lines at its ends."""
    return rendered(lines, plain).strip("\n")


def reason(conversation: ConversationResult) -> str:
    """Return in one line why a conversation did not pass, control characters visible; empty for one that did."""
    return short(printable(_reason(conversation)), _LONGEST)


def trouble(result: RunResult) -> Problem | None:
    """Return what is wrong with a run that none of its conversations shows: a bug, an interruption, findings."""
    if result.bug is not None:
        message, fix = f"a bug in convrun: {result.bug.message}", "please report it with the output of -vv"
        return Problem(type="bug", message=message, fix=fix, details=result.bug.details)
    if result.interrupted:
        return Problem(type="interrupted", message="interrupted: only what was finished is reported")
    if not result.conversations and result.exit_code:  # a shard may have none
        return Problem(type="nothing-to-run", message="nothing to run")
    if result.only_findings_fail:
        return Problem(type="findings", message="there are findings, and the run is strict")
    return None


def _reason(conversation: ConversationResult) -> str:
    found, samples = faults(conversation), conversation.samples
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        told = (in_line(found[0]) or conversation.verdict) + more
        return told if samples is None else f"{outcome(samples)}: {told}"
    if conversation.stale:
        stale = conversation.stale
        return f"{stale_title(stale)}: {stale_relation(stale)} {stale_place(stale)}"
    if conversation.verdict == "missing":
        return unrecorded(conversation, samples) if samples else conversation.reason or no_cassette(conversation)
    said = conversation.reason or next((one.message for one in conversation.findings), "")
    return "" if conversation.verdict == "passed" else said or conversation.verdict
