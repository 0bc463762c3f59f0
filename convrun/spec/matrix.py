"""The key `matrix`: lists of values, and a conversation for each combination of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from convrun import document
from convrun.document import Node, Scalar, quoted
from convrun.errors import SpecError
from convrun.spec import decoding
from convrun.spec.case_rows import RESERVED
from convrun.spec.decoder import Decoder, Key, Mistakes, Read, Record, SpecFile, expected, mapping
from convrun.spec.ids import difference, folded, model_part, text_part
from convrun.spec.model import Axis, AxisValue, Spec
from convrun.spec.models import MODEL, SCRIPT, model
from convrun.spec.texts import LONG_FORM, data, literal_leaf, template
from convrun.spec.turns import options
from convrun.values import show

# Keys of a spec that a var of this name would not be: whoever writes one means more than a value.
_OF_SPECS = frozenset({"tools", "hooks", "history", "chain_limit", "tool_timeout", "tool_policy", "freeze", "cassette"})
_OF_SPECS |= {"expect", "expect+", "each_turn", "each_turn+", "extends", "cases", "matrix", "samples", "skip"}
_OF_SPECS |= {"known_failure", "faults"}
_ID = "id"  # names an entry that is a mapping; a var keeps it as a key of its own


def _matrix(node: Node, file: SpecFile) -> tuple[Axis, ...]:
    """The axes in the order of the file, each with a value at least."""
    entries = mapping(node, "matrix").entries
    if not entries:
        raise SpecError("an empty matrix", where=node.where, fix="write `model: [a, b]` into it, or leave the key out")
    mistakes = Mistakes()
    axes: list[Axis] = []
    for key, value in entries:
        with mistakes:
            axes.append(_axis(key, value, file))
    mistakes.stop(rest=tuple(axes))
    return tuple(axes)


def _axis(key: Scalar, node: Node, file: SpecFile) -> Axis:
    name = key.text
    if name in RESERVED or not name.strip():
        fix = "it has a meaning already; rename it"
        raise SpecError(f"{name!r} cannot be the name of an axis", where=key.where, fix=fix)
    if name in _OF_SPECS:
        what = f"{name!r} cannot be an axis: of a spec's own keys model, system and options can"
        raise SpecError(what, where=key.where, fix="rename it if it is a var; else write it into the spec")
    if not isinstance(node, document.Sequence):
        rows = isinstance(node, document.Mapping) and node.get("file") is not None and name not in _KEYS
        fix = "rows of a file are `cases`" if rows else f"write it as a list, as `{name}: [a, b]`"
        raise expected(f"a list for the axis {name!r}", node, fix)
    read = _KEYS[name].decode if name in _KEYS else _values
    return Axis(name=name, values=read(node, file), where=key.where)


def _together(found: Sequence[AxisValue]) -> Iterator[SpecError]:
    """Names that are equal, or that files cannot keep apart."""
    seen: dict[str, AxisValue] = {}
    for one in found:
        other = seen.setdefault(folded(one.name), one)
        if other is not one:
            how = "are equal" if other.name == one.name else f"differ in {difference(one.name, other.name)} only"
            fix = f"the other one is in line {other.where.line}; take one out, or give one an `id`"
            yield SpecError(f"the names of two values {how}: {one.name!r}", where=one.where, fix=fix)


def _value(node: Node, file: SpecFile) -> AxisValue:
    """A value of a var; one that is a mapping is named by its `id`, which stays in it."""
    value = data(node, literal_leaf)
    name, _ = _named(node, file)
    said = value if isinstance(value, str) else json.dumps(value)
    if isinstance(node, document.Mapping):
        if name is None:
            raise SpecError("a mapping without a name", where=node.where, fix="give it an `id`, as {id: paris, …}")
    elif isinstance(node, document.Sequence):
        fix = "write a mapping with an `id`, as {id: few, items: […]}"
        raise SpecError("a list has no name for the ids of conversations", where=node.where, fix=fix)
    return _with_name(name, said, value, node, "write {id: none, text: ''}; templates say .text")


def _model(node: Node, file: SpecFile) -> AxisValue:
    name, rest = _named(node, file)
    made = model(rest, file)
    name = name or model_part(made.name)
    return AxisValue(name=name, text=name, value=made, where=node.where)


def _system(node: Node, file: SpecFile) -> AxisValue:
    """A system prompt, named by its `id`, its file's stem, or what it says."""
    if isinstance(node, Scalar) and node.value is None:
        fix = "write {id: none, text: ''} for none at all"
        raise SpecError("expected a system prompt, got nothing", where=node.where, fix=fix)
    name, rest = _named(node, file)
    made = template(rest, file)
    if isinstance(node, Scalar) and _is_file(made.source, node, file):
        fix = f"write {{file: {made.source}}}, or {{text: {quoted(made.source)}}} if it is meant"
        raise SpecError(f"{show(made.source, 60)} is a file, and no system prompt", where=node.where, fix=fix)
    if name is None:
        named = rest.get("file") if isinstance(rest, document.Mapping) else None
        name = PurePosixPath(named.text).stem if isinstance(named, Scalar) else None
    return _with_name(name, made.source, made, node, "give it an `id`, as {id: none, text: ''}")


