"""Changes of a reply that is JSON: it breaks off, a field is missing, a value is another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from convrun.checks.context import TurnView
from convrun.mutate.alterations import alterations, altered
from convrun.mutate.json_text import JsonText
from convrun.mutate.mutant import Material, Mutant
from convrun.mutate.reply import with_reply
from convrun.transcript import PartDifference


def structured_mutants(turn: Material) -> Iterator[Mutant]:
    """Yield the changes of a turn's reply as JSON; a reply that is no mapping and no list has none."""
    value, reply = turn.view.parsed, turn.view.reply
    if not isinstance(value, dict | list):
        return
    broken = reply.rstrip()[:-1]
    yield _mutant(with_reply(turn, broken), "JSON broken", PartDifference(part="reply", old=reply, new=broken))
    text = JsonText(reply)
    for one in alterations(value):
        operator = f"field {one.called}" if one.path and isinstance(one.path[-1], str) else f"item {one.called}"
        changed = text.altered(one.path, one.new)
        view = (
            with_reply(turn, changed)
            if text.doubled
            else replace(turn.view, reply=changed, parsed=altered(value, one.path, one.new))
        )  # what did not change is one value in all
        yield _mutant(view, operator, one.difference("reply: "))


def _mutant(view: TurnView, operator: str, difference: PartDifference) -> Mutant:
    return Mutant(family="structured output", operator=operator, view=view, difference=difference)
