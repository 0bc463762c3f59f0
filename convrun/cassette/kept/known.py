"""What is known of a conversation before it is recorded: its cassette, and what one that broke off has left."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from convrun.cassette.files import load
from convrun.cassette.interaction import Interaction, Recording
from convrun.cassette.kept.partial import Partial, partial_path, put_aside, read_partial
from convrun.cassette.lanes import LanePlayer
from convrun.cassette.matching import Ignored
from convrun.cassette.playing import ENDED, Player
from convrun.errors import CassetteError
from convrun.redaction import Redactor
from convrun.source import Where
from convrun.values import Json
from convrun.wire import Reply, Request

if TYPE_CHECKING:
    from convrun.cassette.stale.staleness import Difference
    from convrun.cassette.tool_results import Attached

# What tells whether a cassette, and the partial recording beside it, were changed.
Seen: TypeAlias = "tuple[tuple[int, int, int] | None, ...]"
FROM_SCRATCH = "all"  # the record mode in which the cassette does not count, nor what was recorded behind a part of it
BROKE_OFF = "recording broke off"  # the part of a change where a partial recording holds no more
_FROM_TURN = "from turn "


def from_turn_mode(turn: int) -> str:
    """Return the mode of a recording that asks everything anew from a turn on."""
    return f"{_FROM_TURN}{turn}"


def asks_anew(mode: str) -> bool:
    """Return whether a recording in this mode asks anew what the cassette could answer."""
    return mode == FROM_SCRATCH or mode.startswith(_FROM_TURN)


class Known:
    """Answers requests from the cassette `old` and a partial recording, as long as one of them holds them all.

    Each of the two is asked for every request until it does not have one; where both have it, the partial one is newer.
    A partial one that asks anew what the cassette has, and holds the first request, answers alone: the recording goes
    on where it broke off. `lanes` are the calls of checks in both.
    `results` is a recording that answers no request, and only tells what tools gave back.
    `found` is what the partial one was read as, and `note` says, for people, what of it cannot be used. `mode` is that
    of the recording to come. `news`: an answer was taken that the cassette does not have; `from_old`: one that only the
    cassette has. Nothing is written here, but by `settle`.
    """

    def __init__(
        self,
        *,
        old: Player | None = None,
        partial: Player | None = None,
        lanes: LanePlayer | None = None,
        results: Player | None = None,
        found: Partial | None = None,
        mode: str = FROM_SCRATCH,
        seen: Seen | None = None,
        note: str | None = None,
    ) -> None:
        self.old = old
        self.partial = partial
        self.lanes = LanePlayer(redactor=Redactor()) if lanes is None else lanes
        self.mode = mode
        self.note = note
        self.found = Partial() if found is None else found
        self._results = results if results is not None else old
        self._seen = seen
        self._matching = [player for player in (partial, old) if player is not None]
        self._longest: list[Player] = []  # that went on to the last request
        self._answering: Player | None = None
        self._telling: Player | None = None
        self._stopped = False
        self._begun = False
        self.news = False
        self.from_old = False

    def play(self, request: Request) -> Reply | None:
        """Return the recorded reply to exactly this request; None where neither recording goes on with it.

        Raises:
            CassetteError: where the request is nested too deeply to be looked up.
        """
        replies = [(player, player.play(request)) for player in self._matching]
        answers = [(player, reply) for player, reply in replies if reply is not None]
        if not self._begun and answers and answers[0][0] is self.partial and asks_anew(self.found.mode):
            del answers[1:]
        self._begun = True
        self._longest, self._matching = self._matching or self._longest, [player for player, _ in answers]
        if not answers:
            return None
        self._answering, reply = answers[0]
        if self._answering is self.old:
            self.from_old = True
        elif not any(player is self.old for player in self._agreeing()):
            self.news = True
        return reply

    def _agreeing(self) -> Iterator[Player]:
        """The recordings that gave the last answer, the one that was taken first."""
        if self._answering is not None and (last := self._answering.last) is not None:
            yield self._answering
            for player in self._matching:
                if player is not self._answering and player.last is not None and player.last.reply == last.reply:
                    yield player

    @property
    def has_lanes(self) -> bool:
        """Whether checks have asked anything that is recorded."""
        return bool(self.lanes)

    @property
    def last(self) -> Interaction | None:
        """The interaction that was played last."""
        return None if self._answering is None else self._answering.last

    @property
    def difference(self) -> Difference | None:
        """How the first request that neither has differs from the one that went on longer; None while one goes on.

        Where both went as far, it is the cassette's, unless that has other answers.
        """
        player = self.old if self.old in self._longest and not self.news else self.partial or self.old
        found = player.difference if player is not None and not self._matching else None
        if found is None or player is not self.partial:
            return found
        parts = (replace(one, part=BROKE_OFF) if one.part == ENDED else one for one in found.changes)
        return replace(found, changes=tuple(parts))

    @property
    def broke_off(self) -> bool:
        """Whether the last answer was the last one of the partial recording."""
        return self._answering is not None and self._answering is self.partial and not self.partial.unplayed

    @property
    def unplayed(self) -> tuple[int, ...]:
        """The indexes of the cassette's interactions that were not played; none once another answer was taken."""
        return self.old.unplayed if self.old is not None and not self.news else ()

    @property
    def ignored(self) -> tuple[Ignored, ...]:
        """The differences that `cassette.ignore` let pass, the first of each path."""
        players = (player for player in (self.old, self.partial) if player is not None)
        found: dict[str, Ignored] = {}
        for player in players:
            found = {one.path: one for one in player.ignored} | found
        return tuple(found.values())

    @property
    def next_mode(self) -> str:
        """The mode that a partial recording has which goes on from what was played.

        It asks anew where all that was played came from one that did, and from the same turn on.
        """
        goes_on = self._answering is not None and not self.from_old and not self._stopped
        return self.found.mode if goes_on and asks_anew(self.found.mode) else self.mode

    def stop(self) -> bool:
        """Answer no request any more, also none that is recorded; return whether that is so.

        A partial recording that was made from the same turn on goes on.
        """
        same = self.found.mode == self.mode
        self._matching = [one for one in self._matching if same and one is self.partial]
        self._stopped = not self._matching
        return self._stopped

    @property
    def plays(self) -> bool:
        """Whether anything is there that may answer requests."""
        return not self._stopped and (self.old is not None or self.partial is not None)

    @property
    def spent(self) -> bool:
        """Whether a partial recording is there that holds nothing but what the cassette answered."""
        whole = self.partial is not None and not self.partial.unplayed and not self.found.note
        return whole and not self.news and not self.lanes.newest

    def recorded_result(self, tool_call_id: str, name: str, arguments: Json) -> str | None:
        """Return the recorded result of a call that the last reply made; None where no recording tells it."""
        for player in self._agreeing():
            text = player.recorded_result(tool_call_id, name, arguments)
            if text is not None:
                self._telling = player
                return text
        return None

    def recorded_attachments(self, tool_call_id: str) -> Attached | None:
        """Return what was sent behind the results of the last reply's calls, as the recording of the last one tells."""
        return self._telling.recorded_attachments(tool_call_id) if self._telling is not None else None

    def results_by_call(self, name: str, arguments: Json) -> str | None:
        """Return the result of a call of this name and these arguments anywhere in the recordings, one by one."""
        players = (player for player in (self._results, self.partial) if player is not None)
        results = (player.results_by_call(name, arguments) for player in players)
        return next((text for text in results if text is not None), None)

    def settle(self, path: Path, *, shown_as: str) -> None:
        """Make sure, once the cassette at `path` is ours to record, that what is known is still what is there.

        What is no partial recording of ours, and stands at its place, is put aside.

        Raises:
            CassetteError: where another process has recorded it in the meantime, or the folder does not let us.
        """
        if self._seen is not None and self._seen != seen(path):
            what = "it was recorded by another process in the meantime"
            raise CassetteError(what, where=Where(file=shown_as), fix="record again: what is there now is played first")
        if self.found.strange:
            put_aside(partial_path(path), shown_as=shown_as)
        self._seen = None


