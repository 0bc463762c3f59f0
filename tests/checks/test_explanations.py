"""What is told of a failing check beyond its message: few lines, whatever was compared, that no text can forge."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from check_cases import judged, message, turn
from hypothesis import given
from hypothesis import strategies as st

from convrun.checks.explaining.alignment import Costs, aligned
from convrun.checks.explaining.remarks import part_remark, text_remark, type_remark
from convrun.checks.explaining.shared import shared_end, shared_start
from convrun.checks.explaining.spans import differing_spans
from convrun.checks.explaining.texts import nearest, texts_differ
from convrun.checks.explaining.values import difference_lines, values_differ
from convrun.results import ToolCallResult
from convrun.source import printable
from convrun.values import equal

MOST = 30  # lines of an explanation
WIDE = 240  # characters of one
LEFT = "LEFT SINGLE QUOTATION MARK"
WHITE = "where only white space"
LOOKS = "where only look-alikes differ"
SENTENCE = "Your parcel left Lisbon on Monday, and the driver says that it arrives on Thursday before noon. "
BIG = SENTENCE * 10_500  # a megabyte


def call(name, **arguments):
    """A tool call."""
    return ToolCallResult(id="1", name=name, arguments=arguments, result="fine")


def in_bounds(lines):
    """Whether lines are few and short, and hold nothing that a terminal acts on."""
    return len(lines) <= MOST and all(printable(line) == line and len(line) <= WIDE for line in lines)


@pytest.mark.parametrize(
    ("expected", "actual", "remark"),
    [
        ("YES", "yes", ", where only upper and lower case differ"),
        ("a b", "a b\n", ", where only white space differs: expected none, got a line break"),
        ("a b", "a\tb", ", where only white space differs: expected a space, got a tab"),
        ("a b", "ab", ", where only white space differs: expected a space, got none"),
        ("a\nb", "a\r\n\nb", f", {WHITE} differs: expected a line break, got a carriage return and 2 line breaks"),
        ("12 kg", "12\u00a0kg", ", where only white space differs: expected a space, got a no-break space (U+00A0)"),
        ("ab", "a\u00adb", ", where only invisible characters differ: expected none, got U+00AD SOFT HYPHEN"),
        ("caf\u00e9", "cafe\u0301", ", where only Unicode normalisation differs: expected NFC, got NFD"),
        ("Z\u00fcrich", "Zurich", ", where only accents differ"),
        ("'", "\u2018", f", {LOOKS}: expected ''' (U+0027 APOSTROPHE), got '\u2018' (U+2018 {LEFT})"),
        ("a-b", "A \u2013 b", ", where only upper and lower case, white space and look-alikes differ"),
        ("fi", "\ufb01", ", where only upper and lower case differ"),  # case folding knows the ligature
        ("1", "\uff11", f", {LOOKS}: expected '1' (U+0031 DIGIT ONE), got '\uff11' (U+FF11 FULLWIDTH DIGIT ONE)"),
        ("YES", "NO", ""),
        ("", "x", ""),
    ],
)  # fmt: skip
def test_what_is_all_that_differs_is_said_in_words(expected, actual, remark):
    """Where two texts differ only in case, white space, form or looks, that is said, and what stands there."""
    assert text_remark(expected, actual) == remark


def test_a_part_that_is_nearly_there_says_in_which_way():
    """The same is said of a text within another."""
    assert part_remark("in rome", "It was in Rome.") == ", where only upper and lower case differ"
    assert part_remark("12 kg", "It weighs 12\u00a0kg.") == ", where only white space differs"
    assert part_remark("Oslo", "It was in Rome.") == ""


@pytest.mark.parametrize(
    ("expected", "actual", "remark"),
    [
        (5, "5", " (a text, not a number)"),
        ("5", 5, " (a number, not a text)"),
        (5, "5.0", " (a text, not a number)"),
        (True, "true", " (a text, not true/false)"),
        (1, True, " (true/false, not a number)"),
        (None, "null", " (a text, not null)"),
        (5, 5.0, ""),
        (5, "6", ""),
        ("a", ["a"], ""),
    ],
)
def test_values_of_two_types_that_look_the_same_are_told_apart(expected, actual, remark):
    """A value that only has another type is said to have it."""
    assert type_remark(expected, actual) == remark


def test_a_long_text_is_shown_where_it_differs():
    """A window around each difference, with what differs marked in both texts, wherever it is in a megabyte."""
    actual = BIG[:500_003] + "???" + BIG[500_003:]
    lines = texts_differ(BIG, actual).lines
    assert lines[0] == "expected (-) and actual (+):"
    assert len(lines) == 4
    assert lines[3].replace("^", "").strip() == ""
    assert lines[2][lines[3].index("^") : lines[3].rindex("^") + 1] == "???"


def test_lines_that_differ_are_shown_with_those_around_them():
    """Of several lines those that differ are shown, numbered, a blank at the end of one as a sign."""
    found = texts_differ("a\nb\nc\nd\ne\nf", "a\nb\nC\nd\ne \nf\ng").lines
    assert found == (
        "expected (-) and actual (+):",
        "line 2:",
        "  b",
        "- c",
        "+ C",
        "  d",
        "- e",
        "+ e\u00b7",
        "   ^",
        "  f",
        "+ g",
        "  (\u00b7 is a space)",
    )


def test_what_was_expected_is_looked_for_in_a_long_reply():
    """The nearest part of a megabyte is found, and shown where it differs."""
    reply = BIG + "The population is 123.124 people. " + BIG
    result = judged("contains", "population is 123,124 people", turn(reply))
    assert result.comparison[0] == f"nearest, at character {len(BIG) + 5}:"
    assert result.comparison[1] == "- population is 123,124 people"
    assert "population is 123.124 people" in result.comparison[3]
    assert nearest("something of which there is nothing", BIG) is None


@pytest.mark.parametrize(
    ("wanted", "there", "lines"),
    [
        ({"b": [1, {"c": "5"}]}, {"b": [1, {"c": 5}]}, ["$.b[1].c: expected '5', got 5 (a number, not a text)"]),
        ({"name": 1}, {"nam": 1}, ["$.name: missing (there is 'nam'), expected 1", "$.nam: not expected, got 1"]),
        ([1, 2, 3, 4], [2, 3, 4, 5], ["$: missing 1 (item 0 of those expected)", "$[3]: not expected, got 5"]),
        ([1, 2, 3], [1, 9, 3], ["$[1]: expected 2, got 9"]),
        (
            [{"id": 1, "n": 1}, {"id": 2, "n": 2}],
            [{"id": 2, "n": 3}],
            [
                "$: expected 2 items, got 1",
                '$: missing {"id": 1, "n": 1} (item 0 of those expected)',
                "$[0].n: expected 2, got 3",
            ],
        ),
        ([1, 2, 3], [3, 1, 2], ["$: the same items in another order: expected [1, 2, 3], got [3, 1, 2]"]),
        ({"a b": {"\n": 1}}, {"a b": {"\n": 2}}, ["$['a b']['\\n']: expected 1, got 2"]),
    ],
)  # fmt: skip
def test_json_is_told_by_path(wanted, there, lines):
    """What is missing, extra or another is named by its path; lists are aligned."""
    assert list(values_differ(wanted, there).lines) == lines


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES, JSON_VALUES)
def test_there_is_a_line_exactly_where_values_differ(wanted, there):
    """Equal values have no line, others have at least one, and none can be taken for two."""
    lines = list(difference_lines(wanted, there, "$", exact=True))
    assert bool(lines) is not equal(wanted, there)
    assert all(printable(line) == line for line in lines)


@given(st.text(max_size=80), st.text(max_size=80))
def test_spans_lead_from_one_text_to_the_other(expected, actual):
    """What stands between the differing pieces is the same in both texts, in order and without overlap."""
    spans = differing_spans(expected, actual)
    if spans is None:
        return
    ends = [(0, 0), *((span.end, span.other_end) for span in spans)]
    starts = [*((span.start, span.other_start) for span in spans), (len(expected), len(actual))]
    assert all(
        expected[end[0] : start[0]] == actual[end[1] : start[1]] for end, start in zip(ends, starts, strict=True)
    )


@given(st.text(alphabet="ab", max_size=9000), st.text(alphabet="ab", max_size=9))
def test_what_texts_share_at_their_ends(text, tail):
    """It is as long as it can be, counted in pieces or not."""
    left, right = text + "c" + tail, text + "d" + tail
    assert shared_start(left, right) == len(text)
    assert shared_end(left, right) == len(tail)
    assert shared_start(text, text) == shared_end(text, text) == len(text)


@given(st.lists(st.integers(0, 3), max_size=8), st.lists(st.integers(0, 3), max_size=8), st.booleans())
def test_an_alignment_has_every_item_once_in_order(left, right, late):
    """Every item of both lists is in one row, rows are in order, and equal lists stand side by side."""
    rows = aligned(left, right, same=int.__eq__, alike=lambda *_: None, costs=Costs(late=late))
    assert [i for i, _ in rows if i is not None] == [*range(len(left))]
    assert [j for _, j in rows if j is not None] == [*range(len(right))]
    assert all(left[i] == right[j] for i, j in rows if i is not None and j is not None)
    assert left != right or all(i == j for i, j in rows)


def test_calls_stand_side_by_side():
    """Each expected call stands beside the one that was made, with what differs, or with nothing."""
    wanted = ["search", {"tool": "book", "with": {"seats": "2"}}, "pay"]
    calls = (call("search", q="a"), call("book", seats=2), call("cancel"))
    assert judged("calls", {"exactly": wanted}, turn(calls=calls)).comparison == (
        "           expected        | actual",
        "  same     search          | search(q='a')",
        "  differs  book(seats='2') | book(seats=2)",
        "             seats: expected '2', got 2 (a number, not a text)",
        "- missing  pay             |",
        "+ extra                    | cancel()",
    )


def test_the_nearest_call_is_shown_with_the_argument_that_differs():
    """Of several calls of a tool the one that has most of what was expected."""
    calls = (call("book", guest="Ada", seats=1), call("book", guest="Zoe", seats=4), call("pay"))
    result = judged("called", {"tool": "book", "with": {"guest": "Zoe", "seats": 5}}, turn(calls=calls))
    assert result.comparison == (
        "nearest is call 2 of 3, book(guest='Zoe', seats=4):",
        "  seats: expected 5, got 4",
    )


@pytest.mark.parametrize("mode", ["in_order", "only"])
def test_ten_thousand_calls_take_few_lines(mode):
    """The table of many calls is short, and so is the message."""
    calls = tuple(call("look", city=f"city {number}", deep={"a": [number]}) for number in range(10_000))
    wanted = [{"tool": "look", "with": {"city": f"city {number * 7}", "deep": {"a": [1]}}} for number in range(30)]
    result = judged("calls", {mode: [*wanted, "pay"]}, turn(calls=calls))
    assert result.verdict == "failed"
    assert in_bounds(result.comparison)
    assert len(result.message) < 2_000


def test_of_many_calls_in_any_order_only_what_is_missing_is_told_so():
    """Calls that are there count as such wherever they stand, also in the thousands."""
    calls = tuple(ToolCallResult(id=str(at), name="f", arguments={"a": at}) for at in range(1_200))
    wanted = [{"tool": "f", "with": {"a": at}} for at in reversed(range(1_200))]
    lines = judged("calls", {"any_order": [*wanted, "g"]}, turn(calls=calls)).comparison
    assert [line.split()[2] for line in lines if "missing" in line] == ["g"]


@pytest.mark.parametrize("reply", [BIG, "a\n" * 500_000, "\u0430 " * 500_000, "\x1b\u202e" * 500_000])
def test_a_megabyte_takes_few_lines(reply):
    """A failure of a long reply is told in few short lines without control characters."""
    for kind in ("equals", "contains", "ends_with", "matches"):
        result = judged(kind, SENTENCE + "b\nc", turn(reply))
        assert result.verdict == "failed"
        assert in_bounds(result.comparison)


def test_large_json_takes_few_lines():
    """Thousands of differences are counted, not listed."""
    reply = json.dumps({f"key {number}": [str(number)] * 5 for number in range(1_000)})
    wanted = {f"key {number}": [number] * 5 for number in range(1_000)}
    for condition in ("equals", "contains"):
        assert in_bounds(judged("json", {"path": "$", condition: wanted}, turn(reply)).comparison)
    schema = {"additionalProperties": {"items": {"type": "integer"}}}
    assert in_bounds(judged("json_schema", schema, turn(reply)).comparison)
    assert in_bounds(judged("json", {"path": "$.*[*]", "max": 3}, turn(reply)).comparison)


@given(st.text(max_size=300), st.text(min_size=1, max_size=300))
def test_no_text_can_forge_a_line(reply, wanted):
    """Whatever a reply holds, no line of what is told of it has a line break or a control character."""
    for kind, value in (
        ("equals", wanted),
        ("contains", wanted),
        ("one_of", [wanted, "x"]),
        ("similar", {"to": wanted}),
    ):
        assert in_bounds(judged(kind, value, turn(reply)).comparison)


def test_an_expression_that_one_change_would_let_match_says_which():
    """Case, line ends, the dot and white space around the reply are tried."""
    for pattern, reply, told in (
        ("^yes$", "Yes", "begin it with (?i)"),
        ("^b$", "a\nb\nc", "begin it with (?m)"),
        ("a.b", "a\nb", "begin it with (?s)"),
        ("^YES\\Z", " YES\n", "white space at the ends of the reply keeps it from being found"),
    ):
        assert message("matches", pattern, turn(reply)).endswith(told)
    assert message("matches", "^x$", turn("y")) == "expected the reply to match '^x$', got 'y'"


def test_what_should_not_be_there_is_shown():
    """Below `not` the place is told of what is there."""
    result = judged("not", {"contains": "euros"}, turn("It costs a lot.\nNamely 12 euros."))
    assert result.comparison[:3] == (
        "found at character 27 (line 2):",
        "  It costs a lot.\u21b5Namely 12 euros.",
        "                            ^^^^^",
    )


def test_marks_stand_below_what_they_mark():
    """Also behind letters that take two columns, and those that take none."""
    lines = (
        texts_differ("京都 e\u0301t\u0301 one", "京都 e\u0301t\u0301 two").lines
        or texts_differ("京都" * 40 + " one", "京都" * 40 + " two").lines
    )
    marked = [(above, below) for above, below in pairwise(lines) if "^" in below]
    assert marked
    assert all(below.count("^") >= 1 for _, below in marked)