def _is_file(said: str, node: Node, file: SpecFile) -> bool:
    """Whether a text is the name of a file beside the spec."""
    return 0 < len(said) < 200 and said.isprintable() and "." in said and (file.folder_of(node) / said).is_file()


def _options(node: Node, file: SpecFile) -> AxisValue:
    """Options, named by their `id` or by what they are: `temperature=0`."""
    name, rest = _named(node, file)
    made = options(rest, file)
    shown = (f"{key}={_printed(value)}" for key, value in sorted(made.items()))
    return _with_name(name, ",".join(shown), made, node, "give it an `id`, as {id: as-written}")


def _printed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _named(node: Node, file: SpecFile) -> tuple[str | None, Node]:
    """The `id` of a mapping, if it has one, and the mapping without it."""
    if not isinstance(node, document.Mapping) or (given := node.get(_ID)) is None:
        return None, node
    kept = tuple(entry for entry in node.entries if entry[0].text != _ID)
    return decoding.identifier(given, file), replace(node, entries=kept)


def _with_name(name: str | None, said: str, value: Any, node: Node, fix: str) -> AxisValue:
    """The value, with the name that it was given, else with what it says."""
    if not (name or said):
        raise SpecError("a value without a name for the ids of conversations", where=node.where, fix=fix)
    return AxisValue(name=name or text_part(said), text=name or said, value=value, where=node.where)


def named_as_case_keys(spec: Spec) -> Iterator[SpecError]:
    """Yield a mistake for each axis that has the name of a value of the cases: one would hide the other."""
    for axis in spec.matrix:
        case = next((case for case in spec.cases or () if axis.name in case.values), None)
        if case is not None:
            fix = f"the case {case.id!r} has a value of this name; rename one, or take one out"
            yield SpecError(f"the axis {axis.name!r} is named as a case key", where=axis.where, fix=fix)


_NAME = Key(decoding.identifier, "Names it in the ids of conversations.")


def _with_id(record: Record) -> Record:
    """A mapping that may have a name beside its own keys."""
    return replace(record, keys={**record.keys, _ID: _NAME})


def _of(read: Read[AxisValue], of: str, *forms: Mapping[str, object] | Record) -> Decoder[tuple[AxisValue, ...]]:
    return decoding.listed(
        Decoder(read, {"anyOf": forms} if len(forms) > 1 else forms[0]), of=of, least=1, judge=_together
    )


_KEYS = {
    "model": Key(
        _of(_model, "models", {"type": "string"}, _with_id(MODEL), _with_id(SCRIPT)),
        "In the place of the spec's model; a plain name keeps how that one answers, as with `-m`.",
    ),
    "system": Key(
        _of(_system, "system prompts", {"type": "string"}, replace(_with_id(LONG_FORM), form="a text of a matrix")),
        "In the place of the spec's system prompt.",
    ),
    "options": Key(
        _of(_options, "options", {"type": "object", "allOf": [options, {"properties": {_ID: _NAME}}]}),
        "Over the spec's options; null removes one.",
    ),
}
_values = _of(
    _value,
    "values",
    {"type": ["string", "number", "boolean", "null"]},
    {"type": "object", "properties": {_ID: _NAME}, "required": [_ID]},
)
matrix = Decoder(
    _matrix,
    {
        "title": "A matrix",
        "type": "object",
        "minProperties": 1,
        "properties": _KEYS,
        "propertyNames": {"not": {"enum": sorted({*RESERVED, *_OF_SPECS})}},
        "additionalProperties": _values,
    },
)
