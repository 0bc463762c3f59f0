"""What a response knows of its conversation and its model, whatever their kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from convrun.conversation.backend import Backend
from convrun.conversation.model_call import ModelCall
from convrun.errors import ConversationError
from convrun.values import Json, JsonObject


class LanguageModel(Protocol):
    """What a conversation knows of its model."""

    @property
    def model_id(self) -> str:
        """The model's name."""
        ...

    @property
    def backend(self) -> Backend:
        """What answers the requests."""
        ...

    @property
    def options(self) -> Mapping[str, Json]:
        """Options of every conversation that does not say otherwise."""
        ...

    @property
    def stream(self) -> bool:
        """Whether replies are streamed where nothing else is said."""
        ...

    def conversation(self) -> Any:
        """Return a new conversation of the model's kind, sync or async."""
        ...


class Owner(Protocol):
    """What a response knows of its conversation."""

    @property
    def model(self) -> LanguageModel:
        """The conversation's model."""
        ...

    def branch(self, call: ModelCall) -> Any:
        """Return a conversation of the same kind that goes on from `call` on its own."""
        ...

    def shown(self, call: ModelCall) -> Any:
        """Return the response that shows a model call, the same one each time."""
        ...


_RESOLVERS: dict[str, Callable[[str], LanguageModel]] = {}


def bind_model_resolver(kind: str, resolver: Callable[[str], LanguageModel]) -> None:
    """Let what was rebuilt from a dict find its model by its name. `kind` is `sync` or `async`."""
    _RESOLVERS[kind] = resolver


def model_for(kind: str, given: LanguageModel | None, model_id: str, place: JsonObject) -> LanguageModel:
    """Return the given model, else the one of something rebuilt.

    Raises:
        ConversationError: where what is given is a name, or nothing, and it cannot be found by its name.
    """
    if isinstance(given, str):
        raise ConversationError(f"model= is a model, not the text {given!r}", fix=f"give get_model({given!r})")
    return given or model_of(kind, model_id, place)


def model_of(kind: str, model_id: str, place: JsonObject) -> LanguageModel:
    """Return the model of something rebuilt. `place` is where it was, if its name does not say that.

    Raises:
        ConversationError: where it cannot be found by its name.
    """
    resolver = _RESOLVERS.get(kind)
    if resolver is None:
        raise ConversationError("this response has no model", fix="import convrun, or give from_dict a model=")
    if place:  # the name alone would send the conversation, and a key, somewhere else
        at = place["endpoint"] or "a backend of its own"
        raise ConversationError(
            f"the model {model_id!r} was at {at}, which its name does not say",
            fix="give it again, as from_dict(data, model=…)",
        )
    return resolver(model_id)


def place_of(backend: Backend) -> JsonObject:
    """Return where a model is, if its name alone does not say it; None there for a backend that has no address."""
    return {} if getattr(backend, "by_name", False) else {"endpoint": getattr(backend, "base_url", None)}
