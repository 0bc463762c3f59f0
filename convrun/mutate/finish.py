"""The change of why a turn's last model call ended: it was cut off at its length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from convrun.mutate.mutant import Material, Mutant
from convrun.transcript import PartDifference

CUT_OFF = "length"


def finish_mutants(turn: Material) -> Iterator[Mutant]:
    """Yield the turn cut off, with all that it said; one that was is as it is."""
    ended = turn.view.finish_reason
    yield Mutant(
        family="finish reason",
        operator="cut off",
        view=replace(turn.view, finish_reason=CUT_OFF),
        difference=PartDifference(part="finish reason", old=ended, new=CUT_OFF),
    )
