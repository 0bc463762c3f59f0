"""Old and new of a value, as people see them."""

from __future__ import annotations

from convrun.report.difference import difference


def texts(old: object, new: object, *, full: bool = False) -> list[str]:
    """Return the lines of a difference."""
    return [line.text for line in difference(old, new, full=full)]


def test_one_line_is_shown_old_and_new():
    """Short texts stand below each other, whole."""
    assert texts("Be brief.", "Be kind.") == ["- Be brief.", "+ Be kind."]


def test_a_long_line_is_shown_around_what_differs():
    """Of a long line only the surroundings of the change are shown, unless all is asked for."""
    old, new = "x" * 500 + "old" + "y" * 500, "x" * 500 + "new" + "y" * 500
    first, second = texts(old, new)
    assert first == "- ..." + "x" * 40 + "old" + "y" * 40 + "..."
    assert "new" in second
    assert texts(old, new, full=True) == [f"- {old}", f"+ {new}"]


def test_of_many_lines_only_the_changed_ones_are_shown():
    """Unchanged lines are left out, but for one on both sides."""
    old = "\n".join(f"line {number}" for number in range(50))
    lines = texts(old, old.replace("line 30", "line thirty").replace("line 10\n", ""))
    assert lines == [
        "  line 9",
        "- line 10",
        "  line 11",
        "  ...",
        "  line 29",
        "- line 30",
        "+ line thirty",
        "  line 31",
    ]


def test_mappings_differ_by_line():
    """A schema is laid out, and only its changed lines are shown."""
    old = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    new = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["city"]}
    assert '-     "city": {' in texts(old, new)
    assert '+     "town": {' in texts(old, new)


def test_json_inside_a_text_is_laid_out():
    """Tool results that are JSON are compared line by line, not as one long text."""
    assert texts('{"a": 1, "b": 2}', '{"a": 1, "b": 3}') == ['    "a": 1,', '-   "b": 2', '+   "b": 3', "  }"]


def test_what_is_new_or_gone_has_one_side():
    """A part that was not recorded, or is not sent any more, has no other side."""
    assert texts(None, "new") == ["+ new"]
    assert texts("gone", None) == ["- gone"]


def test_a_long_difference_is_cut():
    """More than forty lines are cut and counted."""
    lines = texts("\n".join(map(str, range(100))), "\n".join(map(str, range(200, 300))))
    assert len(lines) == 41
    assert lines[-1] == "... 160 lines more, -vv shows them"


def test_in_little_room_there_is_some_of_both_sides():
    """Where a whole text is another one, the first lines of both are shown."""
    old, new = ("\n".join(f"{word} {number}" for number in range(9)) for word in ("rule", "law"))
    shown = [line.text for line in difference(f"Same\n{old}", f"Same\n{new}", most=4)]
    assert shown == ["- rule 0", "- rule 1", "+ law 0", "+ law 1", "... 14 lines more, -vv shows them"]


def test_lines_around_a_change_give_way_to_changes():
    """Where there is room for the changed lines only, those around them are left out."""
    old = "\n".join(f"line {number}" for number in range(30))
    new = old.replace("line 3\n", "line three\n").replace("line 20\n", "line twenty\n")
    assert [line.text for line in difference(old, new, most=4)] == [
        "- line 3", "+ line three", "- line 20", "+ line twenty",
    ]  # fmt: skip


def test_a_long_line_among_others_is_shown_around_what_differs():
    """A paragraph on one line is cut as a text of one line is, beside blank lines that are not shown."""
    filler = " ".join(["Rules are rules."] * 20)
    old, new = (f"# Head\n\n{filler} Dogs cost {price} euros. {filler}\n\n# Next" for price in ("five", "six"))
    assert texts(old, new) == [
        "- ...are rules. Rules are rules. Dogs cost five euros. Rules are rules. Rules are...",
        "+ ...are rules. Rules are rules. Dogs cost six euros. Rules are rules. Rules are...",
    ]
