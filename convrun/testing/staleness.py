"""Why a request of a block was not recorded, in the words of the console."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile

from convrun.cassette.as_chat import Chats
from convrun.cassette.interaction import SentRequest
from convrun.cassette.playing import ENDED, Player, sent_request
from convrun.cassette.stale.change import Change
from convrun.cassette.stale.staleness import changes
from convrun.errors import StaleError
from convrun.redaction import Redactor
from convrun.report.change import changes_lines
from convrun.report.style import Line, plain, rendered
from convrun.results import Change as ShownChange
from convrun.source import Where
from convrun.values import equal
from convrun.wire import Request

_MOST = 20  # lines that tell what differs
_LOOKED_AT = 50  # interactions that are compared with a request, to find the one that was meant


def stale(
    player: Player, request: Request, redactor: Redactor, *, ignore: tuple[str, ...] = (), call: int
) -> StaleError:
    """Return the error of a request that `player` has just not found; `call` is its number in the block."""
    redactor = redactor.thorough
    sent = sent_request(request, redactor)
    found = _changes(player, replace(sent, body=redactor.value(sent.body)), redactor, ignore)
    parts = ", ".join(dict.fromkeys(change.part for change in found))
    told = "is new: the recording has ended" if parts == ENDED else f"is not the recorded one: {parts}"
    lines = changes_lines([_shown(change) for change in found], most=_MOST)
    lines += [Line(f"  breaks: {text}") for text in (player.difference.breaks if player.difference else ())]
    return StaleError(
        f"model call {call} of the block {told}\n{rendered(lines, plain)}",
        where=Where(file=player.recording.file),
        fix='if the change is meant, record it with record="new_episodes"',
    )


def _changes(player: Player, now: SentRequest, redactor: Redactor, ignore: tuple[str, ...]) -> tuple[Change, ...]:
    """What differs from the interaction that was meant: with several conversations in a block not always the next."""
    difference = player.difference
    assert difference is not None  # the player did not find it
    interactions = player.recording.interactions
    candidates = {index: interactions[index].request for index in player.unplayed[:_LOOKED_AT]}
    nearest = max(candidates, key=lambda index: _in_common(candidates[index], now), default=None)
    if nearest is None or nearest == difference.interaction:
        return difference.changes
    meant = candidates[nearest]
    return changes(replace(meant, body=redactor.value(meant.body)), now, ignore) or difference.changes


def _in_common(recorded: SentRequest, now: SentRequest) -> tuple[int, int]:
    """How many messages two requests begin with that are the same; then, how near their lengths are."""
    chats = Chats()
    before, after = (chats.chat(request).request.messages for request in (recorded, now))
    same = sum(1 for _ in takewhile(lambda pair: equal(*pair), zip(before, after, strict=False)))
    return same, -abs(len(before) - len(after))


def _shown(change: Change) -> ShownChange:
    """A change as reports take it; what to do about a usual suspect is said for programs."""
    looks_like = change.hint.partition(": ")[0] if change.hint else None
    advice = f"fix it in the program, or leave it out with ignore=[{change.path!r}]"
    return ShownChange(
        path=change.path,
        part=change.part,
        recorded=change.recorded,
        now=change.now,
        hint=f"{looks_like}: {advice}" if looks_like else None,
    )
