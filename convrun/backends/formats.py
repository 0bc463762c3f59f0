"""The seam to a wire format: what an API's requests look like, and how its replies are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from convrun.backends.framing import Payload
from convrun.backends.provider_errors import ReplyErrors
from convrun.conversation.backend import Completion, ModelRequest, StreamEvent
from convrun.values import JsonObject
from convrun.wire import Figures


class ReplyDecoder(Protocol):
    """Takes the payloads of one reply, plain or streamed; sans-I/O."""

    def feed(self, payload: Payload) -> Iterator[StreamEvent]:
        """Yield what one payload adds to the reply.

        Raises:
            ProviderError: where the payload is an error, or nothing the API says.
        """
        ...

    def finish(self, figures: Figures | None = None, *, whole: bool = False) -> Completion:
        """Return the reply, now that nothing more comes. `whole`: that it is complete is known from elsewhere.

        Raises:
            ProviderError: where there was no reply, or only the beginning of one.
        """
        ...


class WireFormat(Protocol):
    """One API as one model speaks it. `endpoint` is what the URL ends in.

    A message or tool that was in an earlier body is the same object in the next one, so that transports can tell what
    is new.
    """

    @property
    def model(self) -> str:
        """The model's name as it goes out."""
        ...

    @property
    def api(self) -> str:
        """The API's name, as a spec and `get_model` have it."""
        ...

    @property
    def endpoint(self) -> str:
        """What the URL ends in, as `chat/completions`."""
        ...

    def body(self, request: ModelRequest) -> JsonObject:
        """Return the body of a request.

        Raises:
            AttachmentError: for an attachment that the API cannot carry.
        """
        ...

    def decoder(self, errors: ReplyErrors, request: ModelRequest) -> ReplyDecoder:
        """Return what reads the reply to a request."""
        ...
