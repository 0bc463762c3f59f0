"""JSON values: what is equal, in which form they are hashed, how they are named and shown to people."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from hashlib import sha256
from operator import attrgetter
from typing import Any, TypeAlias

from convrun.errors import ConvrunError, did_you_mean
from convrun.frozen import frozen

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]

_DEEPEST = 200  # levels; what reads the value afterwards may recurse
_FLOAT = re.compile(r"(?:^|[:,\[])-?[0-9]+[.e]")
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m)")
_NO_TEXT = frozenset({type(None), bool, int, float})
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def equal(left: object, right: object) -> bool:
    """Return whether two values are equal as JSON: 1 is 1.0, true is not 1, '5' is not 5."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    return type_name(left) == type_name(right) and left == right


def contains(actual: object, expected: object) -> bool:
    """Return whether `expected` is a subset of `actual`: its mappings may have more keys at every depth."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return all(key in actual and contains(actual[key], value) for key, value in expected.items())
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        return len(actual) == len(expected) and all(map(contains, actual, expected))
    return equal(actual, expected)


def is_deep(value: Json, text: str | bytes) -> bool:
    """Return whether the value of this JSON text has more levels than a request or reply may have."""
    # Counting is cheap, walking is not: a text with few brackets cannot be deep.
    brackets = text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")
    if brackets <= _DEEPEST:
        return False
    level: list[Json] = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, list | dict)
        ]
    return bool(level)


def canonical(value: object) -> str:
    """Return the one JSON text that all equal values share: keys sorted, no blanks, 1.0 as 1.

    Raises:
        ValueError: for NaN and infinities, which JSON does not have.
    """
    try:
        text = _encode(value)
        # Only a number written as a float needs the longer way; a text that looks like one costs time, no more.
        return text if _FLOAT.search(text) is None else _encode(_whole(value))
    except TypeError as error:
        raise ValueError(f"not a JSON value: {error}") from error


def _whole(value: object) -> object:
    """The same value with every float that is a whole number as an int."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value


def digest(value: object) -> str:
    """Return the sha256 of the canonical form, as 64 hex digits."""
    return sha256(canonical(value).encode()).hexdigest()


def texts(value: object, numbers: list[float] | None = None) -> Iterator[str]:
    """Yield every text in a value of mappings (keys too), lists, tuples and dataclasses, however deep; in any order.

    Its numbers are added to `numbers`.
    """
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        kind = item.__class__
        if kind is str:
            yield item
        elif kind in _NO_TEXT:
            if numbers is not None and (kind is int or kind is float):
                numbers.append(item)
        elif kind is tuple or kind is list:
            waiting += item
        elif kind is not dict and (fields_of := _getter(kind)) is not None:
            waiting += fields_of(item)
        elif isinstance(item, Mapping):
            waiting += item
            waiting += item.values()
        elif isinstance(item, str):
            yield item
        elif isinstance(item, tuple | list):
            waiting += item


@lru_cache(maxsize=64)
def field_names(kind: type) -> tuple[str, ...]:
    """Return the fields of a dataclass; none of any other class."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


@lru_cache(maxsize=64)
def _getter(kind: type) -> Callable[[object], tuple[object, ...]] | None:
    """What gives the fields of a dataclass; None of any other class."""
    names = field_names(kind)
    if len(names) == 1:  # of one name an attrgetter gives no tuple
        return lambda value: (getattr(value, names[0]),)
    return attrgetter(*names) if names else None


def is_amount(value: object) -> bool:
    """Return whether a value is a finite number of 0 or more, and no integer larger than any float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= sys.float_info.max


