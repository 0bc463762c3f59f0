"""The checks equals, contains, one_of and matches."""

from __future__ import annotations

import unicodedata

import pytest
from check_cases import judged, message, mistakes, turn
from hypothesis import given
from hypothesis import strategies as st

QUOTE = "quote it: '5'"


@pytest.mark.parametrize(
    ("kind", "value", "reply"),
    [
        ("equals", "YES", "YES"),
        ("equals", "YES", "\n YES\u00a0\n"),
        ("equals", " YES\n", "YES"),
        ("equals", "caf\u00e9", "cafe\u0301"),
        ("equals", "", " \n"),
        ("contains", "Crumpet", "In Crumpet, yes"),
        ("contains", "e\u0301t", "\u00e9t\u00e9"),
        ("contains", " ", "a b"),
        ("one_of", ["YES", "NO"], "NO\n"),
        ("one_of", ["cafe\u0301"], "caf\u00e9"),
        ("matches", "^(YES|NO)$", "NO"),
        ("matches", "(?i)yes", "oh Yes!"),
        ("matches", r"\d+", "about 42 dragons"),
    ],
)
def test_a_text_check_holds(kind, value, reply):
    """Texts are compared in NFC; equals and one_of leave out white space at both ends; a pattern is searched."""
    result = judged(kind, value, turn(reply))
    assert (result.verdict, result.message, result.expected, result.actual) == ("passed", "", value, reply)


@pytest.mark.parametrize(
    ("kind", "value", "reply", "expected"),
    [
        ("equals", "YES", "NO", "expected the reply to equal 'YES', got 'NO'"),
        (
            "equals",
            "YES",
            "yes",
            "expected the reply to equal 'YES', got 'yes', where only upper and lower case differ",
        ),
        ("equals", "5", "5.0", "expected the reply to equal '5', got '5.0'"),
        (
            "equals",
            "a b",
            "a  b",
            (
                "expected the reply to equal 'a b', got 'a  b', where only white space differs: "
                "expected a space, got 2 spaces"
            ),
        ),
        (
            "equals",
            "ab",
            "a\u200bb",
            (
                "expected the reply to equal 'ab', got 'a\\u200bb', where only invisible characters differ: "
                "expected none, got U+200B ZERO WIDTH SPACE"
            ),
        ),
        ("equals", "YES", "", "expected the reply to equal 'YES', got an empty reply"),
        (
            "equals",
            "x" * 70 + "A" + "y" * 40,
            "x" * 70 + "B" + "y" * 40,
            (
                f"expected the reply to equal '{'x' * 37}...{'y' * 37}', got '{'x' * 27}...{'y' * 27}'; "
                "they differ from character 71"
            ),
        ),
        (
            "equals",
            "one\ntwo",
            "one\ntwo" + " and much more than that" * 3,
            (
                "expected the reply to equal 'one\\ntwo', "
                "got 'one\\ntwo and much more than...hat and much more than that'; "
                "it goes on behind that, from character 8 (line 2)"
            ),
        ),
        ("contains", "Rome", "Paris", "expected the reply to contain 'Rome', got 'Paris'"),
        (
            "contains",
            "rome",
            "In Rome",
            "expected the reply to contain 'rome', got 'In Rome', where only upper and lower case differ",
        ),
        ("one_of", ["YES", "NO"], "MAYBE", "expected the reply to be one of 'YES', 'NO', got 'MAYBE'"),
        ("matches", "^YES$", "YES!", "expected the reply to match '^YES$', got 'YES!'"),
        ("matches", "(?m)^b$", "", "expected the reply to match '(?m)^b$', got an empty reply"),
    ],
)
def test_a_text_check_fails(kind, value, reply, expected):
    """The message says what was expected, what came, and for long texts where they begin to differ."""
    assert message(kind, value, turn(reply)) == expected


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("equals", 5, [((), "a text is wanted, not the number 5", QUOTE)]),
        ("equals", True, [((), "a text is wanted, not true", QUOTE.replace("5", "true"))]),
        ("equals", None, [((), "a text is wanted, not null", QUOTE.replace("5", "null"))]),
        ("equals", ["YES"], [((), "a text is wanted, not a list", "write a check for each")]),
        ("contains", {"a": 1}, [((), "a text is wanted, not a mapping", None)]),
        ("contains", "", [((), "an empty text: every reply contains it", "write what is expected")]),
        ("one_of", "YES", [((), "a list of texts is wanted, not the text 'YES'", "write [YES]")]),
        ("one_of", [], [((), "an empty list: no reply can be one of none", "list at least one of the texts")]),
        (
            "one_of",
            ["YES", 5, None],
            [
                ((1,), "a text is wanted, not the number 5", QUOTE),
                ((2,), "a text is wanted, not null", QUOTE.replace("5", "null")),
            ],
        ),
        ("matches", "", [((), "an empty text: it is found in every text", "write what is expected")]),
        (
            "matches",
            "(YES",
            [
                (
                    (),
                    "'(YES' is not a regular expression: missing ), unterminated subpattern at position 0",
                    "put a backslash before a sign that is meant literally",
                )
            ],
        ),
    ],
)
def test_a_wrong_text_value(kind, value, expected):
    """What is no text, and a text that every reply would meet, is refused with its path."""
    assert mistakes(kind, value) == expected


@given(st.text(max_size=20), st.sampled_from(["NFC", "NFD"]), st.sampled_from(["NFC", "NFD"]))
def test_equals_ignores_how_accents_are_written(text, left, right):
    """A text equals itself in whichever normal form either side is written."""
    reply, value = unicodedata.normalize(left, text), unicodedata.normalize(right, text)
    assert judged("equals", value, turn(f"  {reply}\n")).verdict == "passed"


@given(st.text(max_size=200), st.text(max_size=200))
def test_equals_is_equality(left, right):
    """Two texts are equal only if they are the same but for white space at the ends; otherwise a message says so."""
    same = unicodedata.normalize("NFC", left).strip() == unicodedata.normalize("NFC", right).strip()
    assert (message("equals", left, turn(right)) == "") is same
