"""The keys that are in use, and results without their values: what is reported is also written down somewhere."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from operator import attrgetter, is_
from typing import Any, TypeVar

from convrun.backends.keys import KEY_VARIABLES, key_variable
from convrun.errors import SettingsError
from convrun.redaction import Redactor
from convrun.results import ConversationResult
from convrun.run.bind import BoundConversation
from convrun.run.surroundings import variables
from convrun.source import Where

_NO_TEXT = frozenset({type(None), bool, int, float})
_Value = TypeVar("_Value")


def redactor_for(bound: BoundConversation, environ: Mapping[str, str]) -> Redactor:
    """Return what takes out the values of every provider's key, and of the variables that the conversation names.

    Its tools, hooks and checks may come upon any key, whatever its own model is.
    """
    model = bound.model
    try:
        variable = key_variable(model, environ=environ, trusted_base_urls=bound.trusted)
    except SettingsError:
        variable = model.api_key_env
    names = KEY_VARIABLES.union(bound.spec.variables, [variable] if variable else [])
    values = variables(sorted(names), environ)
    return _redactor(tuple(values.items()), bound.redact)


@lru_cache(maxsize=16)
def _redactor(variables: tuple[tuple[str, str | None], ...], patterns: tuple[str, ...]) -> Redactor:
    """One for all conversations with the same secrets: making it anew for each takes longer than its work."""
    secrets = {name: value for name, value in variables if value is not None}
    return Redactor(secrets, patterns=patterns, names=[name for name, _ in variables])


def without_secrets(result: _Value, redactor: Redactor) -> _Value:
    """Return a result with every secret replaced, as far as it is shown; the same object where there is none."""
    thorough = redactor.thorough
    return _clean(result, thorough) if thorough.found_in(_texts(result)) else result


def told_without_secrets(result: ConversationResult, redactor: Redactor) -> ConversationResult:
    """Return the result of a conversation with every secret replaced, but in the names of it and of its files.

    By those it is found again, and they are no secrets: the value of a variable is there for all to read, and what is
    a secret by its shape was refused before.
    """
    thorough = redactor.thorough
    if not thorough.found_in(_texts(result)):
        return result
    files = {result.spec, result.cassette}
    clean: ConversationResult = _clean(result, thorough, files)
    return replace(clean, id=result.id, spec=result.spec, case=result.case, cassette=result.cassette)


def _texts(value: object) -> list[str]:
    """Every text in a result, gathered quickly: most hold nothing to change."""
    found: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        kind = item.__class__
        if kind is str:
            found.append(item)
        elif kind in _NO_TEXT:
            continue
        elif kind is tuple or kind is list:
            waiting += item
        elif kind is not dict and (fields_of := _getter(kind)) is not None:
            waiting += fields_of(item)
        elif isinstance(item, Mapping):
            waiting += item
            waiting += item.values()
        elif isinstance(item, str):
            found.append(item)
        elif isinstance(item, tuple | list):
            waiting += item
    return found


def _clean(value: Any, redactor: Redactor, files: Container[str | None] = ()) -> Any:
    """The value, or a changed copy: results are dataclasses of JSON values, and most hold nothing to change.

    A place in one of `files` keeps its name.
    """
    kind = value.__class__
    if kind in _NO_TEXT:
        return value
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, tuple | list):
        items = [_clean(item, redactor, files) for item in value]
        return value if all(map(is_, items, value)) else kind(items)
    if isinstance(value, Mapping):
        pairs = {_clean(key, redactor): _clean(item, redactor) for key, item in value.items()}
        same = all(key in value and value[key] is item for key, item in pairs.items())
        return value if same else pairs
    changed = {}
    for name in _field_names(kind):
        before = getattr(value, name)
        if before.__class__ not in _NO_TEXT and (after := _clean(before, redactor, files)) is not before:
            changed[name] = after
    if kind is Where and value.file in files:
        changed.pop("file", None)
    return replace(value, **changed) if changed else value


@lru_cache(maxsize=64)
def _field_names(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass; none of any other class."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


@lru_cache(maxsize=64)
def _getter(kind: Hashable) -> Callable[[object], tuple[object, ...]] | None:
    """What gives the fields of a dataclass; None of any other class."""
    names = _field_names(kind) if isinstance(kind, type) else ()
    return attrgetter(*names, names[0]) if names else None  # of one name it would give no tuple
