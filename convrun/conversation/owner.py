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


_RESOLVERS: dict[str, Callable[..., LanguageModel]] = {}
_USUAL_API = "chat"


def bind_model_resolver(kind: str, resolver: Callable[..., LanguageModel]) -> None:
    """Let what was rebuilt from a dict find its model by its name and `api=`. `kind` is `sync` or `async`."""
    _RESOLVERS[kind] = resolver


def model_for(kind: str, given: LanguageModel | None, model_id: str, place: JsonObject) -> LanguageModel:
    """Return the given model, else the one of something rebuilt.

    Raises:
        ConversationError: where what is given is a name, speaks another API, or is nothing and cannot be found by name.
    """
    if isinstance(given, str):
        raise ConversationError(f"model= is a model, not the text {given!r}", fix=f"give get_model({given!r})")
    if given is None:
        return model_of(kind, model_id, place)
    spoken, speaks = place.get("api"), _api_of(given.backend)
    if spoken is not None and speaks is not None and speaks != spoken:
        raise ConversationError(
            f"the model {model_id!r} was asked with api {spoken!r}, and model= has api {speaks!r}",
            fix=f"give get_model({model_id!r}, api={spoken!r}); another API goes on in a new one, with history=",
        )
    return given


def model_of(kind: str, model_id: str, place: JsonObject) -> LanguageModel:
    """Return the model of something rebuilt. `place` is what its name does not say: its API, and where it was.

    Raises:
        ConversationError: where it cannot be found by its name.
    """
    resolver = _RESOLVERS.get(kind)
    if resolver is None:
        raise ConversationError("this response has no model", fix="import convrun, or give from_dict a model=")
    if "endpoint" in place:  # the name alone would send the conversation, and a key, somewhere else
        at = place["endpoint"] or "a backend of its own"
        raise ConversationError(
            f"the model {model_id!r} was at {at}{_with_api(place)}, which its name does not say",
            fix="give it again, as from_dict(data, model=…)",
        )
    return resolver(model_id, **place)


def place_of(backend: Backend) -> JsonObject:
    """Return what the name of a model does not say: its `api` where that is not the usual one, and its `endpoint`.

    The endpoint is None for a backend that has no address.
    """
    api, by_name = _api_of(backend), getattr(backend, "by_name", False)
    found: JsonObject = {} if by_name else {"endpoint": getattr(backend, "base_url", None)}
    return found if api in (None, _USUAL_API) else {**found, "api": api}


def _api_of(backend: Backend) -> str | None:
    """The name of the API that is spoken; a backend of the user's own need not say it."""
    found = getattr(backend, "api", None)
    return found if isinstance(found, str) else None


def _with_api(place: JsonObject) -> str:
    return f", with api {place['api']!r}" if "api" in place else ""
