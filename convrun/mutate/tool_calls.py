"""Changes of what the model asks tools for: calls dropped, doubled and swapped, arguments changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

from convrun.checks.call_pattern import show_call
from convrun.mutate.alterations import ANOTHER_TEXT, GONE, Alteration, alterations, altered
from convrun.mutate.mutant import Material, Mutant, Rounds, with_calls
from convrun.results import ToolCallResult
from convrun.transcript import PartDifference
from convrun.values import Json, JsonObject

_Place: TypeAlias = tuple[int, int]  # the model call, and the call in it

_VALUES: dict[Json, Json] = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}


def tool_call_mutants(turn: Material) -> Iterator[Mutant]:
    """Yield the changes of a turn's tool calls, call by call."""
    places = [(number, index) for number, calls in enumerate(turn.rounds) for index in range(len(calls))]
    texts = [show_call(call.name, call.arguments) for calls in turn.rounds for call in calls]
    for number, place in enumerate(places):
        call, shown, name = turn.rounds[place[0]][place[1]], texts[number], f"call {number + 1}"
        yield _mutant(turn, "call dropped", _put(turn.rounds, place), name, shown, None)
        yield _mutant(turn, "call doubled", _put(turn.rounds, place, call, call), name, shown, f"{shown}, {shown}")
        if number + 1 < len(places):
            following = places[number + 1]
            other = turn.rounds[following[0]][following[1]]
            swapped = _put(_put(turn.rounds, place, other), following, call)
            part, both = f"calls {number + 1} and {number + 2}", texts[number : number + 2]
            yield _mutant(turn, "calls swapped", swapped, part, ", ".join(both), ", ".join(both[::-1]))
        yield from _argument_mutants(turn, place, call, name)


def _argument_mutants(turn: Material, place: _Place, call: ToolCallResult, name: str) -> Iterator[Mutant]:
    """The changes of one call's arguments; what is no JSON never got to the tool."""
    arguments = call.arguments
    if not isinstance(arguments, dict):
        return
    for one in (*alterations(arguments), _added(arguments, turn.tools.get(call.name, {}))):
        changed = replace(call, arguments=altered(arguments, one.path, one.new))
        yield Mutant(
            family="tool calls",
            operator=f"argument {one.called}",
            view=with_calls(turn, _put(turn.rounds, place, changed)),
            difference=one.difference(f"{name}, {call.name}: "),
        )


def _added(arguments: JsonObject, function: JsonObject) -> Alteration:
    """One argument more: the first that the tool takes and was not given, else one that it does not know."""
    schema = function.get("parameters")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name, property_schema in properties.items() if isinstance(properties, dict) else ():
        if name not in arguments:
            kind = property_schema.get("type") if isinstance(property_schema, dict) else None
            value = _VALUES.get(kind, ANOTHER_TEXT) if isinstance(kind, str) else ANOTHER_TEXT
            return Alteration(path=(name,), old=GONE, new=value)
    unknown = "extra"
    while unknown in arguments:
        unknown += "_"
    return Alteration(path=(unknown,), old=GONE, new=ANOTHER_TEXT)


def _put(rounds: Rounds, place: _Place, *calls: ToolCallResult) -> Rounds:
    """The calls with these in the place of one."""
    number, index = place
    before = rounds[number]
    return (*rounds[:number], (*before[:index], *calls, *before[index + 1 :]), *rounds[number + 1 :])


def _mutant(turn: Material, operator: str, rounds: Rounds, part: str, old: str, new: str | None) -> Mutant:
    return Mutant(
        family="tool calls",
        operator=operator,
        view=with_calls(turn, rounds),
        difference=PartDifference(part=part, old=old, new=new, literal=True),
    )
