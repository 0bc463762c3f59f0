"""The checks json and json_schema."""

from __future__ import annotations

import json
import sys

import pytest
from check_cases import figures, judged, message, mistakes, turn
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator

from convrun.checks.code import Code
from convrun.checks.registry import parse
from convrun.values import equal

DISH = '{"name": "Pici", "price": 9, "spicy": false, "parts": [{"n": 1}, {"n": 2}], "note": null}'
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "price": {"type": "integer"}}}


class Dish(BaseModel):
    """A reply's shape."""

    name: str
    price: int


class Crashing(BaseModel):
    """A shape whose own code fails."""

    name: str

    @field_validator("name")
    @classmethod
    def crash(cls, value: str) -> str:
        raise LookupError(value)


@pytest.mark.parametrize(
    "value",
    [
        True,
        {"path": "$"},
        {"path": "$.note"},
        {"path": "$.note", "equals": None},
        {"path": "$.price", "equals": 9.0},
        {"path": "$.price", "min": 9, "max": 9},
        {"path": "$.spicy", "equals": False},
        {"path": "$.name", "matches": "^P"},
        {"path": "$.name", "contains": "ic"},
        {"path": "$.parts[*].n", "min": 1},
        {"path": "$.parts", "contains": {"n": 2}},
        {"path": "$.parts", "equals": [{"n": 1}, {"n": 2.0}]},
        {"path": "$", "contains": {"price": 9}},
        {"path": "$.parts[?@.n > 1].n", "equals": 2},
        {"path": "$..n", "max": 2},
    ],
)
def test_json_holds(value):
    """The reply parses, and every node at the path meets every condition."""
    assert message("json", value, turn(DISH)) == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"path": "$.price", "equals": "9"},
            "expected $.price of the reply to equal '9', got 9 (a number, not a text)",
        ),
        ({"path": "$.price", "equals": True}, "expected $.price of the reply to equal true, got 9"),
        (
            {"path": "$.spicy", "equals": 0},
            "expected $.spicy of the reply to equal 0, got false (true/false, not a number)",
        ),
        (
            {"path": "$.spicy", "min": 0},
            "expected $.spicy of the reply to be at least 0, got false (true/false, not a number)",
        ),
        ({"path": "$.note", "equals": False}, "expected $.note of the reply to equal false, got null"),
        (
            {"path": "$.name", "max": 3},
            "expected $.name of the reply to be at most 3, got 'Pici' (a text, not a number)",
        ),
        (
            {"path": "$.price", "matches": "9"},
            "expected $.price of the reply to match '9', got 9 (a number, not a text)",
        ),
        ({"path": "$.price", "contains": 9}, "expected $.price of the reply to contain 9, got 9"),
        (
            {"path": "$.price", "min": 10, "max": 20},
            "expected $.price of the reply to be at least 10 and be at most 20, got 9",
        ),
        (
            {"path": "$.parts[*].n", "equals": 1},
            "expected $.parts[*].n of the reply to equal 1, got 2 at $.parts[1].n",
        ),
        (
            {"path": "$.prise"},
            (
                "expected $.prise of the reply to be there, nothing is there: "
                "$ has 'name', 'price', 'spicy', 'parts', 'note'; did you mean 'price'?"
            ),
        ),
        (
            {"path": "$.parts[7]", "equals": 1},
            "expected $.parts[7] of the reply to equal 1, nothing is there: $.parts is a list of 2",
        ),
    ],
)
def test_json_fails(value, expected):
    """Values are equal as JSON, no node fails, and of several each has to hold."""
    assert message("json", value, turn(DISH)) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Sure!", "got 'Sure!', which is not JSON: expecting value at line 1, column 1"),
        (
            "```json\n{}\n```",
            (
                "got '```json\\n{}\\n```', which is not JSON: expecting value at line 1, column 1; "
                "it stands in a code fence, which is not stripped"
            ),
        ),
        ('{"a": NaN}', "got '{\"a\": NaN}', which is not JSON: NaN is no number that JSON has"),
        ('{"a": 1,}', "got '{\"a\": 1,}', which is not JSON: "),
        (" \n", "got an empty reply"),
        ("[" * 100_000, "got '["),
    ],
)
def test_a_reply_that_is_no_json_fails_every_json_check(reply, expected):
    """What does not parse says why; a code fence is named and not stripped."""
    subjects = {
        "the reply to be JSON": ("json", True),
        "$.a of the reply to equal 1": ("json", {"path": "$.a", "equals": 1}),
        "the reply to meet the schema": ("json_schema", SCHEMA),
        "the reply to be a shapes:Dish": ("json_schema", Code(path="shapes:Dish", target=Dish)),
    }
    for subject, (kind, value) in subjects.items():
        assert message(kind, value, turn(reply)).startswith(f"expected {subject}, {expected}")


