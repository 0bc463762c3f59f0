"""Survivors of a turn put together by the check that would catch them; each such check was tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from convrun.checks.check import Check
from convrun.frozen import frozen
from convrun.mutate.mutant import Mutant
from convrun.mutate.subject import Subject
from convrun.mutate.suggesting import suggestions
from convrun.mutate.witness import Witness, holds
from convrun.mutate.writing import read_back, yaml_of
from convrun.mutation import Gap, Survivor
from convrun.source import printable
from convrun.spec.model import CheckSpec
from convrun.values import Json, JsonObject

_ID = "id"  # of a case: another var of the same value says more


@frozen
class _Tried:
    """A check that holds in the recording, and in those of the spec's other conversations; `text` is its YAML."""

    text: str
    check: Check


def gaps(subject: Subject, place: int, survivors: Sequence[Mutant], others: Sequence[Witness]) -> Iterator[Gap]:
    """Yield the survivors of the turn at a place, with those together that one check catches.

    `others` are the spec's other conversations: a check is for all of them.
    """
    witness = subject.witness
    left = list(survivors)
    families = {mutant.family for mutant in survivors}

    def catches(tried: _Tried, mutant: Mutant) -> bool:
        return not holds(tried.check, witness.context(place, mutant.view))

    for group in suggestions(witness.views[place], families, _varying(subject, others)):
        tried = [found for one in group if (found := _tried(one, place, witness, others)) is not None]
        while left and tried:
            caught = [[mutant for mutant in left if catches(one, mutant)] for one in tried]
            most = max(caught, key=len)
            if not most:
                break
            yield _gap(subject, place, most, tried[caught.index(most)].text)
            left = [mutant for mutant in left if not any(mutant is one for one in most)]
        if not left:
            return
    if left:
        yield _gap(subject, place, left, None)


def _varying(subject: Subject, others: Sequence[Witness]) -> dict[str, Json]:
    """The vars that differ from conversation to conversation of a spec, as far as a template can name them."""
    case, held = subject.planned.case, subject.planned.vars
    names = sorted(case.values, key=_ID.__eq__) if case else []
    names += [name for name in held if name not in names and any(one.vars.get(name) != held[name] for one in others)]
    return {name: held[name] for name in names if name.isidentifier()}


def _tried(one: JsonObject, place: int, witness: Witness, others: Sequence[Witness]) -> _Tried | None:
    """A suggested check as the spec would have it; None where it does not hold everywhere."""
    text = yaml_of(one)
    spec = read_back(text) if all(line == printable(line) for line in text.split("\n")) else None  # it is to be copied
    if spec is None or not all(_holds_in(spec, recorded, place) for recorded in (witness, *others)):
        return None
    check = witness.check(place, spec.kind, spec.value)
    return _Tried(text=text, check=check) if check is not None else None


def merged(found: Iterable[Gap], witnesses: Mapping[str, Sequence[Witness]]) -> list[Gap]:
    """Return the gaps, those that one check closes in one, the largest first.

    `witnesses` are the conversations of each spec: a check that holds in every turn of all of them may stand there.
    """
    by_turn: dict[tuple[str, str | None, int], Gap] = {}
    for gap in found:
        key = gap.spec, gap.check, gap.turns[0]
        by_turn[key] = _joined([by_turn[key], gap]) if key in by_turn else gap
    several: dict[tuple[str, str | None], list[Gap]] = {}
    for (spec, check, _), gap in by_turn.items():
        several.setdefault((spec, check), []).append(gap)
    made: list[Gap] = []
    for (spec, check), alike in several.items():
        anywhere = len(alike) > 1 and check is not None and _holds_everywhere(check, witnesses[spec])
        made += [replace(_joined(alike), each_turn=True)] if anywhere else alike
    return sorted(made, key=lambda gap: (-len(gap.survivors), gap.spec, gap.turns))


def _joined(alike: Sequence[Gap]) -> Gap:
    return replace(alike[0], survivors=tuple(one for gap in alike for one in gap.survivors))


def _holds_everywhere(text: str, witnesses: Sequence[Witness]) -> bool:
    spec = read_back(text)
    every = [(witness, place) for witness in witnesses for place in range(len(witness.views))]
    return spec is not None and all(_holds_in(spec, witness, place) for witness, place in every)


def _holds_in(spec: CheckSpec, witness: Witness, place: int) -> bool:
    """Whether a check holds in a turn as it was recorded; where there is no reply it is not asked."""
    view = witness.views[place]
    if not view.model_calls or view.error is not None:
        return True
    check = witness.check(place, spec.kind, spec.value)
    return check is not None and holds(check, witness.context(place, view))


def _gap(subject: Subject, place: int, mutants: Sequence[Mutant], check: str | None) -> Gap:
    planned = subject.planned
    return Gap(
        spec=planned.spec.file,
        where=planned.spec.turns[place].where,
        check=check,
        survivors=tuple(
            Survivor(
                conversation=planned.id,
                turn=place + 1,
                family=one.family,
                operator=one.operator,
                difference=one.difference,
            )
            for one in mutants
        ),
    )
