"""The recording of a branch behind what it has from its trunks: all of its turns, as checks see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from convrun.cassette.as_chat import said_before
from convrun.cassette.interaction import Interaction, Recording
from convrun.review.transcripts import transcript
from convrun.run.planning.plan import Planned, Trunk
from convrun.transcript import RecordedConversation


def turns_before(planned: Planned) -> int:
    """Return how many turns were said before the first that a conversation's own cassette holds."""
    return sum(turn.skip is None for turn in planned.spec.turns[: planned.spec.borrowed])


def with_beginning(planned: Planned, recording: Recording, read: Callable[[Trunk], Recording | None]) -> Recording:
    """Return the recording with that of the turns before it, which `read` returns of a trunk; None: it has none.

    It is returned as it is where it is that of no branch, or goes on from something else than what is there.
    """
    before: list[Interaction] = []
    begin = 0
    for trunk in planned.trunks:
        count = sum(turn.skip is None for turn in planned.spec.turns[begin : trunk.turns])
        begin = trunk.turns
        found = read(trunk) if count else Recording()
        first = _first_turns(found.own, count) if found is not None else None
        if first is None:
            return recording
        before += first
    named = next((item.request for item in recording.own.interactions if item.request.behind is not None), None)
    if named is not None and isinstance(named.body, dict):
        same = said_before(before, named.body) == named.behind
        return replace(recording, interactions=(*before, *recording.interactions)) if same else recording
    own = transcript(recording.own, single=True).conversations
    begun = transcript(Recording(interactions=tuple(before)), single=True).conversations
    if not own or not begun or not _goes_on(begun[0], own[0]):
        return recording
    return replace(recording, interactions=(*before, *recording.interactions))


def _first_turns(recording: Recording, count: int) -> tuple[Interaction, ...] | None:
    """The interactions of so many turns; None where there are fewer."""
    if not count:
        return ()
    found = transcript(recording, single=True).conversations
    turns = found[0].turns if found else ()
    if len(turns) < count:
        return None
    last = turns[count - 1].last.number
    return recording.interactions[:last]


def _goes_on(begun: RecordedConversation, own: RecordedConversation) -> bool:
    """Whether what was said before a branch is what its trunks have: the user's texts and the replies."""
    calls = [[turn.user, *(one.text for one in turn.model_calls if not one.error)] for turn in begun.turns]
    said = [text for texts in calls for text in texts]
    told = [message.text for message in own.history if message.role in {"user", "assistant"}]
    return bool(said) and told[-len(said) :] == said
