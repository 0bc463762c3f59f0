"""Case files: CSV, JSON Lines and YAML give the same conversations, and mistakes name the row."""

from __future__ import annotations

import pytest

from convrun.errors import SpecErrors
from convrun.spec.loading import load_spec

SPEC = "model: echo\nturns: [{user: 'Hi'}]\ncases: {file: _rows.SUFFIX}\n"


@pytest.fixture
def cases(tmp_path):
    """The cases of a file of this text."""

    def loaded(suffix, text):
        (tmp_path / f"_rows.{suffix}").write_bytes(text.encode() if isinstance(text, str) else text)
        (tmp_path / "a.yaml").write_text(SPEC.replace("SUFFIX", suffix), "utf-8")
        return load_spec(tmp_path / "a.yaml", tmp_path).cases

    return loaded


@pytest.fixture
def mistakes(cases):
    """The mistakes in such a file."""

    def found(suffix, text):
        with pytest.raises(SpecErrors) as caught:
            cases(suffix, text)
        return [str(error) for error in caught.value.errors]

    return found


SAME = {
    "csv": "city,country\nParis,France\nOslo,Norway\n",
    "jsonl": '{"city": "Paris", "country": "France"}\n\n{"city": "Oslo", "country": "Norway"}\n',
    "yaml": "- {city: Paris, country: France}\n- city: Oslo\n  country: Norway\n",
    "yml": '[{"city": "Paris", "country": "France"}, {"city": "Oslo", "country": "Norway"}]\n',
}


@pytest.mark.parametrize("suffix", SAME)
def test_rows_are_the_same_in_every_format(cases, suffix):
    """The id is the first value, the rest are values for templates."""
    found = cases(suffix, SAME[suffix])
    assert [(case.id, case.values) for case in found] == [
        ("Paris", {"city": "Paris", "country": "France"}),
        ("Oslo", {"city": "Oslo", "country": "Norway"}),
    ]
    assert all(case.where.file == f"_rows.{suffix}" and case.where.line for case in found)


def test_values_of_json_and_yaml_keep_their_types(cases):
    """Numbers, flags, lists and mappings stay what they are; `skip` is the reason of its row."""
    line = '{"id": "a", "n": 1.5, "flag": true, "list": [1, {"x": null}], "emoji": "\\ud83d\\ude00"}\n'
    (case, skipped) = cases("jsonl", line + '{"id": 7, "skip": "later"}\n')
    assert case.values == {"id": "a", "n": 1.5, "flag": True, "list": [1, {"x": None}], "emoji": "\N{GRINNING FACE}"}
    assert (skipped.id, skipped.skip) == ("7", "later")


WRONG = {
    "no JSON": ("jsonl", '{"id": "a"}\n{"id": }\n', ["_rows.jsonl:2:8: not valid JSON"]),
    "no object": ("jsonl", '["a"]\n', ["_rows.jsonl:1:1: a row is no JSON object"]),
    "several": (
        "jsonl",
        '{"id": ""}\n5\n{"model": "x"}\n',
        ["1:1: row 1 has no id", "2:1: a row is no", "3:1: 'model'"],
    ),
    "a number that prints otherwise": (
        "jsonl",
        '{"id": "a", "x": 1.10}\n',
        ["the number 1.10 would be printed as 1.1"],
    ),
    "a key twice": ("jsonl", '{"id": "a", "id": "b"}\n', ["duplicate key 'id'"]),
    "no number": ("jsonl", '{"id": "a", "x": NaN}\n', ["NaN is no number that JSON has"]),
    "equal ids": ("jsonl", '{"id": "a"}\n{"id": "A"}\n', ["differ in upper and lower case only"]),
    "no rows": ("jsonl", "\n\n", ["'_rows.jsonl' has no rows"]),
    "no text to skip": ("jsonl", '{"id": "a", "skip": 5}\n', ["row 1: 'skip' is no text"]),
    "deep": ("jsonl", '{"id": "a", "x": ' + "[" * 200 + "]" * 200 + "}\n", ["nested deeper than"]),
    "an empty YAML": ("yaml", "# nothing\n", ["'_rows.yaml' is empty"]),
    "no list": ("yaml", "city: Paris\n", ["expected a list of cases"]),
    "a number in YAML": ("yaml", "- {id: a, zip: 012}\n", ["_rows.yaml:1:16: the number 012"]),
    "a key twice in YAML": ("yaml", "- {id: a, id: b}\n", ["_rows.yaml:1:11: duplicate key 'id'"]),
    "not UTF-8": ("jsonl", b'{"id": "\xff"}\n', ["is not UTF-8: line 1"]),
    "a file in a file": ("yaml", "{file: _rows.yaml}\n", ["expected a list of cases"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_rows_that_are_wrong(mistakes, name):
    """Each mistake names its row, and all of a file are told at once."""
    suffix, text, words = WRONG[name]
    found = mistakes(suffix, text)
    assert len(found) == len(words)
    assert all(expected in line for expected, line in zip(words, found, strict=True))


def test_a_number_that_is_too_large_is_text_or_nothing(mistakes):
    """JSON has no infinite number, so there is none to write in its place."""
    assert mistakes("jsonl", '{"id": "a", "n": 1e999}\n') == [
        "_rows.jsonl:1:1: 1e999 is too large for a number (quote it if it is text)"
    ]


@pytest.mark.parametrize("text", ["x" * 131_073, '"' + "a,b\n" * 40_000])
def test_a_value_that_is_too_long_is_named_as_such(mistakes, text):
    """It may be so long, or a quote that is open makes it so."""
    (found,) = mistakes("csv", f"id,text\na,b\nc,{text}\n")
    assert found.startswith("_rows.csv:3:1: a value of more than 131,072 characters")
    assert ".jsonl" in found


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("Caf\u00e9", "Cafe\u0301", "how accents are encoded (NFC and NFD)"),
        ("Caf\u00e9", "cafe\u0301", "upper and lower case and how accents are encoded (NFC and NFD)"),
        ("Caf\u00e9", "CAF\u00c9", "upper and lower case"),
    ],
)
def test_ids_that_files_cannot_keep_apart_say_in_what_they_differ(mistakes, one, other, how):
    """Accents may be encoded in two ways, which look the same."""
    (found,) = mistakes("csv", f"id\n{one}\n{other}\n")
    assert f"the ids of two cases differ in {how} only" in found


@pytest.mark.parametrize("key", ["skip", "known_failure"])
@pytest.mark.parametrize("nothing", ["null", "", "~"])
def test_no_reason_is_none_that_lifts_another(mistakes, key, nothing):
    """A case has a reason or leaves the key out."""
    (found,) = mistakes("yaml", f"- id: a\n  {key}: {nothing}\n")
    assert "expected a reason, got" in found
    assert "leave the key out, or write a reason" in found
