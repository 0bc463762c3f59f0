"""The wire format of chat completions."""

from __future__ import annotations

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.chat_encoding import ChatEncoder
from convrun.backends.presets import QuirkKind
from convrun.backends.provider_errors import ReplyErrors
from convrun.conversation.backend import ModelRequest
from convrun.conversation.messages import CalledIds
from convrun.values import JsonObject

ENDPOINT = "chat/completions"


class ChatFormat:
    """Chat completions as one model speaks them; implements `formats.WireFormat`.

    `model` is its name as it goes out, `quirks` are the provider's.
    """

    endpoint = ENDPOINT

    def __init__(self, *, model: str, system_role: str = "system", quirks: frozenset[QuirkKind] = frozenset()) -> None:
        self.model = model
        self._encoder = ChatEncoder(model=model, system_role=system_role, quirks=quirks)

    def body(self, request: ModelRequest) -> JsonObject:
        """Return the body of a request.

        Raises:
            AttachmentError: for an attachment that chat completions cannot carry.
        """
        return self._encoder.body(request)

    def decoder(self, errors: ReplyErrors, request: ModelRequest) -> ChatDecoder:
        """Return what reads the reply to a request."""
        return ChatDecoder(errors, turn=request.turn, used_ids=CalledIds(request.messages))
