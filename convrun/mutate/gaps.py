"""Survivors of a turn put together by the check that would catch them; each such check was tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from convrun.mutate.mutant import Mutant
from convrun.mutate.subject import Subject
from convrun.mutate.suggesting import suggestions
from convrun.mutate.trials import Trials
from convrun.mutate.witness import holds
from convrun.mutation import Gap, Survivor
from convrun.source import Where
from convrun.values import Json

_ID = "id"  # of a case: another var of the same value says more


def gaps(subject: Subject, place: int, survivors: Sequence[Mutant], trials: Trials) -> Iterator[Gap]:
    """Yield the survivors of the turn at a place, with those together that one check catches, most of them first."""
    witness = subject.witness
    contexts = [witness.context(place, mutant.view) for mutant in survivors]
    left = dict.fromkeys(range(len(survivors)))
    families = {mutant.family for mutant in survivors}
    for group in suggestions(witness.views[place], families, _varying(subject, trials)):
        tried = [found for one in group if (found := trials.tried(one, place, witness)) is not None]
        catches: list[list[int]] = [[] for _ in tried]
        for index in left:  # mutant by mutant: its reply is parsed once for all checks
            for one, caught in zip(tried, catches, strict=True):
                if not holds(one.check, contexts[index]):
                    caught.append(index)
        while any(catches):
            most = max(catches, key=len)
            yield _gap(subject, place, [survivors[index] for index in most], tried[catches.index(most)].text)
            left = {index: None for index in left if index not in most}
            catches = [[index for index in caught if index in left] for caught in catches]
        if not left:
            return
    yield _gap(subject, place, [survivors[index] for index in left], None)


def _varying(subject: Subject, trials: Trials) -> dict[str, Json]:
    """The vars that differ from conversation to conversation of a spec, as far as a template can name them."""
    case, held = subject.planned.case, subject.planned.vars
    names = [*(sorted(case.values, key=_ID.__eq__) if case else []), *trials.varying]
    return {name: held[name] for name in names if name in held and name.isidentifier()}


def merged(found: Iterable[Gap], trials: Mapping[str, Trials]) -> list[Gap]:
    """Return the gaps, those that one check closes in one, the largest first; `trials` are those of each spec.

    A check that holds in every turn of all recordings may stand there.
    """
    by_turn: dict[tuple[str, str | None, Where | None], list[Gap]] = {}
    for gap in found:
        by_turn.setdefault((gap.spec, gap.check, gap.where), []).append(gap)
    several: dict[tuple[str, str | None], list[Gap]] = {}
    for (spec, check, _), alike in by_turn.items():
        several.setdefault((spec, check), []).append(_joined(alike))
    made: list[Gap] = []
    for (spec, check), alike in several.items():
        anywhere = len(alike) > 1 and check is not None and trials[spec].holds_in_each_turn(check)
        made += [replace(_joined(alike), each_turn=True)] if anywhere else alike
    return sorted(made, key=lambda gap: (-len(gap.survivors), gap.spec, gap.turns))


def _joined(alike: Sequence[Gap]) -> Gap:
    return replace(alike[0], survivors=tuple(one for gap in alike for one in gap.survivors))


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
