"""What carries a conversation's requests: a cassette's player, a recorder, or an offline model; and what it noticed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias

from convrun.backends.chat_encoding import decode_attachment
from convrun.backends.resolving import live_transport
from convrun.cassette.files import load
from convrun.cassette.playing import Player
from convrun.conversation.tools import Tool, ToolCall, ToolOutput
from convrun.errors import CassetteError, ConvrunError, StaleError
from convrun.redaction import Redactor
from convrun.results import BROKE_OFF, FROM_TURN, Change, IgnoredDifference, Spending, Staleness, total_spending
from convrun.run.binding.bind import BoundConversation, script_lines
from convrun.run.binding.variable_rules import variable_errors
from convrun.run.planning.options import RecordMode, Rehearsal, RunOptions
from convrun.run.planning.plan import Planned
from convrun.run.playing.copies import end_copy
from convrun.run.spending import spending
from convrun.source import Where, is_below, is_circle
from convrun.spec.model import ToolDeclaration
from convrun.wire import Reply, Request, Transport

if TYPE_CHECKING:
    from convrun.backends.metering import Account
    from convrun.cassette.interaction import ReceivedReply, Recording, SentRequest
    from convrun.cassette.kept.exchange import Price
    from convrun.cassette.kept.known import Known
    from convrun.cassette.kept.recording import Recorder
    from convrun.cassette.lanes import LanePlayer
    from convrun.cassette.stale.staleness import Difference
    from convrun.cassette.tool_results import Attached
    from convrun.run.playing.lanes import CarriedLanes

RecordedResults: TypeAlias = Callable[[Tool, ToolCall], "str | ToolOutput | None"]


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
            return self._inner.send(replace(request, error_wanted=True) if self._error_wanted else request)
        finally:
            self._notice()

    def begin_turn(self, turn: int, *, error_wanted: bool = False) -> None:
        """Count the model calls anew: turn number `turn` begins. `error_wanted`: the provider is to refuse in it."""
        self._turn, self._call, self._error_wanted = turn, 0, error_wanted
        if self._from_turn is not None and turn >= self._from_turn:
            self._stop_playing()

    def _stop_playing(self) -> None:
        known = self._rehearsal or (self._recorder.known if self._recorder is not None else None)
        stopped = known is not None and known.stop()
        if stopped and self._rehearsal is not None and self.staleness is None:
            change = Change(path="", part=FROM_TURN, now="asked anew")
            self.staleness = Staleness(turn=self._turn, model_call=1, changes=(change,))

    def finish(self, *, judged: bool = True) -> None:
        """Keep what was recorded: the conversation was answered to its end; whether all of it was `judged`.

        Raises:
            CassetteError: where it cannot be written; the old cassette stays.
        """
        end_copy(self._process)
        if self._recorder is not None:
            self._recorder.finish(judged=judged)

    @property
    def replaying(self) -> bool:
        """Whether the model's side comes from a recording now."""
        return self._recorder.replaying if self._recorder is not None else self._player is not None

    @property
    def live_calls(self) -> int:
        """How many requests went to a provider, those of checks included; a model of our own is none."""
        return (0 if self._offline else self._asked) + (self.lanes.calls.live_calls if self.lanes is not None else 0)

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
        if call.name not in replayed or self._player is None:
            return None
        if self.replaying:
            text = self._player.recorded_result(call.tool_call_id or "", call.name, call.arguments)
            if text is not None:
                attached = self.attached(call)
                if attached is None or not attached.at_last or not replayed.issuperset(attached.names):
                    return text
                attachments = [found for part in attached.parts if (found := decode_attachment(part)) is not None]
                return ToolOutput(text, attachments) if attachments else text
            if self._recorder is None:
                self._ended(call)
        # Live: a tool with code runs; one without has only what was once recorded for the same call.
        return self._player.results_by_call(call.name, call.arguments) if tool.implementation is None else None

    def attached(self, call: ToolCall) -> Attached | None:
        """Return what was sent behind the results of the last reply's calls, once the recorded one of `call` is given.

        The last of these calls has all of it, where all are of tools whose recorded results are used: nothing tells
        whose they are.
        """
        return self._player.recorded_attachments(call.tool_call_id or "") if self._player is not None else None

    def _ended(self, call: ToolCall) -> None:
        if self.staleness is None:
            broke_off = self._rehearsal is not None and self._rehearsal.broke_off
            part = BROKE_OFF if broke_off else "recording"
            change = Change(path="", part=part, recorded="it ends before this call", now=call.name)
            self.staleness = Staleness(turn=self._turn, model_call=self._call + 1, changes=(change,))
        raise StaleError(f"the recording holds no result of {call.name!r}", fix="record the conversation anew")

    def _notice(self) -> None:
        playing = self._rehearsal or (self._player if self._recorder is None else None)
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


