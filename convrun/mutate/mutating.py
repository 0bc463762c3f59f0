"""Recordings mutated one by one, and scored; their survivors told by the turns of the specs."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from convrun.errors import ConvrunError
from convrun.frozen import frozen
from convrun.mutate.gaps import gaps, merged
from convrun.mutate.mutant import Mutant
from convrun.mutate.subject import Subject, subject_of
from convrun.mutate.trials import Trials
from convrun.mutate.witness import Witness
from convrun.mutation import Family, Gap, MutatedConversation, MutationResult, PassedOver, Score
from convrun.redaction import Redactor
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import Planned, plan
from convrun.run.project import Project
from convrun.run.secrets import without_secrets
from convrun.source import Where
from convrun.transcript import Unjudged


@frozen
class _Mutated:
    """A conversation after all its mutants: the scores, and the survivors by the place of their turn."""

    subject: Subject
    scores: dict[Family, Score]
    survivors: dict[int, list[Mutant]]


def mutation_result(
    conversations: Sequence[Planned], project: Project, options: RunOptions, *, keys: Redactor
) -> MutationResult:
    """Mutate what is recorded of these conversations, and return what their checks notice.

    Nothing runs, and nothing is imported. `options` are those by which they were selected; `keys` takes secrets out.
    """
    root = project.settings.root
    found = [subject_of(one, root=root, keys=keys) for one in conversations]
    mutated = [_mutated(one) for one in found if isinstance(one, Subject)]
    result = MutationResult(
        conversations=tuple(
            MutatedConversation(id=one.id, group=one.group, spec=one.spec.file, scores=scores)
            for one, scores in ((one.subject.planned, one.scores) for one in mutated)
        ),
        gaps=tuple(_gaps(mutated, project, options, keys)),
        passed_over=tuple(one for one in found if isinstance(one, PassedOver)),
        unjudged=tuple(_unjudged(mutated)),
        known_failures=tuple(_known_failures(mutated)),
        simulated=tuple(_simulated(mutated)),
    )
    return _clean(result, keys)


def _clean(found: MutationResult, keys: Redactor) -> MutationResult:
    """All of it without secrets, but in what conversations and specs are found by."""
    clean = without_secrets(found, keys)
    return replace(
        clean,
        conversations=found.conversations,
        gaps=tuple(replace(new, spec=old.spec) for new, old in zip(clean.gaps, found.gaps, strict=True)),
        passed_over=tuple(
            replace(new, id=old.id, group=old.group)
            for new, old in zip(clean.passed_over, found.passed_over, strict=True)
        ),
    )


def _mutated(subject: Subject) -> _Mutated:
    counts: dict[Family, list[int]] = {}
    survivors: dict[int, list[Mutant]] = {}
    for place in subject.places:
        for mutant in subject.mutants(place):
            count = counts.setdefault(mutant.family, [0, 0])
            count[1] += 1
            if subject.witness.notices(place, mutant.view):
                count[0] += 1
            else:
                survivors.setdefault(place, []).append(mutant)
    scores = {family: Score(killed=killed, all=every) for family, (killed, every) in counts.items()}
    return _Mutated(subject=subject, scores=scores, survivors=survivors)


def _gaps(mutated: Sequence[_Mutated], project: Project, options: RunOptions, keys: Redactor) -> list[Gap]:
    """The gaps of all; checks are tried on the other conversations of their spec, selected or not."""
    known: dict[str, dict[str, Witness]] = {}
    for one in mutated:
        planned = one.subject.planned
        known.setdefault(planned.spec.file, {})[planned.id] = one.subject.witness
    trials: dict[str, Trials] = {}
    found: list[Gap] = []
    for one in mutated:
        file = one.subject.planned.spec.file
        if one.survivors and file not in trials:
            others = _others(file, known[file], project, options, keys)
            trials[file] = Trials([*known[file].values(), *others])
        for place, survivors in one.survivors.items():
            found += gaps(one.subject, place, survivors, trials[file])
    return merged(found, trials)


def _others(
    file: str, known: Container[str], project: Project, options: RunOptions, keys: Redactor
) -> Iterator[Witness]:
    """The further conversations of a spec whose recordings pass, with its own models and those asked for."""
    spec = next(spec for spec, _ in project.specs if spec.file == file)
    found: dict[str, Planned] = {}
    for models in dict.fromkeys((options.models, ())):
        asked = RunOptions(models=models, defines=options.defines, only=frozenset())  # vars may be those of other specs
        with suppress(ConvrunError):  # said where it is selected
            found |= {one.id: one for one in plan([(spec, None)], project.settings, asked).conversations}
    for name, planned in found.items():
        if name not in known:
            subject = subject_of(planned, root=project.settings.root, keys=keys)
            yield from [subject.witness] if isinstance(subject, Subject) else []


def _unjudged(mutated: Iterable[_Mutated]) -> list[Unjudged]:
    """The checks that nobody asked, each once."""
    every = (one for found in mutated for one in found.subject.unjudged)
    return list({(one.kind, one.where, one.why): one for one in every}.values())


def _known_failures(mutated: Iterable[_Mutated]) -> list[Where]:
    """The turns that are known to fail, each once."""
    every = (turn for found in mutated for turn in found.subject.planned.spec.turns)
    return list(dict.fromkeys(turn.where for turn in every if turn.known_failure))


def _simulated(mutated: Iterable[_Mutated]) -> list[Where]:
    """The simulated users who spoke more than once, each once."""
    every = (turn.simulate for found in mutated for turn in found.subject.planned.spec.turns)
    return list(dict.fromkeys(one.where for one in every if one is not None and one.max_turns > 1))
