"""What the result of a conversation is made of once it is over: its verdict, why it is stale, and findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from convrun.errors import ConvrunError
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.results import (
    CheckResult,
    ConversationResult,
    Finding,
    Staleness,
    TurnResult,
    known_sum,
    total_usage,
)
from convrun.run.binding.bind import BoundConversation
from convrun.run.playing.carrier import Carrier
from convrun.run.playing.equipment import Equipment
from convrun.run.playing.turn import PlayedTurn, up_to_the_error
from convrun.run.problems import advised, problem
from convrun.run.verdicts import of_conversation
from convrun.templates import render_text


@frozen
class Over:
    """A conversation that is over: its turns, as far as they were `played`, and what its own `checks` say.

    `empty` is its result before the first turn, `failure` what went wrong around the turns. `whole`: every turn was
    answered; `recording`: to be kept; `would_go_live`: it was a rehearsal, which ended there. `names` returns what the
    templates of a turn may name, by its number.
    """

    bound: BoundConversation
    carrier: Carrier
    equipment: Equipment
    redactor: Redactor
    empty: ConversationResult
    played: Sequence[PlayedTurn]
    checks: tuple[CheckResult, ...]
    failure: ConvrunError | None
    whole: bool
    recording: bool
    would_go_live: bool
    names: Callable[[int], Mapping[str, object]]


def concluded(over: Over) -> ConversationResult:
    """Return the result of a conversation that is over."""
    played = over.played
    told = up_to_the_error(played)
    turns = tuple(turn.result() for turn in told)
    borrowed = over.bound.planned.spec.borrowed
    failure = problem(over.failure, over.empty.where, conversation=over.empty.id) if over.failure else None
    kept = over.carrier.kept
    if kept is not None:
        failure = advised(failure, kept) if failure else None
        turns = tuple(
            replace(turn, error=advised(turn.error, kept)) if turn.error and turn.verdict == "error" else turn
            for turn in turns
        )
    verdict = "error" if failure else "stale" if over.would_go_live else of_conversation(turns, over.checks)
    reason = next((turn.reason for turn in played if turn.excused), None) if verdict == "unchecked" else None
    verdict = "skipped" if reason else verdict  # what failed as it is known to was all that was checked
    used, stale = over.equipment.uses.of(turns), _stale(over, turns)
    if borrowed:  # what they took is their trunk's, and what is said of them as well, but for what ended them
        told = [turn for turn in told if turn.index > borrowed]
        turns = tuple(turn for turn in turns if turn.index > borrowed or turn.verdict in {"failed", "error"})
    own = [turn for turn in turns if turn.index > borrowed]
    return replace(
        over.empty,
        verdict=verdict,
        reason=reason,
        error=failure or next((turn.error for turn in turns if turn.verdict == "error"), None),
        model_calls=sum(turn.model_calls for turn in own),
        live_calls=over.carrier.live_calls,
        check_calls=over.carrier.check_calls,
        user_calls=over.carrier.user_calls,
        spent=over.carrier.spent,
        usage=total_usage(turn.usage for turn in own if turn.model_calls),
        cost_usd=known_sum(turn.cost_usd for turn in told if turn.model_calls),
        stale=stale,
        ignored=over.carrier.ignored,
        turns=turns,
        checks=over.checks,
        used=used,
        findings=tuple(_findings(over, verdict)) if not failure and over.whole else (),
    )


def _stale(over: Over, turns: Sequence[TurnResult]) -> Staleness | None:
    """The first request that was not recorded, with what the run knows of it."""
    stale, bound = over.carrier.staleness, over.bound
    if stale is None:
        return over.carrier.lanes.staleness if over.carrier.lanes is not None else None  # of what checks ask
    from convrun.run.playing.own_texts import own_texts  # only once something is stale
    from convrun.run.playing.staleness import Surrounding, explained

    spec = bound.spec.spec
    own = own_texts(spec, bound.planned.model)
    around = Surrounding(
        users=[*_said(over)],
        redactor=over.redactor,
        calls=[call for turn in turns if turn.index == stale.turn for call in turn.tool_calls],
        tools=over.equipment.uses.returned,
        before_call=[getattr(hook, "__name__", repr(hook)) for hook in bound.spec.before_call],
        after_call=[getattr(hook, "__name__", repr(hook)) for hook in bound.spec.after_call],
        suspects=over.carrier.suspects,
        own=(one.text for one in own if one.where is not None and one.where.file == spec.file),
        stubs=frozenset(name for tool in bound.spec.tools if tool.policy == "stub" for name in tool.names),
        borrowed=spec.borrowed,
    )
    return explained(stale, around)


def _said(over: Over) -> Iterator[str]:
    """What the user says in each turn, as far as that is known."""
    left = over.bound.spec.turns[len(over.played) :]
    for number, turn in enumerate([*(one.bound for one in over.played), *left], start=1):
        if number <= len(over.played) and over.played[number - 1].view is not None:
            yield over.played[number - 1].user
            continue
        try:
            yield render_text(turn.spec.user, over.names(number))
        except ConvrunError:  # it takes up a reply that never came
            yield turn.spec.user.source


def _findings(over: Over, verdict: str) -> Iterator[Finding]:
    where = over.empty.where
    if over.recording and over.carrier.live_calls:
        from convrun.run.redacted import secrets_given  # a replay gives nobody a secret

        yield from secrets_given(over.played, over.equipment.called, over.redactor)
    if verdict == "unchecked":
        fix = "add checks under `expect:`; what is not checked cannot be right"
        yield Finding(kind="unchecked", message="the conversation has no check", where=where, fix=fix)
    unplayed, lanes = over.carrier.unplayed, over.carrier.lanes
    judged = lanes is not None and lanes.staleness is None and verdict in {"passed", "failed", "unchecked"}
    unasked = lanes.unplayed if lanes is not None and judged else ()  # else it is what a stale check had asked
    if unplayed or unasked:
        from convrun.run.findings.unplayed import unplayed_finding  # most recordings are as long as their specs

        twice = lanes.calls.twice if lanes is not None and unasked else {}
        yield unplayed_finding(
            unplayed, unasked, conversation=over.empty.id, cassette=over.empty.cassette, where=where, twice=twice
        )
