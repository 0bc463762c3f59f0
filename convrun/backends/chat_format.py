"""The wire format of chat completions."""

from __future__ import annotations

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.chat_encoding import ChatEncoder
from convrun.backends.provider_errors import ReplyErrors
from convrun.conversation.backend import ModelRequest
from convrun.conversation.messages import CalledIds

ENDPOINT = "chat/completions"


class ChatFormat(ChatEncoder):
    """Chat completions as one model speaks them: an encoder that knows its decoder. It is a `formats.WireFormat`."""

    api = "chat"
    endpoint = ENDPOINT

    def decoder(self, errors: ReplyErrors, request: ModelRequest) -> ChatDecoder:
        """Return what reads the reply to a request."""
        return ChatDecoder(errors, turn=request.turn, used_ids=CalledIds(request.messages))
