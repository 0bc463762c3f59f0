"""Simulated users in a recording: which turns are theirs, and the spec as if it had them written down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from convrun.cassette.interaction import Interaction
from convrun.cassette.stored.reply_nodes import reply_message
from convrun.errors import ConvrunError
from convrun.results import USER_LANE
from convrun.run.planning.plan import Planned
from convrun.run.playing.simulated_changes import shown, spoken
from convrun.run.playing.simulated_user import heard
from convrun.spec.model import TurnSpec
from convrun.templates import Text
from convrun.transcript import RecordedConversation, RecordedTurn


def with_simulated(conversation: RecordedConversation, lanes: Sequence[Interaction]) -> RecordedConversation:
    """Return a conversation in which each turn of a simulated user has what its model was told."""
    said = {(spoken(one.request.body), _words(one)): _told(one) for one in lanes if one.lane == USER_LANE}
    before = sum(one.role == "user" and bool(one.text) for one in conversation.history)
    turns = []
    for turn in conversation.turns:
        told = said.get((before, turn.user))
        turns.append(turn if told is None else replace(turn, simulated_by=told))
        before += turn.last.error is None
    return replace(conversation, turns=tuple(turns))


def unsaid(conversation: RecordedConversation, lanes: Sequence[Interaction]) -> list[Interaction]:
    """Return what a simulated user said behind the last of these turns: no run asks for it any more."""
    last = sum(one.role == "user" and bool(one.text) for one in conversation.history)
    last += sum(turn.last.error is None for turn in conversation.turns)
    users = ((one, spoken(one.request.body)) for one in lanes if one.lane == USER_LANE)
    return [one for one, place in users if place > last or (place == last and _words(one) is not None)]


def as_recorded(planned: Planned, recorded: Sequence[RecordedTurn]) -> Planned:
    """Return a planned conversation in which a simulated user is the turns that were recorded of it, one at least."""
    turns: list[TurnSpec] = []
    place = 0
    borrowed = planned.spec.borrowed if recorded and recorded[0].index > 1 else 0  # it may begin behind those
    for index, turn in enumerate(planned.spec.turns):
        if turn.skip is not None or index < borrowed:
            turns.append(turn)
        elif turn.simulate is None:
            turns.append(turn)
            place += place < len(recorded) and recorded[place].simulated_by is None
        else:
            own = _own(turn, recorded, place)
            turns += _written(turn, [recorded[index].user for index in own])
            place = own.stop if own else place
    return replace(planned, spec=replace(planned.spec, turns=tuple(turns)))


def _own(turn: TurnSpec, recorded: Sequence[RecordedTurn], place: int) -> range:
    """The places of the next recorded turns of one simulated user, from this place on."""
    begin = next((at for at in range(place, len(recorded)) if recorded[at].simulated_by is not None), len(recorded))
    end = begin
    while end < len(recorded) and end - begin < turn.most and recorded[end].simulated_by is not None:
        if recorded[end].simulated_by != recorded[begin].simulated_by:
            break  # another one speaks
        end += 1
    return range(begin, end)


def _written(turn: TurnSpec, said: Sequence[str]) -> Iterator[TurnSpec]:
    """The turns of a simulated user as if they stood in the spec; the last has its id and its checks."""
    simulate = turn.simulate
    assert simulate is not None
    if not said:
        yield replace(turn, simulate=replace(simulate, max_turns=1))
    for number, text in enumerate(said, start=1):
        user, system = Text(source=text, raw=True, where=turn.where), turn.system if number == 1 else None
        if number < len(said):
            passing = replace(simulate, until=(), max_turns=2)
            yield replace(turn, user=user, system=system, simulate=passing, id=None, expect=(), known_failure=None)
        else:
            yield replace(turn, user=user, system=system, simulate=replace(simulate, max_turns=1))


def _words(item: Interaction) -> str | None:
    text = (reply_message(item.reply) or {}).get("content")
    try:
        return heard(text).text if isinstance(text, str) else None
    except ConvrunError:  # it says nothing
        return None


def _told(item: Interaction) -> str:
    return next((text for _, _, text in shown(item.request.body)), "")
