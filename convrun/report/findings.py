"""Findings: each once, then the conversations it is true of."""

from __future__ import annotations

from collections.abc import Sequence

from convrun.frozen import frozen
from convrun.report.style import Line
from convrun.results import ConversationResult, Finding, RunResult
from convrun.source import Where


@frozen
class FindingGroup:
    """One finding, the ids of the conversations it is true of, and the first place that is known of it."""

    finding: Finding
    concerned: tuple[str, ...]
    where: Where | None = None


def finding_groups(result: RunResult) -> list[FindingGroup]:
    """Return the findings of a run; of one that belongs to no conversation, the place is what it concerns."""
    groups: dict[tuple[str, str, str | None], list[tuple[Finding, ConversationResult | None]]] = {}
    for conversation in result.conversations:
        for finding in conversation.findings:
            groups.setdefault((finding.kind, finding.message, finding.fix), []).append((finding, conversation))
    for finding in result.findings:
        groups.setdefault((finding.kind, finding.message, finding.fix), []).append((finding, None))
    return [_group(members) for members in groups.values()]


def findings_block(result: RunResult) -> list[Line]:
    """Return a block for each finding: what it is, whom it concerns, how to mend it."""
    return [line for group in finding_groups(result) for line in finding_lines(group.finding, group.concerned)]


def finding_lines(finding: Finding, concerned: Sequence[str] = ()) -> list[Line]:
    """Return the block of one finding, with whom it concerns and an empty line behind it."""
    lines = [Line(f"FINDING {finding.kind}: {finding.message}", "unchecked")]
    lines += [Line(f"  {one}") for one in concerned]
    return [*lines, *([Line(f"  {finding.fix}")] if finding.fix else []), Line("")]


def _group(members: list[tuple[Finding, ConversationResult | None]]) -> FindingGroup:
    concerned = [owner.id if owner else str(finding.where) for finding, owner in members if owner or finding.where]
    places = [finding.where or (_spec(owner) if owner else None) for finding, owner in members]
    where = next((place for place in places if place), None)
    return FindingGroup(finding=members[0][0], concerned=tuple(concerned), where=where)


def _spec(owner: ConversationResult) -> Where:
    return owner.where or Where(file=owner.spec, line=1)
