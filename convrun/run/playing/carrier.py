"""What carries a conversation's requests, and what it noticed of them: stale ones, live ones, those never played."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from convrun.backends.chat_encoding import decode_attachment
from convrun.cassette.playing import Player
from convrun.conversation.tools import Tool, ToolCall, ToolOutput
from convrun.errors import ConvrunError, StaleError
from convrun.frozen import frozen
from convrun.results import BROKE_OFF, FROM_TURN, Change, IgnoredDifference, Spending, Staleness, total_spending
from convrun.run.playing.copies import end_copy
from convrun.run.spending import spending
from convrun.wire import Reply, Request, Transport

if TYPE_CHECKING:
    from convrun.backends.metering import Account
    from convrun.cassette.kept.known import Known
    from convrun.cassette.kept.recording import Recorder
    from convrun.cassette.stale.staleness import Difference
    from convrun.cassette.tool_results import Attached
    from convrun.run.playing.lanes import CarriedLanes

RecordedResults: TypeAlias = Callable[[Tool, ToolCall], "str | ToolOutput | None"]


@frozen
class Lent:
    """What answers the turns of a branch up to number `until`, in the place of its own recording: its trunk's."""

    until: int
    transport: Transport
    player: Player | None = None


class Carrier:
    """The transport of one conversation. It counts the calls of a turn, so that the first stale one can be named.

    `player` is the recording that is played, or what is known to a `recorder`, which makes one. `offline` says that no
    provider answers, but a model of our own; `rehearsal` is all that answers where nothing may go live. `account`
    counts the live calls. From turn number `from_turn` on nothing is played. `lanes` carries what checks ask.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        player: Player | Known | None = None,
        recorder: Recorder | None = None,
        rehearsal: Known | None = None,
        offline: bool = False,
        account: Account | None = None,
        from_turn: int | None = None,
    ) -> None:
        self.lanes: CarriedLanes | None = None
        self._account = account
        self._from_turn = from_turn
        self._inner = inner
        self._offline = offline
        self._player = player
        self._recorder = recorder
        self._rehearsal = rehearsal
        self._lent: tuple[Lent, ...] = ()  # that are not over yet
        self._over: tuple[Lent, ...] = ()  # that are
        self._goes_on = False  # from those: until a request has said so by an id
        self._astray = False
        self._turn = 1
        self._call = 0
        self._error_wanted = False
        self._process = os.getpid()
        self.injected: ConvrunError | None = None  # the last error that the spec wanted in the place of an answer
        self.staleness: Staleness | None = None
        self.suspects: tuple[str | None, ...] = ()  # of each change, the span that its hint is about

    def send(self, request: Request) -> Reply:
        """Carry one request; see `wire.Transport`."""
        end_copy(self._process)
        self._call += 1
        try:
            asked = replace(request, error_wanted=True) if self._error_wanted else request
            return self._source.send(self._going_on(asked) if self._goes_on else asked)
        finally:
            self._notice()

    def borrow(self, lent: Sequence[Lent], *, turns: int) -> None:
        """Play the first turns of a branch from these, in order; its own recording begins behind so many `turns`."""
        self._lent = tuple(lent)
        known = self._player
        players = (known,) if known is None or isinstance(known, Player) else (known.old, known.partial)
        for player in players:
            if player is not None:
                player.turns_before = turns

    def begin_turn(self, turn: int, *, error_wanted: bool = False) -> None:
        """Count the model calls anew: turn number `turn` begins. `error_wanted`: the provider is to refuse in it."""
        self._turn, self._call, self._error_wanted = turn, 0, error_wanted
        if self._lent and turn > self._lent[0].until:
            self._over += tuple(one for one in self._lent if one.until < turn)
            self._lent, self._goes_on = tuple(one for one in self._lent if one.until >= turn), True
            to_go_on = self._recorder is not None or self._rehearsal is not None
            self._astray = not self._lent and to_go_on and self.staleness is not None
        if self._from_turn is not None and turn >= self._from_turn:
            self._stop_playing()

    @property
    def _source(self) -> Transport:
        """What answers now.

        Raises:
            StaleError: where the beginning of a branch is not the recorded one: what follows is not asked for live.
        """
        if self._astray:
            raise StaleError("what the branch goes on from is stale", fix="record its trunk")
        return self._lent[0].transport if self._lent else self._inner

    def _going_on(self, request: Request) -> Request:
        """The first request behind a trunk that names a reply of it, with a digest of what was said: ids may repeat."""
        if self.staleness is not None or "previous_response_id" not in request.body:
            return request
        from convrun.cassette.as_chat import said_before  # most requests hold what was said before

        players = [one.player for one in self._over if one.player is not None]
        behind = said_before((item for player in players for item in player.played), request.body)
        self._goes_on = behind is None
        return replace(request, behind=behind)

    @property
    def _playing(self) -> Player | Known | None:
        """The recording that is played now."""
        return self._lent[0].player if self._lent else self._player

    def _stop_playing(self) -> None:
        known = self._rehearsal or (self._recorder.known if self._recorder is not None else None)
        stopped = known is not None and known.stop()
        if stopped and self._rehearsal is not None and self.staleness is None:
            change = Change(path="", part=FROM_TURN, now="asked anew")
            self.staleness = Staleness(turn=self._turn, model_call=1, changes=(change,))

    def inject(self, error: ConvrunError) -> None:
        """Note the error that is given in the place of an answer, as the spec wants."""
        self.injected = error

    def lose_behind(self, change: Change | None) -> None:
        """Say that the recording does not go on behind a fault: `change` is all that is stale; None: nothing is."""
        stale = self.staleness
        self.staleness = replace(stale, changes=(change,)) if stale is not None and change is not None else None
        self.suspects = ()

    def finish(self, *, judged: bool = True) -> None:
        """Keep what was recorded: the conversation was answered to its end; whether all of it was `judged`.

        Only then what no check has asked for is dropped, and not where faults are why.

        Raises:
            CassetteError: where it cannot be written; the old cassette stays.
        """
        end_copy(self._process)
        if self._recorder is not None:
            whole = self.lanes is None or not self.lanes.has_others
            self._recorder.finish(judged=judged and whole)

    @property
    def replaying(self) -> bool:
        """Whether the model's side comes from a recording now."""
        if self._lent:
            return self._playing is not None
        return self._recorder.replaying if self._recorder is not None else self._player is not None

    @property
    def live_calls(self) -> int:
        """How many requests went to a provider, those of checks included; a model of our own is none."""
        return (0 if self._offline else self._asked) + self.check_calls + self.user_calls

    @property
    def check_calls(self) -> int:
        """How many of those are of checks."""
        return self.lanes.calls.live_calls - self.user_calls if self.lanes is not None else 0

    @property
    def user_calls(self) -> int:
        """How many of those are of models that play the user."""
        return self.lanes.calls.user_calls if self.lanes is not None else 0

    @property
    def spent(self) -> Spending:
        """What those requests took."""
        own = spending(self._account.spent) if self._account is not None else Spending()
        return own if self.lanes is None else total_spending([own, self.lanes.calls.spent])

    @property
    def _asked(self) -> int:
        """How many requests were answered anew."""
        return self._recorder.live_calls if self._recorder is not None else 0

    @property
    def kept(self) -> str | None:
        """What of a recording that broke off is kept, and what to do with it, in words; None where nothing is."""
        if self._recorder is None or self._rehearsal is not None or not (calls := self._recorder.kept_calls):
            return None
        so_far = "the call answered so far is" if calls == 1 else f"the {calls} calls answered so far are"
        if self._asked == 0:  # who comes to the same end again and again wants other answers
            return f"{so_far} played from {self._recorder.kept_in}: remove that to ask anew"
        return f"{so_far} kept: `convrun record` goes on from there"

    @property
    def unplayed(self) -> tuple[int, ...]:
        """Indexes of the interactions that were never played and stay in the cassette."""
        if self._recorder is not None:
            return tuple(self._recorder.unplayed)
        return tuple(self._player.unplayed) if self._player is not None else ()

    @property
    def ignored(self) -> tuple[IgnoredDifference, ...]:
        """The differences that `cassette.ignore` let pass."""
        found = self._player.ignored if self._player is not None else ()
        return tuple(IgnoredDifference(path=one.path, recorded=one.recorded, now=one.now) for one in found)

    def recorded_results(self, replayed: set[str]) -> RecordedResults:
        """Return what gives the engine the recorded results of the tools with these names."""
        return partial(self._recorded_result, frozenset(replayed))

    def _recorded_result(self, replayed: frozenset[str], tool: Tool, call: ToolCall) -> str | ToolOutput | None:
        playing = self._playing
        if call.name not in replayed or playing is None:
            return None
        if self.replaying:
            text = playing.recorded_result(call.tool_call_id or "", call.name, call.arguments)
            if text is not None:
                attached = self.attached(call)
                if attached is None or not attached.at_last or not replayed.issuperset(attached.names):
                    return text
                attachments = [found for part in attached.parts if (found := decode_attachment(part)) is not None]
                return ToolOutput(text, attachments) if attachments else text
            if self._recorder is None or self._lent:
                self._ended(call)
        # Live: a tool with code runs; one without has only what was once recorded for the same call.
        return playing.results_by_call(call.name, call.arguments) if tool.implementation is None else None

    def attached(self, call: ToolCall) -> Attached | None:
        """Return what was sent behind the results of the last reply's calls, once the recorded one of `call` is given.

        The last of these calls has all of it, where all are of tools whose recorded results are used: nothing tells
        whose they are.
        """
        playing = self._playing
        return playing.recorded_attachments(call.tool_call_id or "") if playing is not None else None

    def _ended(self, call: ToolCall) -> None:
        if self.staleness is None:
            broke_off = self._rehearsal is not None and not self._lent and self._rehearsal.broke_off
            part = BROKE_OFF if broke_off else "recording"
            change = Change(path="", part=part, recorded="it ends before this call", now=call.name)
            self.staleness = Staleness(turn=self._turn, model_call=self._call + 1, changes=(change,))
        raise StaleError(f"the recording holds no result of {call.name!r}", fix="record the conversation anew")

    def _notice(self) -> None:
        playing = self._rehearsal or (self._player if self._recorder is None else None)
        playing = self._lent[0].player if self._lent else playing
        difference = playing.difference if playing is not None else None
        if difference is not None and self.staleness is None:
            self.staleness = _staleness(difference, self._turn, self._call)
            self.suspects = tuple(change.suspect for change in difference.changes)


def _staleness(difference: Difference, turn: int, call: int) -> Staleness:
    changes = tuple(
        Change(path=one.path, part=one.part, recorded=one.recorded, now=one.now, hint=one.hint)
        for one in difference.changes
    )
    return Staleness(turn=turn, model_call=call, changes=changes, breaks=difference.breaks)