@contextmanager
def open_carrier(
    bound: BoundConversation, options: RunOptions, *, environ: Mapping[str, str], redactor: Redactor
) -> Iterator[Carrier | None]:
    """Yield what carries this conversation; None where its cassette is missing and nothing may go live.

    `redactor` takes its secrets out of what is kept.

    Raises:
        CassetteError: where the cassette cannot be read, or could not be written later.
    """
    planned, mode = bound.planned, options.record
    exists = planned.cassette.exists() or planned.cassette.is_symlink()
    refuse_led_away(planned)
    if options.rehearsal is not None:
        with _rehearsed(bound, options, redactor, environ, exists=exists) as carrier:
            yield carrier
    elif exists and mode in {RecordMode.NONE, RecordMode.ONCE}:
        recording = load(planned.cassette, planned.cassette_shown)
        player = Player(recording, ignore=planned.spec.ignore, redactor=redactor)
        carrier = Carrier(player, player=player)
        if bound.asked or recording.lanes:
            carrier.lanes = _lanes(bound, options, environ, redactor, partial(_lane_player, recording, redactor))
        yield carrier
    elif bound.offline and not exists and not options.refresh and mode is not RecordMode.ALL:
        # An offline model needs no cassette; `record` and `all` write one.
        yield Carrier(_live(bound, options, environ))
    elif mode is RecordMode.NONE:
        yield None
    else:
        account = _account(bound, options, environ)

        def live() -> Transport:
            return account.metered(_live(bound, options, environ))

        def price(_: SentRequest, reply: ReceivedReply) -> float | None:
            from convrun.backends.prices import recorded_cost_usd  # the account has them already

            return recorded_cost_usd(bound.model, reply.payloads or (), environ=environ)

        with _recorder(bound, _known(bound, options, redactor), live, redactor, price=price) as recorder:
            carrier = Carrier(
                recorder,
                player=recorder.known,
                recorder=recorder,
                offline=bound.model.offline is not None,
                account=account,
                from_turn=options.from_turn,
            )
            known = recorder.known
            if bound.asked or known.has_lanes:
                carrier.lanes = _lanes(bound, options, environ, redactor, lambda: known.lanes, recorder)
            yield carrier


@contextmanager
def _rehearsed(
    bound: BoundConversation, options: RunOptions, redactor: Redactor, environ: Mapping[str, str], *, exists: bool
) -> Iterator[Carrier | None]:
    """What answers from what is known only. With tools it keeps what a recording that broke off has all of."""
    from convrun.run.playing.rehearsing import Refusing, refuse  # a replay does without

    known = _known(bound, options, redactor)
    lanes = None
    if bound.asked or known.has_lanes:
        lanes = _lanes(bound, options, environ, redactor, lambda: known.lanes)
    if not exists and not known.plays:
        yield None
    elif options.rehearsal is Rehearsal.ON_PAPER:
        carrier = Carrier(Refusing(known), player=known, rehearsal=known, from_turn=options.from_turn)
        carrier.lanes = lanes
        yield carrier
    else:
        with _recorder(bound, known, refuse, redactor) as recorder:
            carrier = Carrier(recorder, player=known, recorder=recorder, rehearsal=known, from_turn=options.from_turn)
            carrier.lanes = lanes
            yield carrier


