"""Arguments of tool calls: validated against the signature, coerced as pydantic does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

import convrun as llm
from convrun.conversation.tool_arguments import fitted
from convrun.conversation.tool_schema import parameters_of
from convrun.errors import ToolArgumentsError

KINDS = [
    str,
    int,
    float,
    bool,
    Any,
    list[int],
    list[str],
    dict[str, int],
    dict,
    list,
    str | None,
    int | str,
    float | None,
    Literal["a", "b"],
    Literal["a", 1],
    list[dict[str, float | None]],
    int | float,
    None,
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.sampled_from(["a", "5", "x", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)


@given(st.sampled_from(KINDS), VALUES)
def test_values_are_coerced_as_pydantic_does(kind, value):
    """A value comes out as pydantic makes it, with the same type, or is refused where pydantic refuses it."""

    def tool(x: Any) -> None: ...

    tool.__annotations__["x"] = kind
    parameters = parameters_of(tool, "tool")
    try:
        expected = TypeAdapter(kind).validate_python(value)
    except ValidationError:
        with pytest.raises(ToolArgumentsError, match=r"^x"):
            fitted(parameters, {"x": value})
    else:
        found = fitted(parameters, {"x": value})["x"]
        assert (type(found), repr(found)) == (type(expected), repr(expected))


class Dog(BaseModel):
    name: str
    age: int = 1


@dataclass
class Point:
    x: int


def tool(dog: Dog, point: Point, when: date, model_config: int = 0, _hidden: int = 5, times: int = 3):
    """Take something of everything."""
    return dog, point, when, model_config, _hidden, times


def test_models_dataclasses_and_dates_are_made():
    """Arguments become what the signature says, whatever the parameters are called; defaults stay the function's."""
    call = llm.ToolCall(
        "tool", {"dog": {"name": "Rex"}, "point": {"x": "1"}, "when": "2026-11-23", "model_config": "4", "_hidden": 6}
    )
    made = llm.Tool.function(tool)
    assert made.implementation(**made.arguments_for(call)) == (
        Dog(name="Rex"),
        Point(1),
        date(2026, 11, 23),
        4,
        6,
        3,
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "city: field required; days: field required"),
        ({"city": "Rome", "days": "many"}, "days: Input should be a valid integer"),
        ({"city": 5, "days": 1}, "city: Input should be a valid string"),
        ({"city": "Rome", "days": 1, "town": "x"}, "town: unexpected argument"),
        ({"city": "Rome", "days": 1, "tags": ["a", 1]}, "tags.1: Input should be a valid string"),
    ],
)
def test_what_does_not_fit_is_named(arguments, problem):
    """An error names each field that does not fit, and what is wrong with it."""

    def forecast(city: str, days: int, tags: list[str] | None = None): ...

    with pytest.raises(ToolArgumentsError) as caught:
        llm.Tool.function(forecast).arguments_for(llm.ToolCall("forecast", arguments))
    assert str(caught.value).startswith(problem)


def test_a_schema_written_by_hand_is_validated_against():
    """A tool with its own schema gets arguments that are valid under it."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    made = llm.Tool("t", "T.", schema, lambda n: n + 1)
    assert made.arguments_for(llm.ToolCall("t", {"n": 1})) == {"n": 1}
    with pytest.raises(ToolArgumentsError, match=r"^n: .*integer"):
        made.arguments_for(llm.ToolCall("t", {"n": "x"}))
    with pytest.raises(ToolArgumentsError, match="'n' is a required property"):
        made.arguments_for(llm.ToolCall("t", {}))
