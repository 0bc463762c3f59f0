"""Rows of values: inline and from CSV."""

from __future__ import annotations

import pytest

from convrun.errors import SpecErrors
from convrun.spec.loading import load_spec


@pytest.fixture
def cases(tmp_path):
    """The cases of a spec with this CSV file, or with this value of `cases`."""

    def read(content=None, value="{file: _rows.csv}"):
        (tmp_path / "a.yaml").write_text(f"turns: [{{user: Hi}}]\ncases: {value}\n", "utf-8")
        if content is not None:
            (tmp_path / "_rows.csv").write_bytes(content.encode())
        return load_spec(tmp_path / "a.yaml", tmp_path).cases

    return read


def mistakes(cases, *arguments):
    """The mistakes as `place: what`."""
    with pytest.raises(SpecErrors) as raised:
        cases(*arguments)
    return [f"{error.where}: {error.what}" for error in raised.value.errors]


def test_csv_values_are_texts(cases):
    """Values of a CSV file stay texts; a BOM and blank lines do not count, and quotes hold line breaks."""
    found = cases('\ufeffcity,zip,note\r\nParis,01067,"a, b"\r\n\r\nKöln,1.10,"x\r\ny"\r\n')
    assert [(case.id, case.values) for case in found] == [
        ("Paris", {"city": "Paris", "zip": "01067", "note": "a, b"}),
        ("Köln", {"city": "Köln", "zip": "1.10", "note": "x\ny"}),
    ]
    assert [str(case.where) for case in found] == ["_rows.csv:2:1", "_rows.csv:4:1"]


def test_an_id_column_names_the_rows(cases):
    """The column `id` names a row wherever it stands; a filled `skip` is its reason."""
    found = cases("city,id,skip\nParis,p,\nRome,r,closed\n")
    assert [(case.id, case.skip) for case in found] == [("p", None), ("r", "closed")]


def test_csv_mistakes_name_their_row(cases):
    """Every wrong row is told, with its line in the CSV file."""
    assert mistakes(cases, "id,city\na,b,c\n,x\nd\ne,f\ne,g\n") == [
        "_rows.csv:2:1: row 1 has 3 values, the first line names 2",
        "_rows.csv:3:1: row 2 has no id",
        "_rows.csv:4:1: row 3 has 1 value, the first line names 2",
        "_rows.csv:6:1: the ids of two cases are equal: 'e'",
    ]


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("id, city", "' city' is no column name"),
        ("id,", "'' is no column name"),
        ("id,turns", "'turns' cannot be the name of a case key"),
        ("ID,city", "unknown column 'ID'"),
    ],
)
def test_csv_headers_are_judged(cases, header, what):
    """The first line holds names that templates can use."""
    assert mistakes(cases, f"{header}\na,b\n") == [f"_rows.csv:1:1: {what}"]


def test_csv_files_without_rows_are_mistakes(cases):
    """A file without rows would run nothing, and says so."""
    assert mistakes(cases, "id,city\n") == ["a.yaml:2:15: '_rows.csv' has no rows"]
    assert mistakes(cases, "") == ["a.yaml:2:15: '_rows.csv' has no rows"]
    assert "no CSV from here on" in mistakes(cases, 'id\n"a\n')[0]


def test_inline_cases_keep_their_types(cases):
    """Values are as YAML reads them; the id is the first value where none is given."""
    found = cases(None, "[{city: Paris, n: 2, ok: true}, {id: r, list: [1]}]")
    assert [(case.id, case.values) for case in found] == [
        ("Paris", {"city": "Paris", "n": 2, "ok": True}),
        ("r", {"id": "r", "list": [1]}),
    ]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("[]", "an empty list of cases"),
        ("[{list: [1]}]", "a case without id, whose first value is no text"),
        ("[{id: a}, {id: a}]", "the ids of two cases are equal: 'a'"),
        ("[{id: a}, {id: A}]", "the ids of two cases differ in upper and lower case only: 'A'"),
        ("[{vars: 1}]", "'vars' cannot be the name of a case key"),
        ("[{id: true}]", "expected text, got true"),
        ("[{id: ''}]", "expected a text that is not empty"),
        ("{file: _rows.yaml}", "'_rows.yaml' does not exist"),
        ("{fiel: x.csv}", "unknown key 'fiel' in cases"),
        ("3", "expected a list of cases, got the number 3"),
    ],
)
def test_wrong_cases_are_refused(cases, value, what):
    """Each wrong form of `cases` is one mistake."""
    assert [one.partition(": ")[2] for one in mistakes(cases, None, value)] == [what]


def test_only_the_first_mistakes_of_a_file_are_listed(cases):
    """Of very many mistakes fifty are told, and how many more there are; at once."""
    found = mistakes(cases, "id,city\n" + "a,b\n" * 50_000)
    assert len(found) == 51
    assert found[49:] == [
        "_rows.csv:52:1: the ids of two cases are equal: 'a'",
        "_rows.csv: and 49,949 more mistakes",
    ]
    assert len(mistakes(cases, "id\n" + "a\n" * 51)) == 50
    assert mistakes(cases, "id\n" + "a\n" * 52)[-1] == "_rows.csv: and 1 more mistake"


def test_many_columns_and_rows_are_read_at_once(cases):
    """Neither rows nor columns are compared with each other one by one."""
    assert len(cases("id\n" + "\n".join(map(str, range(100_000))))) == 100_000
    columns = [f"c{number}" for number in range(50_000)]
    assert len(cases(f"{','.join(columns)}\n{','.join(columns)}\n")[0].values) == 50_000
