"""A model that conversations are held with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from convrun.conversation.backend import Backend
from convrun.conversation.chain import ChainResponse
from convrun.conversation.conversation import AnyConversation, Conversation
from convrun.conversation.response import Response
from convrun.errors import ConversationError
from convrun.values import Json

_Response = TypeVar("_Response")
_Chain = TypeVar("_Chain")


class AnyModel(Generic[_Response, _Chain]):
    """What sync and async models share."""

    def __init__(self, backend: Backend, *, options: Mapping[str, Json] | None = None, stream: bool = True) -> None:
        self.backend = backend
        self.options: Mapping[str, Json] = dict(options or {})
        self.stream = stream

    def __repr__(self) -> str:
        """Show the model's name."""
        return f"<{type(self).__name__} {self.model_id!r}>"

    @property
    def model_id(self) -> str:
        """The model's name, as the user wrote it."""
        return self.backend.name

    @property
    def key(self) -> None:
        """None: keys come from the environment, and a model holds none."""
        return None

    @key.setter
    def key(self, key: str | None) -> None:
        if key is not None:
            variable = getattr(self.backend, "key_variable", None) or "OPENAI_API_KEY"
            raise ConversationError("a model takes no key", fix=f"set {variable}, or give get_model() an api_key_env=")

    def conversation(self, **settings: Any) -> AnyConversation[_Response, _Chain]:
        """Return a new conversation; `settings` are those of `Conversation`."""
        raise NotImplementedError

    def prompt(self, prompt: str | None = None, **settings: Any) -> _Response:
        """Return the lazy response to one prompt in a conversation of its own; `settings` are those of its `prompt`."""
        return self.conversation().prompt(prompt, **settings)

    def chain(self, prompt: str | None = None, **settings: Any) -> _Chain:
        """Return the lazy chain in a conversation of its own; `settings` are those of its `chain`."""
        return self.conversation().chain(prompt, **settings)


class Model(AnyModel[Response, ChainResponse]):
    """A backend with what holds for all its conversations: options, and whether replies are streamed."""

    def conversation(self, **settings: Any) -> Conversation:
        """Return a new conversation; `settings` are those of `Conversation`."""
        return Conversation(self, **settings)
