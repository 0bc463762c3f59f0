"""The live calls of a recording: each as it goes on, and as it will be written once it has ended, without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from convrun.cassette.interaction import Interaction, ReceivedReply
from convrun.cassette.kept.cleaning import Cleaning
from convrun.cassette.kept.exchange import Exchange, broke_off
from convrun.cassette.kept.received import parsed_reply, received
from convrun.cassette.kept.surviving import Survivors, refusal
from convrun.cassette.kept.vectors import with_packed_vectors
from convrun.errors import CassetteError
from convrun.redaction import Redactor
from convrun.source import Where
from convrun.wire import Figures


class LiveCalls:
    """The live calls of one conversation and its checks, by their numbers from 0; `redactor` is a thorough one."""

    def __init__(self, redactor: Redactor, *, shown_as: str) -> None:
        self._redactor = redactor
        self._shown_as = shown_as
        self._exchanges: list[Exchange] = []
        self._made: dict[int, Interaction] = {}  # what became of exchanges that have ended, redacted
        self._places: dict[int, str] = {}  # of what cannot be redacted, by the number of the exchange
        self._survivors = Survivors(redactor)
        self._cleaning = Cleaning(redactor)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._exchanges)

    def __getitem__(self, number: int) -> Exchange:
        """Return one of them."""
        return self._exchanges[number]

    def add(self, exchange: Exchange) -> int:
        """Add one, and return its number."""
        self._exchanges.append(exchange)
        return len(self._exchanges) - 1

    def clear(self) -> None:
        """Forget them."""
        self._exchanges = []

    def redact_anew(self) -> None:
        """Make again what was made of them: the redactor has learned."""
        self._cleaning, self._made = Cleaning(self._redactor), {}
        self._survivors, self._places = Survivors(self._redactor), {}

    @property
    def replaced(self) -> frozenset[int]:
        """The identities of the recorded calls that these were made in the place of."""
        return frozenset(id(item) for one in self._exchanges if one.kept for item in one.replaces)

    def figures(self, number: int, exchange: Exchange) -> Figures:
        """Return how long a call took that was read, and what it cost, as the recording will say."""
        made = self._made.get(number)
        if made is not None:
            return Figures(elapsed_ms=made.elapsed_ms, cost_usd=made.cost_usd)
        _, elapsed = exchange.timings(stream=False)
        return Figures(elapsed_ms=elapsed, cost_usd=exchange.reply.cost_usd)

    def interaction(self, number: int) -> Interaction:
        """Return a call that has ended, redacted; made once."""
        if number not in self._made:
            exchange = self._exchanges[number]
            reply = _reply(exchange, self._redactor)
            if self._survivors.looked_for:
                place = self._survivors.place(exchange.request.body, _reply(exchange, Redactor()))
                self._places |= {number: place} if place else {}
            first, elapsed = exchange.timings(stream=reply.stream)
            request = replace(exchange.request, body=self._cleaning.body(exchange.request.body))
            price = exchange.price
            cost = price(request, reply) if price is not None and reply.status < 400 else None
            self._made[number] = Interaction(
                request=request,
                reply=reply,
                elapsed_ms=elapsed,
                first_ms=first,
                cost_usd=cost,
                lane=exchange.lane,
            )
        return self._made[number]

    def recorded(self) -> Iterator[Interaction]:
        """Yield those that succeeded, or failed as they should, redacted.

        Raises:
            CassetteError: for one that was not read to its end, or had none.
        """
        for number, exchange in enumerate(self._exchanges):
            if not exchange.kept:
                continue
            if exchange.ended is None:
                what = f"the reply to live call {number + 1} was not read to its end; nothing was written"
                raise CassetteError(what, where=Where(file=self._shown_as))
            made = self.interaction(number)
            if broke_off(made.reply, made.request.endpoint, b"".join(exchange.pieces[-2:])):
                what = f"the reply to live call {number + 1} broke off before it was complete; nothing was written"
                fix = "record again; what broke off is no answer, and would be played as one"
                raise CassetteError(what, where=Where(file=self._shown_as), fix=fix)
            yield made

    def refuse(self, numbers: Iterable[int], *, behind: int) -> None:
        """Make sure that nothing is in these that cannot be taken out; they stand behind so many interactions.

        Raises:
            CassetteError: where a secret is.
        """
        for number in numbers:
            if number in self._places and self._exchanges[number].kept:
                before = sum(exchange.kept for exchange in self._exchanges[:number])
                raise refusal(behind + before + 1, self._places[number], file=self._shown_as)

    def clean(self, items: Iterable[Interaction]) -> Sequence[Interaction]:
        """Return what was recorded before, redacted.

        Raises:
            CassetteError: where a secret cannot be taken out.
        """
        found = [*items]
        for number, item in enumerate(found, 1):
            if place := self._survivors.recorded(item):
                raise refusal(number, place, file=self._shown_as)
        return [*self.unlooked(found)]

    def unlooked(self, items: Iterable[Interaction]) -> Iterator[Interaction]:
        """Yield what was recorded before, redacted as far as that can be."""
        return map(self._cleaning.interaction, items)


def _reply(exchange: Exchange, redactor: Redactor) -> ReceivedReply:
    reply = exchange.reply
    if reply.payloads is None:
        found = received(reply.status, reply.headers, b"".join(exchange.pieces), redactor)
        return found if exchange.lane is None else with_packed_vectors(found)
    stream = len(reply.payloads) != 1 or "event-stream" in reply.headers.get("content-type", "")
    return parsed_reply(reply.status, reply.headers, reply.payloads, redactor, stream=stream)
