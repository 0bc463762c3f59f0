"""The checks that are made of others: not, all_of, any_of."""

from __future__ import annotations

from itertools import product

import pytest
from check_cases import judged, message, mistakes, turn
from hypothesis import given, settings
from hypothesis import strategies as st

from convrun.checks.code import Code
from convrun.checks.context import CheckContext
from convrun.checks.registry import asks_model, changed, code_paths, inner, leaves, render, runs_code, templates
from convrun.checks.registry import tool_names as named
from convrun.templates import Text

YES, NO = {"contains": "NO"}, {"contains": "YES"}  # of the reply NO
CHECKS = st.recursive(
    st.sampled_from([("contains", "NO"), ("equals", "YES"), ("called", "lookup"), ("finish_reason", "length")]),
    lambda one: st.one_of(
        one.map(lambda check: ("not", dict([check]))),
        st.tuples(
            st.sampled_from(["all_of", "any_of"]),
            st.lists(one.map(lambda check: dict([check])), min_size=1, max_size=3),
        ),
    ),
    max_leaves=12,
)


def _crash(context: CheckContext) -> None:
    raise KeyError(context.reply)


def _seven(_context: CheckContext) -> int:
    return 7


CRASH = {"python": Code(path="rules:crash", target=_crash)}
SEVEN = {"python": Code(path="rules:seven", target=_seven)}


@pytest.mark.parametrize("parts", [*product([YES, NO], repeat=2), (YES,), (NO,)])
def test_all_and_any(parts):
    """all_of holds where each check does, any_of where one does, and `not` of them where they do not."""
    holding = [part is YES for part in parts]
    for kind, holds in (("all_of", all(holding)), ("any_of", any(holding))):
        assert judged(kind, [*parts]).verdict == ("passed" if holds else "failed")
        assert judged("not", {kind: [*parts]}).verdict == ("failed" if holds else "passed")


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (
            "all_of",
            [YES, NO],
            "expected all of 2 checks to hold, check 2 does not: expected the reply to contain 'YES', got 'NO'",
        ),
        (
            "all_of",
            [YES, NO, {"matches": "^Y"}],
            (
                "expected all of 3 checks to hold, 2 do not:\n"
                "check 2: expected the reply to contain 'YES', got 'NO'\n"
                "check 3: expected the reply to match '^Y', got 'NO'"
            ),
        ),
        (
            "any_of",
            [NO, {"not": YES}],
            (
                "expected at least one of 2 checks to hold, none does:\n"
                "check 1: expected the reply to contain 'YES', got 'NO'\n"
                "check 2: expected the reply not to contain 'NO', got 'NO'"
            ),
        ),
        (
            "not",
            {"any_of": [NO, YES]},
            "expected none of 2 checks to hold, check 2 does: expected the reply not to contain 'NO', got 'NO'",
        ),
        (
            "not",
            {"all_of": [YES, {"not": NO}]},
            (
                "expected not all of 2 checks to hold, all do:\n"
                "check 1: expected the reply not to contain 'NO', got 'NO'\n"
                "check 2: expected the reply to contain 'YES', got 'NO'"
            ),
        ),
        (
            "any_of",
            [NO, {"all_of": [NO, {"equals": "A"}, YES]}],
            (
                "expected at least one of 2 checks to hold, none does:\n"
                "check 1: expected the reply to contain 'YES', got 'NO'\n"
                "check 2: expected all of 3 checks to hold, 2 do not:\n"
                "  check 1: expected the reply to contain 'YES', got 'NO'\n"
                "  check 2: expected the reply to equal 'A', got 'NO'"
            ),
        ),
        (
            "any_of",
            [{**NO, "because": "it asks"}],
            (
                "expected at least one of 1 check to hold, check 1 does not: "
                "expected the reply to contain 'YES', got 'NO' (because: it asks)"
            ),
        ),
        ("not", {**YES, "because": "it asks"}, "expected the reply not to contain 'NO', got 'NO' (because: it asks)"),
        (
            "not",
            {"any_of": [YES, YES, NO], "because": "it asks"},
            (
                "expected none of 3 checks to hold, 2 do (because: it asks):\n"
                "check 1: expected the reply not to contain 'NO', got 'NO'\n"
                "check 2: expected the reply not to contain 'NO', got 'NO'"
            ),
        ),
    ],
)
def test_which_of_them_is_said(kind, value, said):
    """The message names the checks that make it fail, each with its own message and reason."""
    assert message(kind, value) == said


