"""A mutant: a turn in which one thing of what the model did is another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import TypeAlias
from unicodedata import normalize

from convrun.checks.context import TurnView
from convrun.frozen import frozen
from convrun.mutation import Family
from convrun.results import ToolCallResult
from convrun.transcript import PartDifference
from convrun.values import Json, JsonObject, canonical

Rounds: TypeAlias = tuple[tuple[ToolCallResult, ...], ...]  # the tool calls of each model call, in order


@frozen
class Material:
    """A recorded turn for operators to change: as checks see it, and what that does not say.

    `others` are the replies of the other turns, the next one first; `tools` are the functions that were offered.
    """

    view: TurnView
    rounds: Rounds
    others: tuple[str, ...] = ()
    tools: Mapping[str, JsonObject] = field(default_factory=dict)


@frozen
class Mutant:
    """A turn after one change. `operator` says what was done, `difference` what differs from the recording."""

    family: Family
    operator: str
    view: TurnView
    difference: PartDifference


def with_calls(turn: Material, rounds: Iterable[tuple[ToolCallResult, ...]]) -> TurnView:
    """Return the turn with these tool calls; their results are those that were recorded, as no tool is run.

    A model call without any is none before the last: the reply then comes at once. A last one that had nothing but
    calls ends with `stop` where it has none.
    """
    *before, last = rounds
    kept = [calls for calls in before if calls]
    view = turn.view
    asked_nothing = bool(turn.rounds[-1]) and not last and view.finish_reason == "tool_calls"
    return replace(
        view,
        tool_calls=tuple(call for calls in (*kept, last) for call in calls),
        model_calls=len(kept) + 1,
        finish_reason="stop" if asked_nothing else view.finish_reason,
    )


class Seen:
    """The transcripts of a turn that were seen; what people would call the same is the same.

    White space at both ends of a reply, the form of its accents, the ids of calls and the order of keys do not count.
    """

    def __init__(self, view: TurnView) -> None:
        self._view = view
        self._calls = _calls(view.tool_calls)
        self._found = {self._key(view)}

    def is_new(self, view: TurnView) -> bool:
        """Return whether no such turn was seen before."""
        key = self._key(view)
        if key in self._found:
            return False
        self._found.add(key)
        return True

    def _key(self, view: TurnView) -> tuple[str | None, ...]:
        same = view.tool_calls is self._view.tool_calls
        return (
            self._calls if same else _calls(view.tool_calls),
            normalized(view.reply),
            view.finish_reason,
            view.refusal,
        )


def normalized(text: str) -> str:
    """Return a text without what does not count in it."""
    return normalize("NFC", text).strip()


def _calls(calls: tuple[ToolCallResult, ...]) -> str:
    told: list[Json] = [[call.name, call.arguments] for call in calls]
    return canonical(told)
