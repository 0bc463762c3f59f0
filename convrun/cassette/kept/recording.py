"""The recorder: a transport that plays what is known, asks the model for the rest, and keeps it in a cassette."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Self

from convrun.cassette.interaction import Interaction, lanes_last
from convrun.cassette.kept.claims import Claim
from convrun.cassette.kept.exchange import Exchange, Price, Tee, is_answer
from convrun.cassette.kept.known import Known
from convrun.cassette.kept.live_calls import LiveCalls
from convrun.cassette.kept.partial import PartialWriter, check_room, partial_path
from convrun.cassette.kept.saving import save
from convrun.cassette.lanes import each_once
from convrun.cassette.nesting import deep_refused
from convrun.cassette.playing import recorded_reply, sent_request
from convrun.errors import CassetteError, CostLimitError, SettingsError
from convrun.redaction import Redactor
from convrun.wire import Reply, Request, Transport


class Recorder:
    """Records one conversation into the cassette at `path`; implements `wire.Transport`.

    What is `known` is played up to the first difference; what comes after replaces the rest. An error is kept only if
    the request wanted one; a refusal also where `keep_refusals`. The cassette is not written before `finish()`. Until
    then each call that was answered is kept in a partial recording beside it, unless calls are `free`; `close()` gives
    up, and leaves that and the old cassette as they are. `live_calls` counts the conversation's own, `lane_calls` those
    of its checks. `price` says what a call cost.
    """

    def __init__(
        self,
        path: Path,
        *,
        shown_as: str,
        live: Callable[[], Transport],
        known: Known | None = None,
        price: Price | None = None,
        redactor: Redactor | None = None,
        keep_refusals: bool = False,
        free: bool = False,
    ) -> None:
        self.known = Known() if known is None else known
        self.live_calls = 0
        self.lane_calls = 0
        self._path = path
        self._shown_as = shown_as
        self._live = live
        self._price = price
        self._redactor = (Redactor() if redactor is None else redactor).thorough  # as all of this is written
        self._keep_refusals = keep_refusals
        self._free = free
        self._claim = Claim(path, shown_as=shown_as)
        self._transport: Transport | None = None
        self._settled = False
        self._kept: list[Interaction] = []
        self._in_lanes: list[Interaction] = []  # that were played
        self._prefix: Sequence[Interaction] = ()  # the same, redacted
        self._exchanges = LiveCalls(self._redactor, shown_as=shown_as)
        self._partial: PartialWriter | None = None
        self._answered: list[Interaction] = []  # what the partial recording is to hold, redacted
        self._noted = 0  # how many of those that were played are among them
        self._held: list[Interaction] = []  # refusals: whether they were dealt with, the next answer shows
        self._over = 0  # exchanges that are over, and were looked at
        self._failure: CassetteError | None = None
        self._closed = False
        self._finished = False

    def __enter__(self) -> Self:
        """Return the recorder; it is closed at the end of the block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the recorder."""
        self.close()

    def send(self, request: Request) -> Reply:
        """Return the reply to a request: recorded up to the first difference, live from there on.

        Raises:
            CassetteError: before a live call, where what it answers could not be kept.
            ProviderError: where no answer came.
        """
        if self._transport is None:
            reply = self.known.play(request)
            if reply is not None and self.known.last is not None:
                self._kept.append(self.known.last)
                return reply
        return self._ask(request)

    def _ask(self, request: Request) -> Reply:
        if self._failure is not None:
            raise self._failure
        transport = self._live() if self._transport is None else self._transport
        self._take()
        self._transport = transport
        self.live_calls += 1  # counted first: one that failed on its way was a call, too
        try:
            return self._carried(transport, request)
        except (CostLimitError, SettingsError):
            self.live_calls -= 1  # it never left
            raise

    def send_in(
        self,
        lane: str,
        request: Request,
        live: Callable[[], Transport],
        *,
        price: Price | None = None,
        anew: bool = False,
    ) -> Reply:
        """Return the reply to a request of a check: recorded where any recording has it, else over `live`.

        What is asked `anew` is only played where that was begun before.

        Raises:
            CassetteError: before a live call, where what it answers could not be kept.
            ProviderError: where no answer came.
        """
        found = self.known.lanes.play(lane, request, anew=anew)
        if found is not None:
            self._in_lanes.append(found)
            return recorded_reply(found)
        if self._failure is not None:
            raise self._failure
        transport = live()
        self._free = False
        self._take()
        self.lane_calls += 1
        try:
            reply = self._carried(transport, request, lane, price)
        except (CostLimitError, SettingsError):
            self.lane_calls -= 1
            raise
        self._exchanges[-1].replaces = tuple(self.known.lanes.same(lane, request))
        return reply

    def _carried(
        self, transport: Transport, request: Request, lane: str | None = None, price: Price | None = None
    ) -> Reply:
        """The reply of a live call, which is kept once it was read."""
        sent = sent_request(request, self._redactor)
        began = perf_counter()
        reply = transport.send(request)
        # What it waited for its turn, and attempts before the last, are no time of the model's.
        left = began if reply.began is None else reply.began
        wanted = lane is None and self._error_wanted(request, reply)
        dealt_with = lane is None and self._keep_refusals
        exchange = Exchange(sent, reply, left, wanted, dealt_with, lane, self._price if lane is None else price)
        figures = partial(self._exchanges.figures, self._exchanges.add(exchange), exchange)
        if reply.payloads is not None:
            exchange.ended = perf_counter()
            self._keep()
            return replace(reply, figures=figures)
        return replace(reply, body=Tee(exchange, self._keep), figures=figures)

    def _take(self) -> None:
        """Take the right to record; what is known has to be what is there."""
        self._claim.take()
        if not self._settled:
            self._settled = True
            if not self._free:
                check_room(self._path, shown_as=self._shown_as)
            self.known.settle(self._path, shown_as=self._shown_as)

    def _error_wanted(self, request: Request, reply: Reply) -> bool:
        return request.error_wanted or (self._keep_refusals and reply.status >= 400)

    @property
    def replaying(self) -> bool:
        """Whether requests are answered from what is known."""
        return self.known.plays and self.live_calls == 0

    @property
    def unplayed(self) -> tuple[int, ...]:
        """The indexes of the old recording's interactions that were not played; none once a request went live."""
        return self.known.unplayed if self._transport is None else ()

    @property
    def unplayed_lanes(self) -> tuple[int, ...]:
        """The same of what checks asked; none where the cassette is written anew."""
        return () if self._has_news else self.known.lanes.unplayed

    @property
    def _has_news(self) -> bool:
        """Whether the cassette does not hold all of this conversation."""
        return bool(self.live_calls or self.lane_calls or self.known.news or self.known.lanes.news)

    @property
    def kept_calls(self) -> int:
        """How many answered calls the next recording can go on from; none where this one was finished."""
        if self._finished:
            return 0
        return self._partial.count if self._partial is not None else len(self.known.found.interactions)

    @property
    def kept_in(self) -> str:
        """The file that they are in, as shown to people."""
        return partial_path(Path(self._shown_as)).as_posix()

    def finish(self, *, judged: bool = True) -> None:
        """Replace the cassette by this conversation, now that it is finished; where nothing is new, it stays.

        What no check has asked for is dropped, where all were `judged`.

        Raises:
            CassetteError: where it cannot be written; the old cassette, and the partial recording, are as they were.
        """
        try:
            with deep_refused("a request or reply", self._shown_as):
                lanes = self._clean_lanes(judged=judged)
                interactions = lanes_last((*self._played(), *self._exchanges.recorded(), *lanes))
                if interactions and self._has_news:
                    self._take()
                    self._refuse(range(len(self._exchanges)))
                    with self._claim.writing():
                        save(interactions, self._path, shown_as=self._shown_as, redactor=self._redactor)
                        self._closed = True
                        self._drop_partial()
                elif self.known.spent:
                    with suppress(CassetteError):  # it may stay: it is in nobody's way
                        self._take()
                        self._drop_partial()
            self._finished = True
        finally:
            self.close()

    def close(self) -> None:
        """Let others record this cassette; what was answered stays in the partial recording."""
        try:
            if not self._closed:
                self._keep()  # an interruption may have come between an answer and this
        except KeyboardInterrupt:
            if not self._claim.given_up:
                raise
        finally:
            self._closed = True
            self._exchanges.clear()
            if self._partial is not None:
                self._partial.close()
            self._claim.release()

    def redact_anew(self) -> None:
        """Redact again what was answered so far, also where it is written already: the redactor has learned."""
        with self._claim.writing():
            self._exchanges.redact_anew()
            self._prefix, self._answered, self._held, self._over, self._noted = [], [], [], 0, 0
            if self._partial is not None:
                self._partial.rewrite()
                self._keep()

    def _writer(self) -> PartialWriter:
        if self._partial is None:
            mode = self.known.next_mode
            self._partial = PartialWriter(self._path, mode=mode, shown_as=self._shown_as, redactor=self._redactor)
        return self._partial

    def _keep(self) -> None:
        """Write what is over by now to the partial recording, in the order in which it was asked.

        Where that cannot be, the next request says so: what was answered is shown first.

        Raises:
            KeyboardInterrupt: where the right to record was given up.
        """
        if self._free or self._closed or self._failure is not None:
            return
        try:
            with self._claim.writing(), deep_refused("a request or reply", self._shown_as):
                if self._gather() and self._answered:
                    self._writer().write(self._answered)
        except CassetteError as error:
            self._failure = error

    def _gather(self) -> bool:
        """Add what is over by now to what was answered; return whether there is more than before.

        Raises:
            CassetteError: for an answer that holds a secret where nothing else can stand.
        """
        before = len(self._answered)
        while self._over < len(self._exchanges):
            number, exchange = self._over, self._exchanges[self._over]
            if exchange.ended is None and not exchange.given_up:
                break
            self._over += 1
            if exchange.given_up or not exchange.kept:
                continue
            item = self._exchanges.interaction(number)
            self._refuse([number])  # what was answered before it stays; no more is paid for
            self._held.append(item)
            if is_answer(item.reply, item.request.endpoint, announced=exchange.announced):
                begins = not self._answered
                # Beside what a simulated user is asked live, more may be played of the conversation itself.
                self._answered += self._kept_clean()[self._noted :]
                self._noted = len(self._kept)
                if begins:  # what takes the place of a partial recording is to have its lanes, too
                    self._answered += self._exchanges.unlooked(self.known.lanes.newest)
                self._answered += self._held
                self._held = []
            elif not exchange.error_wanted:
                self._held.pop()  # it says that it succeeded, and does not: it is to be asked again
        return len(self._answered) > before

    def _refuse(self, numbers: Iterable[int]) -> None:
        """Raise where one of these live calls holds a secret that cannot be taken out."""
        self._exchanges.refuse(numbers, behind=len(self._kept))

    def _drop_partial(self) -> None:
        """Remove the partial recording, if there is one: the cassette holds what it had."""
        if self._partial is not None or self.known.found.mode:
            self._writer().remove()

    def _kept_clean(self) -> Sequence[Interaction]:
        """The interactions that were played; a recording of another program may hold keys."""
        if not self._redactor:
            return self._kept
        if len(self._prefix) != len(self._kept):
            self._prefix = self._exchanges.clean(self._kept)
        return self._prefix

    def _played(self) -> Sequence[Interaction]:
        """The conversation's own that stay: where only checks asked anew, all that the cassette has."""
        old = self.known.old
        if self.live_calls or self.known.news or old is None:
            return self._kept_clean()
        return [*self._exchanges.unlooked(old.recording.interactions)]

    def _clean_lanes(self, *, judged: bool) -> Sequence[Interaction]:
        """What was played of lanes; and where not all was judged, what else is known, and was not asked anew."""
        replaced = self._exchanges.replaced
        left = [] if judged else [item for item in self.known.lanes.left() if id(item) not in replaced]
        return self._exchanges.clean(each_once([*self._in_lanes, *left]))
