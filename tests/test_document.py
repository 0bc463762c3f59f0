"""YAML: values by the rules of 1.2, places in characters, limits, and words for what YAML itself cannot read."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convrun.document import Mapping, Scalar, Sequence, events, load, read_values
from convrun.errors import ConvrunError, DocumentError

FRAGMENTS = [
    "- ",
    "a",
    "b: ",
    ": ",
    "\n",
    "\n  ",
    "[",
    "]",
    "{",
    "}",
    "{{ x }}",
    "'",
    '"',
    "\\",
    "|",
    ">",
    "&a ",
    "*a",
    "!t ",
]
FRAGMENTS += [
    "#",
    " #",
    "\t",
    "---\n",
    "...\n",
    "%",
    "@",
    "`",
    ", ",
    "? ",
    "é",
    "\u2028",
    "\x85",
    "\ufeff",
    "\x00",
    "\ud800",
    "1e999",
]
YAML_LIKE = st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2024-01-31", "2024-01-31"),
        ("True", True),
        ("false", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("-1.5e3", -1500.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("+1", 1),
        ("1.2.3", "1.2.3"),
        ("'5'", "5"),
        ('"\\u00e9"', "é"),
        ("=", "="),
    ],
)
def test_scalars_follow_yaml_1_2(text, value):
    """Unquoted scalars mean what the core rules of YAML 1.2 say, in both readings."""
    written = f"x: {text}"
    node = load(written, "f").root.get("x")
    assert (type(node.value), node.value) == (type(value), value)
    assert read_values(written, "f") == {"x": value}


@pytest.mark.parametrize("text", [".nan", "-.inf", "1e999", "1" * 5000])
def test_numbers_that_json_lacks_are_refused(text):
    """A number that no JSON can hold is a mistake, not a surprise later on."""
    for read in (load, read_values):
        with pytest.raises(DocumentError) as raised:
            read(f"x: {text}", "f")
        assert "quote it" in raised.value.fix


@pytest.mark.parametrize("text", ["a\u2028b", "a \x85 b", "a\u2029b", "a\U00100000\u2028\U00100001b"])
def test_line_breaks_of_yaml_1_1_are_characters(text):
    """Line and paragraph separators stay in a text, plain, quoted and in blocks, and count as one character."""
    for written in (f"x: {text}\ny: 1", f'x: "{text}"\ny: 1', f"x: |-\n  {text}\ny: 1"):
        assert read_values(written, "f") == {"x": text, "y": 1}
        root = load(written, "f").root
        assert root.get("x").value == text
        assert root.get("y").where.line == written.count("\n") + 1


@pytest.mark.parametrize(
    ("written", "escape", "fix"),
    [
        (r"\ud83d\ude00", r"\ud83d", r'write the whole of it: "\U0001F600", or the character itself'),
        (r"\uDE00\ud83d", r"\uDE00", "take it out"),
        (r"\ud83dx", r"\ud83d", "take it out"),
    ],
)
def test_half_of_a_character(written, escape, fix):
    """What JSON writes for an emoji is no escape of YAML's; single quotes would make another text of it."""
    for read in (load, read_values):
        with pytest.raises(DocumentError) as raised:
            read(f'x: "a {written} b"', "f")
        assert raised.value.what == f"{escape} is half of a character"
        assert (raised.value.where.column, raised.value.fix) == (7, fix)


def test_places_count_characters():
    """Lines and columns count characters from 1, behind a BOM, wide characters and CRLF."""
    root = load('\ufeffa: 1\r\nbé😀: [x, "ü", yy]\r\n', "s.yaml").root
    items = root.get("bé😀").items
    assert [(item.where.line, item.where.column, item.where.width) for item in items] == [
        (2, 7, 1),
        (2, 10, 3),
        (2, 15, 2),
    ]
    assert items[2].where.text == 'bé😀: [x, "ü", yy]'
    assert items[2].where.text is items[0].where.text  # a file of one line is not copied for each place
    assert str(root.where) == "s.yaml:1:1"