def test_the_actual_of_a_json_check_is_what_stands_there():
    """One node is the actual itself, several are a list, and what does not parse is the reply."""
    assert judged("json", {"path": "$.price"}, turn(DISH)).actual == 9
    assert judged("json", {"path": "$.parts[*].n", "equals": 1}, turn(DISH)).actual == [1, 2]
    assert judged("json", {"path": "$.x"}, turn("no")).actual == "no"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (False, [((), "json is true or a mapping", "for a reply that is no JSON write not: {json: true}")]),
        ("true", [((), "true or a mapping with a path is wanted, not the text 'true'", None)]),
        ({"equals": 1}, [((), "no path", "add path: '$' for the whole reply")]),
        ({"path": "$.a", "equal": 1}, [(("equal",), "unknown key 'equal'", "did you mean 'equals'?")]),
        ({"path": "$.a", "min": "5"}, [(("min",), "a number is wanted, not the text '5'", None)]),
        (
            {"path": "$.a", "min": 5, "max": 4},
            [(("max",), "max 4 is below min 5", "no number is between them: swap them")],
        ),
        (
            {"path": "$.a", "contains": ""},
            [(("contains",), "everything contains what is empty", "write what is expected")],
        ),
        (
            {"path": "a.b"},
            [(("path",), "'a.b' is no JSONPath", "begin at the root: '$.a.b'")],
        ),
    ],
)
def test_a_wrong_json_value(value, expected):
    """Unknown keys, missing paths, wrong types and what is no JSONPath are refused with their path."""
    assert mistakes("json", value) == expected


@given(st.text(alphabet="$.[]*?@'\"ab01:,-()=&|!<> ", max_size=25))
def test_any_path_is_a_jsonpath_or_a_mistake(path):
    """No path raises: it is refused, or it can be followed."""
    value = {"path": f"${path}"}
    if not isinstance(parse("json", value), tuple):
        assert judged("json", value, turn(DISH)).verdict in ("passed", "failed")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES, JSON_VALUES)
def test_json_equals_is_equality_as_json(reply, value):
    """The check at the root holds exactly where both values are equal as JSON."""
    result = judged("json", {"path": "$", "equals": value}, turn(json.dumps(reply)))
    assert (result.verdict == "passed") is equal(reply, value)


def test_json_schema_holds():
    """A schema accepts what it describes, a model what it parses."""
    assert message("json_schema", SCHEMA, turn(DISH)) == ""
    assert message("json_schema", Code(path="shapes:Dish", target=Dish), turn(DISH)) == ""


