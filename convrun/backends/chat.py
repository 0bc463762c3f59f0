"""A model behind an OpenAI-compatible chat.completions endpoint, over any Transport."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from copy import copy
from urllib.parse import urlsplit

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.chat_encoding import ChatEncoder
from convrun.backends.framing import Framing, Payload
from convrun.backends.presets import QuirkKind
from convrun.backends.provider_errors import ReplyErrors
from convrun.conversation.backend import Completion, ModelRequest, StreamEvent
from convrun.values import JsonObject
from convrun.wire import Figures, Reply, Request, Transport

ENDPOINT = "chat/completions"


class ChatBackend:
    """Encodes requests for a chat model, hands them to a transport and decodes what comes back.

    `name` is the model's name as the user wrote it, `model` as it goes out. `key_variable` is named where a provider
    refuses the key; `quirks` are the provider's. `by_name` says whether the name alone leads here; who made it by its
    name sets it. One backend serves any number of conversations.
    """

    def __init__(  # noqa: PLR0913  # one for each thing that may be said about a model
        self,
        *,
        name: str,
        model: str,
        transport: Transport,
        base_url: str,
        provider: str | None = None,
        headers: Mapping[str, str] | None = None,
        system_role: str = "system",
        key_variable: str | None = None,
        quirks: frozenset[QuirkKind] = frozenset(),
    ) -> None:
        self.name = name
        self.model = model
        self.transport = transport
        self.base_url = base_url
        self.provider = provider
        self.headers = dict(headers or {})
        self.by_name = False
        self.key_variable = key_variable
        self._encoder = ChatEncoder(model=model, system_role=system_role, quirks=quirks)

    def send(self, request: ModelRequest) -> Iterator[StreamEvent | Completion]:
        """Send one request; yield its events, then its Completion. Closing the iterator gives the connection up.

        Raises:
            ProviderError: where the provider answered with an error, or nothing, or what is no answer.
            StaleError: where a recording does not hold the request.
        """
        body = self._encoder.body(request)
        reply = self.transport.send(
            Request(endpoint=ENDPOINT, body=body, base_url=self.base_url, provider=self.provider, headers=self.headers)
        )
        errors = ReplyErrors(
            provider=self.provider or urlsplit(self.base_url).hostname or self.base_url,
            status=reply.status,
            headers=reply.headers,
            key_variable=self.key_variable,
        )
        decoder = ChatDecoder(errors, turn=request.turn, used_ids=_used_ids(body))
        yield from decode(reply, decoder, errors)

    def bound_here(self) -> ChatBackend:
        """Return this model for a response that is made now; see `conversation.backend.bound_here`."""
        bound = getattr(self.transport, "bound_here", None)
        if bound is None or (transport := bound()) is self.transport:
            return self
        found = copy(self)
        found.transport = transport
        return found


def decode(reply: Reply, decoder: ChatDecoder, errors: ReplyErrors) -> Iterator[StreamEvent | Completion]:
    """Yield the events of a reply, then its Completion; the body is closed in every case.

    Raises:
        ProviderError: where the reply is an error, or no whole completion.
    """
    payloads = _payloads(reply)
    try:
        if not 200 <= reply.status < 300:
            raise errors.refused(list(payloads))
        for payload in payloads:
            yield from decoder.feed(payload)
    finally:
        payloads.close()
    figures = (
        Figures(elapsed_ms=reply.elapsed_ms, cost_usd=reply.cost_usd) if reply.figures is None else reply.figures()
    )
    yield decoder.finish(figures, whole=reply.payloads is not None)


def _payloads(reply: Reply) -> Generator[Payload, None, None]:
    if reply.payloads is not None:
        yield from reply.payloads
        return
    framing = Framing()
    try:
        for chunk in reply.body:
            yield from framing.feed(chunk)
    finally:
        close = getattr(reply.body, "close", None)
        if close is not None:
            close()
    yield from framing.finish()


def _used_ids(body: JsonObject) -> Iterator[str]:
    """The ids of the tool calls in a body, read only when somebody asks."""
    messages = body["messages"]
    for message in messages if isinstance(messages, list) else ():
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict) and isinstance(given := call.get("id"), str):
                yield given