def type_name(value: object) -> str:
    """Return what people call the type of a JSON value: null, true/false, number, text, list, mapping."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "mapping"
    return "list" if isinstance(value, Sequence) else type(value).__name__


def show(value: object, limit: int = 200) -> str:
    """Return a value for a message: texts by repr, the rest as JSON, cut in the middle at `limit` characters."""
    try:
        if isinstance(value, str):
            text = _ends(value, limit)
        else:
            text = json.dumps(_outermost(value, limit), ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):
        text = _by_repr(value)
    if len(text) <= limit:
        return text
    half = (limit - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def _by_repr(value: object) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, brackets a thousand deep
        return f"a {type_name(value)} that is too {'long' if isinstance(value, int) else 'deep'} to be shown"


def _outermost(value: object, limit: int) -> object:
    """A long list, also one level down, with no more of its items than may be shown; anything else as it is."""
    within = value.values() if isinstance(value, dict) else ()
    if isinstance(value, dict) and any(isinstance(item, list) and len(item) > 4 * limit for item in within):
        return {key: _outermost(item, limit) if isinstance(item, list) else item for key, item in value.items()}
    return [*value[:limit], *value[-limit:]] if isinstance(value, list) and len(value) > 4 * limit else value


def _ends(text: str, limit: int) -> str:
    """A text by repr; of a long one no more than is shown, in the quotes that the whole would stand in."""
    if len(text) > 4 * limit:
        marks = "".join(mark for mark in ("'", '"') if mark in text)
        text = f"{text[:limit]}{'.' * limit}{marks}{text[-limit:]}"
    return repr(text)


@frozen
class SchemaFault:
    """What keeps a value from being a JSON Schema, at `path` in it."""

    what: str
    path: tuple[str | int, ...] = ()


def schema_fault(schema: object) -> SchemaFault | None:
    """Return why a value is no JSON Schema, None where it is one."""
    try:
        return _schema_fault(canonical(schema))
    except ValueError as error:
        return SchemaFault(what=str(error))
    except BaseException as error:
        if not is_endless(error):
            raise
        return SchemaFault(what="nested too deeply")


def is_endless(error: BaseException) -> bool:
    """Return whether the stack came to its end; below jsonschema is a library in Rust, where that is a panic."""
    return isinstance(error, RecursionError) or type(error).__name__ == "PanicException"


@lru_cache(maxsize=256)
def _schema_fault(text: str) -> SchemaFault | None:
    from jsonschema.exceptions import SchemaError  # 70 ms that few specs need
    from jsonschema.validators import Draft202012Validator, validator_for

    schema = json.loads(text)
    dialect = schema.get("$schema", "") if isinstance(schema, dict) else ""
    if not isinstance(dialect, str):
        return SchemaFault(what=f"{show(dialect, 60)} is not the address of a dialect", path=("$schema",))
    try:
        validator_for({"$schema": dialect}, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        what = error.message if len(error.message) <= 300 else f"{error.message[:150]}...{error.message[-147:]}"
        if error.absolute_path and error.absolute_path[-1] == "type" and isinstance(error.instance, str):
            meant = did_you_mean(error.instance, _TYPES) or f"known are {', '.join(_TYPES)}"
            what = f"unknown type {error.instance!r}, {meant}"
        return SchemaFault(what=what, path=tuple(error.absolute_path))
    return _misspelt_keyword(schema)


def seconds(duration: str) -> float:
    """Return the seconds of `60s`, `1.5m` or `200ms`.

    Raises:
        ConvrunError: where the text is no duration.
    """
    found = _DURATION.fullmatch(duration.strip())
    if found is None:
        raise ConvrunError(f"{duration!r} is not a duration", fix="write a number with ms, s or m, as 30s")
    return float(found[1]) * _SECONDS[found[2]]


_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
# Of JSON Schema 2020-12, with those of earlier drafts that validators still know, and OpenAPI's that tools write.
_KEYWORDS = frozenset(
    """
    $anchor $comment $defs $dynamicAnchor $dynamicRef $id $ref $schema $vocabulary additionalItems additionalProperties
    allOf anyOf const contains contentEncoding contentMediaType contentSchema default definitions dependencies
    dependentRequired dependentSchemas deprecated description discriminator else enum example examples exclusiveMaximum
    exclusiveMinimum format if items maxContains maxItems maxLength maxProperties maximum minContains minItems minLength
    minProperties minimum multipleOf not nullable oneOf pattern patternProperties prefixItems properties propertyNames
    readOnly required strict then title type unevaluatedItems unevaluatedProperties uniqueItems writeOnly
    """.split()  # noqa: SIM905  (a page of quoted words says no more)
)
_OF_SCHEMAS = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})  # by name
_NO_SCHEMA = frozenset({"const", "default", "dependencies", "enum", "example", "examples", "required"})


def _misspelt_keyword(schema: object, path: tuple[str | int, ...] = ()) -> SchemaFault | None:
    """The first word that is no keyword and all but is one: a validator passes it over, and anything would be valid."""
    if isinstance(schema, list):
        found = (_misspelt_keyword(item, (*path, index)) for index, item in enumerate(schema))
        return next(filter(None, found), None)
    for key, inner in schema.items() if isinstance(schema, dict) else ():
        near = None if key in _KEYWORDS else did_you_mean(key, _KEYWORDS, cutoff=0.85)
        if near is not None:
            return SchemaFault(what=f"unknown keyword {key!r}, {near}", path=(*path, key))
        if key in _NO_SCHEMA:
            continue
        inners = inner.items() if key in _OF_SCHEMAS and isinstance(inner, dict) else [(None, inner)]
        for name, one in inners:
            fault = _misspelt_keyword(one, (*path, key) if name is None else (*path, key, name))
            if fault is not None:
                return fault
    return None