@pytest.mark.parametrize(
    ("value", "reply", "expected"),
    [
        (
            SCHEMA,
            '{"name": "Pici", "price": "9"}',
            (
                "expected the reply to meet the schema, "
                'got {"name": "Pici", "price": "9"}: at $.price \'9\' is not of type \'integer\''
            ),
        ),
        (
            SCHEMA | {"title": "Dish"},
            "[1]",
            "expected the reply to meet the schema 'Dish', got [1]: at $ [1] is not of type 'object'",
        ),
        (
            {"enum": [1]},
            "true",
            "expected the reply to meet the schema, got true: at $ True is not one of [1]",
        ),
        (
            Code(path="shapes:Dish", target=Dish),
            '{"price": "x"}',
            'expected the reply to be a shapes:Dish, got {"price": "x"}: at name field required (and 1 more)',
        ),
    ],
)
def test_json_schema_fails(value, reply, expected):
    """The message names the place in the reply that the schema does not accept."""
    assert message("json_schema", value, turn(reply)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"type": "strin"},
            [(("type",), "not a JSON Schema: unknown type 'strin', did you mean 'string'?", None)],
        ),
        (
            {"properties": {"a": {"required": "a"}}},
            [(("properties", "a", "required"), "not a JSON Schema: 'a' is not of type 'array'", None)],
        ),
        (5, [((), "a schema or the import path of a pydantic model is wanted, not 5", None)]),
        ("Dish", [((), "'Dish' is neither a schema nor an import path", "write package.module:Model")]),
        (
            Code(path="shapes:f", target=len),
            [((), "'shapes:f' is no pydantic model", "name a subclass of pydantic.BaseModel")],
        ),
    ],
)
def test_a_wrong_schema(value, expected):
    """A schema is checked itself, and an import path has to name a pydantic model."""
    assert mistakes("json_schema", value) == expected


def test_texts_of_a_schema_are_no_templates():
    """Braces in a schema stay as they are."""
    assert message("json_schema", {"pattern": "^{{x}}$"}, turn('"{{x}}"')) == ""


def test_a_schema_never_reaches_for_the_network():
    """A reference out of the schema cannot be judged, and says so."""
    result = judged("json_schema", {"$ref": "http://127.0.0.1:9/schema.json"}, turn("{}"))
    assert result.verdict == "error"
    assert result.message == (
        "the schema refers to 'http://127.0.0.1:9/schema.json', which is not in it (put it below $defs)"
    )


def test_a_model_that_crashes_is_an_error():
    """What a model's own code raises is an error with its traceback, not a failure."""
    result = judged("json_schema", Code(path="shapes:Crashing", target=Crashing), turn('{"name": "x"}'))
    assert result.verdict == "error"
    assert result.message == "the check raised LookupError: x"
    assert result.details is not None
    assert "in crash" in result.details


def test_a_long_number_is_a_reply_like_any_other():
    """A number with more digits than Python reads is no JSON, not a crash."""
    digits = "1" * (sys.get_int_max_str_digits() + 1)
    assert "which is not JSON" in message("json", True, turn(digits))


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"$ref": "#/$defs/a"}])
def test_a_schema_that_refers_to_itself_is_an_error(schema):
    """A schema without an end cannot be judged, and says so."""
    schema = schema | {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}
    result = judged("json_schema", schema, turn("{}"))
    assert result.verdict == "error"
    assert result.message.startswith("the schema refers to itself")


def test_a_schema_may_refer_to_itself_for_what_is_inside():
    """A tree is judged; one that is nested beyond all measure is told as such."""
    tree = {"type": "array", "items": {"$ref": "#"}}
    assert message("json_schema", tree, turn("[[], [[]]]")) == ""
    deep = judged("json_schema", tree, turn("[" * 400 + "]" * 400))
    assert (deep.verdict, deep.message) == ("error", "the reply is nested too deeply for the schema")


@pytest.mark.parametrize(
    ("kind", "value", "of"),
    [
        ("json", {"path": "$..*", "equals": 3}, "JSONPath '$..*' (name the steps"),
        ("that", "parsed == []", "expression ("),
    ],
)
def test_a_reply_that_is_nested_beyond_all_measure(kind, value, of):
    """It is the reply that is nested too deeply, not what looks at it."""
    deep = judged(kind, value, figures(reply="[" * 900 + "]" * 900, parsed=json.loads("[" * 900 + "]" * 900)))
    assert deep.verdict == "error"
    assert deep.message.startswith(f"the reply is nested too deeply for the {of}")


def test_a_number_beyond_all_numbers_is_no_json():
    """A number that would be an infinity is refused, as NaN is."""
    assert "1e999 is too large a number" in message("json", True, turn('{"a": 1e999}'))
