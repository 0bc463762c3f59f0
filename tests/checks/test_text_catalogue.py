"""The checks icontains, starts_with, ends_with, contains_all, contains_any, words, chars, similar and refusal."""

from __future__ import annotations

from time import monotonic

import pytest
from check_cases import figures, judged, message, mistakes, turn
from hypothesis import given, settings
from hypothesis import strategies as st

from convrun.checks.catalogue.similarity import similarity

LONG = "word " * 250_000


@pytest.mark.parametrize(
    ("kind", "value", "reply"),
    [
        ("icontains", "ROME", "in Rome"),
        ("icontains", "STRASSE", "Eine Straße"),
        ("icontains", "\u00c9T\u00c9", "un e\u0301te\u0301"),
        ("starts_with", "caf\u00e9", "cafe\u0301 au lait"),
        ("starts_with", "YES", "YES"),
        ("ends_with", ".", "Done."),
        ("ends_with", "e\u0301", "caf\u00e9"),
        ("contains_all", ["a", "b", "a"], "b a"),
        ("contains_any", ["x", "e\u0301"], "\u00e9"),
        ("words", {"min": 2, "max": 2}, " a \n b "),
        ("words", {"max": 0}, " \u00a0"),
        ("chars", {"min": 3, "max": 3}, "a\U0001f40d "),
        ("similar", {"to": "dragons need people", "at_least": 1}, "people need dragons"),
        ("similar", {"to": "Dragons need people."}, "Dragons need a people."),
        ("similar", {"to": "caf\u00e9", "at_least": 1.0}, "cafe\u0301"),
        ("refusal", False, "Yes."),
        ("refusal", {"phrases": ["I can't"]}, "Sorry, i CAN'T do that."),
    ],
)
def test_it_holds(kind, value, reply):
    """Texts are compared in NFC; icontains and the phrases of a refusal in either case; words in any order."""
    result = judged(kind, value, turn(reply))
    assert (result.verdict, result.message, result.expected) == ("passed", "", value)


@pytest.mark.parametrize(
    ("kind", "value", "reply", "expected"),
    [
        ("icontains", "rome", "Paris", "expected the reply to contain 'rome' in upper or lower case, got 'Paris'"),
        ("starts_with", "YES", "NO, no", "expected the reply to start with 'YES', it starts with 'NO, no'"),
        ("starts_with", "YES", "", "expected the reply to start with 'YES', got an empty reply"),
        (
            "starts_with",
            "YES",
            " YES",
            "expected the reply to start with 'YES', it starts with ' YES', where white space stands before it",
        ),
        (
            "starts_with",
            "YES",
            "Yes, and much more than that",
            (
                "expected the reply to start with 'YES', it starts with 'Yes, and much more than'…, "
                "where only upper and lower case differ"
            ),
        ),
        (
            "ends_with",
            "bye",
            "so much to say before a Bye",
            (
                "expected the reply to end with 'bye', it ends with …'uch to say before a Bye', "
                "where only upper and lower case differ"
            ),
        ),
        (
            "ends_with",
            ".",
            "Done.\n",
            "expected the reply to end with '.', it ends with 'Done.\\n', where white space stands behind it",
        ),
        (
            "contains_all",
            ["Rome", "Paris", "Oslo"],
            "Rome",
            (
                "expected the reply to contain all of 'Rome', 'Paris', 'Oslo', got 'Rome', "
                "where 'Paris', 'Oslo' are missing"
            ),
        ),
        (
            "contains_all",
            ["rome", "Oslo"],
            "Oslo, Rome",
            (
                "expected the reply to contain all of 'rome', 'Oslo', got 'Oslo, Rome', where 'rome' is missing; "
                "of 'rome' only upper and lower case differ"
            ),
        ),
        (
            "contains_any",
            ["a", "b", "c", "d", "e", "f", "g"],
            "x",
            "expected the reply to contain any of 'a', 'b', 'c', 'd', 'e' and 2 more, got 'x'",
        ),
        (
            "words",
            {"max": 1},
            "two words",
            "expected the reply to have at most 1 word, got 2 words: 'two words'",
        ),
        ("words", {"min": 1}, "", "expected the reply to have at least 1 word, got 0 words"),
        ("chars", {"min": 2, "max": 3}, "a", "expected the reply to have 2 to 3 characters, got 1 character: 'a'"),
        ("chars", {"min": 2, "max": 2}, "a", "expected the reply to have exactly 2 characters, got 1 character: 'a'"),
        (
            "similar",
            {"to": "dragons need people", "at_least": 0.95},
            "people fear dragons",
            (
                "expected the reply to be similar to 'dragons need people' by at least 0.95, it is by 0.842: "
                "it lacks 'need' and has in addition 'fear'"
            ),
        ),
        (
            "similar",
            {"to": "yes"},
            "",
            "expected the reply to be similar to 'yes' by at least 0.8, it is by 0: got an empty reply",
        ),
        ("refusal", True, "Yes.", "expected the model to refuse, got 'Yes.'"),
        (
            "refusal",
            {"phrases": ["no way", "never"]},
            "Yes.",
            "expected the model to refuse or say 'no way', 'never', got 'Yes.'",
        ),
    ],
)
def test_it_fails(kind, value, reply, expected):
    """The message says what was expected, what came, and which part of it differs."""
    assert message(kind, value, turn(reply)) == expected


