"""The keys that are in use, and results without their values: what is reported is also written down somewhere."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from operator import is_
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from convrun.backends.keys import KEY_VARIABLES, key_variable, known_keys
from convrun.errors import SettingsError
from convrun.redaction import Redactor
from convrun.redaction.redactor import Thorough
from convrun.results import ConversationResult
from convrun.source import Where
from convrun.values import field_names, texts

if TYPE_CHECKING:
    from convrun.run.binding.bind import BoundConversation

_NO_TEXT = frozenset({type(None), bool, int, float})
_JSON = frozenset({"arguments", "expected", "actual", "recorded", "now"})  # fields that may be a number; others count
_Value = TypeVar("_Value")


def redactor_for(bound: BoundConversation, environ: Mapping[str, str]) -> Redactor:
    """Return what takes out the values of every provider's key, and of the variables that the conversation names.

    Its tools, hooks and checks may come upon any key, whatever its own model is.
    """
    from convrun.run.playing.surroundings import variables  # what shows recordings one by one does without

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


def secrets_of(roots: Iterable[Path], environ: Mapping[str, str], patterns: Iterable[str] = ()) -> Redactor:
    """Return what takes secrets out of what is shown or written of the projects at these roots, thoroughly.

    It knows shapes, the keys in the environment and in their `.env`s, and what their settings name with `redact`;
    `patterns` are further ones.

    Raises:
        SettingsError: for settings that are wrong, and for a `.env` that is.
    """
    from convrun.environment import read_dotenv  # a run has read both already
    from convrun.settings import load

    named, environs = [*patterns], [environ]
    for root in dict.fromkeys(roots):
        environs.append({**read_dotenv(root), **environ})
        named += load(root, environs[-1], {}).redact
    redactor = known_keys({}, dict.fromkeys(named))
    for one in environs:
        redactor.learn({name: one[name] for name in KEY_VARIABLES if one.get(name)})
    return redactor.thorough


def without_secrets(result: _Value, redactor: Redactor) -> _Value:
    """Return a result with every secret replaced, as far as it is shown; the same object where there is none."""
    thorough = redactor.thorough
    return _clean(result, thorough) if _holds_any(result, thorough) else result


def _holds_any(value: object, thorough: Thorough) -> bool:
    numbers: list[float] | None = [] if thorough.has_numbers else None
    return thorough.found_in(texts(value, numbers)) or any(thorough.number(one) for one in numbers or ())


def told_without_secrets(result: ConversationResult, redactor: Redactor) -> ConversationResult:
    """Return the result of a conversation with every secret replaced, but in the names of it and of its files.

    By those it is found again, and they are no secrets: the value of a variable is there for all to read, and what is
    a secret by its shape was refused before.
    """
    thorough = redactor.thorough
    if not _holds_any(result, thorough):
        return result
    files = {result.spec, result.cassette}
    clean: ConversationResult = _clean(result, thorough, files)
    return replace(clean, id=result.id, spec=result.spec, case=result.case, cassette=result.cassette)


def _clean(value: Any, redactor: Thorough, files: Container[str | None] = ()) -> Any:
    """The value, or a changed copy: results are dataclasses of JSON values, and most hold nothing to change.

    A place in one of `files` keeps its name.
    """
    kind = value.__class__
    if kind in _NO_TEXT:
        return value if value is None else redactor.number(value) or value
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
    for name in field_names(kind):
        before = getattr(value, name)
        if (before.__class__ not in _NO_TEXT or name in _JSON) and (
            after := _clean(before, redactor, files)
        ) is not before:
            changed[name] = after
    if kind is Where and value.file in files:
        changed.pop("file", None)
    return replace(value, **changed) if changed else value
