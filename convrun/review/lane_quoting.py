"""What the checks of a conversation take that ask models: their calls that go live, by what was recorded of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from convrun.backends.chat_decoding import usage_of
from convrun.backends.identity import ModelIdentity
from convrun.backends.prices import cost_usd
from convrun.cassette.interaction import Interaction
from convrun.conversation.messages import Usage
from convrun.results import USER_LANE, ConversationResult
from convrun.run.binding.bind import BoundConversation
from convrun.run.binding.bound_models import Asking, asked_by
from convrun.run.spending import EMBEDS
from convrun.transcript import Quote, total_quote


def lane_quote(
    bound: BoundConversation,
    result: ConversationResult | None,
    recorded: Sequence[Interaction],
    *,
    environ: Mapping[str, str],
) -> Quote:
    """Return what checks take of a recording that a rehearsal found stale or missing; without a result: of all anew.

    `recorded` is what was asked in their lanes.
    """
    quotes = [*_of_users(bound, result, recorded, environ)]
    for lane, name in _asked_anew(bound, result):
        model = bound.asked.get((lane, name or bound.planned.asked.get(lane, "")))
        if model is not None:
            quotes.append(_quote(model, [one for one in recorded if one.lane == lane], lane, environ))
    return total_quote(quotes)


def _of_users(
    bound: BoundConversation,
    result: ConversationResult | None,
    recorded: Sequence[Interaction],
    environ: Mapping[str, str],
) -> Iterator[Quote]:
    """What simulated users may say anew, each as often as it may, from the first stale turn on."""
    stale = result.stale if result is not None else None
    if stale is None and result is not None and result.verdict != "missing":
        return
    last, first = 0, stale.turn if stale is not None else 1
    for turn in bound.spec.turns:
        last += turn.spec.most  # of a run in which all speak as often as they may
        simulate = turn.spec.simulate
        if simulate is None or turn.spec.skip is not None or last < first or (stale is not None and stale.is_of_check):
            continue
        from convrun.run.binding.speakers import speaker_name  # few specs have one

        model = bound.asked[USER_LANE, speaker_name(simulate)]
        if model.offline is None:
            count = min(simulate.max_turns, last - first + 1)
            one = _quote(model, [item for item in recorded if item.lane == USER_LANE], USER_LANE, environ)
            dollars = None if one.usd is None else one.usd * count
            yield replace(
                one, calls=0, user_calls=count, input=one.input * count, output=one.output * count, usd=dollars
            )


def _asked_anew(bound: BoundConversation, result: ConversationResult | None) -> Iterator[tuple[str, str | None]]:
    """Yield lane and model of each call: those of stale checks, or all from the first stale turn on."""
    stale = result.stale if result is not None else None
    if result is not None and result.verdict != "missing" and stale is None:
        return
    if result is not None and stale is not None and stale.is_of_check:
        yield from _of_stale_checks(bound, result)
        return
    first = stale.turn if stale is not None else 1
    calls: dict[tuple[object, ...], tuple[str, str | None]] = {}
    index = 0
    for turn in bound.spec.turns:
        index += turn.spec.most  # of a simulated user the last is judged
        if index >= first and turn.spec.skip is None:
            for one in asked_by(check.spec for check in turn.checks):
                calls |= _calls(one, index)
    for one in asked_by(check.spec for check in bound.spec.checks):
        calls |= _calls(one, index + 1)
    yield from calls.values()


def _of_stale_checks(bound: BoundConversation, result: ConversationResult) -> Iterator[tuple[str, str | None]]:
    """A call for each check that is stale; one that is made of several asks for all that it is made of."""
    checks = [*bound.spec.checks, *(check for turn in bound.spec.turns for check in turn.checks)]
    known = {check.spec.where: check.spec for check in checks}
    for check in (*result.checks, *(check for turn in result.turns for check in turn.checks)):
        if check.verdict == "stale" and check.where in known:
            yield from ((one.lane, one.name) for one in asked_by([known[check.where]]))


def _calls(one: Asking, turn: int) -> dict[tuple[object, ...], tuple[str, str | None]]:
    """The calls of a check in a turn: a judge is asked once, an embedding is asked of each text once."""
    call = one.lane, one.name
    if one.lane == EMBEDS:
        return {(*call, one.about): call, (*call, turn): call}
    return {(*call, one.about, turn): call}


def _quote(model: ModelIdentity, recorded: Sequence[Interaction], lane: str, environ: Mapping[str, str]) -> Quote:
    """One call, as an average one of its lane; where none tells its tokens, they are not known."""
    usages = [usage_of(one.reply.payloads or ()) for one in recorded]
    known = [(one.input, one.output) for one in usages if one.input is not None and one.output is not None]
    price = cost_usd(model, Usage(input=1, output=0 if lane == EMBEDS else 1), environ=environ)
    unpriced = () if price is not None else (model.name,)
    if not known:
        return Quote(calls=1, usd=None, at_least=True, unpriced=unpriced)
    read = round(sum(one for one, _ in known) / len(known))
    written = round(sum(other for _, other in known) / len(known))
    dollars = cost_usd(model, Usage(input=read, output=written), environ=environ)
    return Quote(calls=1, input=read, output=written, usd=dollars, unpriced=unpriced)