@pytest.mark.parametrize("kind", ["all_of", "any_of"])
@pytest.mark.parametrize("others", [[YES], [NO]])
def test_what_cannot_be_judged_makes_the_whole_an_error(kind, others):
    """Whatever the others say, also below `not`: nothing holds that was not judged."""
    for value in ([*others, SEVEN], [SEVEN, *others]):
        number = value.index(SEVEN) + 1
        said = f"check {number} cannot be judged: 'rules:seven' returned an int, 7 "
        for result in (judged(kind, value), judged("not", {kind: value})):
            assert (result.verdict, result.message[: len(said)]) == ("error", said)
        crashed = judged(kind, [CRASH if one is SEVEN else one for one in value])
        assert (crashed.verdict, crashed.message) == ("error", "the check raised KeyError: 'NO'")


@settings(deadline=None)
@given(CHECKS)
def test_not_of_a_check_is_the_opposite(check):
    """Whatever a check is made of, it holds where `not` of it fails, and says the same when it is judged again."""
    kind, value = check
    first = judged(kind, value)
    assert judged(kind, value) == first
    assert {first.verdict, judged("not", {kind: value}).verdict} == {"passed", "failed"}


def test_what_was_looked_at_is_said_once():
    """`actual` is what all of them saw, or what each did."""
    assert judged("all_of", [YES, NO]).actual == "NO"
    assert judged("all_of", [YES, {"finish_reason": "stop"}]).actual == ["NO", "stop"]


@pytest.mark.parametrize(
    ("kind", "value", "path", "what"),
    [
        ("all_of", YES, (), "all_of takes a list of checks"),
        ("any_of", "YES", (), "any_of takes a list of checks"),
        ("any_of", Text(source="{{ x }}"), (), "any_of takes a list of checks"),
        ("all_of", [], (), "an empty list: there is nothing to judge"),
        ("all_of", [YES, "YES"], (1,), "a check is wanted, a mapping with its kind as the key"),
        ("all_of", [YES, Text(source="{{ x }}")], (1,), "a check is wanted, a mapping with its kind as the key"),
        ("all_of", [{}], (0,), "a check is wanted, a mapping with its kind as the key"),
        ("all_of", [{"because": "so"}], (0,), "a check is wanted, a mapping with its kind as the key"),
        ("all_of", [{**YES, "equals": "NO"}], (0,), "a check is wanted, a mapping with its kind as the key"),
        ("all_of", [{**YES, "becuase": "so"}], (0, "becuase"), "a second kind: 'becuase'"),
        ("all_of", [{"contian": "NO"}], (0, "contian"), "unknown check 'contian'"),
        ("any_of", [{"not": {"all_of": [{"one_of": ["a", 1]}]}}], (0, "not", "all_of", 0, "one_of", 1), "a text is"),
        ("any_of", [{**YES, "because": 5}], (0, "because"), "a text is wanted, not the number 5"),
        ("any_of", [{"expect_error": {"status": 400}}], (0, "expect_error"), "unknown check 'expect_error'"),
        ("not", Text(source="{{ x }}"), (), "not takes one check, a mapping with its kind as the key"),
    ],
)
def test_wrong_combinations(kind, value, path, what):
    """Each mistake has its path; what a template would make of it is nothing to know the tools and code of."""
    found = mistakes(kind, value)
    assert [(one[0], one[1][: len(what)]) for one in found] == [(path, what)]


def test_every_mistake_within_is_said():
    """One mistake does not hide the others."""
    found = mistakes("all_of", [{"contains": 5}, {"any_of": [{"equals": None}, {"matches": "("}]}])
    assert [path for path, _, _ in found] == [
        (0, "contains"),
        (1, "any_of", 0, "equals"),
        (1, "any_of", 1, "matches"),
    ]


VALUE = [
    {"contains": Text(source="{{ x }}"), "because": "so"},
    {
        "not": {
            "any_of": [
                {"called": {"tool": "f"}},
                {"json_schema": "m:M"},
                {"json_schema": {"const": Text(source="{{ y }}")}},
            ]
        }
    },
    {"python": "m:f"},
]


