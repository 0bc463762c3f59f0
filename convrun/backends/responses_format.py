"""The wire format of a Responses API."""

from __future__ import annotations

from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.responses_decoding import ResponsesDecoder
from convrun.backends.responses_encoding import ResponsesEncoder
from convrun.conversation.backend import ModelRequest
from convrun.conversation.messages import CalledIds
from convrun.values import JsonObject

ENDPOINT = "responses"


class ResponsesFormat:
    """The Responses API as one model speaks it; implements `formats.WireFormat`. `model` is its name as it goes out."""

    endpoint = ENDPOINT

    def __init__(self, *, model: str) -> None:
        self.model = model
        self._encoder = ResponsesEncoder(model=model)

    def body(self, request: ModelRequest) -> JsonObject:
        """Return the body of a request.

        Raises:
            AttachmentError: for an attachment that the API cannot carry.
        """
        return self._encoder.body(request)

    def decoder(self, errors: ReplyErrors, request: ModelRequest) -> ResponsesDecoder:
        """Return what reads the reply to a request."""
        return ResponsesDecoder(errors, turn=request.turn, used_ids=CalledIds(request.messages))
