"""The wire format of a Responses API."""

from __future__ import annotations

from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.responses_decoding import ResponsesDecoder
from convrun.backends.responses_encoding import ResponsesEncoder
from convrun.conversation.backend import ModelRequest
from convrun.conversation.messages import CalledIds

ENDPOINT = "responses"


class ResponsesFormat(ResponsesEncoder):
    """The Responses API as one model speaks it: an encoder that knows its decoder. It is a `formats.WireFormat`."""

    api = "responses"
    endpoint = ENDPOINT

    def decoder(self, errors: ReplyErrors, request: ModelRequest) -> ResponsesDecoder:
        """Return what reads the reply to a request."""
        return ResponsesDecoder(errors, turn=request.turn, used_ids=CalledIds(request.messages))
