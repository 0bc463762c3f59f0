"""Suggested checks, tried on all recordings of their spec before anybody is told of them."""

from __future__ import annotations

from collections.abc import Sequence

from convrun.checks.check import Check
from convrun.frozen import frozen
from convrun.mutate.witness import Witness, holds
from convrun.mutate.writing import read_back, yaml_of
from convrun.source import printable
from convrun.spec.model import CheckSpec
from convrun.values import JsonObject


@frozen
class Tried:
    """A check that holds in a turn of all recordings; `text` is its YAML."""

    text: str
    check: Check


class Trials:
    """Tries checks on the conversations of one spec whose recordings pass: its cases, models and samples."""

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        self._witnesses = witnesses
        self._known: dict[tuple[tuple[str, ...], int, str], CheckSpec | None] = {}
        first = witnesses[0].vars
        self.varying = {
            name: None for name in first if any(one.vars.get(name) != first[name] for one in witnesses[1:])
        }  # the names of the vars that are not the same in all, in order

    def tried(self, suggested: JsonObject, place: int, witness: Witness) -> Tried | None:
        """Return a check of the turn at a place, as the spec would have it; None where it does not hold in all."""
        text = yaml_of(suggested)
        key = witness.branches, place, text
        if key not in self._known:
            spec = read_back(text) if all(line == printable(line) for line in text.split("\n")) else None
            self._known[key] = spec if spec is not None and self._holds(spec, place, witness.branches) else None
        known = self._known[key]
        check = witness.check(place, known.kind, known.value) if known is not None else None
        return Tried(text=text, check=check) if check is not None else None

    def holds_in_each_turn(self, text: str) -> bool:
        """Return whether a check, as YAML, holds in every turn of all recordings."""
        spec = read_back(text)
        every = ((witness, place) for witness in self._witnesses for place in range(len(witness.views)))
        return spec is not None and all(_holds_in(spec, witness, place) for witness, place in every)

    def _holds(self, spec: CheckSpec, place: int, branches: tuple[str, ...]) -> bool:
        """Whether a check holds in a turn of all that have it: those of the trunk, or of one branch."""
        alike = (witness for witness in self._witnesses if witness.branches == branches)
        return all(_holds_in(spec, witness, place) for witness in alike)


def _holds_in(spec: CheckSpec, witness: Witness, place: int) -> bool:
    """Whether a check holds in a turn as it was recorded; where there is no reply it is not asked."""
    view = witness.views[place]
    if not view.model_calls or view.error is not None:
        return True
    check = witness.check(place, spec.kind, spec.value)
    return check is not None and holds(check, witness.context(place, view))
