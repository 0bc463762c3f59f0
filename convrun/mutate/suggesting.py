"""Checks that would catch survivors, as a person would write them; whether they do is for others to find out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias

from convrun.checks.context import TurnView
from convrun.mutate.alterations import GONE, Gone, alterations, json_path, numbers
from convrun.mutate.finish import CUT_OFF
from convrun.mutate.writing import written
from convrun.mutation import Family
from convrun.results import ToolCallResult
from convrun.values import Json, JsonObject, canonical, equal

Vars: TypeAlias = Mapping[str, Json]  # that may stand in for values

_SHORT = 160  # characters of a JSON reply that is compared as a whole, or of a reply
_WORDS = 24  # characters around a number, and at the end of a reply
_MOST = 50  # fields or numbers of a reply, each with a check of its own


def suggestions(view: TurnView, families: Collection[Family], names: Vars) -> Iterator[list[JsonObject]]:
    """Yield checks that hold in a turn, in groups, those that say no more than is needed in the first.

    `families` are those whose mutants survived; `names` are the vars that differ from case to case.
    """
    first: list[JsonObject] = []
    if "tool calls" in families:
        first += _of_calls(view.tool_calls, names)
    if not {"reply", "structured output"}.isdisjoint(families):
        first += _of_json(view.parsed, names) if isinstance(view.parsed, dict | list) else _of_text(view.reply, names)
    if "finish reason" in families and view.finish_reason is not None:
        first.append({"finish_reason": view.finish_reason})
    yield first
    if names:
        yield from suggestions(view, families, {})
        return
    rest: list[JsonObject] = []
    if "reply" in families:
        yield [{"ends_with": written(_last_words(view.reply), {})}]  # what is said twice is contained in half of it
        if len(view.reply) <= _SHORT:
            yield [{"equals": written(view.reply.strip(), {})}]
        rest.append({"matches": r"\S"})
    if "finish reason" in families:
        rest.append({"not": {"finish_reason": CUT_OFF}})
    if "tool calls" in families:  # arguments that cannot be written
        rest.append({"calls": {"exactly": [call.name for call in view.tool_calls]}})
    yield rest


def _of_calls(calls: tuple[ToolCallResult, ...], names: Vars) -> Iterator[JsonObject]:
    """Each call by itself, then all in their order."""
    distinct = {canonical([call.name, call.arguments]): call for call in calls}
    for call in distinct.values():
        times = sum(one.name == call.name and equal(one.arguments, call.arguments) for one in calls)
        yield {"called": {**_pattern(call, names), "times": times}}
    if len(calls) > 1:
        yield {"calls": {"exactly": [_pattern(call, names) for call in calls]}}


def _pattern(call: ToolCallResult, names: Vars) -> JsonObject:
    if not isinstance(call.arguments, dict):
        return {"tool": call.name}
    exactly = {key: written(value, names, conditions=True) for key, value in call.arguments.items()}
    return {"tool": call.name, "with_exactly": exactly}


def _of_json(value: Json, names: Vars) -> Iterator[JsonObject]:
    """The whole, where it is short; then what stands at each path, and that it is JSON at all."""
    if len(canonical(value)) <= _SHORT:
        yield {"json": {"path": "$", "equals": written(value, names)}}
    leaves = (one for one in alterations(value) if one.new is not GONE or one.old in ({}, []))
    for _, one in zip(range(_MOST), leaves, strict=False):
        assert not isinstance(one.old, Gone)
        yield {"json": {"path": json_path(one.path), "equals": written(one.old, names)}}
    yield {"json": True}


def _of_text(reply: str, names: Vars) -> Iterator[JsonObject]:
    """What a var holds, the numbers with the words around them, the end, the beginning."""
    for name, value in names.items():
        if isinstance(value, str) and value.strip() and value in reply:
            yield {"contains": f"{{{{ {name} }}}}"}
    for _, found in zip(range(_MOST), numbers(reply), strict=False):
        yield {"contains": written(_around(reply, found), {})}
    for words in (_last_words(reply.strip().rpartition("\n")[2]), _first_words(reply.strip().partition("\n")[0])):
        if words.strip():
            yield {"contains": written(words.strip(), {})}


def _around(text: str, found: re.Match[str]) -> str:
    """A number with the words around it in its line."""
    before = text[: found.start()].rpartition("\n")[2]
    after = text[found.end() :].partition("\n")[0]
    return f"{_last_words(before)}{found[0]}{_first_words(after)}".strip()


def _first_words(text: str) -> str:
    if len(text) <= _WORDS:
        return text
    words = text[:_WORDS]
    return words.rpartition(" ")[0] or words


def _last_words(text: str) -> str:
    if len(text) <= _WORDS:
        return text
    words = text[-_WORDS:]
    return words.partition(" ")[2] or words