def seen(path: Path) -> Seen:
    """Return what tells whether a cassette, or the partial recording beside it, was changed."""
    return tuple(_signature(one) for one in (path, partial_path(path)))


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_known(
    path: Path,
    *,
    shown_as: str,
    mode: str,
    ignore: Iterable[str] = (),
    redactor: Redactor,
    results: bool = False,
    goes_on: bool = True,
    usable: Callable[[Interaction], bool] | None = None,
) -> Known:
    """Return what is known of the conversation whose cassette is at `path`, if anything, for a recording in `mode`.

    From scratch only a partial recording counts that was from scratch, too; with `results` the cassette tells what
    tools gave back all the same. Without `goes_on` a recording from scratch passes over a partial one in any case.
    What is not `usable` of the calls of checks is asked anew.

    Raises:
        CassetteError: where the cassette cannot be read; a partial recording is never an error.
    """
    before, ignore = seen(path), tuple(ignore)
    exists = before[0] is not None

    def player(recording: Recording) -> Player:
        return Player(recording, ignore=ignore, redactor=redactor)

    cassette = load(path, shown_as) if exists and (mode != FROM_SCRATCH or results) else None
    old = player(cassette) if cassette is not None else None
    found = read_partial(partial_path(path))
    shown = partial_path(Path(shown_as)).as_posix()
    counts = found.interactions and (mode != FROM_SCRATCH or (goes_on and found.mode == FROM_SCRATCH))
    begun = Recording(interactions=found.interactions, file=shown) if counts else Recording()
    partial = player(begun) if counts else None
    before_all = cassette if cassette is not None and mode != FROM_SCRATCH else Recording(file=shown_as)
    since = begun if found.mode == mode else None
    lanes = LanePlayer(begun, before_all, redactor=redactor, usable=usable, since=since)
    plays = mode != FROM_SCRATCH
    note = f"{shown} {found.note}" if found.note else None
    return Known(
        old=old if plays else None,
        partial=partial,
        lanes=lanes,
        results=old,
        found=found,
        mode=mode,
        seen=before,
        note=note,
    )
