"""A live call while it goes on: the request, and the reply as it arrives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeAlias

from convrun.cassette.interaction import RESPONSES, Interaction, ReceivedReply, SentRequest, parse_json
from convrun.cassette.stored.streams import events
from convrun.errors import ConvrunError
from convrun.values import Json, JsonObject
from convrun.wire import Reply

Price: TypeAlias = Callable[[SentRequest, ReceivedReply], "float | None"]  # dollars; None: not known
_DONE = b"[DONE]"
_END_OF_EVENT = re.compile(r".*(?:\r\n\r\n|\n\n|\r\r)", re.DOTALL)


@dataclass(slots=True)
class Exchange:
    """A live call: the request and as much of the reply as has come. `began` is a reading of the clock in seconds.

    `lane` is whose call it is, None for the conversation's own; `price` says what it cost; `replaces` what was recorded
    of the same question.

    `error_wanted`: an error is kept as well, be it the reply or the end of a stream; `error_dealt_with`: so is one that
    the provider tells within a stream. `ended` is when the reply was read to its end; `given_up` says that it will not
    be. `announced`: the stream itself said that it was over.
    """

    request: SentRequest
    reply: Reply
    began: float
    error_wanted: bool = False
    error_dealt_with: bool = False
    lane: str | None = None
    price: Price | None = None
    first: float | None = None
    ended: float | None = None
    given_up: bool = False
    announced: bool = False
    replaces: tuple[Interaction, ...] = ()
    pieces: list[bytes] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether it belongs into a recording, once it has ended: it succeeded, or failed as it should."""
        return self.reply.status < 400 or self.error_wanted

    def timings(self, *, stream: bool) -> tuple[int | None, int | None]:
        """Return the milliseconds until the first piece of a stream was there, and until all was."""
        times = (self.first if stream else None, self.ended)
        first, ended = (None if time is None else round((time - self.began) * 1000) for time in times)
        return first, ended


class Tee:
    """The body of a live reply, kept as it is read. `over` is called once when it has ended, or was given up."""

    def __init__(self, exchange: Exchange, over: Callable[[], None]) -> None:
        self._exchange = exchange
        self._over = over
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
            self._end(whole=True)
            raise
        except ConvrunError:
            self._end(whole=False)
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
        if exchange.error_dealt_with and exchange.ended is None and _breaks_off_with_an_error(exchange.pieces):
            exchange.error_wanted = True
        close = getattr(exchange.reply.body, "close", None) or getattr(self._source, "close", None)
        try:
            self._end(whole=self._is_announced() or exchange.error_wanted)
        finally:
            if close is not None:
                close()

    def _is_announced(self) -> bool:
        if self._exchange.request.endpoint == RESPONSES:
            return _ended(b"".join(self._exchange.pieces))
        return _DONE in b"".join(self._exchange.pieces[-2:])[-64:]

    def _end(self, *, whole: bool) -> None:
        exchange = self._exchange
        if exchange.ended is not None or exchange.given_up:
            return
        exchange.announced = self._is_announced()
        if whole:
            exchange.ended = perf_counter()
        else:
            exchange.given_up = True
        self._over()


def is_answer(reply: ReceivedReply, endpoint: str, *, announced: bool) -> bool:
    """Return whether a model has answered, whole. `announced`: the stream said itself that it was over.

    What only says that it succeeded is no answer: a recording that went on from it would fail for ever.
    """
    payloads = [one for one in reply.payloads or () if isinstance(one, dict)]
    if not 200 <= reply.status < 300 or not payloads or any(one.get("error") for one in payloads):
        return False
    if endpoint == RESPONSES:
        return _is_whole(payloads[-1], stream=reply.stream)
    if endpoint != "chat/completions":
        return True
    choices = [choice for one in payloads for choice in _choices(one)]
    ended = announced or any(choice.get("finish_reason") for choice in choices) or payloads[-1].get("choices") == []
    return bool(choices) and not any(choice.get("error") for choice in choices) and (ended or not reply.stream)


def broke_off(reply: ReceivedReply, endpoint: str, body: bytes) -> bool:
    """Return whether a stream ended before the model's reply did, and no error says why.

    Read live that is an error; stored, without the mark that it lacked, it would be a reply like others.
    """
    payloads = reply.payloads or ()
    if not reply.stream or not payloads or not 200 <= reply.status < 300 or any(map(_tells_error, payloads)):
        return False
    if _DONE in body[-64:]:
        return False
    read = [one for one in payloads if isinstance(one, dict)]
    if endpoint == RESPONSES:
        return not any(_is_whole(one, stream="output" not in one) for one in read)
    choices = [choice for one in read for choice in _choices(one)]
    ended = any(choice.get("finish_reason") or "message" in choice for choice in choices)
    # What it all took is told at the end.
    told = any(one.get("choices") == [] and (one.get("usage") or one.get("x_groq")) for one in read)
    return bool(choices) and not ended and not told


def _breaks_off_with_an_error(pieces: list[bytes]) -> bool:
    """Whether the last whole event of a stream is an error."""
    text = b"".join(pieces).decode("utf-8", "replace")
    whole = _END_OF_EVENT.match(text)
    found = events(whole[0] if whole else text) or (None,)
    return _tells_error(found[-1])


def _tells_error(payload: Json) -> bool:
    """Whether an event is an error of the provider, in either API."""
    if isinstance(payload, list):
        return any(map(_tells_error, payload))
    if not isinstance(payload, dict):
        return False
    if payload.get("error") or payload.get("object") == "error" or (payload.get("errors") and not _choices(payload)):
        return True
    kind, response = payload.get("type"), payload.get("response")
    failed = kind in ("error", "response.failed", "response.cancelled")
    held = [response] if isinstance(response, dict) else _choices(payload)
    return failed or any(one.get("error") or one.get("status") in ("failed", "cancelled") for one in held)


def _ended(body: bytes) -> bool:
    """Whether a stream of a Responses API has come to the event that ends it, which holds all of the response."""
    data = (line for line in reversed(body.splitlines()) if line.startswith(b"data:"))
    lines = (line for line in data if _DONE not in line)
    try:
        last = parse_json(next(lines, b"data:{}").removeprefix(b"data:").strip())
    except ValueError:
        return False
    return isinstance(last, dict) and _is_whole(last, stream=True)


def _is_whole(last: JsonObject, *, stream: bool) -> bool:
    """Whether the last payload of a reply of a Responses API says that all has come."""
    if stream:
        return last.get("type") in ("response.completed", "response.incomplete")
    return isinstance(last.get("output"), list) and last.get("status", "completed") in ("completed", "incomplete")


def _choices(payload: JsonObject) -> list[JsonObject]:
    choices = payload.get("choices")
    return [one for one in choices if isinstance(one, dict)] if isinstance(choices, list) else []
