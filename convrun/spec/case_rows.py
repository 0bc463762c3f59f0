"""Rows of values in the files that others write: CSV and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from convrun.errors import ConvrunError, SpecError, did_you_mean
from convrun.frozen import frozen
from convrun.source import Where
from convrun.spec.decoder import Mistakes
from convrun.spec.named_files import finite, parsed_json

RESERVED = frozenset({"vars", "turns", "env", "tmp", "now", "uuid"})  # names that templates have already
_CSV_FIX = (
    "write one for each name; an empty one is nothing between two commas",
    "quote a value that has a comma in it",
)
OURS = ("id", "skip", "known_failure")  # keys of a row that are more than values


def taken(name: str, what: str, where: Where) -> SpecError:
    """Return the error for a name that has a meaning already."""
    return SpecError(f"{name!r} cannot be the name of a {what}", where=where, fix="it has a meaning already; rename it")


def refuse_taken(name: str, where: Where) -> None:
    """Raise where a name cannot be that of a case's value."""
    if name in RESERVED or name == "model":
        raise taken(name, "case key", where)


@frozen
class Row:
    """The values of one row by name; its number, from 1, and where it begins."""

    number: int
    values: Mapping[str, Any]
    where: Where


@frozen
class RowFile:
    """A file of rows: its text, its path below the root, and where the spec names it."""

    text: str
    shown: str
    named: Where

    def empty(self, fix: str) -> SpecError:
        """Return the error for a file without rows."""
        return SpecError(f"{self.shown!r} has no rows", where=self.named, fix=fix)


# Yields the rows that are right; the others are among the mistakes.
Read: TypeAlias = Callable[[RowFile, Mistakes], Iterator[Row]]


def _csv(file: RowFile, mistakes: Mistakes) -> Iterator[Row]:
    """The rows of a CSV file, whose first line has the names; every value is a text."""
    rows = list(_cells(file.text, file.shown))
    if len(rows) < 2:
        raise file.empty("a line with the names, then one a case")
    header, place = rows[0]
    _judge_header(header, place)
    for number, (cells, row_place) in enumerate(rows[1:], start=1):
        with mistakes:
            if len(cells) != len(header):
                what = f"row {number} has {_columns(len(cells))}, the first line names {len(header)}"
                raise SpecError(what, where=row_place, fix=_CSV_FIX[len(cells) > len(header)])
            yield Row(number=number, values=dict(zip(header, cells, strict=True)), where=row_place)


def _cells(text: str, name: str) -> Iterator[tuple[list[str], Where]]:
    """The rows that are not empty, each with the place of its first line."""
    lines = text.split("\n")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    before = 0
    try:
        for cells in reader:
            if cells:
                line = lines[before] if before < len(lines) else ""
                yield cells, Where(file=name, line=before + 1, column=1, text=line, width=max(len(line), 1))
            before = reader.line_num
    except csv.Error as error:
        place = Where(file=name, line=before + 1, column=1, text=lines[min(before, len(lines) - 1)])
        if "field larger" in str(error):
            what = f"a value of more than {csv.field_size_limit():,} characters, which is the most in a CSV file"
            fix = "write the rows as .jsonl or .yaml, or close the quote that makes several values one"
            raise SpecError(what, where=Where(file=name, line=before + 1, column=1), fix=fix) from None
        raise SpecError(f"no CSV from here on: {error}", where=place, fix="is a quote never closed?") from None


def _judge_header(header: list[str], where: Where) -> None:
    separator = next((sign for sign in ";\t|" if sign in header[0]), None) if len(header) == 1 else None
    if separator is not None:
        what = f"the columns are separated by {separator!r}"
        raise SpecError(what, where=where, fix="separate names and values by commas")
    mistakes = Mistakes()
    times = Counter(header)
    for name in header:
        with mistakes:
            if not name.strip() or name != name.strip():
                raise SpecError(f"{name!r} is no column name", where=where, fix="write it without blanks around it")
            if times[name] > 1:
                raise SpecError(f"the column {name!r} is there twice", where=where, fix="rename one")
            refuse_taken(name, where)
            if name not in OURS and name.casefold() in OURS:
                raise SpecError(f"unknown column {name!r}", where=where, fix=did_you_mean(name, OURS))
    mistakes.stop()


def _columns(count: int) -> str:
    return f"{count} value" if count == 1 else f"{count} values"


def _jsonl(file: RowFile, mistakes: Mistakes) -> Iterator[Row]:
    """The rows of a JSON Lines file: an object a line."""
    count = 0
    for line_number, line in enumerate(file.text.split("\n"), start=1):
        if line.strip():
            count += 1
            place = Where(file=file.shown, line=line_number, column=1, text=line, width=len(line))
            with mistakes:
                yield Row(number=count, values=_object(line, place), where=place)
    if not count:
        raise file.empty("write a JSON object a line")


def _object(line: str, place: Where) -> Mapping[str, Any]:
    value = parsed_json(line, place, parse_float=_printed)
    if not isinstance(value, dict):
        raise SpecError("a row is no JSON object", where=place, fix='write one a line, as {"id": "paris"}')
    for name in value:
        refuse_taken(name, place)
    return value


def _printed(digits: str) -> float:
    """A number that prints as it is written; any other would be another text in a template."""
    number = finite(digits)
    if json.dumps(number) != digits:
        fix = f'quote it if it is text: "{digits}"; else write {json.dumps(number)}'
        raise ConvrunError(f"the number {digits} would be printed as {json.dumps(number)}", fix=fix)
    return number


ROWS: Mapping[str, Read] = {".csv": _csv, ".jsonl": _jsonl}
