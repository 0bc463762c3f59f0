"""What `record` does in two steps: all that is selected is rehearsed, then what is stale or missing is recorded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from convrun.frozen import frozen
from convrun.results import NOT_BEGUN, ConversationResult, RunResult
from convrun.run.binding.bind import BoundConversation
from convrun.run.planning.options import RecordMode, Rehearsal, RunOptions
from convrun.run.playing.conversation import blank_result
from convrun.run.project import Prepared
from convrun.run.samples import group_result
from convrun.run.verdicts import did_not_pass, exit_code

Only: TypeAlias = Literal["stale", "missing", "failed"]
Run: TypeAlias = Callable[[Prepared, RunOptions, Callable[[ConversationResult], None]], RunResult]


@frozen
class Rehearsed:
    """What a rehearsal found: the results of all, and the conversations to be recorded, in the order of the plan."""

    result: RunResult
    waiting: tuple[BoundConversation, ...]

    @property
    def only_judged(self) -> frozenset[str]:
        """The ids of those of which only checks ask anything anew."""
        singles = (single for one in self.result.conversations for single in one.singles)
        return frozenset(one.id for one in singles if one.stale is not None and one.stale.is_of_check)

    def of(self, bound: BoundConversation) -> ConversationResult | None:
        """Return what was found of a conversation, or of a sample."""
        every = (single for one in self.result.conversations for single in one.singles)
        return next((one for one in every if one.id == bound.planned.id), None)

    @property
    def tests(self) -> frozenset[str]:
        """The ids of the tests of which something is to be recorded."""
        return frozenset(one.planned.group for one in self.waiting)


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
    tests = prepared.tests
    waiting: list[BoundConversation] = []

    def heard(result: ConversationResult) -> None:
        found = wanted(tests[result.id], result, only, waiting)
        waiting.extend(found)
        if not found:
            on_done(_settled(tests[result.id], result))

    how = replace(options, record=RecordMode.NEW_EPISODES, rehearsal=Rehearsal.WITH_TOOLS, most_failed=None)
    if only is not None:
        how = replace(how, record=RecordMode.NONE, rehearsal=None, apart=True)
        how = replace(how, keep_going=how.keep_going or only == "stale")  # behind a turn that fails it may be, too
    found = run(prepared, how, heard)
    left = {one.planned.group for one in waiting}
    results = (one if one.id in left else _settled(tests[one.id], one) for one in found.conversations)
    return Rehearsed(result=replace(found, conversations=tuple(results)), waiting=tuple(waiting))


def _settled(members: Sequence[BoundConversation], result: ConversationResult) -> ConversationResult:
    """The result as a run says it: without a cassette it is missing, whatever one that broke off has left."""
    cassettes = {bound.planned.id: bound for bound in members}
    lost = [one for one in result.singles if one.verdict == "stale" and not _is_recorded(cassettes[one.id])]
    if not lost:
        return result
    missing = {one.id: replace(blank_result(cassettes[one.id]), verdict="missing") for one in lost}
    settled = [missing.get(one.id, one) for one in result.singles]
    return settled[0] if result.samples is None else group_result(members, settled)


def wanted(
    members: Sequence[BoundConversation],
    result: ConversationResult,
    only: Only | None,
    waiting: Sequence[BoundConversation] = (),
) -> list[BoundConversation]:
    """Return what of a rehearsed test is to be recorded; `only` leaves some out. Others are `waiting` for it already.

    Of a group of samples that are those that need it. One that failed is recorded anew as a whole: to ask again only
    for what failed would be to ask until it passes. So are the branches of one that is recorded from scratch.
    """
    trunks = {one.planned.id for one in waiting}
    if only == "failed":
        follows = result.verdict != "skipped" and any(_trunk(one) in trunks for one in members)
        return [*members] if result.verdict == "failed" or follows else []
    found = {one.id: one for one in result.singles}
    every = [one for one in members if one.planned.id in found and _is_wanted(one, found[one.planned.id], only)]
    return [one for one in every if _trunk(one) in trunks or not _hangs(one, found[one.planned.id])]


def _trunk(bound: BoundConversation) -> str | None:
    return bound.planned.trunks[-1].id if bound.planned.trunks else None


def _hangs(bound: BoundConversation, result: ConversationResult) -> bool:
    """Whether a branch cannot be recorded before its trunk is."""
    begun_otherwise = result.stale is not None and result.stale.turn <= bound.planned.spec.borrowed
    return bool(bound.planned.trunks) and (begun_otherwise or (result.verdict == "missing" and bool(result.reason)))


def _is_wanted(bound: BoundConversation, result: ConversationResult, only: Only | None) -> bool:
    """Whether something would go live: beside what is stale a check may fail, which is the worse verdict."""
    recorded = _is_recorded(bound)
    lane = result.stale is not None and result.stale.is_of_check
    stale = result.verdict == "stale" or lane or (result.verdict == "failed" and result.stale is not None)
    kinds = {"stale": stale and recorded, "missing": result.verdict == "missing" or not recorded}
    needed = stale or result.verdict == "missing"
    return needed and (only is None or (only != "failed" and kinds[only]))


def _is_recorded(bound: BoundConversation) -> bool:
    return bound.planned.cassette.is_file()


def recorded(
    prepared: Prepared,
    options: RunOptions,
    run: Run,
    found: Rehearsed,
    on_result: Callable[[ConversationResult], None],
) -> RunResult:
    """Record what waits for it, and return the result of all, in the order of the plan.

    Those that did not pass when they were rehearsed count to `most_failed`. Samples that need no recording are not
    played again, and count in their groups.
    """
    most, strict = options.most_failed, options.strict or prepared.project.settings.strict
    tests, waiting = found.tests, {one.planned.id for one in found.waiting}
    over = [one for one in found.result.conversations if one.id not in tests]
    rest = tuple(one for one in prepared.conversations if one.planned.group in tests)
    singles = (one for group in found.result.conversations if group.id in tests for one in group.singles)
    known = {one.id: one for one in singles if one.id not in waiting}
    left = None if most is None else most - sum(did_not_pass(one, strict=strict) for one in over)
    if left is not None and left < 1:
        reason = f"{NOT_BEGUN}{'the first' if most == 1 else most} that did not pass"
        skipped = [*_passed_over(replace(prepared, conversations=rest), known, reason)]
        for one in skipped:
            on_result(one)
        return together(prepared, options, found.result, skipped)
    made = run(replace(prepared, conversations=rest, known=known), replace(options, most_failed=left), on_result)
    joined = together(prepared, options, found.result, made.conversations, waiting=tests)
    return replace(
        made,
        started=joined.started,
        conversations=joined.conversations,
        findings=found.result.findings,
        exit_code=made.exit_code if made.bug is not None or made.interrupted else joined.exit_code,
        planned=joined.planned,
    )


def _passed_over(
    prepared: Prepared, known: Mapping[str, ConversationResult], reason: str
) -> Iterator[ConversationResult]:
    """The results of tests that are not recorded any more."""
    for members in prepared.tests.values():
        blank = [replace(blank_result(one), reason=reason) for one in members]
        results = [known.get(one.id, one) for one in blank]
        yield results[0] if members[0].planned.sample is None else group_result(members, results)


def together(
    prepared: Prepared,
    options: RunOptions,
    rehearsal: RunResult,
    news: Sequence[ConversationResult],
    *,
    waiting: Collection[str] = (),
) -> RunResult:
    """Return the result of the rehearsal with these in the place of theirs; without the others that are waiting."""
    known = {one.id: one for one in rehearsal.conversations if one.id not in waiting}
    known |= {one.id: one for one in news}
    results = tuple(known[name] for name in prepared.tests if name in known)
    code = exit_code(
        results,
        rehearsal.findings,
        strict=options.strict or prepared.project.settings.strict,
        stale_is_fatal=options.stale_is_fatal,
        interrupted=False,
        elsewhere=prepared.plan.elsewhere > 0,
    )
    return replace(rehearsal, conversations=results, exit_code=code, planned=len(prepared.tests))
