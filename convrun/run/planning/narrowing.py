"""What is left of a selection: those that failed last, one shard of them."""

from __future__ import annotations

from collections.abc import Sequence
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
    if options.from_turn is not None:
        plan = _without_branches(plan)
    if options.last_failed:
        plan = _failed(plan, settings.root, strict=options.strict or settings.strict)
    return _part(plan, options) if options.shard is not None else plan


def _without_branches(plan: Plan) -> Plan:
    """Those that go on from no other of them: what is behind a turn that is asked anew is stale then."""
    ids = {one.id for one in plan.conversations}
    kept = tuple(one for one in plan.conversations if ids.isdisjoint(trunk.id for trunk in one.trunks))
    left_out = len(plan.conversations) - len(kept)
    return replace(plan, conversations=kept, deselected=plan.deselected + left_out)


def _kept(plan: Plan, ids: frozenset[str]) -> Plan:
    """Those of these ids; of a group of samples of which one is among them, all."""
    groups = {one.group for one in plan.conversations if one.id in ids or one.group in ids}
    conversations = tuple(one for one in plan.conversations if one.group in groups)
    left_out = len(plan.conversations) - len(conversations)
    return replace(plan, conversations=conversations, deselected=plan.deselected + left_out)


def _failed(plan: Plan, root: Path, *, strict: bool) -> Plan:
    """Those that did not pass when they last ran; all where none of them is known to have failed."""
    from convrun.run.planning.last_failed import LastFailed  # only where it is asked for

    last = LastFailed.at(root)
    ids = last.ids | last.with_findings if strict else last.ids
    kept = _kept(plan, ids)
    total = _tests(plan.conversations)
    if kept.conversations:
        return replace(kept, remarks=(*plan.remarks, f"--last-failed: {_of(_tests(kept.conversations), total)}"))
    why = last.damage or ("none of them is" if ids else "no conversation is") + " known to have failed"
    return replace(plan, remarks=(*plan.remarks, f"--last-failed: {why}, so all are taken"))


def _part(plan: Plan, options: RunOptions) -> Plan:
    """The conversations of the shard that is asked for, in the order of the plan."""
    shard = options.shard
    assert shard is not None
    total = _tests(plan.conversations)
    mine = set(share(_weights(plan, options.record), shard.count)[shard.index - 1])
    conversations = tuple(one for one in plan.conversations if _kin(one, options.record) in mine)
    taken = _tests(conversations)
    remark = f"shard {shard}: {_of(taken, total)}"
    if total and not mine:
        remark = f"shard {shard} is empty: there are fewer conversations ({total}) than shards"
    elsewhere = total - taken
    return replace(plan, conversations=conversations, elsewhere=elsewhere, remarks=(*plan.remarks, remark))


def _kin(one: Planned, record: RecordMode) -> str:
    """What goes into one shard: a test, and where it may be recorded all that goes on from the same trunk."""
    below = "".join(f"/{name}" for name in one.branches)
    return one.group if record is RecordMode.NONE else one.group.removesuffix(below)


def _weights(plan: Plan, record: RecordMode) -> dict[str, int | None]:
    """How long each test takes: what its cassettes say. Where one shard may record, that would be news to the next."""
    groups: dict[str, list[Planned]] = {}
    for one in plan.conversations:
        groups.setdefault(_kin(one, record), []).append(one)
    if record is not RecordMode.NONE:
        own = {one.id: sum(turn.most for turn in one.spec.turns) - one.spec.borrowed for one in plan.conversations}
        return {name: sum(own[one.id] for one in members) for name, members in groups.items()}
    from convrun.cassette.timings import recorded_ms  # only where there are shards

    return {name: _sum([recorded_ms(one.cassette) for one in members]) for name, members in groups.items()}


def _sum(weights: Sequence[int | None]) -> int | None:
    """The weight of all; an unknown one is the average of those known, and of nothing known there is none."""
    known = [weight for weight in weights if weight is not None]
    return sum(known) * len(weights) // len(known) if known else None


def _tests(conversations: Sequence[Planned]) -> int:
    """How many tests they are: samples of one group are one."""
    return len({one.group for one in conversations})


def _of(number: int, total: int) -> str:
    return f"{number} of {total} conversation{'' if total == 1 else 's'}"
