"""The key `cases`: rows of values, inline or from a CSV file; one conversation each."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from convrun import document
from convrun.document import Node, Scalar
from convrun.errors import SpecError, did_you_mean
from convrun.source import Where
from convrun.spec import decoding
from convrun.spec.decoder import Decoder, Key, Mistakes, Record, SpecFile, expected, mapping, takes
from convrun.spec.model import CaseSpec
from convrun.spec.named_files import file_text, named_file, shown
from convrun.spec.texts import data, literal_leaf

RESERVED = frozenset({"vars", "turns", "env", "tmp", "now", "uuid"})  # names that templates have already
_NOT_KEYS = RESERVED | {"model"}


@takes(type="object")
def variables(node: Node, _: SpecFile) -> dict[str, Any]:
    """Return the vars; the names that templates have already are refused."""
    entries = mapping(node, "vars").entries
    mistakes = Mistakes()
    made: dict[str, Any] = {}
    for key, value in entries:
        with mistakes:
            if key.text in RESERVED:
                raise _taken(key.text, "var", key.where)
            made[key.text] = data(value, literal_leaf)
    mistakes.stop()
    return made


def _cases(node: Node, file: SpecFile) -> tuple[CaseSpec, ...]:
    """The cases of a list or of `{file: rows.csv}`; their ids differ in more than upper and lower case."""
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.lower().endswith(".csv"):
        raise expected("a list of cases", node, f"write {{file: {node.value}}}")
    if not isinstance(node, document.Mapping):
        return _inline(node, file)
    found: tuple[CaseSpec, ...] = _FILE.values(node, file)["file"]
    return found


def _together(found: Sequence[CaseSpec]) -> Iterator[SpecError]:
    """Ids that are equal, or that files cannot keep apart."""
    seen: dict[str, CaseSpec] = {}
    for case in found:
        other = seen.setdefault(_folded(case.id), case)
        if other is not case:
            how = "are equal" if other.id == case.id else "differ in upper and lower case only"
            fix = f"the other one is in line {other.where.line}; give each its own `id`"
            yield SpecError(f"the ids of two cases {how}: {case.id!r}", where=case.where, fix=fix)


def _folded(identity: str) -> str:
    return unicodedata.normalize("NFC", identity).casefold()


def _taken(name: str, what: str, where: Where) -> SpecError:
    return SpecError(f"{name!r} cannot be the name of a {what}", where=where, fix="it has a meaning already; rename it")


@takes(type="object", minProperties=1)
def _case(node: Node, file: SpecFile) -> CaseSpec:
    """One row of the list."""
    entries = mapping(node, "a case").entries
    mistakes = Mistakes()
    values: dict[str, Any] = {}
    skip = None
    for key, value in entries:
        with mistakes:
            if key.text in _NOT_KEYS:
                raise _taken(key.text, "case key", key.where)
            if key.text == "skip":
                skip = decoding.reason(value, file)
            else:
                values[key.text] = data(value, literal_leaf)
    mistakes.stop()
    return CaseSpec(id=_identity(entries, node.where, file), values=values, skip=skip, where=node.where)


def _identity(entries: tuple[tuple[Scalar, Node], ...], where: Where, file: SpecFile) -> str:
    """The id of a row: its `id`, else its first value."""
    named = [value for key, value in entries if key.text == "id"]
    chosen = named or [value for key, value in entries if key.text != "skip"][:1]
    if not chosen:
        raise SpecError("an empty case", where=where, fix="give it an `id` and its values")
    if named or isinstance(chosen[0], Scalar):
        return decoding.identifier(chosen[0], file)
    raise SpecError("a case without id, whose first value is no text", where=where, fix="give it an `id`")


_inline = decoding.listed(_case, of="cases", least=1, judge=_together)


@takes(type="string")
def _file(node: Node, file: SpecFile) -> tuple[CaseSpec, ...]:
    """The rows of a CSV file; mistakes name the row."""
    path = named_file(node, file)
    if path.suffix.lower() != ".csv":
        raise SpecError(f"{path.name!r} is no CSV file", where=node.where, fix="write the rows as .csv, or in the spec")
    rows = list(_rows(file_text(path, node.where), shown(path, file.root)))
    if len(rows) < 2:
        raise SpecError(f"{path.name!r} has no rows", where=node.where, fix="a line with the names, then one a case")
    header, where = rows[0]
    _judge_header(header, where)
    mistakes = Mistakes()
    found: list[CaseSpec] = []
    for number, (cells, place) in enumerate(rows[1:], start=1):
        with mistakes:
            found.append(_row(header, cells, number, place))
    mistakes.found += _together(found)
    mistakes.stop()
    return tuple(found)


_FILE = Record(
    of="cases", keys={"file": Key(_file, "A CSV file: a line with the names, then one a case.", required=True)}
)
cases = Decoder(_cases, {"anyOf": [_inline, _FILE]})


def _rows(text: str, name: str) -> Iterator[tuple[list[str], Where]]:
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
            if name in _NOT_KEYS:
                raise _taken(name, "case key", where)
            if name not in ("id", "skip") and name.casefold() in ("id", "skip"):
                raise SpecError(f"unknown column {name!r}", where=where, fix=did_you_mean(name, ("id", "skip")))
    mistakes.stop()


def _row(header: list[str], cells: list[str], number: int, where: Where) -> CaseSpec:
    if len(cells) != len(header):
        what = f"row {number} has {_columns(len(cells))}, the first line names {len(header)}"
        raise SpecError(what, where=where, fix="quote a value that has a comma in it")
    values: dict[str, Any] = dict(zip(header, cells, strict=True))
    skip = values.pop("skip", "") or None
    identity = values.get("id", next(iter(values.values()), ""))
    if not identity.strip():
        raise SpecError(f"row {number} has no id", where=where, fix="fill its first column, or a column `id`")
    return CaseSpec(id=identity, values=values, skip=skip, where=where)


def _columns(count: int) -> str:
    return f"{count} value" if count == 1 else f"{count} values"
