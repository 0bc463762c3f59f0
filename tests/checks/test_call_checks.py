"""The checks called, not_called and calls."""

from __future__ import annotations

import sys
from itertools import permutations

import pytest
from check_cases import BROKEN, LISTED, LOOKUP, WITH_RESULTS, judged, message, mistakes, turn
from counting import calls_made
from hypothesis import given
from hypothesis import strategies as st

from convrun.results import ToolCallResult

ARGUMENTS = {"country": "Crumpet", "limit": 3, "deep": {"a": 1, "b": [1, 2]}}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("called", "lookup"),
        ("called", {"tool": "lookup"}),
        ("called", {"tool": "lookup", "times": 2}),
        ("called", {"tool": "lookup", "with": {"country": "Crumpet"}, "times": 1}),
        ("called", {"tool": "lookup", "with": {"deep": {"a": 1.0}}}),
        ("called", {"tool": "lookup", "with": {"deep": {"b": [1, 2]}, "limit": {"min": 2, "max": 3}}}),
        ("called", {"tool": "lookup", "with": {"country": {"matches": "^Cr"}}}),
        ("called", {"tool": "lookup", "with": {"limit": {"equals": 3}, "deep": {"b": [{"min": 1}, 2]}}}),
        ("called", {"tool": "lookup", "with": {"deep": {"equals": {"a": 1, "b": [1, 2]}}}}),
        ("called", {"tool": "lookup", "with_exactly": ARGUMENTS}),
        ("called", {"tool": "lookup", "with_exactly": ARGUMENTS | {"limit": {"max": 3}}}),
        ("called", {"tool": "lookup", "with": {}, "returns": "sunny"}),
        ("called", {"tool": "lookup", "returns": {"p": 5}}),
        ("called", {"tool": "lookup", "returns": '{"p": 5}'}),
        ("called", {"tool": "lookup", "returns": {"p": {"min": 5}}}),
        ("called", {"tool": "lookup", "returns": {"matches": "^sun"}}),
        ("called", {"tool": "lookup", "error": False, "times": 2}),
        ("called", {"tool": "add", "error": True}),
        ("called", {"tool": "add", "error": "KeyError"}),
        ("called", {"tool": "add", "error": {"matches": "^Key"}}),
        ("called", {"tool": "nothing", "times": 0}),
        ("not_called", "subtract"),
        ("not_called", ["subtract", "divide"]),
        ("calls", {"exactly": ["lookup", "lookup", "add"]}),
        ("calls", {"exactly": [{"tool": "lookup", "with": {"limit": 3}}, "lookup", {"tool": "add", "error": True}]}),
        ("calls", {"in_order": ["lookup", "add"]}),
        ("calls", {"any_order": ["add", "lookup"]}),
        ("calls", {"any_order": ["lookup", {"tool": "lookup", "with": {"country": "Crumpet"}}]}),
        ("calls", {"only": ["add", "lookup", "divide"]}),
    ],
)
def test_a_call_check_holds(kind, value):
    """Names, arguments at every depth, results, errors, counts and order are compared as JSON."""
    assert message(kind, value) == ""


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("called", "subtract", f"expected subtract to be called, {LISTED}"),
        ("called", {"tool": "lookup", "times": 1}, f"expected lookup to be called once, it was called twice: {LISTED}"),
        ("called", {"tool": "sub", "times": 3}, f"expected sub to be called 3 times, {LISTED}"),
        (
            "called",
            {"tool": "lookup", "with": {"country": "Rome"}},
            f"expected lookup(country='Rome') to be called, {LISTED}",
        ),
        (
            "called",
            {"tool": "lookup", "with": {"limit": "3"}},
            f"expected lookup(limit='3') to be called, {LISTED}",
        ),
        (
            "called",
            {"tool": "lookup", "with": {"deep": {"b": [1]}}},
            f"expected lookup(deep={{'b': [1]}}) to be called, {LISTED}",
        ),
        (
            "called",
            {"tool": "lookup", "with": {"deep": {"a": True}}},
            f"expected lookup(deep={{'a': true}}) to be called, {LISTED}",
        ),
        (
            "called",
            {"tool": "lookup", "with_exactly": {"country": "Crumpet"}},
            f"expected lookup(country='Crumpet') to be called, {LISTED}",
        ),
        (
            "called",
            {"tool": "lookup", "with_exactly": ARGUMENTS | {"deep": {"a": 1}}},
            f"expected lookup(country='Crumpet', limit=3, deep={{'a': 1}}) to be called, {LISTED}",
        ),
        (
            "called",
            {"tool": "lookup", "with": {"limit": {"min": 4}}},
            f"expected lookup(limit=<to be at least 4>) to be called, {LISTED}",
        ),
        (
            "called",
            {"tool": "lookup", "returns": "rainy", "error": False},
            f"expected lookup returning 'rainy' without an error to be called, {WITH_RESULTS}",
        ),
        ("called", {"tool": "lookup", "error": True}, f"expected lookup with an error to be called, {WITH_RESULTS}"),
        (
            "called",
            {"tool": "add", "error": "ValueError"},
            f"expected add with the error 'ValueError' to be called, {WITH_RESULTS}",
        ),
        ("not_called", "lookup", f"expected lookup to stay uncalled, {LISTED}"),
        ("not_called", ["add", "divide"], f"expected add and divide to stay uncalled, {LISTED}"),
        ("not_called", "any", f"expected tools to stay uncalled, {LISTED}"),
        (
            "calls",
            {"exactly": ["lookup", "add", "lookup"]},
            f"expected the tool calls to be exactly lookup, add, lookup, call 2 is not add: {LISTED}",
        ),
        (
            "calls",
            {"exactly": ["lookup"]},
            f"expected the tool calls to be exactly lookup, 3 calls were made, not 1: {LISTED}",
        ),
        ("calls", {"exactly": []}, f"expected the tool calls to be exactly none, 3 calls were made, not 0: {LISTED}"),
        (
            "calls",
            {"in_order": ["add", "lookup"]},
            f"expected the tool calls to have in order add, lookup, lookup is missing after add: {LISTED}",
        ),
        (
            "calls",
            {"any_order": ["add", "add"]},
            f"expected the tool calls to have add, add, add is missing: {LISTED}",
        ),
        (
            "calls",
            {"only": ["lookup"]},
            f"expected the tool calls to be only of lookup, add() is none of them: {LISTED}",
        ),
    ],
)
def test_a_call_check_fails(kind, value, expected):
    """The message says which call was expected and lists those that were made."""
    assert message(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("called", "lookup", "expected lookup to be called, no tool was called"),
        ("calls", {"exactly": ["add"]}, "expected the tool calls to be exactly add, no tool was called"),
        ("calls", {"in_order": ["add"]}, "expected the tool calls to have in order add, no tool was called"),
        ("calls", {"any_order": ["add"]}, "expected the tool calls to have add, no tool was called"),
        ("calls", {"exactly": []}, ""),
        ("calls", {"only": ["add"]}, ""),
        ("not_called", "any", ""),
    ],
)
def test_without_calls(kind, value, expected):
    """A turn without calls meets only what asks for none."""
    assert message(kind, value, turn(calls=())) == expected


