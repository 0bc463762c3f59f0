"""Replies, read: the bytes or payloads of one, as they come, become events and one Completion."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING

from convrun.backends.framing import Framing, Payload
from convrun.backends.provider_errors import ReplyErrors
from convrun.conversation.backend import Completion, StreamEvent
from convrun.wire import Figures, Reply

if TYPE_CHECKING:
    from convrun.backends.formats import ReplyDecoder


class ReplyReader:
    """Takes one reply piece by piece; sans-I/O. A reply that is an error is read to its end, and raised there."""

    def __init__(self, reply: Reply, decoder: ReplyDecoder, errors: ReplyErrors) -> None:
        self._reply = reply
        self._decoder = decoder
        self._errors = errors
        self._framing = Framing()
        self._refused = not 200 <= reply.status < 300
        self._refusal: list[Payload] = []

    def feed(self, chunk: bytes) -> Iterator[StreamEvent]:
        """Yield what some bytes add to the reply.

        Raises:
            ProviderError: where they are an error, or nothing the API says.
        """
        for payload in self._framing.feed(chunk):
            yield from self._take(payload)

    def finish(self) -> Iterator[StreamEvent | Completion]:
        """Yield what is left once there are no more bytes, then the Completion.

        Raises:
            ProviderError: where the reply is an error, or no whole completion.
        """
        reply = self._reply
        for payload in self._framing.finish() if reply.payloads is None else reply.payloads:
            yield from self._take(payload)
        if self._refused:
            raise self._errors.refused(self._refusal)
        figures = reply.figures() if reply.figures else Figures(elapsed_ms=reply.elapsed_ms, cost_usd=reply.cost_usd)
        yield self._decoder.finish(figures, whole=reply.payloads is not None)

    def _take(self, payload: Payload) -> Iterator[StreamEvent]:
        if self._refused:
            self._refusal.append(payload)
        else:
            yield from self._decoder.feed(payload)


def decode(reply: Reply, decoder: ReplyDecoder, errors: ReplyErrors) -> Iterator[StreamEvent | Completion]:
    """Yield the events of a reply, then its Completion; the body is closed in every case.

    Raises:
        ProviderError: where the reply is an error, or no whole completion.
    """
    reader = ReplyReader(reply, decoder, errors)
    try:
        for chunk in reply.body:
            yield from reader.feed(chunk)
    finally:
        if (close := getattr(reply.body, "close", None)) is not None:
            close()
    yield from reader.finish()


async def decode_async(
    reply: Reply, decoder: ReplyDecoder, errors: ReplyErrors
) -> AsyncGenerator[StreamEvent | Completion, None]:
    """Do as `decode` for a reply whose body comes in `pieces`."""
    if reply.pieces is None:
        for item in decode(reply, decoder, errors):
            yield item
        return
    reader = ReplyReader(reply, decoder, errors)
    try:
        async for chunk in reply.pieces:
            for event in reader.feed(chunk):
                yield event
    finally:
        if (close := getattr(reply.pieces, "aclose", None)) is not None:
            await close()
    for item in reader.finish():
        yield item
