"""Places in files, and the excerpts that show them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convrun.errors import (
    CancelToolCall,
    ConvrunError,
    ProviderError,
    SpecError,
    SpecErrors,
    UnknownModelError,
    did_you_mean,
)
from convrun.source import Where, excerpt, printable


def test_a_place_is_written_as_far_as_it_is_known() -> None:
    """File, line and column, joined by colons; what is not known is left out."""
    assert str(Where(file="specs/a.yaml")) == "specs/a.yaml"
    assert str(Where(file="specs/a.yaml", line=3)) == "specs/a.yaml:3"
    assert str(Where(file="specs/a.yaml", line=3, column=7)) == "specs/a.yaml:3:7"


def test_the_caret_stands_below_what_is_meant() -> None:
    """As many carets as characters are meant, below their line."""
    lines = excerpt(Where(file="a", line=12, column=5, text="  - contain: x", width=7))
    assert lines == ["   12 |   - contain: x", "      |     ^^^^^^^"]


def test_the_caret_counts_cells_not_characters() -> None:
    """Wide characters before the place move the caret by two cells, combining ones by none."""
    line, caret = excerpt(Where(file="a", line=1, column=4, text="日本e\u0301x", width=1))
    assert line.endswith("日本e\u0301x")
    assert caret == "      | " + " " * 5 + "^"


def test_a_long_line_is_shown_around_the_place() -> None:
    """Of a line that is too long for a screen only the part around the place is shown."""
    text = "a" * 500 + "HERE" + "b" * 500
    line, caret = excerpt(Where(file="a", line=1, column=501, text=text, width=4))
    assert len(line) < 120
    assert line[caret.index("^") :].startswith("HERE")


def test_a_place_without_its_line_has_no_excerpt() -> None:
    """Where the source line is not known, nothing is made up."""
    assert excerpt(Where(file="a", line=1)) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\tb", "a b"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u202eb", "a\\u202eb"),
        ("\ud800", "\\ud800"),
        ("日本 é", "日本 é"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("line\nbreak", "line\\x0abreak"),
    ],
)
def test_control_characters_are_made_visible(text: str, shown: str) -> None:
    """Nothing in a text can move the cursor, colour the screen or reorder what is read; letters stay."""
    assert printable(text) == shown


@given(st.text(), st.integers(1, 400), st.integers(0, 50))
def test_an_excerpt_is_always_two_lines(text: str, column: int, width: int) -> None:
    """Whatever the line holds and wherever the place is, the excerpt has a line and a caret."""
    line = text.splitlines()[0] if text.splitlines() else ""
    shown = excerpt(Where(file="a", line=1, column=column, text=line, width=width))
    assert len(shown) == 2
    assert "^" in shown[1]


def test_an_error_says_where_what_and_how_to_mend_it() -> None:
    """One line for Python, several for people: the place, the excerpt, the fix."""
    where = Where(file="specs/greet.yaml", line=12, column=5, text="  - contain: x", width=7)
    error = SpecError("unknown check 'contain'", where=where, fix="did you mean 'contains'?")
    assert str(error) == "specs/greet.yaml:12:5: unknown check 'contain' (did you mean 'contains'?)"
    assert error.lines() == [
        "specs/greet.yaml:12:5: unknown check 'contain'",
        "   12 |   - contain: x",
        "      |     ^^^^^^^",
        "  did you mean 'contains'?",
    ]


def test_an_error_keeps_the_first_place_it_was_given() -> None:
    """Whoever knows the place best says it first; later ones do not overwrite it."""
    error = ConvrunError("wrong").at(Where(file="a")).at(Where(file="b"))
    assert error.where == Where(file="a")


def test_several_mistakes_are_one_error() -> None:
    """The lines of all mistakes, in the order they were found."""
    found = SpecErrors([SpecError("one"), SpecError("two")])
    assert found.lines() == ["one", "two"]
    assert "2 mistakes" in str(found)


def test_an_unknown_model_is_a_key_error_that_reads_like_the_others() -> None:
    """It can be caught as a KeyError, and its text is not the repr that KeyError would give it."""
    error = UnknownModelError("unknown model 'x'", fix="did you mean 'y'?")
    assert isinstance(error, KeyError)
    assert str(error) == "unknown model 'x' (did you mean 'y'?)"


def test_every_error_of_the_package_stands_in_one_tree() -> None:
    """Provider errors and the signals of tools are ConvrunErrors too."""
    assert issubclass(ProviderError, ConvrunError)
    assert issubclass(CancelToolCall, ConvrunError)


def test_the_nearest_known_word_is_suggested() -> None:
    """A misspelt word gets its neighbour, whatever its case; a strange one gets nothing."""
    assert did_you_mean("Contain", ["contains", "equals"]) == "did you mean 'contains'?"
    assert did_you_mean("zebra", ["contains", "equals"]) is None