def test_many_calls_are_counted_not_listed():
    """A message lists a dozen calls and counts the rest."""
    found = message("called", "x", turn(calls=(BROKEN,) * 20))
    assert found == f"expected x to be called, the calls were {', '.join(['add()'] * 6)} and 14 more"


def test_arguments_that_are_no_json_are_shown_as_they_came():
    """Arguments that the model garbled are a text, and no condition on arguments holds for them."""
    garbled = ToolCallResult(id="1", name="add", arguments='{"a": 1')
    assert message("called", {"tool": "add", "with": {"a": 1}}, turn(calls=(garbled,))) == (
        "expected add(a=1) to be called, the call was add('{\"a\": 1')"
    )


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("called", 5, [((), "a text is wanted, not the number 5")]),
        ("called", "", [((), "an empty text: a tool's name is wanted")]),
        ("called", {"with": {"a": 1}}, [((), "no tool")]),
        ("called", {"tool": "f", "wiht": {}}, [(("wiht",), "unknown key 'wiht'")]),
        ("called", {"tool": "f", "times": -1}, [(("times",), "a whole number from 0 is wanted, not -1")]),
        ("called", {"tool": "f", "times": 1.5}, [(("times",), "a whole number from 0 is wanted, not 1.5")]),
        ("called", {"tool": "f", "times": float("inf")}, [(("times",), "a whole number from 0 is wanted, not inf")]),
        ("called", {"tool": "f", "times": True}, [(("times",), "a number is wanted, not true")]),
        ("called", {"tool": "f", "with": [1]}, [(("with",), "a mapping of arguments is wanted, not a list")]),
        (
            "called",
            {"tool": "f", "with": {"a": {"b": [{"matches": "("}]}}},
            [
                (
                    ("with", "a", "b", 0, "matches"),
                    "'(' is not a regular expression: missing ), unterminated subpattern at position 0",
                )
            ],
        ),
        (
            "called",
            {"tool": "f", "with": {"a": {"min": "1"}}},
            [(("with", "a", "min"), "a number is wanted, not the text '1'")],
        ),
        (
            "called",
            {"tool": "f", "with": {}, "with_exactly": {}},
            [(("with_exactly",), "with and with_exactly at once")],
        ),
        ("called", {"tool": "f", "error": 5}, [(("error",), "a text is wanted, not the number 5")]),
        ("not_called", [], [((), "an empty list: write any for no call at all")]),
        ("not_called", ["f", 1], [((1,), "a text is wanted, not the number 1")]),
        ("not_called", {"tool": "f"}, [((), "a text is wanted, not a mapping")]),
        ("calls", ["f"], [((), "a mapping with exactly, in_order, any_order or only is wanted, not a list")]),
        ("calls", {}, [((), "one of exactly, in_order, any_order, only is wanted, not 0")]),
        (
            "calls",
            {"only": ["f"], "exactly": ["f"]},
            [((), "one of exactly, in_order, any_order, only is wanted, not 2")],
        ),
        ("calls", {"in_order": []}, [(("in_order",), "an empty list: every conversation has none")]),
        ("calls", {"only": "f"}, [(("only",), "a list of tool names is wanted, not the text 'f'")]),
        ("calls", {"exactly": [{"tool": "f", "times": 2}]}, [(("exactly", 0, "times"), "unknown key 'times'")]),
    ],
)
def test_a_wrong_call_value(kind, value, expected):
    """Wrong types, unknown keys and what can never fail are refused with their path."""
    assert [(path, what) for path, what, _ in mistakes(kind, value)] == expected


