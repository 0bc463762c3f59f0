"""What templates see of a value: the names it has, and what it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, cast

from convrun.values import type_name


def names_of(holder: object) -> list[str]:
    """Return the names that a value has."""
    if isinstance(holder, Mapping):
        return [key for key in holder if isinstance(key, str)]
    if is_dataclass(holder):
        return list(shown_fields(holder))
    keys = getattr(holder, "keys", None)
    return list(keys()) if callable(keys) else []


def noun(holder: object) -> str:
    """Return what a value is called in a message; a dataclass may say it, as `called`."""
    if is_dataclass(holder):
        return str(getattr(type(holder), "called", type(holder).__name__))
    if not isinstance(holder, Mapping | Sequence | int | float | None):
        return type(holder).__name__
    return type_name(holder)


def shown_fields(value: object) -> dict[str, object]:
    """Return the fields of a dataclass that templates may see; `metadata={"hidden": True}` keeps one from them."""
    return {
        field.name: getattr(value, field.name)
        for field in fields(cast(Any, value))
        if not field.name.startswith("_") and not field.metadata.get("hidden")
    }
