"""A live call while it goes on: the request, and the reply as it arrives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

from convrun.cassette.interaction import SentRequest
from convrun.wire import Reply

_DONE = b"[DONE]"


@dataclass(slots=True)
class Exchange:
    """A live call: the request and as much of the reply as has come. `began` is a reading of the clock in seconds.

    `error_wanted`: an error is kept as well, be it the reply or the end of a stream.
    """

    request: SentRequest
    reply: Reply
    began: float
    error_wanted: bool = False
    first: float | None = None
    ended: float | None = None
    pieces: list[bytes] = field(default_factory=list)


class Tee:
    """The body of a live reply, kept as it is read."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._source = iter(exchange.reply.body)

    def __iter__(self) -> Iterator[bytes]:
        """Return the iterator over the rest of the body."""
        return self

    def __next__(self) -> bytes:
        """Return the next bytes."""
        exchange = self._exchange
        try:
            piece = next(self._source)
        except StopIteration:
            exchange.ended = perf_counter()
            raise
        if exchange.first is None:
            exchange.first = perf_counter()
        exchange.pieces.append(piece)
        return piece

    def close(self) -> None:
        """Give the connection up; a stream whose end was announced is whole all the same.

        So is one that an error ended where one is wanted: nothing of it is read behind that.
        """
        exchange = self._exchange
        announced = _DONE in b"".join(exchange.pieces[-2:])[-64:]
        if exchange.ended is None and (announced or exchange.error_wanted):
            exchange.ended = perf_counter()
        close = getattr(exchange.reply.body, "close", None) or getattr(self._source, "close", None)
        if close is not None:
            close()