def test_nodes_know_how_they_were_written():
    """A scalar tells plain from quoted and block, and whether a comment cuts it off."""
    root = load("a: x y # end\nb: 'q' # c\nc: |  # c\n  block\nd: z\n# below\n", "f").root
    assert [(key.text, value.plain, value.block, value.comment_behind) for key, value in root.entries] == [
        ("a", True, False, True),
        ("b", False, False, False),
        ("c", False, True, False),
        ("d", True, False, False),
    ]
    assert root.get("c").value == "block\n"
    assert root.get("nothing") is None


def test_nodes_mirror_values():
    """Nodes and plain values are two views of one text; keys are texts as they were written."""
    text = "1: [a, {b: null}]\ntrue: &x {y: 2}\nagain: *x\n"
    assert (
        plain(load(text, "f").root)
        == read_values(text, "f")
        == {"1": ["a", {"b": None}], "true": {"y": 2}, "again": {"y": 2}}
    )


def plain(node):
    """The value of a node."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.entries}


def test_binary_is_read_from_values_only():
    """`!!binary` gives bytes to those who read what tools wrote; people write no tags."""
    assert read_values("x: !!binary aGk=", "f") == {"x": b"hi"}
    with pytest.raises(DocumentError, match="tag"):
        load("x: !!binary aGk=", "f")
    with pytest.raises(DocumentError, match="base64"):
        read_values("x: !!binary a", "f")


@pytest.mark.parametrize(
    "text",
    [
        "x: !!python/object:os.system [ls]",
        "x: !mine 1",
        "!!map {a: b}",
        "!!timestamp 2024-01-01",
        "!!str a: b",
        "!!binary aGk=: b",
    ],
)
def test_tags_are_refused(text):
    """No tag makes anything but a text or bytes."""
    for read in (load, read_values):
        with pytest.raises(DocumentError, match="tag"):
            read(text, "f")


@pytest.mark.parametrize("text", ["[" * 50_000, "{a: " * 50_000, "- " * 50_000, "? " * 50_000, "[{a: " * 50_000])
def test_deep_nesting_is_an_error(text):
    """Fifty thousand brackets are refused; the process lives on."""
    for read in (load, read_values):
        with pytest.raises(DocumentError):
            read(text, "f")


def test_aliases_are_counted_as_if_written_out():
    """A few lines that stand for millions of values are refused before they are anything."""
    levels = [f"v{n}: &v{n} [{', '.join([f'*v{n - 1}'] * 10)}]" for n in range(1, 12)]
    text = "\n".join(["v0: &v0 [x, x]", *levels])
    for read in (load, read_values):
        with pytest.raises(DocumentError, match="aliases"):
            read(text, "f")


def test_an_alias_within_its_anchor_is_refused():
    """Nothing contains itself."""
    for read in (load, read_values):
        with pytest.raises(DocumentError, match=r"\*a"):
            read("a: &a [1, *a]", "f")


def test_duplicate_keys_are_refused_with_the_first_line():
    """A key that is there twice is a mistake in both readings; written otherwise is the same key."""
    with pytest.raises(DocumentError, match="duplicate key 'a'") as raised:
        load('a: 1\n"a": 2', "f")
    assert raised.value.where.line == 2
    assert "line 1" in raised.value.fix
    with pytest.raises(DocumentError, match="duplicate key 'a'"):
        read_values("x: {a: 1, a: 2}", "f")


def test_mistakes_that_do_not_stop_are_collected():
    """With a list for them, every duplicate key and tag is reported, and the rest is read."""
    found = []
    root = load("a: 1\na: 2\nb: !t 3\nc: .nan\n<<: {d: 4}\n", "f", found).root
    assert [error.where.line for error in found] == [2, 3, 4, 5]
    assert list(root.keys()) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "column", "fix"),
    [
        ("user: {{ x }}", 7, "quote it: '{{ x }}'"),
        ("user: {{ x }} and {{ y }}  # why", 7, "quote it: '{{ x }} and {{ y }}'"),
        ("- {user: {{ x }}, id: a}", 10, "quote it: '{{ x }}'"),
        ("[{{ x }}]", 2, "quote it: '{{ x }}'"),
        ("matches: [0-9]+\nb: 1", 10, "quote it: '[0-9]+'"),
        ("- {matches: [0-9]+, b: 1}", 13, "quote it: '[0-9]+'"),
        ("- {path: $.a[0], equals: 1}", 10, "quote it: '$.a[0]'"),
        ('a: "\\d"', 5, "quote it with single quotes: '\\d'"),
        ("user: Note: x", 7, "quote it: 'Note: x'"),
        ("- user: Note: x", 9, "quote it: 'Note: x'"),
        ("user: @all", 7, "quote it: '@all'"),
        ("user: `x`", 7, "quote it: '`x`'"),
        ("user: %d", 7, "quote it: '%d'"),
        ("user: *stars*", 7, "quote it: '*stars*'"),
        ("user: 'It's'", 7, "write it twice: 'It''s'"),
        ('user: "A" and "B"', 7, 'quote it: \'"A" and "B"\''),
        ("[Price is #1]", 2, "quote it: 'Price is #1'"),
    ],
)
def test_what_needs_quotes_is_told_so(text, column, fix):
    """Where YAML fails on a text, the fix is that text in quotes, not the parser's jargon."""
    with pytest.raises(DocumentError) as raised:
        load(text, "s.yaml")
    assert raised.value.fix == fix
    assert raised.value.where.column == column


