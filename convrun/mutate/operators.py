"""All changes of a turn, in an order that hangs on the recording alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from convrun.checks.context import TurnView
from convrun.mutate.finish import finish_mutants
from convrun.mutate.mutant import Material, Mutant, Seen
from convrun.mutate.reply import reply_mutants
from convrun.mutate.structured import structured_mutants
from convrun.mutate.tool_calls import tool_call_mutants
from convrun.transcript import RecordedTurn

_OPERATORS: tuple[Callable[[Material], Iterator[Mutant]], ...] = (
    tool_call_mutants,
    structured_mutants,
    reply_mutants,
    finish_mutants,
)


def material(views: Sequence[TurnView], place: int, recorded: RecordedTurn) -> Material:
    """Return what operators take of the turn at a place, which was recorded so."""
    following = (*views[place + 1 :], *views[:place])
    return Material(
        view=views[place],
        rounds=tuple(call.calls for call in recorded.model_calls),
        others=tuple(view.reply for view in following),
        tools=recorded.model_calls[0].asked.tools,
    )


def mutants(turn: Material) -> Iterator[Mutant]:
    """Yield the mutants of a turn whose transcript is another one; of several with the same the first."""
    seen = Seen(turn.view)
    for operator in _OPERATORS:
        yield from (mutant for mutant in operator(turn) if seen.is_new(mutant.view))