def test_what_stands_within():
    """Templates, tools, import paths and the checks themselves are found at every depth, with their paths."""
    assert [path for path, _, _ in inner("all_of", VALUE)] == [(0, "contains"), (1, "not"), (2, "python")]
    assert [(path, kind) for path, kind, _ in leaves("all_of", VALUE)] == [
        ((0, "contains"), "contains"),
        ((1, "not", "any_of", 0, "called"), "called"),
        ((1, "not", "any_of", 1, "json_schema"), "json_schema"),
        ((1, "not", "any_of", 2, "json_schema"), "json_schema"),
        ((2, "python"), "python"),
    ]
    assert list(templates("all_of", VALUE)) == [VALUE[0]["contains"]]
    assert named("all_of", VALUE) == [((1, "not", "any_of", 0, "called", "tool"), "f")]
    assert code_paths("all_of", VALUE) == [(1, "not", "any_of", 1, "json_schema"), (2, "python")]


def test_what_stands_within_is_rendered():
    """Templates become texts at every depth, those of schemas stay as they are, and so do reasons."""
    rendered = render("all_of", VALUE, {"x": "NO"})
    assert rendered[0] == {"contains": "NO", "because": "so"}
    assert rendered[1]["not"]["any_of"][2] == {"json_schema": {"const": "{{ y }}"}}
    assert changed("not", {"equals": "a", "because": "b"}, lambda kind, value: (kind, value)) == {
        "equals": ("equals", "a"),
        "because": "b",
    }


@pytest.mark.parametrize(
    ("kind", "value", "runs"),
    [
        ("python", "m:f", True),
        ("json_schema", "m:M", True),
        ("json_schema", {"type": "object"}, False),
        ("sql", "SELECT 1", True),
        ("contains", "m:f", False),
        ("any_of", [{"contains": "a"}, {"not": {"python": "m:f"}}], True),
        ("any_of", [{"contains": "a"}, {"not": {"equals": "m:f"}}], False),
    ],
)
def test_whether_code_judges(kind, value, runs):
    """A function, a model's class and a kind that is not ours are code, also within other checks."""
    assert runs_code(kind, value) is runs
    assert not asks_model(kind, value)


def test_a_combination_is_judged_of_what_there_is():
    """Each part sees the same turn."""
    value = [{"equals": "A"}, {"finish_reason": "length"}]
    assert judged("all_of", value, turn("A", (), "length")).verdict == "passed"


def test_not_turns_a_check_around():
    """What holds fails, with the same words; what fails passes; twice is once."""
    assert message("not", {"contains": "YES"}) == ""
    assert message("not", {"contains": "N"}) == "expected the reply not to contain 'N', got 'NO'"
    assert message("not", {"not": {"contains": "Y"}}) == "expected the reply to contain 'Y', got 'NO'"
    assert message("not", {"finish_reason": "stop"}) == "expected the finish reason not to be 'stop', got 'stop'"
    assert message("not", {"calls": {"only": ["add"]}}, turn(calls=())) == (
        "expected the tool calls not to be only of add, no tool was called"
    )


def test_not_leaves_an_error_an_error():
    """What cannot be judged cannot be judged the other way round either."""
    assert judged("not", CRASH).verdict == "error"


@pytest.mark.parametrize(
    ("value", "path", "what", "fix"),
    [
        ("contains", (), "not takes one check, a mapping with its kind as the key", "write not: {contains: …}"),
        ({}, (), "not takes one check, a mapping with its kind as the key", "write not: {contains: …}"),
        ({"equals": "a", "contains": "a"}, (), "not takes one check, a mapping with its kind as the key", None),
        ({"contain": "a"}, ("contain",), "unknown check 'contain'", "did you mean 'contains'?"),
        ({"not": {"one_of": ["a", 1]}}, ("not", "one_of", 1), "a text is wanted, not the number 1", None),
    ],
)
def test_a_wrong_not(value, path, what, fix):
    """Mistakes of the check inside have their path from the outside."""
    found = mistakes("not", value)[0]
    assert found[:2] == (path, what)
    assert fix is None or found[2] == fix