def test_fixes_are_yaml():
    """The text in quotes that a fix names is what was meant."""
    for text in ("{{ it's }}", "[0-9]+'s"):
        with pytest.raises(DocumentError) as raised:
            load(f"user: {text}", "f")
        assert read_values(raised.value.fix.removeprefix("quote it: "), "f") == text


@pytest.mark.parametrize(
    "text", ["--- a\n--- b", "a: [x", "a: 'x", "a:\n\tb: 1", "a: \x07", "a: \ud800", "? [a]\n: b", "a: b\n c: d"]
)
def test_what_is_no_yaml_has_a_place(text):
    """Every text that is no YAML gives an error with a line."""
    for read in (load, read_values):
        with pytest.raises(DocumentError) as raised:
            read(text, "s.yaml")
        assert raised.value.where.line is not None


def test_large_documents_are_refused():
    """A file that no person wrote is not read as one."""
    with pytest.raises(DocumentError, match="larger"):
        load("a" * 4_000_001, "f")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\ufeff", "---\n...\n"])
def test_empty_documents_are_nothing(text):
    """A text without content reads as nothing at all."""
    assert read_values(text, "f") is None


@settings(deadline=None)
@given(YAML_LIKE)
@example("{{")
@example("- {a: [b]\n#")
@example("a: 'b\n\n  c")
@example("\x85? [")
def test_any_text_is_read_or_refused(text):
    """Whatever the text, reading it gives nodes and values or an error of ours whose lines can be shown."""
    outcomes = []
    for read in (load, read_values):
        try:
            read(text, "f")
            outcomes.append(True)
        except ConvrunError as error:
            outcomes.append(not error.lines())
    assert outcomes[1] or not outcomes[0]


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_what_pyyaml_writes_is_read_back(value):
    """Values that PyYAML wrote by its rules are the same values here."""
    written = yaml.safe_dump(value, allow_unicode=False, default_style='"')
    if "!!" not in written:
        assert read_values(written, "f") == value


def test_without_libyaml_the_same_is_read(monkeypatch):
    """PyYAML's own parser gives the same nodes and places, only slower."""
    text = "a: {b: [1, 'x']}\nc: |\n  é😀\nd: &x y\ne: *x\n"
    expected = [(key.where, value.where, plain(value)) for key, value in load(text, "f").root.entries]
    monkeypatch.setattr(events, "_step", events._python_step)
    root = load(text, "f").root
    assert isinstance(root, Mapping)
    assert [(key.where, value.where, plain(value)) for key, value in root.entries] == expected


@pytest.mark.parametrize("text", ["turns: [", "turns: [\n\n", "turns: [ # all\n", "turns: [\nmodel: echo\n"])
def test_a_bracket_at_the_end_is_never_closed(text):
    """It is no text that lacks quotes."""
    with pytest.raises(DocumentError, match=r"this \[ is never closed \(close it with \]\)"):
        load(text, "a.yaml")