def _known(bound: BoundConversation, options: RunOptions, redactor: Redactor) -> Known:
    """What is known of the conversation before it is recorded."""
    from convrun.cassette.kept.known import from_turn_mode, read_known  # a replay does without

    planned = bound.planned
    known = read_known(
        planned.cassette,
        shown_as=planned.cassette_shown,
        mode=options.record.value if options.from_turn is None else from_turn_mode(options.from_turn),
        ignore=planned.spec.ignore,
        redactor=redactor,
        results=_needs_results(bound),
    )
    if known.note and options.heard is not None and options.rehearsal is None:
        options.heard(known.note)
    return known


def _recorder(
    bound: BoundConversation,
    known: Known,
    live: Callable[[], Transport],
    redactor: Redactor,
    price: Price | None = None,
) -> Recorder:
    """What records the conversation, and goes on from what is known of it."""
    from convrun.cassette.kept.recording import Recorder  # a replay does without

    return Recorder(
        bound.planned.cassette,
        shown_as=bound.planned.cassette_shown,
        live=live,
        known=known,
        price=price,
        redactor=redactor,
        free=bound.model.offline is not None,
    )


def _account(bound: BoundConversation, options: RunOptions, environ: Mapping[str, str]) -> Account:
    """What counts the conversation's live calls, for the run where that has a meter."""
    from convrun.backends.metering import Account, Meter  # a replay does without

    return Account(bound.model, options.meter or Meter(), environ=environ)


def _lanes(
    bound: BoundConversation,
    options: RunOptions,
    environ: Mapping[str, str],
    redactor: Redactor,
    recorded: Callable[[], LanePlayer],
    recorder: Recorder | None = None,
) -> CarriedLanes:
    """What answers checks that ask models."""
    from convrun.run.playing.lane_calls import LaneCalls  # few specs ask anybody else
    from convrun.run.playing.lanes import CarriedLanes

    calls = LaneCalls(bound, options, environ=environ, recorded=recorded, recorder=recorder)
    return CarriedLanes(bound, calls, environ=environ, redactor=redactor)


def _lane_player(recording: Recording, redactor: Redactor) -> LanePlayer:
    from convrun.cassette.lanes import LanePlayer

    return LanePlayer(recording, redactor=redactor)


def refuse_led_away(planned: Planned) -> None:
    """Make sure that no link leads out of the project: what is there is not shown, and nothing is written there.

    Raises:
        CassetteError: where one does.
    """
    below = PurePath(planned.cassette_shown)
    if below.is_absolute() or ".." in below.parts:
        return  # the user's own words
    folder = planned.cassette.parents[len(below.parts) - 1]
    if is_circle(planned.cassette):
        where = Where(file=planned.cassette_shown)
        raise CassetteError("a link that leads back to itself", where=where, fix="remove it, and record again")
    if not is_below(planned.cassette, folder):
        fix = "name the folder behind it, in the settings or with --cassettes"
        raise CassetteError("a link that leads out of the project", where=Where(file=planned.cassette_shown), fix=fix)


def _needs_results(bound: BoundConversation) -> bool:
    """Whether a tool without code can only answer from the old recording."""
    return any(isinstance(tool.spec, ToolDeclaration) and tool.recorded for tool in bound.spec.tools)


def _live(bound: BoundConversation, options: RunOptions, environ: Mapping[str, str]) -> Transport:
    """What answers for real. A replay gets here only with its first difference: what it did without is needed now."""
    model = bound.planned.model
    errors = variable_errors(bound.planned.spec, environ, bound.model, bound.trusted) if not bound.model.offline else ()
    for error in errors:
        raise error
    return live_transport(
        bound.model,
        script=script_lines(model.script) or (),
        history_replies=sum(message.role == "assistant" for message in bound.planned.spec.history),
        timeout=model.timeout,
        max_retries=model.max_retries,
        rpm=bound.rpm,
        heard=options.heard,
        environ=environ,
        trusted_base_urls=bound.trusted,
    )