@pytest.mark.parametrize(
    ("kind", "value", "reply", "expected"),
    [
        (
            "contains_any",
            ["a", "x"],
            "ab",
            "expected the reply not to contain any of 'a', 'x', got 'ab', which has 'a'",
        ),
        ("contains_all", ["a", "b"], "ab", "expected the reply not to contain all of 'a', 'b', got 'ab'"),
        ("words", {"max": 2}, "ab", "expected the reply not to have at most 2 words, got 1 word: 'ab'"),
        ("similar", {"to": "ab"}, "ab", "expected the reply not to be similar to 'ab' by at least 0.8, it is by 1"),
        ("refusal", False, "ab", "expected the model to refuse, got 'ab'"),
        (
            "refusal",
            {"phrases": ["b"]},
            "ab",
            "expected the model not to refuse or say 'b', got 'ab', which has 'b'",
        ),
    ],
)
def test_it_fails_under_not(kind, value, reply, expected):
    """Under not the message says what is there and should not be."""
    assert message("not", {kind: value}, turn(reply)) == expected


def test_a_refusal_is_what_the_provider_calls_one():
    """The provider's field decides, whatever the reply says; the message has the model's own words."""
    refused = figures(refusal="I can't help with that.")
    assert message("refusal", True, refused) == ""
    assert message("refusal", {"phrases": ["never"]}, refused) == ""
    expected = 'expected the model not to refuse, it refused: "I can\'t help with that."'
    assert message("refusal", False, refused) == expected


SMALL = "write max, or a greater min"
EXAMPLE = "write {phrases: ['I cannot help']}"


@pytest.mark.parametrize(
    ("kind", "value", "path", "what", "fix"),
    [
        ("icontains", "", (), "an empty text: every reply contains it", "write what is expected"),
        ("starts_with", "", (), "an empty text: every reply starts with it", "write what is expected"),
        ("ends_with", "", (), "an empty text: every reply ends with it", "write what is expected"),
        ("starts_with", 5, (), "a text is wanted, not the number 5", "quote it: '5'"),
        ("contains_all", "Rome", (), "a list of texts is wanted, not the text 'Rome'", "write [Rome]"),
        ("contains_all", [], (), "an empty list: every reply contains all of none", "list at least one of the texts"),
        ("contains_any", ["a", ""], (1,), "an empty text: one of the texts", "write what is expected"),
        (
            "words",
            5,
            (),
            "a mapping with min or max is wanted, not the number 5",
            "write {max: 5}, {min: 5}, or both for exactly so many",
        ),
        ("words", {}, (), "neither min nor max", "say how many words: {min: 1}, {max: 100}, or both"),
        ("words", {"max": -1}, ("max",), "a whole number from 0 is wanted, not -1", None),
        ("chars", {"min": 1.5}, ("min",), "a whole number from 0 is wanted, not 1.5", None),
        ("chars", {"min": 0}, ("min",), "min 0 always holds", SMALL),
        ("chars", {"min": 3, "max": 2}, ("max",), "max 2 is below min 3", "no number is between them: swap them"),
        ("chars", {"mix": 3}, ("mix",), "unknown key 'mix'", "did you mean 'min'?"),
        ("similar", "dragons", (), "a mapping with `to` is wanted, not a text", "write {to: '…'}"),
        ("similar", {"to": ""}, ("to",), "an empty text: nothing is like it", "write what is expected"),
        (
            "similar",
            {"at_least": 0.5},
            (),
            "no `to`",
            "add the text that the reply is to be like, as to: '…'",
        ),
        (
            "similar",
            {"to": "a", "at_least": 80},
            ("at_least",),
            "a number above 0 and up to 1 is wanted, not 80",
            "write 0.8",
        ),
        (
            "similar",
            {"to": "a", "at_least": 0},
            ("at_least",),
            "a number above 0 and up to 1 is wanted, not 0",
            "1 is for the same words, 0.8 is the default",
        ),
        ("refusal", "no", (), "true or false is wanted, not the text 'no'", "write false"),
        ("refusal", ["no"], (), "true, false or a mapping with phrases is wanted", EXAMPLE),
        ("refusal", {}, (), "no phrases", "write true, or {phrases: ['I cannot help']}"),
        ("refusal", {"phrases": []}, ("phrases",), "an empty list: write true where none is to be added", None),
        ("refusal", {"phrase": ["a"]}, ("phrase",), "unknown key 'phrase'", "did you mean 'phrases'?"),
    ],
)
def test_a_wrong_value(kind, value, path, what, fix):
    """What cannot be meant, and what every reply or none would meet, is refused with its place and its fix."""
    found = mistakes(kind, value)
    assert found[0][:2] == (path, what)
    assert fix is None or found[0][2] == fix
    assert len(found) == 1


@settings(max_examples=50)
@given(st.lists(st.text("ab ", max_size=6), max_size=8), st.lists(st.text("ab ", max_size=6), max_size=8))
def test_long_texts_are_never_found_more_similar_than_they_are(left, right):
    """By whole words the ratio is that of rapidfuzz, or less; the same words are always 1."""
    from convrun.checks.catalogue import similarity as module

    one, other = " ".join(left), " ".join(right)
    exact = similarity(one, other)
    counted = module._by_words(module.Counter(one.split()), module.Counter(other.split()))
    assert counted <= exact + 1e-9 or not (one.split() or other.split())
    assert sorted(one.split()) != sorted(other.split()) or counted == 1.0


def test_a_megabyte_is_compared_in_bounded_time():
    """Two texts of more than a megabyte, for which rapidfuzz would take minutes, are compared at once."""
    began = monotonic()
    assert similarity(LONG, LONG + "more") > 0.99
    assert similarity("x" * 10**6, "y" * 10**6) == 0.0
    assert monotonic() - began < 5
