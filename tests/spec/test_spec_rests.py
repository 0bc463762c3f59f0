"""What is left of a spec with mistakes: of the right types, so that the rest of it can be judged."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

import pytest

from convrun.errors import SpecErrors
from convrun.spec.loading import load_spec
from convrun.templates import Text
from convrun.values import Json, JsonObject

MISTAKEN = {
    "name": "[1]",
    "description": "5",
    "tags": "[good, 5]",
    "model": "{script: [{reply: good}, {cal: f}]}",
    "system": "{text: good, fil: x}",
    "vars": "{good: 1, now: 2, zip: 012}",
    "options": "{seed: 7, model: x}",
    "tools": "['a:good', {usee: x}, {use: 'a:b', with: {zip: 012}}]",
    "hooks": "{before_call: ['a:good', 5], aftr_call: 'a:b'}",
    "history": "[{user: good}, {asistant: a}, {role: user, parts: [{type: text, text: b}, {typ: c}]}, [d]]",
    "chain_limit": "0",
    "tool_timeout": "60",
    "tool_policy": "lve",
    "turns": "[{user: good, expect: [{contains: x}, 5, {a: 1, b: 2}], attachments: [{path: a}, b], options: 5}, 7, "
    "{user: good, expect_error: {}, known_failure: 5}]",
    "each_turn": "[{contains: good}, {}, x]",
    "expect": "[{contains: good}, {because: x}]",
    "cassette": "{ignore: [/good, bad]}",
    "skip": "true",
    "known_failure": "false",
    "cases": "[{id: good}, {id: 012}, 5, {id: good}]",
    "matrix": "{model: [good, {nam: x}], now: [x], city: [good]}",
    "samples": "{times: 5, pass: 6}",
    "faults": "[{turn: 1, inject: empty}, {turn: 1, inject: refuse}, {tool: f}, x]",
    "freeze": "{time: 2026-01-31, uuid: good}",
}


def fits(value, hint):
    """Whether a value is of the type that a hint says, at every depth of dataclasses, tuples and mappings."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in (typing.Any, object, Json, JsonObject, None):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(value is None if one is type(None) else fits(value, one) for one in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, tuple) and all(fits(item, arguments[0]) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping)
    if is_dataclass(hint) and hint is not Text:
        hints = typing.get_type_hints(hint)
        return isinstance(value, hint) and all(fits(getattr(value, one.name), hints[one.name]) for one in fields(hint))
    return isinstance(value, int | float if hint is float else hint)


def rest_of(folder, text):
    """What could be read of a spec with mistakes."""
    (folder / "a.yaml").write_text(text, "utf-8")
    with pytest.raises(SpecErrors) as caught:
        load_spec(folder / "a.yaml", folder)
    return caught.value.rest


@pytest.mark.parametrize("key", sorted(MISTAKEN))
def test_the_rest_of_a_mistaken_key_has_the_type_of_a_whole_one(tmp_path, key):
    """With a mistake in any key, what is left of the spec has the types that a spec has."""
    turns = "" if key == "turns" else "turns: [{user: Hi}]\n"
    rest = rest_of(tmp_path, f"{turns}{key}: {MISTAKEN[key]}\n")
    assert key in rest.broken
    assert fits(rest.spec, type(rest.spec))


def test_the_rest_of_a_spec_that_is_wrong_everywhere_has_the_types_of_a_whole_one(tmp_path):
    """With a mistake in every key at once, too; what is right beside a mistake is kept."""
    rest = rest_of(tmp_path, "".join(f"{key}: {value}\n" for key, value in MISTAKEN.items()))
    assert rest.broken == set(MISTAKEN)
    assert fits(rest.spec, type(rest.spec))
    assert [message.text.source for message in rest.spec.history] == ["good"]
    assert [turn.user.source for turn in rest.spec.turns] == ["good", "good"]


def test_every_key_has_its_mistake():
    """The mistakes above are those of all keys, but for those that are gone once a spec is read."""
    from convrun.spec.loading import SPEC

    assert set(MISTAKEN) == set(SPEC.keys) - {"extends", "each_turn+", "expect+"}
