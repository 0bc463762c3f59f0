"""What checks asked in their lanes, read from a recording for people: who graded what, and how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from convrun.backends.embeddings import ENDPOINT
from convrun.cassette.interaction import Interaction
from convrun.cassette.stored.reply_nodes import reply_message
from convrun.checks.catalogue.judge import graded, judgement
from convrun.results import USER_LANE
from convrun.transcript import LaneRecord, RecordedConversation, RecordedTurn


def with_lanes(conversation: RecordedConversation, lanes: Sequence[Interaction]) -> RecordedConversation:
    """Return a conversation with what its checks asked, each grade at the last turn that the judge was given."""
    if not lanes:
        return conversation
    if any(item.lane == USER_LANE for item in lanes):
        from convrun.review.simulated import with_simulated  # few recordings have any

        conversation = with_simulated(conversation, lanes)
    grades = list(_grades(item for item in lanes if item.lane != USER_LANE))
    last = conversation.turns[-1].index if conversation.turns else 0
    turns = (
        _with(turn, [one for place, one in grades if min(place, last) == turn.index]) for turn in conversation.turns
    )
    embeddings = sum(item.request.endpoint == ENDPOINT for item in lanes)
    return replace(conversation, turns=tuple(turns), embeddings=embeddings)


def _with(turn: RecordedTurn, records: Iterable[LaneRecord]) -> RecordedTurn:
    found = tuple(records)
    return replace(turn, lanes=found) if found else turn


def _grades(lanes: Iterable[Interaction]) -> Iterator[tuple[int, LaneRecord]]:
    """Each grade, and how many turns the judge was given."""
    for item in lanes:
        body, messages = item.request.body, item.request.messages
        rubric = graded(str(messages[-1].get("content"))) if messages else None
        if rubric is None or not isinstance(body, dict):
            continue
        message = reply_message(item.reply) or {}
        text = message.get("content")
        found = judgement(text) if isinstance(text, str) else None
        given = len(messages) - 2  # the instructions stand in front, the rubric behind
        yield (
            given,
            LaneRecord(
                lane=item.lane or "",
                model=str(body.get("model")),
                about=rubric.rubric,
                whole=rubric.whole,
                score=found.score if found else None,
                reason=found.reason if found else str(text),
            ),
        )
