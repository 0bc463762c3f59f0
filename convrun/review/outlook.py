"""What recording conversations takes that a rehearsal found stale or missing, and what would spare it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from convrun.results import BROKE_OFF, ConversationResult
from convrun.review.states import broken_off, quotes_of, rehearsed_on_paper, state_of
from convrun.run.binding.bind import BoundConversation
from convrun.run.planning.options import RunOptions
from convrun.run.playing.conversation import blank_result
from convrun.run.project import Prepared
from convrun.transcript import RecordingState

_RESULT = "tool result of "


def outlooks(
    prepared: Prepared,
    options: RunOptions,
    rehearsed: Sequence[tuple[BoundConversation, ConversationResult | None]],
    *,
    environ: Mapping[str, str],
) -> tuple[RecordingState, ...]:
    """Return what is to be recorded, each with its quote; one without a result is recorded from scratch."""
    quoting = quotes_of(prepared, options, environ=environ)
    found = []
    for bound, result in rehearsed:
        known = result if result is not None else broken_off(bound, options, environ=environ)
        quote = quoting.quote(bound, known)
        goes_on = result is None and _goes_on(known)
        state = replace(state_of(bound, (known if goes_on else result) or blank_result(bound)), quote=quote)
        if result is None and not goes_on:
            state = replace(state, state="fresh")
        elif state.state == "offline":
            state = replace(state, state="missing")
        if result is not None and _by_tools(result):
            on_paper = rehearsed_on_paper(bound, options, environ=environ)
            left = quoting.quote(bound, on_paper).calls if on_paper.stale is not None else 0
            state = replace(state, saved=max(quote.calls - left, 0))
        found.append(state)
    return tuple(found)


def _goes_on(known: ConversationResult | None) -> bool:
    """Whether a recording from scratch asks for what follows on one that broke off."""
    stale = known.stale if known is not None else None
    return stale is not None and any(change.part == BROKE_OFF for change in stale.changes)


def _by_tools(result: ConversationResult) -> bool:
    """Whether nothing differs but what tools gave."""
    changes = result.stale.changes if result.stale is not None else ()
    return bool(changes) and all(change.part.startswith(_RESULT) for change in changes)