def test_numbers_and_lists_that_are_none_come_with_what_is_meant():
    """How often is one number, and a list of calls needs a word for how it is meant."""
    often = "write how often, as 2; without times it is once or more often"
    assert [fix for *_, fix in mistakes("called", {"tool": "f", "times": {"min": 1}})] == [often]
    assert [fix for *_, fix in mistakes("calls", ["f", "g"])] == ["write {in_order: [f, g]}, or another of these"]


@given(st.permutations(["a", "b", "c", "d"]), st.integers(0, 4))
def test_any_order_finds_each_pattern_a_call_of_its_own(names, size):
    """Every selection of the calls is found in any order, also where a vaguer pattern could take another's call."""
    calls = tuple(ToolCallResult(id=name, name="f", arguments={"x": name}) for name in names)
    wanted: list[object] = [{"tool": "f", "with": {"x": name}} for name in sorted(names)[:size]]
    assert message("calls", {"any_order": ["f"] * (4 - size) + wanted}, turn(calls=calls)) == ""
    assert message("calls", {"any_order": ["f"] * (5 - size) + wanted}, turn(calls=calls)) != ""


@pytest.mark.parametrize("wanted", [lambda at: {"tool": "f", "with": {"a": at}}, lambda _: "f"], ids=["with", "bare"])
def test_many_calls_in_any_order_are_not_each_compared_with_each(wanted):
    """Of a thousand calls in another order each is found at once, and so is that one is missing."""
    many = 1_000
    calls = tuple(ToolCallResult(id=str(at), name="f", arguments={"a": at, "b": 0}) for at in range(many))
    patterns = [wanted(at * 7 % many) for at in range(many)]
    found, made = calls_made(lambda: message("calls", {"any_order": patterns}, turn(calls=calls)))
    assert found == ""
    assert made < many * 300
    assert "is missing" in message("calls", {"any_order": [*patterns, "f"]}, turn(calls=calls))


