"""Replies, read: the bytes or payloads of one, as they come, become events and one Completion."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Self

from convrun.backends.framing import DONE, Framing, Payload, Unparsed
from convrun.backends.provider_errors import ReplyErrors, error_in
from convrun.conversation.backend import Completion, StreamEvent
from convrun.errors import ProviderError
from convrun.values import JsonObject
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

    def whole(self) -> Iterator[StreamEvent | Completion]:
        """Yield all of a reply whose body need not be awaited, which is closed in every case."""
        try:
            for chunk in self._reply.body:
                yield from self.feed(chunk)
        finally:
            if (close := getattr(self._reply.body, "close", None)) is not None:
                close()
        yield from self.finish()

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
    return ReplyReader(reply, decoder, errors).whole()


class AwaitedReply:
    """The events of a reply, then its Completion, each awaited. `asked` sends the request, when the first is wanted.

    It is no async generator: an event loop that ends closes all of these at once, those within others, too.
    """

    def __init__(self, asked: Callable[[], Awaitable[tuple[Reply, ReplyReader]]]) -> None:
        self._asked = asked
        self._reader: ReplyReader | None = None
        self._pieces: AsyncIterator[bytes] | None = None
        self._items: Iterator[StreamEvent | Completion] = iter(())
        self._over = False

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> StreamEvent | Completion:
        """Return the next event, or the Completion.

        Raises:
            ProviderError: where the reply is an error, or no whole completion; the connection is given up then.
        """
        try:
            while (item := next(self._items, None)) is None:
                self._items = await self._more()
        except BaseException:
            await self.aclose()
            raise
        return item

    async def aclose(self) -> None:
        """Give the connection up."""
        pieces, self._pieces, self._over = self._pieces, None, True
        if (close := getattr(pieces, "aclose", None)) is not None:
            await close()

    async def _more(self) -> Iterator[StreamEvent | Completion]:
        if self._over:
            raise StopAsyncIteration
        if self._reader is None:
            reply, self._reader = await self._asked()
            if reply.pieces is None:
                self._over = True
                return self._reader.whole()
            self._pieces = aiter(reply.pieces)
        assert self._pieces is not None  # only what is over has none
        piece = await anext(self._pieces, None)
        if piece is not None:
            return self._reader.feed(piece)
        await self.aclose()
        return self._reader.finish()


class Payloads:
    """The payloads of one reply as a decoder takes them: objects, and nothing that is an error.

    `answered` is set by the decoder once one of them is of a reply; `ended` says whether the provider said that this is
    its end. `missed` makes the error of a reply that holds none.
    """

    def __init__(self, errors: ReplyErrors, missed: Callable[[Payload], ProviderError]) -> None:
        self.answered = False
        self.ended = False
        self._errors = errors
        self._missed = missed
        self._last: Payload = None
        self._nothing = True

    def take(self, payload: Payload) -> JsonObject | None:
        """Return a payload that is an object; None for the mark that ends a stream.

        Raises:
            ProviderError: for an error, and what is neither.
        """
        if payload is DONE or payload == DONE.value:
            self.ended = True
            return None
        self._nothing = False
        self._last = payload
        if isinstance(payload, Unparsed):
            raise self._errors.unreadable(payload.text, streamed=self.answered)
        if error := error_in(payload):
            raise self._errors.told(error, streamed=self.answered)
        if not isinstance(payload, dict):
            raise self._missed(payload)
        return payload

    def finish(self) -> None:
        """Be sure that there was a reply.

        Raises:
            ProviderError: where there was none.
        """
        if self._nothing and not self.ended:
            raise self._errors.empty()
        if not self.answered:
            raise self._missed(self._last)
