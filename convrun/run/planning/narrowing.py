"""What is left of a selection: those that failed last, one shard of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from convrun.run.planning.options import RecordMode, RunOptions
from convrun.run.planning.plan import Plan, Planned
from convrun.run.planning.shards import share
from convrun.settings import Settings


def narrowed(plan: Plan, options: RunOptions, settings: Settings) -> Plan:
    """Return the plan with what the options leave of it; a plan with mistakes as it is."""
    if plan.errors:
        return plan
    if options.only is not None:
        plan = _kept(plan, options.only)
    if options.last_failed:
        plan = _failed(plan, settings.root, strict=options.strict or settings.strict)
    return _part(plan, options) if options.shard is not None else plan


def _kept(plan: Plan, ids: frozenset[str]) -> Plan:
    conversations = tuple(one for one in plan.conversations if one.id in ids)
    left_out = len(plan.conversations) - len(conversations)
    return replace(plan, conversations=conversations, deselected=plan.deselected + left_out)


def _failed(plan: Plan, root: Path, *, strict: bool) -> Plan:
    """Those that did not pass when they last ran; all where none of them is known to have failed."""
    from convrun.run.planning.last_failed import LastFailed  # only where it is asked for

    last = LastFailed.at(root)
    ids = last.ids | last.with_findings if strict else last.ids
    kept = _kept(plan, ids)
    total = len(plan.conversations)
    if kept.conversations:
        return replace(kept, remarks=(*plan.remarks, f"--last-failed: {_of(len(kept.conversations), total)}"))
    why = last.damage or ("none of them is" if ids else "no conversation is") + " known to have failed"
    return replace(plan, remarks=(*plan.remarks, f"--last-failed: {why}, so all are taken"))


def _part(plan: Plan, options: RunOptions) -> Plan:
    """The conversations of the shard that is asked for, in the order of the plan."""
    shard = options.shard
    assert shard is not None
    total = len(plan.conversations)
    mine = set(share(_weights(plan, options.record), shard.count)[shard.index - 1])
    conversations: tuple[Planned, ...] = tuple(one for one in plan.conversations if one.id in mine)
    remark = f"shard {shard}: {_of(len(mine), total)}"
    if total and not mine:
        remark = f"shard {shard} is empty: there are fewer conversations ({total}) than shards"
    elsewhere = total - len(mine)
    return replace(plan, conversations=conversations, elsewhere=elsewhere, remarks=(*plan.remarks, remark))


def _weights(plan: Plan, record: RecordMode) -> dict[str, int | None]:
    """How long each takes: what its cassette says. Where one shard may record, that would be news to the next."""
    if record is not RecordMode.NONE:
        return {one.id: len(one.spec.turns) for one in plan.conversations}
    from convrun.cassette.timings import recorded_ms  # only where there are shards

    return {one.id: recorded_ms(one.cassette) for one in plan.conversations}


def _of(number: int, total: int) -> str:
    return f"{number} of {total} conversation{'' if total == 1 else 's'}"
