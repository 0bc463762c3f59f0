"""What checks ask of models: over the conversation's carrier, and told where the recording does not hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from convrun.backends.embeddings import embedding
from convrun.backends.identity import ModelIdentity
from convrun.backends.keys import key_variable
from convrun.backends.resolving import backend_for
from convrun.conversation.model import Model
from convrun.errors import SettingsError, StaleError
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.results import Change, Staleness
from convrun.run.binding.bind import BoundConversation
from convrun.run.planning.options import RunOptions
from convrun.run.playing.lane_calls import LaneCalls
from convrun.values import canonical
from convrun.wire import Reply, Request

if TYPE_CHECKING:
    from convrun.cassette.kept.recording import Recorder
    from convrun.cassette.lanes import LanePlayer


class Altering(Protocol):
    """What makes turns go on otherwise than they were recorded: faults."""

    @property
    def has_altered(self) -> bool:
        """Whether any turn did so far."""
        ...

    def unheld_of(self, turn: int) -> Change | None:
        """Return what is stale where the recording does not hold what a check of a turn asks; None where none did.

        Raises:
            CheckError: where that is no staleness.
        """
        ...


@frozen
class TurnLanes:
    """The lanes of a conversation for the checks of one turn; implements `checks.lanes.Lanes`.

    With `info` it is noted nowhere what is not recorded.
    """

    carrier: CarriedLanes
    turn: int
    info: bool = False

    def model(self, lane: str, name: str | None) -> Model:
        """Return the model that answers in a lane; see `CarriedLanes.model`."""
        return self.carrier.model(self, lane, name)

    def vector(self, lane: str, name: str | None, text: str, *, part: str) -> Sequence[float]:
        """Return the embedding of a text; see `CarriedLanes.vector`."""
        return self.carrier.vector(self, lane, name, text, part=part)


class CarriedLanes:
    """The lanes of one conversation, of which checks see those of their turn. Each question is asked once.

    `staleness` says which is the first that the recording does not hold.
    """

    def __init__(
        self, bound: BoundConversation, calls: LaneCalls, *, environ: Mapping[str, str], redactor: Redactor
    ) -> None:
        self.staleness: Staleness | None = None
        self.calls = calls
        self._bound = bound
        self._environ = environ
        self._redactor = redactor
        self._answers: dict[tuple[str, str], Reply] = {}
        self._altering: Altering | None = None

    def at(self, turn: int, *, info: bool = False) -> TurnLanes:
        """Return these lanes for the checks of a turn; with `info` what is not recorded is noted nowhere."""
        return TurnLanes(carrier=self, turn=turn, info=info)

    def heed(self, altering: Altering) -> None:
        """Take what is not held of a turn that was altered for what follows on that."""
        self._altering = altering

    def unheld_after_fault(self, turn: int) -> Change | None:
        """Return what is stale where the recording does not hold what follows in a turn on a fault; None without one.

        Raises:
            CheckError: of a conversation that is not to be recorded.
        """
        return self._altering.unheld_of(turn) if self._altering is not None else None

    @property
    def has_others(self) -> bool:
        """Whether the recording may hold answers that checks ask for once the turns go on unaltered, or otherwise."""
        return self._altering is not None and self._altering.has_altered

    @property
    def unplayed(self) -> tuple[int, ...]:
        """Indexes of the recorded calls that no check has asked for, and that stay in the cassette for nothing."""
        return () if self.has_others else self.calls.unplayed

    def model(self, asker: TurnLanes, lane: str, name: str | None) -> Model:
        """Return the model that answers in a lane.

        Raises:
            SettingsError: where none is named.
        """
        identity = self._identity(lane, name)
        transport = _Transport(self, asker, lane, identity, part="rubric")
        trusted = self._bound.trusted
        return Model(backend_for(identity, transport, environ=self._environ, trusted_base_urls=trusted), stream=False)

    def vector(self, asker: TurnLanes, lane: str, name: str | None, text: str, *, part: str) -> Sequence[float]:
        """Return the embedding of a text.

        Raises:
            SettingsError: where no model is named.
            ProviderError: where no vector came back.
            StaleError: where the recording does not hold it.
        """
        identity = self._identity(lane, name)
        try:
            variable = key_variable(identity, environ=self._environ, trusted_base_urls=self._bound.trusted)
        except SettingsError:
            variable = None  # a live call raises this again
        transport = _Transport(self, asker, lane, identity, part=part)
        return embedding(text, identity, transport, key_variable=variable)

    def _identity(self, lane: str, name: str | None) -> ModelIdentity:
        known = name or self._bound.planned.asked.get(lane)
        identity = self._bound.asked.get((lane, known)) if known is not None else None
        if identity is None:
            raise SettingsError(f"no model is named that {lane!r} could ask", fix="name one in the check")
        return identity

    def carried(self, asker: TurnLanes, lane: str, request: Request, identity: ModelIdentity, part: str) -> Reply:
        """Return the reply to a request in a lane, read to its end."""
        key = lane, canonical([request.base_url, request.body])
        if key not in self._answers:
            try:
                reply = self.calls.in_lane(lane, request, identity, turn=asker.turn)
            except StaleError:
                raise self._unheld(asker, lane, request, part) from None
            if reply.payloads is None:
                reply = replace(reply, body=(b"".join(reply.body),))
            if not 200 <= reply.status < 300:
                return reply  # whoever asks again may be answered
            self._answers[key] = reply
        return self._answers[key]

    def _unheld(self, asker: TurnLanes, lane: str, request: Request, part: str) -> StaleError:
        """Note what the recording does not hold, and return the error that says so.

        Raises:
            CheckError: where a fault is why.
        """
        from convrun.run.playing.lane_answers import passed_over  # only once something is stale
        from convrun.run.playing.lane_changes import are_of_turns, lane_changes

        if same := self.calls.same_in(lane, request):
            changes: tuple[Change, ...] = (passed_over(same),)
        else:
            left = self.calls.left_in(lane)
            changes = lane_changes(request.body, [one.request.body for one in left], part, self._redactor)
        if self._altering is not None and not asker.info and are_of_turns(changes):
            change = self._altering.unheld_of(asker.turn)
            changes = changes if change is None else (change,)
        if self.staleness is None and not asker.info:
            self.staleness = Staleness(turn=asker.turn, model_call=1, changes=changes, lane=lane)
        parts = (f"{change.part} is new" if change.recorded is None else change.part for change in changes)
        what = f"lane {lane!r} of the recording: {', '.join(dict.fromkeys(parts))}"
        return StaleError(what, fix="record it: nothing else goes live")


class _Transport:
    """One lane as a transport for one model; `part` names for people what the request is about."""

    def __init__(self, lanes: CarriedLanes, asker: TurnLanes, lane: str, identity: ModelIdentity, *, part: str) -> None:
        self._send = partial(lanes.carried, asker, lane, identity=identity, part=part)

    def send(self, request: Request) -> Reply:
        """Carry one request; see `wire.Transport`."""
        return self._send(request)


def carried_lanes(
    bound: BoundConversation,
    options: RunOptions,
    recorded: Callable[[], LanePlayer],
    *,
    environ: Mapping[str, str],
    redactor: Redactor,
    recorder: Recorder | None = None,
    unkept: bool = False,
) -> CarriedLanes:
    """Return the lanes of a conversation; `recorded` gives what is recorded of them, a `recorder` asks for the rest.

    What is `unkept` is asked, and nothing is recorded: all models are our own.
    """
    calls = LaneCalls(bound, options, environ=environ, recorded=recorded, recorder=recorder, unkept=unkept)
    return CarriedLanes(bound, calls, environ=environ, redactor=redactor)
