"""Which interactions of a recording no run of its spec plays any more, as far as that is certain without running it.

A spec of so many turns sends no request with more of the user's messages: what was recorded behind its last turn is
never asked for. Whatever makes that less than certain is a reason to leave a recording as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convrun.cassette.interaction import Interaction, Recording
from convrun.frozen import frozen
from convrun.results import USER_LANE
from convrun.review.beginnings import turns_before
from convrun.review.judge import Judge, judged, partners_of
from convrun.review.outdated import outdated_parts
from convrun.review.recorded_lanes import RecordedLanes
from convrun.review.transcripts import transcript
from convrun.transcript import RecordedTurn
from convrun.values import equal


@frozen
class Unplayed:
    """How many of the interactions stay; where the recording is longer and nothing of it is certain, `why`.

    `lanes` are the indexes of what no check asks for, behind them.
    """

    kept: int
    why: str | None = None
    lanes: tuple[int, ...] = ()


def unplayed(judge: Judge, recording: Recording) -> Unplayed:
    """Return what of a recording the conversation of a judge plays."""
    own = _own(judge, recording)
    # With faults checks ask something else, and without them what is here: either may be wanted.
    if own.why is not None or not recording.lanes or judge.planned.skip or judge.planned.spec.faults:
        return own
    return replace(own, lanes=_unasked(judge, recording, own.kept))


def _unasked(judge: Judge, recording: Recording, kept: int) -> tuple[int, ...]:
    """What no check asks for; nothing where one asks what is not recorded, or cannot be judged."""
    left = replace(recording, interactions=(*recording.interactions[:kept], *recording.lanes))
    turns = transcript(left, single=True, before=turns_before(judge.planned)).conversations
    lanes = RecordedLanes(recording, judge.planned.asked)
    found = judged(judge, turns[0].turns if turns else (), lanes)
    checks = (*found.checks, *(check for turn in found.turns.values() for check in turn.checks))
    doubts = any(one.may_ask for one in found.every_unjudged)
    errors = any(turn.verdict == "error" for turn in found.turns.values())
    if doubts or errors or any(check.verdict == "error" for check in checks):
        return ()
    if all(item.lane != USER_LANE for item in recording.lanes):
        return lanes.unplayed
    from convrun.review.simulated import unsaid  # few recordings have any

    beyond = unsaid(turns[0], recording.lanes) if turns else ()
    unheard = (index for index in lanes.unplayed if recording.interactions[index].lane == USER_LANE)
    kept_users = {index for index in unheard if not any(recording.interactions[index] is one for one in beyond)}
    return tuple(index for index in lanes.unplayed if index not in kept_users)


def _own(judge: Judge, recording: Recording) -> Unplayed:
    """What of the conversation itself is played."""
    every = len(recording.own.interactions)
    script = transcript(recording, single=True, before=turns_before(judge.planned))
    if judge.planned.skip or not script.conversations:
        return Unplayed(kept=every)
    turns = script.conversations[0].turns
    judge = judge.of(turns)
    borrowed = judge.planned.spec.borrowed
    played = [index for index, turn in enumerate(judge.turns) if index >= borrowed and not turn.bound.spec.skip]
    if len(turns) <= len(played):
        return Unplayed(kept=every)
    if script.others:
        return Unplayed(kept=every, why="not every interaction in it is a chat call")
    why = _doubt(judge, turns, played)
    return Unplayed(kept=every, why=why) if why else Unplayed(kept=_first(turns[len(played)], recording.interactions))


def _doubt(judge: Judge, turns: Sequence[RecordedTurn], played: Sequence[int]) -> str | None:
    """Why the recorded turns may not be those of the spec and, behind them, some that it no longer has."""
    spec = judge.planned.spec
    if len(played) < len(judge.turns) - spec.borrowed:
        return f"{spec.file} skips turns, and may want them again"
    if spec.hooks.before_conversation:
        return f"the hooks of {spec.file} may say more than its turns"
    if any(pointer.startswith("/messages") for pointer in spec.ignore):
        return f"{spec.file} leaves messages out of the comparison"
    parts = outdated_parts(judge, turns)
    if parts:
        return f"{spec.file} sends something else by now: {', '.join(parts)}"
    if partners_of(judge, turns) != {index: place for place, index in enumerate(played)}:
        return f"which of its turns are those of {spec.file} is only known when it runs"
    if turns[len(played) - 1].last.calls:
        return f"turn {turns[len(played) - 1].index} ends with open tool calls, and may go on"
    return None


def _first(turn: RecordedTurn, interactions: Sequence[Interaction]) -> int:
    """The index of the first interaction of a turn, attempts that were repeated included."""
    index = turn.model_calls[0].number - 1
    while index and equal(interactions[index - 1].request.body, interactions[index].request.body):
        index -= 1
    return index
