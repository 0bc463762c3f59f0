"""What carries the calls of checks and of simulated users to their models: what is recorded of them, or a recorder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial

from convrun.backends.embeddings import ENDPOINT
from convrun.backends.identity import ModelIdentity
from convrun.backends.metering import Account, Meter
from convrun.backends.prices import recorded_cost_usd
from convrun.backends.resolving import live_transport
from convrun.backends.script import ScriptLines
from convrun.cassette.interaction import Interaction, ReceivedReply, Recording, SentRequest
from convrun.cassette.kept.recording import Recorder
from convrun.cassette.lanes import LanePlayer
from convrun.cassette.playing import recorded_reply
from convrun.errors import StaleError
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.results import USER_LANE, Spending, total_spending
from convrun.run.binding.bind import BoundConversation
from convrun.run.planning.options import RunOptions
from convrun.run.playing.copies import end_copy
from convrun.run.spending import spending
from convrun.wire import Reply, Request, Transport


def lane_player(recording: Recording, redactor: Redactor, *, to_record: bool) -> LanePlayer:
    """Return what plays the lanes of a cassette; where it is judged `to_record`, without what would be asked again."""
    if not to_record:
        return LanePlayer(recording, redactor=redactor)
    from convrun.run.playing.lane_answers import gives_answer  # a replay shows what is recorded

    return LanePlayer(recording, redactor=redactor, usable=gives_answer)


@frozen
class Speaking:
    """How a model is called that plays a user: the lines of a script, of which so many are `said`, and its limits."""

    script: ScriptLines = ()
    said: int = 0
    timeout: float | None = None
    max_retries: int | None = None


class LaneCalls:
    """Carries the calls of the checks of one conversation, and of those that play its user.

    `recorded` gives what is recorded of them. With a `recorder` what is not is asked, and kept; where all is `unkept`,
    it is asked only.
    """

    def __init__(
        self,
        bound: BoundConversation,
        options: RunOptions,
        *,
        environ: Mapping[str, str],
        recorded: Callable[[], LanePlayer],
        recorder: Recorder | None = None,
        unkept: bool = False,
    ) -> None:
        self.user_calls = 0  # how many of those that went to a provider are of simulated users
        self._bound = bound
        self._options = options
        self._environ = environ
        self._recorded = recorded
        self._recorder = recorder
        self._unkept = unkept
        self._offline = 0  # how many calls went to a model of our own
        self._process = os.getpid()
        self._accounts: dict[tuple[str, str], Account] = {}

    @cached_property
    def _player(self) -> LanePlayer:
        return self._recorded()

    def in_lane(
        self, lane: str, request: Request, identity: ModelIdentity, *, turn: int, speaking: Speaking | None = None
    ) -> Reply:
        """Carry a request of a turn in its lane, to the model of this identity; `speaking` if that plays the user.

        Raises:
            StaleError: where the recording does not hold it, and nothing may go live.
        """
        end_copy(self._process)
        anew = self._options.from_turn is not None and turn >= self._options.from_turn
        live = partial(self._live, identity, speaking or Speaking(), embeds=request.endpoint == ENDPOINT)
        if self._recorder is not None:
            price = partial(self._price, identity)
            with self._counted(self._recorder, lane, offline=identity.offline is not None):
                return self._recorder.send_in(lane, request, live, price=price, anew=anew)
        if self._unkept:
            return live().send(request)
        found = self._player.play(lane, request, anew=anew)
        if found is None:
            raise StaleError("the recording does not hold what is asked")
        return recorded_reply(found)

    @contextmanager
    def _counted(self, recorder: Recorder, lane: str, *, offline: bool) -> Iterator[None]:
        """Count what goes live meanwhile: whose it is, and whether it goes to a provider at all."""
        before = recorder.lane_calls
        try:
            yield
        finally:
            made = recorder.lane_calls - before
            if offline:
                self._offline += made
            elif lane == USER_LANE:
                self.user_calls += made

    def same_in(self, lane: str, request: Request) -> Sequence[Interaction]:
        """Return what the recording holds of this very question, and is no answer to it."""
        return self._player.same(lane, request)

    def left_in(self, lane: str) -> Sequence[Interaction]:
        """Return what the recording holds of a lane that was not asked for yet."""
        return self._player.left(lane)

    @property
    def unplayed(self) -> tuple[int, ...]:
        """Indexes of the recorded calls that no check has asked for, and that stay in the cassette."""
        if self._recorder is not None:
            return self._recorder.unplayed_lanes
        return self._player.unplayed

    @property
    def twice(self) -> Mapping[int, bool]:
        """Those of the recorded calls that were not asked for as an equal one was; whether they had another answer."""
        return (self._player if self._recorder is None else self._recorder.known.lanes).twice

    @property
    def live_calls(self) -> int:
        """How many went to a provider."""
        return self._recorder.lane_calls - self._offline if self._recorder is not None else 0

    @property
    def spent(self) -> Spending:
        """What those took."""
        return total_spending(spending(one.spent) for one in self._accounts.values())

    def _price(self, identity: ModelIdentity, _: SentRequest, reply: ReceivedReply) -> float | None:
        """What a call cost, in dollars."""
        return recorded_cost_usd(identity, reply.payloads or (), environ=self._environ)

    def _live(self, identity: ModelIdentity, speaking: Speaking, *, embeds: bool) -> Transport:
        """What asks a model, with its calls counted; `embeds`: for embeddings."""
        transport = live_transport(
            identity,
            script=speaking.script,
            history_replies=speaking.said,
            timeout=speaking.timeout,
            max_retries=speaking.max_retries,
            rpm=self._bound.rpm,
            heard=self._options.heard,
            environ=self._environ,
            trusted_base_urls=self._bound.trusted,
        )
        key = identity.name, identity.base_url
        if key not in self._accounts:
            meter = self._options.meter or Meter()
            self._accounts[key] = Account(identity, meter, environ=self._environ, embeds=embeds)
        return self._accounts[key].metered(transport)
