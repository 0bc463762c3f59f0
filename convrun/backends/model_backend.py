"""A model behind an endpoint: a wire format says what its API is, any Transport carries its requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from typing import TYPE_CHECKING

from convrun.backends.presets import called
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import AwaitedReply, ReplyReader
from convrun.conversation.backend import Completion, ModelRequest, StreamEvent
from convrun.wire import Reply, Request, Transport, sent

if TYPE_CHECKING:
    from convrun.backends.formats import WireFormat


class ModelBackend:
    """Encodes requests for a model, hands them to a transport and decodes what comes back.

    `name` is the model's name as the user wrote it. `key_variable` is named where a provider refuses the key. `by_name`
    says whether the name, with which `api` is spoken, leads here; who made it by its name sets it. One backend serves
    any number of conversations.
    """

    def __init__(  # one for each thing that may be said about a model
        self,
        *,
        name: str,
        format: WireFormat,  # noqa: A002  (what it is; the built-in is no use here)
        transport: Transport,
        base_url: str,
        provider: str | None = None,
        headers: Mapping[str, str] | None = None,
        key_variable: str | None = None,
        key_withheld: bool = False,
    ) -> None:
        self.name = name
        self.format = format
        self.transport = transport
        self.base_url = base_url
        self.provider = provider
        self.headers = dict(headers or {})
        self.by_name = False
        self.key_variable = key_variable
        self.key_withheld = key_withheld

    @property
    def api(self) -> str:
        """The name of the API that is spoken."""
        return self.format.api

    def send(self, request: ModelRequest) -> Iterator[StreamEvent | Completion]:
        """Send one request; yield its events, then its Completion. Closing the iterator gives the connection up.

        Raises:
            ProviderError: where the provider answered with an error, or nothing, or what is no answer.
            StaleError: where a recording does not hold the request.
        """
        asked = self._asked(request)
        yield from self._reader(request, self.transport.send(asked)).whole()

    def asend(self, request: ModelRequest) -> AwaitedReply:
        """Do as `send` without blocking the event loop, where the transport can."""

        async def ask() -> tuple[Reply, ReplyReader]:
            asked = self._asked(request)
            reply = await sent(self.transport, asked)
            return reply, self._reader(request, reply)

        return AwaitedReply(ask)

    def bound_here(self) -> ModelBackend:
        """Return this model for a response that is made now; see `conversation.backend.bound_here`."""
        bound = getattr(self.transport, "bound_here", None)
        if bound is None or (transport := bound()) is self.transport:
            return self
        found = copy(self)
        found.transport = transport
        return found

    def _asked(self, request: ModelRequest) -> Request:
        return Request(
            endpoint=self.format.endpoint,
            body=self.format.body(request),
            base_url=self.base_url,
            provider=self.provider,
            headers=self.headers,
        )

    def _reader(self, request: ModelRequest, reply: Reply) -> ReplyReader:
        errors = ReplyErrors(
            provider=called(self.provider, self.base_url),
            status=reply.status,
            headers=reply.headers,
            key_variable=self.key_variable,
            withheld_at=self.base_url if self.key_withheld else None,
        )
        return ReplyReader(reply, self.format.decoder(errors, request), errors)
