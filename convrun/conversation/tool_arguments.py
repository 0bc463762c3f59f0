"""From the arguments a model sent to the values a function is called with, as pydantic coerces them."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union

from convrun.conversation.tool_schema import REQUIRED, Parameters
from convrun.errors import ToolArgumentsError


def fitted(parameters: Parameters, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments for the function; what already has its exact type needs no pydantic.

    Raises:
        ToolArgumentsError: naming each field that is missing, unknown or of the wrong type.
    """
    wrong = [f"{name}: unexpected argument" for name in arguments if name not in parameters.types]
    wrong += [
        f"{name}: field required"
        for name, default in parameters.defaults.items()
        if default is REQUIRED and name not in arguments
    ]
    if wrong:
        raise ToolArgumentsError("; ".join(wrong))
    if all(_is_exact(parameters.types[name], value) for name, value in arguments.items()):
        return dict(arguments)
    return _by_pydantic(parameters, arguments)


def fitting(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments if they are valid under a schema that somebody wrote by hand.

    Raises:
        ToolArgumentsError: naming the first field that is not.
    """
    from jsonschema import validators  # heavy, and most tools have a signature

    error = next(validators.validator_for(schema)(schema).iter_errors(dict(arguments)), None)
    if error is not None:
        field = ".".join(map(str, error.absolute_path))
        raise ToolArgumentsError(f"{field}: {error.message}" if field else error.message)
    return dict(arguments)


def _is_exact(kind: object, value: object) -> bool:
    """Whether pydantic would hand the value through as it is."""
    if kind is Any or kind is object:
        return True
    if kind in (str, int, float, bool, type(None)):
        return type(value) is kind
    origin, arguments = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return any(_is_exact(argument, value) for argument in arguments)
    if origin is Literal:
        return any(type(value) is type(allowed) and value == allowed for allowed in arguments)
    if origin is list:
        return type(value) is list and (not arguments or all(_is_exact(arguments[0], item) for item in value))
    if origin is dict and (not arguments or arguments[0] is str):
        return type(value) is dict and (not arguments or all(_is_exact(arguments[1], item) for item in value.values()))
    return False


def _by_pydantic(parameters: Parameters, arguments: Mapping[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    names = {f"p{index}": name for index, name in enumerate(parameters.types)}
    try:
        values = parameters.model.model_validate(dict(arguments))
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors(include_url=False)]
        raise ToolArgumentsError("; ".join(wrong)) from None
    return {name: getattr(values, key) for key, name in names.items() if key in values.model_fields_set}
