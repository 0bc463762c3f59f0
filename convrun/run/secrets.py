"""The keys that are in use, and results without their values: what is reported is also written down somewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from operator import is_
from typing import Any, TypeVar

from convrun.backends.keys import KEY_VARIABLES, key_variable
from convrun.errors import SettingsError
from convrun.redaction import Redactor
from convrun.run.bind import BoundConversation
from convrun.run.surroundings import variables

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
    return _redactor(tuple((name, value) for name, value in values.items() if value is not None))


@lru_cache(maxsize=16)
def _redactor(secrets: tuple[tuple[str, str], ...]) -> Redactor:
    """One for all conversations with the same secrets: making it anew for each takes longer than its work."""
    return Redactor(dict(secrets))


def without_secrets(result: _Value, redactor: Redactor) -> _Value:
    """Return a result with every key value replaced; the same object where there is none."""
    return _clean(result, redactor) if redactor else result


def _clean(value: Any, redactor: Redactor) -> Any:
    """The value, or a changed copy: results are dataclasses of JSON values, and most hold nothing to change."""
    kind = value.__class__
    if kind in _NO_TEXT:
        return value
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, tuple | list):
        items = [_clean(item, redactor) for item in value]
        return value if all(map(is_, items, value)) else kind(items)
    if isinstance(value, Mapping):
        pairs = {_clean(key, redactor): _clean(item, redactor) for key, item in value.items()}
        same = all(key in value and value[key] is item for key, item in pairs.items())
        return value if same else pairs
    changed = {}
    for name in _field_names(kind):
        before = getattr(value, name)
        if before.__class__ not in _NO_TEXT and (after := _clean(before, redactor)) is not before:
            changed[name] = after
    return replace(value, **changed) if changed else value


@lru_cache(maxsize=64)
def _field_names(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass; none of any other class."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()
