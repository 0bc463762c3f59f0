"""JSON values: equality, subsets, the canonical form, and how values are shown."""

from __future__ import annotations

import json
from dataclasses import make_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convrun.errors import ConvrunError
from convrun.values import canonical, contains, digest, equal, is_deep, schema_fault, seconds, show, texts, type_name

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (0.0, -0.0, True),
        (True, 1, False),
        (False, 0, False),
        ("5", 5, False),
        (None, False, False),
        ([1, {"a": 2.0}], [1.0, {"a": 2}], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": None}, {}, False),
        ([], {}, False),
        ("é", "e\u0301", False),
    ],
)
def test_values_are_equal_as_json(left: Any, right: Any, same: bool) -> None:
    """1 is 1.0, true is not 1, '5' is not 5; the order of keys does not matter."""
    assert equal(left, right) is same
    assert equal(right, left) is same
    assert (canonical(left) == canonical(right)) is same


@given(JSON)
def test_the_canonical_form_means_the_same(value: Any) -> None:
    """What the canonical form reads back as is equal to the value, and has the same canonical form."""
    again = json.loads(canonical(value))
    assert equal(again, value)
    assert canonical(again) == canonical(value)


@given(JSON, JSON)
def test_equal_values_share_their_canonical_form(left: Any, right: Any) -> None:
    """Two values have one canonical form just when they are equal, and so one digest."""
    assert (canonical(left) == canonical(right)) is equal(left, right)
    assert (digest(left) == digest(right)) is equal(left, right)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}, {"a": object()}, {1, 2}])
def test_what_json_does_not_have_has_no_canonical_form(value: Any) -> None:
    """NaN, infinities and objects are a ValueError, wherever they stand."""
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


@pytest.mark.parametrize(
    ("actual", "expected", "holds"),
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 2.0}}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": [1, {"b": 2, "c": 3}]}, {"a": [1, {"b": 2}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({}, {"a": None}, False),
        ("text", "text", True),
    ],
)
def test_a_subset_may_leave_keys_out_at_every_depth(actual: Any, expected: Any, holds: bool) -> None:
    """Mappings may have more keys than expected, at every depth; lists are as long as expected."""
    assert contains(actual, expected) is holds


@pytest.mark.parametrize(
    ("text", "wanted"), [("60s", 60.0), ("1.5m", 90.0), ("200ms", 0.2), (" 2 s ", 2.0), ("0s", 0.0)]
)
def test_a_duration_is_a_number_with_its_unit(text: str, wanted: float) -> None:
    """Milliseconds, seconds and minutes become seconds."""
    assert seconds(text) == pytest.approx(wanted)


@pytest.mark.parametrize("text", ["60", "s", "1h", "-1s", "1 s 2", "", "1e3s", "\u0663s"])
def test_what_is_no_duration_is_refused_with_the_fix(text: str) -> None:
    """A number without a unit, or with another one, is an error that says how to write it."""
    with pytest.raises(ConvrunError, match="not a duration") as caught:
        seconds(text)
    assert "30s" in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "null"), (True, "true/false"), (1, "number"), (1.5, "number"), ("", "text"), ([], "list"), ({}, "mapping")],
)
def test_types_have_names_for_people(value: Any, name: str) -> None:
    """Messages name types as a writer of YAML knows them."""
    assert type_name(value) == name


def test_a_long_value_is_shown_by_its_ends() -> None:
    """A value past the limit is cut in the middle, so that both ends can be recognised."""
    shown = show("a" * 300 + "end", limit=50)
    assert len(shown) <= 50
    assert shown.startswith("'aaa")
    assert shown.endswith("end'")


@given(st.text("ab'\"\\\n\u202e", min_size=12), st.integers(1, 30), st.integers(9, 40))
def test_a_long_text_is_shown_as_the_ends_of_its_repr(part, times, limit):
    """Quotes and escapes are those that the whole text would have, however long it is."""
    text, half = part * times, (limit - 3) // 2
    whole = repr(text)
    assert show(text, limit) == (whole if len(whole) <= limit else f"{whole[:half]}...{whole[-half:]}")


@given(st.lists(st.integers() | st.text(max_size=3), min_size=1), st.integers(1, 200), st.integers(9, 40))
def test_a_long_list_is_shown_as_the_ends_of_its_json(part, times, limit):
    """However many items there are, those at the ends are shown, also of a list in a mapping."""
    for value in (part * times, {"a": 1, "items": part * times}):
        whole, half = json.dumps(value, ensure_ascii=False), (limit - 3) // 2
        assert show(value, limit) == (whole if len(whole) <= limit else f"{whole[:half]}...{whole[-half:]}")


@pytest.mark.parametrize(
    ("schema", "path", "what"),
    [
        (
            {"properties": {"a": {"type": "objct"}}},
            ("properties", "a", "type"),
            "unknown type 'objct', did you mean 'object'?",
        ),
        ({"anyOf": [{}, 5]}, ("anyOf", 1), "5 is not of type"),
        ({"$schema": 5}, ("$schema",), "5 is not the address of a dialect"),
        ({"$schema": {}}, ("$schema",), "{} is not the address of a dialect"),
        (5, (), "5 is not of type"),
        ({"minimum": float("nan")}, (), "Out of range float values"),
    ],
)
def test_what_is_no_json_schema(schema: Any, path: tuple[str | int, ...], what: str) -> None:
    """A value that is no JSON Schema is told where and why."""
    fault = schema_fault(schema)
    assert fault is not None
    assert (fault.path, fault.what.startswith(what)) == (path, True)


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("[" * 200 + "0" + "]" * 200, False),
        ("[" * 201 + "]" * 201, True),
        ('{"a":' * 200 + "0" + "}" * 200, False),
        ('{"a":' * 201 + "0" + "}" * 201, True),
        ('[{"a":' * 101 + "0" + "}]" * 101, True),
        ("[" + ",".join(["[]"] * 300) + "]", False),
        (f'["{"[" * 300}"]', False),
    ],
    ids=["200 lists", "201 lists", "200 mappings", "201 mappings", "both by turns", "siblings", "a text"],
)
def test_a_value_is_deep_by_its_levels(text: str, deep: bool) -> None:
    """More than 200 levels are too many; siblings and the brackets of texts are none."""
    assert is_deep(json.loads(text), text) is deep
    assert is_deep(json.loads(text), text.encode()) is deep


def test_a_schema_nested_too_deeply_is_none() -> None:
    """No depth of a schema is a crash."""
    schema: dict[str, Any] = {}
    for _ in range(2000):
        schema = {"not": schema}
    fault = schema_fault(schema)
    assert fault is not None
    assert fault.what == "nested too deeply"


@pytest.mark.parametrize("schema", [{}, True, {"type": "object"}, {"$schema": "https://nowhere.example/own"}])
def test_what_is_a_json_schema(schema: Any) -> None:
    """A schema has no fault, also one of a dialect that is not known here."""
    assert schema_fault(schema) is None


def test_every_text_is_found_however_deep() -> None:
    """Keys, items and the fields of dataclasses; a chain of a hundred thousand lists is walked as well."""
    made = make_dataclass("made", ["one"])("f")
    assert sorted(texts({"a": ["b", ("c", {"d": 1, "e": None})], "m": made})) == ["a", "b", "c", "d", "e", "f", "m"]
    deep: Any = "end"
    for _ in range(100_000):
        deep = [deep]
    assert [*texts(deep)] == ["end"]
