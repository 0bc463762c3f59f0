"""The recorder: a transport that plays what is known, asks the model for the rest, and keeps it in a cassette."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Self

from convrun.cassette.claims import Claim
from convrun.cassette.exchange import Exchange, Tee
from convrun.cassette.interaction import Interaction, ReceivedReply
from convrun.cassette.nesting import deep_refused
from convrun.cassette.playing import Player, sent_request
from convrun.cassette.received import parsed_reply, received
from convrun.cassette.saving import save
from convrun.errors import CassetteError, SettingsError
from convrun.redaction import Redactor
from convrun.source import Where
from convrun.values import Json
from convrun.wire import Reply, Request, Transport


class Recorder:
    """Records one conversation into the cassette at `path`; implements `wire.Transport`.

    With a `player` its recording is played up to the first difference; what comes after replaces the rest. An error is
    kept only if the request wanted one; a refusal also where `keep_refusals`. Nothing is written before `finish()`;
    `close()` gives up and leaves the old cassette as it is.
    """

    def __init__(
        self,
        path: Path,
        *,
        shown_as: str,
        live: Callable[[], Transport],
        player: Player | None = None,
        redactor: Redactor | None = None,
        keep_refusals: bool = False,
    ) -> None:
        self.player = player
        self.live_calls = 0
        self._path = path
        self._shown_as = shown_as
        self._live = live
        self._redactor = Redactor() if redactor is None else redactor  # one that is empty yet may learn
        self._keep_refusals = keep_refusals
        self._claim = Claim(path, shown_as=shown_as)
        self._transport: Transport | None = None
        self._kept: list[Interaction] = []
        self._exchanges: list[Exchange] = []
        self._cleaned: dict[int, Json] = {}  # redacted messages by the identity of the original

    def __enter__(self) -> Self:
        """Return the recorder; it is closed at the end of the block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the recorder."""
        self.close()

    def send(self, request: Request) -> Reply:
        """Return the reply to a request: recorded up to the first difference, live from there on.

        Raises:
            CassetteError: before the first live call, where the cassette could not be written afterwards.
            ProviderError: where no answer came.
        """
        if self.player is not None and self._transport is None:
            reply = self.player.play(request)
            if reply is not None and self.player.last is not None:
                self._kept.append(self.player.last)
                return reply
        return self._ask(request)

    def _ask(self, request: Request) -> Reply:
        self._claim.take()
        if self._transport is None:
            self._transport = self._live()
        sent = sent_request(request, self._redactor)
        began = perf_counter()
        self.live_calls += 1  # counted first: one that failed on its way was a call, too
        try:
            reply = self._transport.send(request)
        except SettingsError:
            self.live_calls -= 1  # it never left
            raise
        # What it waited for its turn, and attempts before the last, are no time of the model's.
        left = began if reply.began is None else reply.began
        exchange = Exchange(sent, reply, left, self._error_wanted(request, reply))
        self._exchanges.append(exchange)
        if reply.payloads is not None:
            exchange.ended = perf_counter()
            return reply
        return replace(reply, body=Tee(exchange))

    def _error_wanted(self, request: Request, reply: Reply) -> bool:
        return request.error_wanted or (self._keep_refusals and reply.status >= 400)

    @property
    def unplayed(self) -> tuple[int, ...]:
        """The indexes of the old recording's interactions that were not played; none once a request went live."""
        return self.player.unplayed if self.player is not None and self._transport is None else ()

    def finish(self) -> None:
        """Replace the cassette by this conversation, now that it is finished; without a live call nothing changes.

        Raises:
            CassetteError: where it cannot be written; the old cassette is as it was.
        """
        try:
            with deep_refused("a request or reply", self._shown_as):
                interactions = (*self._kept_clean(), *self._recorded())
                if self.live_calls and interactions:
                    with self._claim.writing():
                        save(interactions, self._path, shown_as=self._shown_as, redactor=self._redactor)
        finally:
            self.close()

    def close(self) -> None:
        """Let others record this cassette; what was not finished is forgotten."""
        self._exchanges = []
        self._claim.release()

    def _kept_clean(self) -> Iterator[Interaction]:
        """The interactions that were played; a recording of another program may hold keys."""
        for item in self._kept if self._redactor else ():
            reply = item.reply
            if reply.payloads is None:
                clean = received(reply.status, reply.headers, reply.body, self._redactor)
            else:
                clean = parsed_reply(reply.status, reply.headers, reply.payloads, self._redactor, stream=reply.stream)
            url, body = self._redactor.text(item.request.url), self._clean(item.request.body)
            yield replace(item, request=replace(item.request, url=url, body=body), reply=clean)
        if not self._redactor:
            yield from self._kept

    def _recorded(self) -> Iterator[Interaction]:
        """The live calls that succeeded, or failed as they should, redacted."""
        for number, exchange in enumerate(self._exchanges, 1):
            if exchange.reply.status >= 400 and not exchange.error_wanted:
                continue
            if exchange.ended is None:
                what = f"the reply to live call {number} was not read to its end; nothing was written"
                raise CassetteError(what, where=Where(file=self._shown_as))
            elapsed = round((exchange.ended - exchange.began) * 1000)
            reply = self._reply(exchange)
            first = None
            if reply.stream and exchange.first is not None:
                first = round((exchange.first - exchange.began) * 1000)
            request = replace(exchange.request, body=self._clean(exchange.request.body))
            yield Interaction(request=request, reply=reply, elapsed_ms=elapsed, first_ms=first)

    def _reply(self, exchange: Exchange) -> ReceivedReply:
        reply = exchange.reply
        if reply.payloads is None:
            return received(reply.status, reply.headers, b"".join(exchange.pieces), self._redactor)
        stream = len(reply.payloads) != 1 or "event-stream" in reply.headers.get("content-type", "")
        return parsed_reply(reply.status, reply.headers, reply.payloads, self._redactor, stream=stream)

    def _clean(self, body: Json) -> Json:
        """The body redacted; a message that several requests share is redacted once and shared again."""
        messages = body.get("messages") if isinstance(body, dict) else None
        if not self._redactor or not isinstance(body, dict) or not isinstance(messages, list):
            return self._redactor.value(body)
        cleaned = self._cleaned
        for message in messages:
            if id(message) not in cleaned:  # the request holds the message: its id stays its own
                cleaned[id(message)] = self._redactor.value(message)
        rest: Json = {key: value for key, value in body.items() if key != "messages"}
        clean = self._redactor.value(rest)
        return {
            "messages": [cleaned[id(message)] for message in messages],
            **(clean if isinstance(clean, dict) else {}),
        }
