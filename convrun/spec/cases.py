"""The key `cases`: rows of values, inline or from a file; one conversation each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from convrun import document
from convrun.document import Node, Scalar
from convrun.errors import ConvrunError, SpecError, SpecErrors
from convrun.source import Where
from convrun.spec import decoding
from convrun.spec.case_rows import OURS, RESERVED, ROWS, Row, RowFile, refuse_taken, taken
from convrun.spec.decoder import Decoder, Key, Mistakes, Record, SpecFile, expected, mapping, takes
from convrun.spec.ids import difference, folded
from convrun.spec.known_failures import known_failure, refuse_beside_skip
from convrun.spec.model import CaseSpec, KnownFailure
from convrun.spec.named_files import file_text, named_file, shown
from convrun.spec.texts import data, literal_leaf


@takes(type="object")
def variables(node: Node, _: SpecFile) -> dict[str, Any]:
    """Return the vars; the names that templates have already are refused."""
    entries = mapping(node, "vars").entries
    mistakes = Mistakes()
    made: dict[str, Any] = {}
    for key, value in entries:
        with mistakes:
            if key.text in RESERVED:
                raise taken(key.text, "var", key.where)
            made[key.text] = data(value, literal_leaf)
    mistakes.stop()
    return made


def _cases(node: Node, file: SpecFile) -> tuple[CaseSpec, ...]:
    """The cases of a list or of a file; their ids differ in more than upper and lower case."""
    if (
        isinstance(node, Scalar)
        and isinstance(node.value, str)
        and node.value.lower().endswith((*ROWS, ".yaml", ".yml"))
    ):
        raise expected("a list of cases", node, f"write {{file: {node.value}}}")
    if not isinstance(node, document.Mapping):
        return _inline(node, file)
    found: tuple[CaseSpec, ...] = _FILE.values(node, file)["file"]
    return found


def _together(found: Sequence[CaseSpec]) -> Iterator[SpecError]:
    """Ids that are equal, or that files cannot keep apart."""
    seen: dict[str, CaseSpec] = {}
    for case in found:
        other = seen.setdefault(folded(case.id), case)
        if other is not case:
            how = "are equal" if other.id == case.id else f"differ in {difference(case.id, other.id)} only"
            fix = f"the other one is in line {other.where.line}; give each its own `id`"
            yield SpecError(f"the ids of two cases {how}: {case.id!r}", where=case.where, fix=fix)


@takes(type="object", minProperties=1)
def _case(node: Node, file: SpecFile) -> CaseSpec:
    """One row of the list."""
    entries = mapping(node, "a case").entries
    mistakes = Mistakes()
    values: dict[str, Any] = {}
    skip: str | None = None
    known: KnownFailure | None = None
    for key, value in entries:
        with mistakes:
            refuse_taken(key.text, key.where)
            if key.text == "skip":
                skip = decoding.reason(value, file)
            elif key.text == "known_failure":
                known = known_failure(value, file)
            else:
                values[key.text] = data(value, literal_leaf)
    with mistakes:
        refuse_beside_skip(skip, known)
    mistakes.stop()
    identity = _identity(entries, node.where, file)
    return CaseSpec(id=identity, values=values, skip=skip, known_failure=known, where=node.where)


def _identity(entries: tuple[tuple[Scalar, Node], ...], where: Where, file: SpecFile) -> str:
    """The id of a row: its `id`, else its first value."""
    named = [value for key, value in entries if key.text == "id"]
    chosen = named or [value for key, value in entries if key.text not in OURS][:1]
    if not chosen:
        raise SpecError("an empty case", where=where, fix="give it an `id` and its values")
    if named or isinstance(chosen[0], Scalar):
        return decoding.identifier(chosen[0], file)
    raise SpecError("a case without id, whose first value is no text", where=where, fix="give it an `id`")


_inline = decoding.listed(_case, of="cases", least=1, judge=_together)


@takes(type="string")
def _file(node: Node, file: SpecFile) -> tuple[CaseSpec, ...]:
    """The rows of a file; mistakes name the row."""
    path = named_file(node, file)
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return _from_yaml(path, node, file)
    if suffix not in ROWS:
        fix = "write the rows as .csv, .jsonl or .yaml, or in the spec"
        raise SpecError(f"{path.name!r} is no file of cases", where=node.where, fix=fix)
    rows = RowFile(text=file_text(path, node.where), shown=shown(path, file.root), named=node.where)
    mistakes = Mistakes()
    found: list[CaseSpec] = []
    for row in ROWS[suffix](rows, mistakes):
        with mistakes:
            found.append(_row(row))
    mistakes.found += _together(found)
    mistakes.stop()
    return tuple(found)


def _row(row: Row) -> CaseSpec:
    """A row of a file of rows."""
    values = dict(row.values)
    skip, reason = _reason(row, values, "skip"), _reason(row, values, "known_failure")
    known = KnownFailure(reason=reason, where=row.where) if reason else None
    refuse_beside_skip(skip, known)
    identity = values.get("id", next(iter(values.values()), ""))
    if isinstance(identity, bool | dict | list) or not str("" if identity is None else identity).strip():
        raise SpecError(f"row {row.number} has no id", where=row.where, fix="fill its first column, or a column `id`")
    return CaseSpec(id=str(identity), values=values, skip=skip, known_failure=known, where=row.where)


def _reason(row: Row, values: dict[str, Any], key: str) -> str | None:
    """Take a reason out of the values; an empty one is none."""
    reason = values.pop(key, None) or None
    if reason is not None and not isinstance(reason, str):
        raise SpecError(f"row {row.number}: {key!r} is no text", where=row.where, fix="write the reason, as a text")
    return reason


def _from_yaml(path: Path, node: Node, file: SpecFile) -> tuple[CaseSpec, ...]:
    read: list[ConvrunError] = []
    root = document.load(file_text(path, node.where), shown(path, file.root), read).root
    if read:
        raise SpecErrors(read)
    if root is None:
        raise SpecError(f"{path.name!r} is empty", where=node.where, fix="write a list of cases into it")
    return _inline(root, file)


_FILE = Record(
    of="cases",
    keys={
        "file": Key(_file, "A file of rows: .csv (its first line names the values), .jsonl or .yaml.", required=True)
    },
)
cases = Decoder(_cases, {"anyOf": [_inline, _FILE]})
