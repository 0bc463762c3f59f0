"""From a function's signature to the JSON Schema of its parameters."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Literal, Union, cast

from convrun.errors import ToolDefinitionError, text_of
from convrun.values import Json, JsonObject

CALL_PARAMETER = "llm_tool_call"  # filled in by the engine, unknown to the model
REQUIRED = inspect.Parameter.empty

_SCALARS: dict[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_ORDER = ("$ref", "type", "description", "enum", "const", "anyOf", "prefixItems", "items", "properties", "required")
_LAST = ("default", "$defs")
_MAPPINGS = ("properties", "$defs", "patternProperties", "dependentSchemas")  # keywords whose keys are names
_PLAIN = ("default", "enum", "const", "examples", "required")  # keywords whose values are no schemas


@dataclass(frozen=True)
class Parameters:
    """What a function takes: by name its annotation and its default (`REQUIRED` for none).

    Not slotted: the pydantic model is made once, when a value first needs it.
    """

    function: str
    types: Mapping[str, object]
    defaults: Mapping[str, object] = field(default_factory=dict)
    takes_call: bool = False

    @cached_property
    def model(self) -> type[Any]:
        """The pydantic model of the parameters; fields are called p0, p1, … as any name may be a parameter's."""
        from pydantic import Field, create_model  # heavy, and most tools do without

        fields: dict[str, Any] = {
            f"p{index}": (
                type(None) if kind is None else kind,
                Field(alias=name) if (default := self.defaults[name]) is REQUIRED else Field(default, alias=name),
            )
            for index, (name, kind) in enumerate(self.types.items())
        }
        try:
            made: type[Any] = create_model("Arguments", **fields)
        except Exception as error:  # pydantic's own errors and whatever a user's type raises
            raise ToolDefinitionError(
                f"tool {self.function!r} has a parameter whose type has no schema: {_first_line(error)}",
                fix="use types that pydantic knows",
            ) from error
        return made


def _first_line(error: BaseException) -> str:
    """What an exception says, cut behind its first line; its type where it says nothing."""
    return next(iter(text_of(error).splitlines()), type(error).__name__)


def parameters_of(function: Callable[..., object], name: str) -> Parameters:
    """Return what `function` takes; an untyped parameter is a text.

    Raises:
        ToolDefinitionError: for a signature that a model cannot fill.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ToolDefinitionError(
            f"tool {name!r} has no signature: {error}", fix="wrap it in a function with named parameters"
        ) from error
    scope = _globals_of(function)
    kinds: dict[str, object] = {}
    defaults: dict[str, object] = {}
    for parameter in signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ToolDefinitionError(
                f"tool {name!r} has the parameter '{parameter}', which a model cannot fill",
                fix="give it named parameters only"
                if inspect.isfunction(function)
                else "wrap it in a function with named parameters",
            )
        if parameter.name != CALL_PARAMETER:
            kinds[parameter.name] = _annotation(parameter, scope, name)
            defaults[parameter.name] = parameter.default
    return Parameters(name, kinds, defaults, CALL_PARAMETER in signature.parameters)


def _globals_of(function: Callable[..., object]) -> dict[str, Any]:
    while isinstance(function, partial):
        function = function.func
    plain = inspect.unwrap(function)
    return getattr(plain if inspect.isroutine(plain) else type(plain).__call__, "__globals__", {})


def _annotation(parameter: inspect.Parameter, scope: dict[str, Any], tool: str) -> object:
    """The type itself where the source says it as a text. The return type is left alone: it need not be importable."""
    if not isinstance(parameter.annotation, str):
        return str if parameter.annotation is parameter.empty else parameter.annotation
    try:
        return eval(parameter.annotation, scope)  # noqa: S307  (source of the tool's own module)
    except Exception as error:  # whatever the user's annotation raises
        of = f"the type {parameter.annotation!r} of parameter {parameter.name!r} of tool {tool!r}"
        raise ToolDefinitionError(
            f"{of} is unknown: {text_of(error)}",
            fix="import it, or define it, at the top of the tool's module",
        ) from error


def schema_of(parameters: Parameters) -> JsonObject:
    """Return the JSON Schema that pydantic gives, without titles and in a fixed order.

    Common types need no pydantic.
    """
    properties: JsonObject = {}
    for name, kind in parameters.types.items():
        default = parameters.defaults[name]
        plain = _plain_schema(kind)
        if plain is None or not (default is REQUIRED or _is_json(default)):
            return _by_pydantic(parameters)
        properties[name] = plain if default is REQUIRED else {**plain, "default": cast(Json, default)}
    required: list[Json] = [name for name, default in parameters.defaults.items() if default is REQUIRED]
    schema: JsonObject = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def _plain_schema(kind: object) -> JsonObject | None:
    """The schema of a common annotation, None for any other."""
    if kind is None or (isinstance(kind, type) and kind in _SCALARS):
        return {"type": _SCALARS.get(kind, "null")}
    if kind is Any or kind is object:
        return {}
    origin, arguments = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin in (Union, types.UnionType):
        members = [_plain_schema(argument) for argument in arguments]
        return None if None in members else {"anyOf": cast("list[Json]", members)}
    if origin is Literal and all(type(value) is str for value in arguments):
        return (
            {"type": "string", "const": arguments[0]}
            if len(arguments) == 1
            else {"type": "string", "enum": [*arguments]}
        )
    if origin is list:
        items = _plain_schema(arguments[0]) if arguments else {}
        return None if items is None else {"type": "array", "items": items}
    if origin is dict and (not arguments or arguments[0] is str):
        values = _plain_schema(arguments[1]) if arguments else {}
        return None if values is None else {"type": "object", "additionalProperties": values or True}
    return None


def _is_json(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(type(key) is str and _is_json(item) for key, item in value.items())
    return value is None or type(value) in (str, int, float, bool)


def _by_pydantic(parameters: Parameters) -> JsonObject:
    import warnings

    model = parameters.model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a default that JSON cannot say is left out, which is what we want
        try:
            schema = model.model_json_schema(by_alias=True)
        except Exception as error:  # as above: pydantic's, and the user's types'
            raise ToolDefinitionError(
                f"tool {parameters.function!r} has a parameter whose type has no schema: {_first_line(error)}",
                fix="use types that JSON can say",
            ) from error
    return normalised(schema)


def normalised(schema: Mapping[str, Any]) -> JsonObject:
    """Return the schema in the one form that does not depend on pydantic's version: no titles, fixed order of keys."""
    found = {
        key: _normalised_value(key, value)
        for key, value in schema.items()
        if key != "title" or not isinstance(value, str)
    }
    inner = found.get("allOf")
    if (
        isinstance(inner, list) and len(inner) == 1 and isinstance(inner[0], dict)
    ):  # before 2.9: around a $ref with a default
        del found["allOf"]
        found = {**inner[0], **found}
    if "const" in found:
        found.pop("enum", None)  # before 2.10 both
    if found.get("type") == "object" and not {"properties", "additionalProperties", "patternProperties"} & found.keys():
        found["additionalProperties"] = True  # before 2.11 not said
    first = [key for key in _ORDER if key in found]
    last = [key for key in _LAST if key in found]
    between = sorted(found.keys() - {*first, *last})
    return {key: found[key] for key in (*first, *between, *last)}


def _normalised_value(key: str, value: Any) -> Any:
    if key in _PLAIN:
        return value
    if isinstance(value, list):
        return [_normalised_value("", item) for item in value]
    if not isinstance(value, dict):
        return value
    if key in _MAPPINGS:
        return {name: normalised(item) if isinstance(item, dict) else item for name, item in value.items()}
    return normalised(value)