def test_a_call_is_handed_on_along_a_chain_of_any_length():
    """Each pattern may have the call of the next one too, and only the last call is free: all have to move."""
    many = 200
    calls = tuple(ToolCallResult(id=str(at), name="f", arguments={"a": at}) for at in range(many))
    wanted = [{"tool": "f", "with": {"a": {"min": at, "max": at + 1}}} for at in range(many - 1)]
    within, limit = [*wanted, {"tool": "f", "with": {"a": 0}}], sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        assert message("calls", {"any_order": within}, turn(calls=calls)) == ""
        assert message("calls", {"any_order": [*within, "f"]}, turn(calls=calls)) != ""
    finally:
        sys.setrecursionlimit(limit)


def test_in_order_is_a_subsequence():
    """Of all orders of the calls only the one that was made is found."""
    held = [order for order in permutations(["lookup", "add"]) if not message("calls", {"in_order": list(order)})]
    assert held == [("lookup", "add")]
    assert message("calls", {"in_order": ["lookup", "lookup", "lookup"]}) != ""


def test_the_actual_of_a_call_check_is_the_calls():
    """The result carries every call with its arguments."""
    assert judged("called", "lookup", turn(calls=(LOOKUP,))).actual == [{"name": "lookup", "arguments": ARGUMENTS}]


@pytest.mark.parametrize(
    ("value", "path", "strange"),
    [
        ({"with": {"country": {"contains": "x"}}}, ("with", "country", "contains"), "contains"),
        ({"with_exactly": {"deep": {"b": [{"one_of": [1]}]}}}, ("with_exactly", "deep", "b", 0, "one_of"), "one_of"),
        ({"returns": {"icontains": "x"}}, ("returns", "icontains"), "icontains"),
        ({"with": {"limit": {"min": 1, "lt": 5}}}, ("with", "limit", "lt"), "lt"),
    ],
)
def test_what_looks_like_a_condition_and_is_none(value, path, strange):
    """A mapping of what others call conditions is refused: below `not` it would hold whatever happens."""
    expected = (
        path,
        f"{strange!r} is no condition here; conditions are matches, min, max, equals",
        f"a literal mapping goes under equals: {{{strange}: …}}",
    )
    assert mistakes("called", {"tool": "lookup", **value}) == [expected]
    path, *said = expected
    assert mistakes("not", {"called": {"tool": "lookup", **value}}) == [(("called", *path), *said)]


@pytest.mark.parametrize("literal", [{"equals": {"contains": "x"}}, {"contains": "x", "field": "y"}, {"json": True}])
def test_other_mappings_are_literal(literal):
    """What stands under equals, and a mapping with other keys beside, is compared as it is."""
    assert not message("not", {"called": {"tool": "lookup", "with": {"country": literal}}})


def test_a_condition_of_an_error_that_is_none():
    """An error has no other conditions; a part of its text is written by itself."""
    assert mistakes("called", {"tool": "add", "error": {"contains": "x"}}) == [
        (
            ("error",),
            "'contains' is no condition of an error; conditions are matches, equals",
            "a part of its text is written without a condition, as error: not found",
        )
    ]


def test_returns_is_the_whole_result():
    """A result with more keys than `returns` is another one, and the message says so."""
    call = ToolCallResult(id="1", name="lookup", arguments={}, result='{"p": 5, "q": 6}')
    found = message("called", {"tool": "lookup", "returns": {"p": 5}}, turn(calls=(call,)))
    assert found.endswith(", which has more keys: returns is the whole result, not a part of it")
    assert "more keys" not in message("called", {"tool": "lookup", "returns": {"p": 6}}, turn(calls=(call,)))


def test_a_result_with_numbers_that_json_lacks_is_a_text():
    """NaN and infinities in a result are no numbers to compare."""
    for result in ("[1e999]", "[Infinity]"):
        call = ToolCallResult(id="1", name="lookup", arguments={}, result=result)
        assert message("called", {"tool": "lookup", "returns": [{"min": 0}]}, turn(calls=(call,)))
