"""Models by name: binds the resolver of the backends to the engine."""

from __future__ import annotations

import os
from typing import Any

from convrun.conversation.model import Model
from convrun.conversation.response import Response, bind_model_resolver

__all__ = ["Response", "get_model", "get_models"]  # Response from here finds the model of one rebuilt from a dict


def get_model(name: str | None = None, **settings: Any) -> Model:
    """Return the model of this name, `provider/model` or a model of the default provider; None is the default model.

    Called in the block of a `convrun.testing.cassette`, it is played from there or recorded.

    Raises:
        UnknownModelError: where no provider is known for it.
        TypeError: for a setting that is none.
    """
    from convrun.backends.rerouting import reroutable  # only once a model is wanted
    from convrun.backends.resolving import resolve

    for setting in settings.keys() - (resolve.__kwdefaults__ or {}).keys():
        from convrun.errors import did_you_mean

        near = did_you_mean(setting, resolve.__kwdefaults__ or ())
        raise TypeError(f"get_model() got an unexpected keyword argument {setting!r}{f' ({near})' if near else ''}")
    return Model(reroutable(resolve(name, **settings), settings.get("environ", os.environ)))


def get_models() -> list[Model]:
    """Return the models that have a name of their own here; providers have many more."""
    from convrun.backends.resolving import model_names

    return [get_model(name) for name in model_names()]


bind_model_resolver(get_model)
