"""Schemas of tools: what pydantic gives, without titles, and the same whatever its version."""

from __future__ import annotations

import enum
import json
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from pydantic import BaseModel, Field, create_model

import convrun as llm
from convrun.conversation.tool_schema import REQUIRED, normalised, parameters_of, schema_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Dog(BaseModel):
    """A dog."""

    name: str
    title: str = "Sir"
    colour: Colour = Colour.RED


@dataclass
class Point:
    x: int
    y: int = 0


def common(
    a: str,
    b: int,
    c: float,
    d: bool,
    e: list[str],
    f: list,
    g: dict[str, int],
    h: dict,
    i: dict[str, Any],
    j: Any,
    k: object,
    m: str | None,
    n: int | str,
    o: list[dict[str, list[int | None]]],
    p: Literal["one", "two"],
    q: Literal["only"],
    r: None,
    untyped,
    s: str = "x",
    t: str | None = None,
    u: int = 3,
    v: list[str] | None = None,
    w: dict[str, int] = {},  # noqa: B006  (a default that JSON can say)
    x: list[int] = [1, 2],  # noqa: B006
):
    """Take the types that tools commonly have."""


def rare(
    dog: Dog,
    dogs: list[Dog],
    point: Point,
    colour: Colour,
    pair: tuple[int, str],
    many: set[int],
    numbers: Literal[1, 2],
    mixed: Literal["a", 1],
    words: Sequence[str],
    described: Annotated[int, Field(description="how many", ge=1)],
    old: Optional[int],  # noqa: UP045  (people still write it so)
    either: Union[int, list[str]] = 1,  # noqa: UP007
    default: Colour = Colour.BLUE,
    unsayable: object = object(),
):
    """Take types that only pydantic knows."""


def without_titles(value):
    """Return a schema of pydantic without its titles; a property may be called title."""
    if isinstance(value, list):
        return [without_titles(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: without_titles(item) for key, item in value.items() if key != "title" or not isinstance(item, str)}


def of_pydantic(function):
    """Return what pydantic says of a function's parameters."""
    parameters = parameters_of(function, function.__name__)
    fields = {
        name: (type(None) if kind is None else kind, ... if default is REQUIRED else default)
        for (name, kind), default in zip(parameters.types.items(), parameters.defaults.values(), strict=True)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return without_titles(create_model("M", **fields).model_json_schema())


@pytest.mark.parametrize("function", [common, rare])
def test_a_schema_is_that_of_pydantic(function):
    """The schema of a signature is pydantic's without titles, with its own generator and by pydantic."""
    assert llm.Tool.function(function).input_schema == of_pydantic(function)


def test_both_ways_give_the_same_text():
    """The generator and pydantic give the same keys in the same order."""
    parameters = parameters_of(common, "common")
    ours = schema_of(parameters)
    theirs = normalised(parameters.model.model_json_schema(by_alias=True))
    assert json.dumps(ours) == json.dumps(theirs)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"const": "a", "enum": ["a"], "type": "string", "title": "A"}, {"type": "string", "const": "a"}),
        ({"allOf": [{"$ref": "#/$defs/C"}], "default": "red"}, {"$ref": "#/$defs/C", "default": "red"}),
        ({"title": "H", "type": "object"}, {"type": "object", "additionalProperties": True}),
        (
            {"properties": {"title": {"title": "Title", "type": "string"}}, "type": "object"},
            {"type": "object", "properties": {"title": {"type": "string"}}},
        ),
        ({"default": {"title": "kept"}, "type": "object", "properties": {}},) * 2,
    ],
)
def test_schemas_of_other_pydantics_are_made_the_same(older, newer):
    """What older pydantic versions say differently comes out the same."""
    assert normalised(older) == newer
    assert normalised(newer) == newer


def test_no_parameters_are_an_empty_object():
    """A function without parameters has an object without properties."""

    def nothing(): ...

    assert llm.Tool.function(nothing).input_schema == {"type": "object", "properties": {}}


def test_name_and_docstring_describe_the_tool():
    """Name and dedented docstring are the function's, unless they are given."""

    def tool() -> None:
        """Say one thing.

        And another:
            indented.
        """

    made = llm.Tool.function(tool)
    assert (made.name, made.description) == ("tool", "Say one thing.\n\nAnd another:\n    indented.")
    given = llm.Tool.function(tool, name="other", description="Else.")
    assert (given.name, given.description, given.schema.name) == ("other", "Else.", "other")
    assert made.schema is made.schema


class Adder:
    """Not this text."""

    def __call__(self, number: int) -> int:
        """Add one."""
        return number + 1


def test_objects_and_partials_can_be_tools():
    """A callable object or a partial is a tool once it has a name."""
    adder = llm.Tool.function(Adder(), name="add")
    assert (adder.description, list(adder.input_schema["properties"])) == ("Add one.", ["number"])
    half = llm.Tool.function(partial(common, a="x"), name="half", description=None)
    assert "default" in half.input_schema["properties"]["a"]


def test_types_that_cannot_be_imported_matter_in_parameters_only():
    """A return type that only a type checker knows does no harm; such a parameter type is an error that names it."""

    def fine(text: str) -> NoSuchThing: ...  # noqa: F821

    def broken(text: NoSuchThing): ...  # noqa: F821

    assert llm.Tool.function(fine).name == "fine"
    with pytest.raises(llm.ToolDefinitionError, match="'NoSuchThing' of parameter 'text' of tool 'broken'"):
        llm.Tool.function(broken)


def rest(*arguments):
    """Take any number of arguments."""


def keywords(**arguments):
    """Take arguments of any name."""


def unknown_type(a: type(sys)):
    """Take a module."""


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (rest, "which a model cannot fill"),
        (keywords, "which a model cannot fill"),
        (lambda x: x, "cannot name a tool"),
        (Adder(), "cannot name a tool"),
        (unknown_type, "whose type has no schema"),
    ],
)
def test_what_a_model_cannot_call_is_refused(function, problem):
    """A function that cannot be a tool is refused when it is made one."""
    with pytest.raises(llm.ToolDefinitionError, match=problem):
        llm.Tool.function(function)


def test_a_declared_tool_needs_a_name():
    """A definition without a name is refused."""
    with pytest.raises(llm.ToolDefinitionError, match="no name"):
        llm.Tool.declared({"parameters": {}})
