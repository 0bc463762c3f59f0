"""What recording conversations takes that a rehearsal found stale or missing, and what would spare it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from convrun.cassette.known import FROM_SCRATCH
from convrun.cassette.partial import partial_path, read_partial
from convrun.results import ConversationResult
from convrun.review.states import quotes_of, rehearsed_on_paper, state_of
from convrun.run.bind import BoundConversation
from convrun.run.conversation import blank_result
from convrun.run.options import RecordMode, RunOptions
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
        known = result if result is not None else _broken_off(bound, options, environ=environ)
        quote = quoting.quote(bound, known)
        state = replace(state_of(bound, result or blank_result(bound)), quote=quote)
        if result is None:
            state = replace(state, state="fresh")
        elif state.state == "offline":
            state = replace(state, state="missing")
        if result is not None and _by_tools(result):
            on_paper = rehearsed_on_paper(bound, options, environ=environ)
            left = quoting.quote(bound, on_paper).calls if on_paper.stale is not None else 0
            state = replace(state, saved=max(quote.calls - left, 0))
        found.append(state)
    return tuple(found)


def _broken_off(
    bound: BoundConversation, options: RunOptions, *, environ: Mapping[str, str]
) -> ConversationResult | None:
    """How far one that is recorded from scratch is known, as such a recording broke off; None where it is not."""
    found = read_partial(partial_path(bound.planned.cassette))
    if found.mode != FROM_SCRATCH or not found.interactions:
        return None
    return rehearsed_on_paper(bound, options, mode=RecordMode.ALL, environ=environ)


def _by_tools(result: ConversationResult) -> bool:
    """Whether nothing differs but what tools gave."""
    changes = result.stale.changes if result.stale is not None else ()
    return bool(changes) and all(change.part.startswith(_RESULT) for change in changes)
