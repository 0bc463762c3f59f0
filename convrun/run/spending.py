"""What a run may cost: its meter, what that has counted as reports see it, and the models without a price."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from convrun.errors import ConvrunError, UsageError
from convrun.results import Spending
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import may_go_live

if TYPE_CHECKING:
    from convrun.backends.identity import ModelIdentity
    from convrun.backends.metering import Spent
    from convrun.run.binding.bind import BoundConversation

_NAMED = 3  # conversations that are named
EMBEDS = "means"  # the lane in which embeddings are asked for


def max_cost(option: str, text: str) -> float:
    """Return a limit in dollars, as an option gives it; 0 lets nothing go live.

    Raises:
        UsageError: where it is no number from 0 on.
    """
    try:
        limit = float(text) if text.isascii() and "_" not in text else -1.0
    except ValueError:
        limit = -1.0
    if not 0 <= limit < float("inf"):
        raise UsageError(f"{option} {text!r} is no number of dollars from 0 on", fix=f"write {option} 0.50")
    return limit


def limited(options: RunOptions, limit: float, *, option: str) -> RunOptions:
    """Return options of a run that may cost so many dollars; `option` is what asked for it."""
    from convrun.backends.metering import Meter  # a run without a limit does without, until it goes live

    return replace(options, meter=Meter(limit, option=option))


def metered(options: RunOptions) -> RunOptions:
    """Return the options with a meter, where something may go live."""
    if options.meter is not None or not options.goes_live:
        return options
    from convrun.backends.metering import Meter

    return replace(options, meter=Meter())


def spent_by(options: RunOptions) -> Spending | None:
    """Return what all live calls of a run took; None where none could be made."""
    return spending(options.meter.spent) if options.meter is not None else None


def spending(spent: Spent) -> Spending:
    """Return what was counted, as reports see it."""
    return Spending(
        calls=spent.calls,
        usd=spent.usd,
        more_usd=spent.more_usd,
        tokens=spent.input + spent.output,
        unpriced=spent.unpriced,
        untold=spent.untold,
    )


def unpriced_errors(
    conversations: Iterable[BoundConversation], options: RunOptions, *, environ: Mapping[str, str]
) -> Iterator[ConvrunError]:
    """Return the mistake of a run with a limit that is to call models of which nobody knows what they cost.

    As with keys, a cassette that turns out to be stale asks for the price then: its call is not made.
    """
    return unpriced_live([one for one in conversations if may_go_live(one.planned, options)], options, environ=environ)


def unpriced_live(
    conversations: Iterable[BoundConversation],
    options: RunOptions,
    *,
    environ: Mapping[str, str],
    judged: Collection[str] = (),
) -> Iterator[ConvrunError]:
    """Yield the same of conversations that are known to go live; of those whose ids are `judged` only checks do."""
    meter = options.meter
    if meter is None or meter.limit is None:
        return
    from convrun.backends.prices import has_price, speaks_as_openai

    live: dict[tuple[str, str | None, str, bool], tuple[ModelIdentity, list[BoundConversation]]] = {}
    for one in conversations:  # one name may have a price at one provider, and none at another
        own = one.planned.id not in judged
        asked = [
            *([(one.model, False)] if own else []),
            *((model, lane == EMBEDS) for (lane, _), model in one.asked.items()),
        ]
        for model, embeds in asked:
            live.setdefault((model.name, model.provider, model.base_url, embeds), (model, []))[1].append(one)
    found = [
        (model, every)
        for (*_, embeds), (model, every) in live.items()
        if not has_price(model, environ=environ, embeds=embeds)
    ]
    if found:
        names = ", ".join(dict.fromkeys(repr(model.name) for model, _ in found))
        ids = list(dict.fromkeys(one.planned.id for _, every in found for one in every))
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        what = (
            f"{meter.option} needs prices, and none is known for {names}, the model of {', '.join(ids[:_NAMED])}{more}"
        )
        if any(speaks_as_openai(model, environ) for model, _ in found):
            what += "; OPENAI_BASE_URL leads to a server on this machine, of which no price is known"
        fix = "record them by themselves, without the option"
        yield UsageError(what, where=found[0][1][0].planned.model.where, fix=fix)
