"""What `record` does in two steps: all that is selected is rehearsed, then what is stale or missing is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from convrun.frozen import frozen
from convrun.results import NOT_BEGUN, ConversationResult, RunResult
from convrun.run.binding.bind import BoundConversation
from convrun.run.planning.options import RecordMode, Rehearsal, RunOptions
from convrun.run.playing.conversation import blank_result
from convrun.run.project import Prepared
from convrun.run.verdicts import did_not_pass, exit_code

Only: TypeAlias = Literal["stale", "missing", "failed"]
Run: TypeAlias = Callable[[Prepared, RunOptions, Callable[[ConversationResult], None]], RunResult]


@frozen
class Rehearsed:
    """What a rehearsal found: the results of all, and the conversations to be recorded, in the order of the plan."""

    result: RunResult
    waiting: tuple[BoundConversation, ...]

    def of(self, bound: BoundConversation) -> ConversationResult | None:
        """Return what was found of a conversation."""
        return next((one for one in self.result.conversations if one.id == bound.planned.id), None)


def rehearsed(
    prepared: Prepared,
    options: RunOptions,
    run: Run,
    *,
    only: Only | None,
    on_done: Callable[[ConversationResult], None],
) -> Rehearsed:
    """Rehearse everything with its tools; `on_done` hears of what needs no recording, which is over with that.

    Nothing is written, and nothing goes live. Where `only` some are to be recorded, the cassette is judged alone, as a
    run does it: what a recording that broke off has left makes no conversation stale, or failed.
    """
    bound = {one.planned.id: one for one in prepared.conversations}

    def heard(result: ConversationResult) -> None:
        if not wanted(bound[result.id], result, only):
            on_done(_settled(bound[result.id], result))

    how = replace(options, record=RecordMode.NEW_EPISODES, rehearsal=Rehearsal.WITH_TOOLS, most_failed=None)
    if only is not None:
        how = replace(how, record=RecordMode.NONE, rehearsal=None, apart=True)
    found = run(prepared, how, heard)
    waiting = {one.id: bound[one.id] for one in found.conversations if wanted(bound[one.id], one, only)}
    results = (one if one.id in waiting else _settled(bound[one.id], one) for one in found.conversations)
    return Rehearsed(result=replace(found, conversations=tuple(results)), waiting=tuple(waiting.values()))


def _settled(bound: BoundConversation, result: ConversationResult) -> ConversationResult:
    """The result as a run says it: without a cassette it is missing, whatever one that broke off has left."""
    if result.verdict == "stale" and not bound.planned.cassette.is_file():
        return replace(blank_result(bound), verdict="missing")
    return result


def wanted(bound: BoundConversation, result: ConversationResult, only: Only | None) -> bool:
    """Return whether a rehearsed conversation is to be recorded; `only` leaves some of them out."""
    if only == "failed":
        return result.verdict == "failed"
    recorded = bound.planned.cassette.is_file()
    kinds = {"stale": result.verdict == "stale" and recorded, "missing": result.verdict == "missing" or not recorded}
    needed = result.verdict in {"stale", "missing"}
    return needed and (only is None or kinds[only])


def recorded(
    prepared: Prepared,
    options: RunOptions,
    run: Run,
    found: Rehearsed,
    on_result: Callable[[ConversationResult], None],
) -> RunResult:
    """Record what waits for it, and return the result of all, in the order of the plan.

    Those that did not pass when they were rehearsed count to `most_failed`.
    """
    most, strict = options.most_failed, options.strict or prepared.project.settings.strict
    over = [one for one in found.result.conversations if one.id not in {_id(bound) for bound in found.waiting}]
    left = None if most is None else most - sum(did_not_pass(one, strict=strict) for one in over)
    if left is not None and left < 1:
        reason = f"{NOT_BEGUN}{'the first' if most == 1 else most} that did not pass"
        skipped = [replace(blank_result(one), reason=reason) for one in found.waiting]
        for one in skipped:
            on_result(one)
        return together(prepared, options, found.result, skipped)
    made = run(replace(prepared, conversations=found.waiting), replace(options, most_failed=left), on_result)
    joined = together(prepared, options, found.result, made.conversations, waiting=found.waiting)
    return replace(
        made,
        started=joined.started,
        conversations=joined.conversations,
        findings=found.result.findings,
        exit_code=made.exit_code if made.bug is not None or made.interrupted else joined.exit_code,
        planned=joined.planned,
    )


def together(
    prepared: Prepared,
    options: RunOptions,
    rehearsal: RunResult,
    news: Sequence[ConversationResult],
    *,
    waiting: Sequence[BoundConversation] = (),
) -> RunResult:
    """Return the result of the rehearsal with these in the place of theirs; without the others that are waiting."""
    known: Mapping[str, ConversationResult] = {one.id: one for one in rehearsal.conversations}
    known = {name: one for name, one in known.items() if name not in {_id(bound) for bound in waiting}}
    known |= {one.id: one for one in news}
    results = tuple(known[_id(one)] for one in prepared.conversations if _id(one) in known)
    code = exit_code(
        results,
        rehearsal.findings,
        strict=options.strict or prepared.project.settings.strict,
        stale_is_fatal=options.stale_is_fatal,
        interrupted=False,
        elsewhere=prepared.plan.elsewhere > 0,
    )
    return replace(rehearsal, conversations=results, exit_code=code, planned=len(prepared.conversations))


def _id(bound: BoundConversation) -> str:
    return bound.planned.id
