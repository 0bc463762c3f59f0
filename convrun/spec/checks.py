"""Checks as they are written: one kind each, with the places of everything in its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from convrun import document
from convrun.document import Node, Scalar
from convrun.errors import SpecError, did_you_mean
from convrun.source import Where
from convrun.spec import decoding
from convrun.spec.decoder import Key, Mistakes, Record, SpecFile, expected, mapping, takes
from convrun.spec.model import CheckSpec, Path
from convrun.spec.texts import json_schema, schema_path, template, templates

EXPECT_ERROR = "expect_error"
_BESIDE = "because"
_COMBINED = frozenset({"not", "all_of", "any_of"})  # within these stand checks again


@takes(name="check")
def check(node: Node, file: SpecFile) -> CheckSpec:
    """Return one check; whether its kind exists and its value fits is not known here."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        raise expected("a check", node, "write its kind and a value, as `contains: Crumpet`")
    entries = mapping(node, "a check").entries
    kinds = [(key, value) for key, value in entries if key.text != _BESIDE]
    if not kinds:
        raise SpecError("a check needs a kind", where=node.where, fix="write it as a key, as `contains: Crumpet`")
    if len(kinds) > 1:
        first, second = kinds[0][0].text, kinds[1][0]
        meant = did_you_mean(second.text, [_BESIDE], cutoff=0.75)
        raise SpecError(
            f"a second kind beside {first!r}: {second.text!r}",
            where=second.where,
            fix=meant or "make it a check of its own, with a dash before it",
        )
    if kinds[0][0].text == EXPECT_ERROR:
        fix = "write it beside `user:`, in the place of `expect:`"
        raise SpecError("expect_error is a key of the turn, not a check under expect", where=kinds[0][0].where, fix=fix)
    mistakes = Mistakes()
    because = None
    value: Any = None
    for key, inner in entries:
        with mistakes:
            if key.text == _BESIDE:
                because = decoding.reason(inner, file)
            else:
                value = _value(key.text, inner, file)
    mistakes.stop()
    key, inner = kinds[0]
    return CheckSpec(kind=key.text, value=value, because=because, where=key.where, places=Places(inner))


checks = decoding.listed(check, of="checks")


@takes(type="integer", minimum=200, maximum=599)
def _status(node: Node, file: SpecFile) -> int:
    status = decoding.whole_number(200)(node, file)
    if status >= 600:
        raise SpecError(f"{status} is no HTTP status of an answer", where=node.where, fix="write one as 400")
    return status


_ERROR = Record(
    of="expect_error",
    keys={
        "status": Key(_status, "The HTTP status; of an error within a stream the one that it names."),
        "matches": Key(template, "A regular expression that is found in the provider's message."),
        _BESIDE: Key(decoding.reason, "Why it matters; shown when it does not hold."),
    },
)


@takes(_ERROR)
def expected_error(node: Node, file: SpecFile) -> CheckSpec:
    """Return the error that a turn expects, as a check of the kind `expect_error`."""
    if isinstance(node, Scalar):
        fix = "say which error: {status: 400}, or a regex that its message matches: {matches: context}"
        raise expected("a mapping for expect_error", node, fix)
    value = _ERROR.values(node, file)
    because = value.pop(_BESIDE, None)
    if not value:
        fix = "any error would do, also that of a missing key: write {status: 400}, or {matches: context}"
        raise SpecError("expect_error says neither 'status' nor 'matches'", where=node.where, fix=fix)
    return CheckSpec(kind=EXPECT_ERROR, value=value, because=because, where=node.where, places=Places(node))


def _value(kind: str, node: Node, file: SpecFile) -> Any:
    """The value of a check of this kind; within some stand checks again."""
    if kind == "python":
        return decoding.import_path(node, file).text
    if kind == "json_schema":
        return (
            schema_path(node, file).text
            if isinstance(node, Scalar) and isinstance(node.value, str)
            else json_schema(node, file)
        )
    return _nested(node, file) if kind in _COMBINED else templates(node, file)


def _nested(node: Node, file: SpecFile) -> Any:
    """The checks within another, a mapping or a list of them; what is none is passed on, to be refused there."""
    if isinstance(node, Scalar):
        return templates(node, file)
    mistakes = Mistakes()
    if isinstance(node, document.Sequence):
        items = []
        for item in node.items:
            with mistakes:
                items.append(_nested(item, file))
        mistakes.stop()
        return items
    made: dict[str, Any] = {}
    for key, inner in node.entries:
        with mistakes:
            made[key.text] = decoding.reason(inner, file) if key.text == _BESIDE else _value(key.text, inner, file)
    mistakes.stop()
    return made


class Places(Mapping[Path, Where]):
    """The place of each path into a value, looked for when the first is asked for: in most specs nothing is wrong."""

    __slots__ = ("_found", "_node")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._found: dict[Path, Where] | None = None

    def __getitem__(self, path: Path) -> Where:
        return self._all()[path]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[Path, Where]:
        if self._found is None:
            self._found = dict(_places(self._node, ()))
        return self._found


def _places(node: Node, path: Path, key: Scalar | None = None) -> Iterator[tuple[Path, Where]]:
    """The place of each path into a value: an entry's begins at its key."""
    yield path, node.where if key is None else _entry(key, node)
    if isinstance(node, document.Sequence):
        for index, item in enumerate(node.items):
            yield from _places(item, (*path, index))
    elif isinstance(node, document.Mapping):
        for name, value in node.entries:
            yield from _places(value, (*path, name.text), name)


def _entry(key: Scalar, value: Node) -> Where:
    """From the key to the end of its value, where both stand on one line."""
    return key.source.where(key.start, value.end if isinstance(value, Scalar) and value.start > key.start else key.end)
