"""What recording takes and why: a line for each cause, then calls, tokens and dollars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convrun.report.spending import dollars
from convrun.report.stale import ENDED, stale_causes, stale_title
from convrun.report.style import Line
from convrun.report.wording import noun, short
from convrun.results import BROKE_OFF, FROM_TURN, STUB_HINT, ConversationResult, Staleness, total_spending
from convrun.transcript import Quote, RecordingState, total_quote

_RESULT = "tool result of "
_LONG = 120  # characters of what a tool raised


def quote_lines(states: Sequence[RecordingState], *, limit: float | None = None) -> list[Line]:
    """Return what recording these conversations takes: each cause with its calls, and the sum.

    `limit` is what the run may cost, in dollars; that it will not do is said.
    """
    lines = [Line(f"to record: {noun(len(states), 'conversation')}")]
    for why, members in causes(states):
        quote = total_quote(one.quote for one in members)
        words = f"  {why}: {calls(quote)} in {noun(len(members), 'conversation')}"
        if len(members) < len(states):
            words += f" ({some(members)})"
        lines.append(Line(f"{words}{_saved(members, quote)}"))
    total = total_quote(one.quote for one in states)
    lines.append(Line(f"recording takes {quoted(total)}"))
    if limit is not None and total.usd is not None and total.usd > limit:
        lines.append(Line(f"that is more than --max-cost allows, {dollars(limit)}: it will end there", "stale"))
    return lines


def quoted(quote: Quote) -> str:
    """Return calls, tokens and dollars in words."""
    if not quote.calls and not quote.user_calls:
        return "no model call that goes live"
    parts = [calls(quote)]
    if quote.input or quote.output:
        parts.append(f"about {quote.input:,} input and {quote.output:,} output tokens")
    if quote.usd is not None:
        parts.append(dollars(quote.usd))
    text = ", ".join(parts)
    if quote.unpriced:
        text += f"; no price is known for {', '.join(quote.unpriced)}"
    if quote.at_least:
        text += "; what was never recorded may take more"
    return text


def question(states: Sequence[RecordingState]) -> str:
    """Return what is asked before it costs money."""
    quote = total_quote(one.quote for one in states)
    amount = f", {dollars(quote.usd)}" if quote.usd is not None else ""
    return f"record {noun(len(states), 'conversation')}, {calls(quote)}{amount}?"


def compared_line(quote: Quote, results: Sequence[ConversationResult]) -> Line:
    """Return how what a recording took compares with the quote."""
    spent = total_spending(one.spent for one in results)
    live = sum(one.live_calls for one in results)
    took = [noun(live, "model call"), *([f"{spent.tokens:,} tokens"] if live else ())]
    took += [dollars(spent.total_usd)] if live and spent.total_usd is not None else []
    said = [calls(quote), f"{quote.input + quote.output:,} tokens"] if quote.input or quote.output else [calls(quote)]
    said += [dollars(quote.usd)] if quote.usd is not None else []
    return Line(f"quoted {', '.join(said)}; took {', '.join(took)}", "dim")


def causes(states: Sequence[RecordingState]) -> Iterator[tuple[str, list[RecordingState]]]:
    """Yield why conversations go live, the same cause once, and whom it concerns."""
    by_id = {one.id: one for one in states}
    yield from _broken_off([one for one in states if _broke_off(one)])
    for group in stale_causes(stale_results([one for one in states if not _broke_off(one)])):
        first = group[0].stale
        if first is not None:
            turns = {one.stale.turn for one in group if one.stale is not None}
            yield _why(first, sole=len(turns) == 1), [by_id[one.id] for one in group]
    missing = [one for one in states if one.state == "missing"]
    if missing:
        yield "no cassette", missing
    partial = [one for one in states if one.state == "partial" and one.stale is None]
    if partial:
        yield "what was answered of a recording that broke off is not kept yet", partial
    anew = [one for one in states if one.state not in {"stale", "missing", "partial"}]
    if anew:
        yield "from scratch", anew


def _broke_off(one: RecordingState) -> bool:
    """Whether it goes live because what was kept of a recording ends there."""
    changes = one.stale.changes if one.stale is not None else ()
    return one.state == "partial" and any(change.part == BROKE_OFF for change in changes)


def _broken_off(states: Sequence[RecordingState]) -> Iterator[tuple[str, list[RecordingState]]]:
    """Yield how much is kept of recordings that broke off, those from scratch apart."""
    for scratch in (False, True):
        members = [one for one in states if one.scratch is scratch]
        turns = {one.stale.turn for one in members if one.stale is not None}
        if members:
            where = f"turn {turns.pop()}" if len(turns) == 1 else "different turns"
            yield f"{_recordings(members)} broke off in {where}, {kept(members)}", members


def _recordings(members: Sequence[RecordingState]) -> str:
    words = "recording" if len(members) == 1 else "recordings"
    return f"{'a ' if len(members) == 1 else ''}{words}{' from scratch' if members[0].scratch else ''}"


def broken_off(members: Sequence[RecordingState]) -> str:
    """Return that recordings broke off, and what is kept of them; all are from scratch, or none is."""
    return f"{_recordings(members)} broke off, {kept(members)}"


def kept(members: Sequence[RecordingState]) -> str:
    """Return how many calls are kept of recordings that broke off."""
    number = sum(one.kept for one in members)
    return f"{noun(number, 'call')} {'is' if number == 1 else 'are'} kept"


def calls(quote: Quote) -> str:
    """Return how many model calls go live."""
    own = f"{'at least ' if quote.at_least else ''}{noun(quote.calls, 'model call')}"
    return f"{own} and up to {quote.user_calls} of simulated users" if quote.user_calls else own


def some(members: Sequence[RecordingState], most: int = 3) -> str:
    """Return the first ids, and how many more there are."""
    more = len(members) - most
    return ", ".join(one.id for one in members[:most]) + (f" and {more} more" if more > 0 else "")


def stale_results(states: Sequence[RecordingState]) -> list[ConversationResult]:
    """Return those that are stale as results, of which others know how to tell what changed."""
    return [
        ConversationResult(
            id=one.id, spec=one.spec, verdict="stale", cassette=one.cassette, stale=one.stale, vars=one.vars
        )
        for one in states
        if one.stale is not None and one.state in {"stale", "partial"}
    ]


def _why(stale: Staleness, *, sole: bool) -> str:
    """What makes them go live, and where: `tool 'now' answered differently in turn 2`."""
    parts = [change.part for change in stale.changes]
    call = f", model call {stale.model_call}" if stale.model_call > 1 else ""
    where = f"turn {stale.turn}{call}" if sole else "in different turns"
    if parts and all(part.startswith(_RESULT) for part in parts):
        place = f"in {f'turn {stale.turn}' if sole else 'different turns'}"
        raised = [f"{part.removeprefix(_RESULT)} raised {short(one, _LONG)}" for part, one in _raised(stale)]
        if raised:
            return f"tool {', '.join(dict.fromkeys(raised))} {place}"
        names = ", ".join(dict.fromkeys(part.removeprefix(_RESULT) for part in parts))
        of_stubs = all(change.hint == STUB_HINT for change in stale.changes)
        what = f"stub {names} returns something else" if of_stubs else f"tool {names} answered differently"
        return f"{what} {place}"
    if parts == [FROM_TURN]:
        return f"asked anew from {where} on"
    if parts and all(part == ENDED for part in parts):
        return stale_title(stale)
    first = (stale.turn, stale.model_call, stale.is_of_check) == (1, 1, False)
    everything = ", so that everything goes live" if sole and first else ""
    return f"{stale_title(stale)}, {where}{everything}"


def _raised(stale: Staleness) -> Iterator[tuple[str, str]]:
    """What tools raised, on one line, each with the part that it changed."""
    for change in stale.changes:
        if change.raised:
            yield change.part, " ".join(change.raised.split())


def _saved(members: Sequence[RecordingState], quote: Quote) -> str:
    saved = sum(one.saved or 0 for one in members)
    return f"; `policy: replay` would save {saved} of {calls(quote)}" if saved else ""
