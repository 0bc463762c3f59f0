"""Models by name: binds the resolver of the backends to the engine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from convrun.conversation.conversation import Conversation
from convrun.conversation.model import Model
from convrun.conversation.owner import bind_model_resolver
from convrun.conversation.response import Response

if TYPE_CHECKING:
    from convrun.backends.model_backend import ModelBackend
    from convrun.conversation.asynchronous import AsyncConversation, AsyncModel, AsyncResponse

# What is rebuilt from a dict by classes from here finds its model.
__all__ = [
    "AsyncConversation",
    "AsyncResponse",
    "Conversation",
    "Response",
    "get_async_model",
    "get_model",
    "get_models",
]


def __getattr__(name: str) -> Any:
    """Return AsyncConversation or AsyncResponse, importing their module at the first use: asyncio comes with it."""
    if name not in {"AsyncConversation", "AsyncResponse"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from convrun.conversation import asynchronous

    return getattr(asynchronous, name)


def get_model(name: str | None = None, **settings: Any) -> Model:
    """Return the model of this name, `provider/model` or a model of the default provider; None is the default model.

    Called in the block of a `convrun.testing.cassette`, it is played from there or recorded.

    Raises:
        UnknownModelError: where no provider is known for it.
        ConvrunError: for a setting of another kind than it takes.
        TypeError: for a setting that is none.
    """
    return Model(_backend("get_model", name, settings))


def get_async_model(name: str | None = None, **settings: Any) -> AsyncModel:
    """Return the model of this name, whose responses are awaited; see `get_model`."""
    from convrun.conversation.asynchronous import AsyncModel

    return AsyncModel(_backend("get_async_model", name, settings))


def get_models() -> list[Model]:
    """Return the models that have a name of their own here; providers have many more."""
    from convrun.backends.resolving import model_names

    return [get_model(name) for name in model_names()]


def _backend(caller: str, name: str | None, settings: dict[str, Any]) -> ModelBackend:
    from convrun.backends.given_settings import check_settings
    from convrun.backends.rerouting import reroutable  # only once a model is wanted
    from convrun.backends.resolving import resolve

    for setting in settings.keys() - (resolve.__kwdefaults__ or {}).keys():
        from convrun.errors import did_you_mean

        keys = "set OPENAI_API_KEY, or name the variable of the key with api_key_env="
        near = keys if setting in {"key", "api_key"} else did_you_mean(setting, resolve.__kwdefaults__ or ())
        raise TypeError(f"{caller}() got an unexpected keyword argument {setting!r}{f' ({near})' if near else ''}")
    check_settings({"name": name, **settings})
    return reroutable(resolve(name, **settings), settings.get("environ", os.environ))


bind_model_resolver("sync", get_model)
bind_model_resolver("async", get_async_model)
