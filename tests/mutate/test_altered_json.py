"""Values and texts of JSON with one thing changed."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convrun.mutate.alterations import GONE, alterations, altered, json_path
from convrun.mutate.json_text import JsonText
from convrun.values import canonical

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
STYLES = ({}, {"indent": 2}, {"separators": (",", ":")}, {"indent": 1, "separators": (" ,\t", " :\n ")})


@unhurried
@given(VALUES)
def test_each_alteration_gives_another_value(value):
    """What is altered is no longer equal, and what was given stays as it was."""
    before = canonical(value)
    for one in alterations(value):
        assert one.new is GONE or canonical(altered(value, one.path, one.new)) != before
    assert canonical(value) == before


@unhurried
@given(VALUES, st.sampled_from(STYLES))
def test_a_text_is_altered_as_its_value_is(value, style):
    """However JSON is laid out, the changed text has the changed value, and is as long as before but for that."""
    text = f" \n{json.dumps(value, **style)} "
    for one in alterations(value):
        if one.path or one.new is not GONE:
            changed = JsonText(text).altered(one.path, one.new)
            assert canonical(json.loads(changed)) == canonical(altered(value, one.path, one.new))


def test_only_what_is_altered_differs_in_a_text():
    """Blanks and the spelling of all other values stay."""
    text = '{ "a" : 1.50,\n  "b": [1, 2],"c":"\\u00e9" }'
    assert JsonText(text).altered(("a",), 2) == text.replace("1.50", "2")
    assert JsonText(text).altered(("a",), GONE) == '{ "b": [1, 2],"c":"\\u00e9" }'
    assert JsonText(text).altered(("b", 1), GONE) == text.replace(", 2", "")
    assert JsonText(text).altered(("c",), GONE) == '{ "a" : 1.50,\n  "b": [1, 2] }'


@pytest.mark.parametrize(
    ("value", "changed"),
    [
        (True, False),
        (5, 6),
        (1e300, -1e300),
        ("RB-1042", "RB-1043"),
        ("9 days", "0 days"),
        ("Paris", "something else"),
        ("something else", "something else still"),
        (None, "something else"),
    ],
)
def test_a_value_becomes_another_of_its_kind(value, changed):
    """A number is counted on, of a text its last digit, any other text is replaced."""
    (one,) = alterations(value)
    assert one.new == changed


@unhurried
@given(VALUES)
def test_paths_are_those_of_the_rfc(value):
    """What stands at the path that a person is shown is the value that is changed."""
    from jsonpath_rfc9535 import find

    for one in alterations(value):
        if one.path and isinstance(value, dict | list):
            assert [canonical(node.value) for node in find(json_path(one.path), value)] == [canonical(one.old)]
