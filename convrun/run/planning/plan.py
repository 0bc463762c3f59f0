"""From specs to the conversations that will run: specs x cases x models x samples, with their ids, vars and cassettes.

Nothing is imported, nothing of a cassette is read.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from convrun.errors import ConvrunError, SpecError, UsageError, did_you_mean
from convrun.frozen import frozen
from convrun.run.planning.options import RecordMode, RunOptions
from convrun.run.planning.selection import expression, tagged
from convrun.run.planning.variants import MOST, variants
from convrun.settings import Settings
from convrun.source import Where
from convrun.spec.ids import (
    alike,
    branch_id,
    cassette_file,
    clashes,
    conversation_id,
    difference,
    model_part,
    rest_of,
    sample_id,
)
from convrun.spec.model import CaseSpec, KnownFailure, ModelSpec, Spec
from convrun.values import Json

if TYPE_CHECKING:
    from convrun.spec.branches import Way

_SHOWN = 8  # conversations that are named where another one was wanted


@frozen
class Trunk:
    """What a branch goes on from: the turns up to number `turns` of the conversation `id`, which its cassette holds.

    Of one that is a branch itself, it holds those behind its own trunk's.
    """

    id: str
    turns: int
    cassette: Path
    cassette_shown: str


@frozen
class Planned:
    """One conversation to run. `cassette` is the file, `cassette_shown` how it is named to people.

    `sample` is its number, from 1, in the `group` of samples that are one test; None where it is a test by itself,
    whose group has its own id. `asked` are the models of checks that name none, by the kind of the check. A branch has
    `trunks`, the one that it branches off last, the names of the `branches` that lead to it, and a `place` in the spec.
    """

    id: str
    group: str
    spec: Spec
    model: ModelSpec
    cassette: Path
    cassette_shown: str
    case: CaseSpec | None = None
    vars: Mapping[str, Json] = field(default_factory=dict)
    sample: int | None = None
    asked: Mapping[str, str] = field(default_factory=dict)
    trunks: tuple[Trunk, ...] = ()
    branches: tuple[str, ...] = ()
    place: Where | None = None

    @property
    def by_itself(self) -> Planned:
        """A sample as a test that is in no group."""
        return replace(self, group=self.id, sample=None)

    @property
    def alone(self) -> str | None:
        """What selects it out of its group, behind the `::`, as `paris@1`; None where it is in none."""
        return f"{rest_of(self.group)}@{self.sample}" if self.sample is not None else None

    @property
    def skip(self) -> str | None:
        """Why it is not to run, if the spec or the case says so, or each of its own turns."""
        own = self.spec.turns[self.spec.borrowed :]
        turns = "every turn is skipped" if own and all(turn.skip for turn in own) else None
        return self.spec.skip or (self.case.skip if self.case else None) or turns

    @property
    def known_failure(self) -> KnownFailure | None:
        """Why it fails, if the case or the spec says so."""
        return (self.case.known_failure if self.case else None) or self.spec.known_failure

    @property
    def where(self) -> Where:
        """Its line: a branch's own, the case's, else the spec's."""
        return self.place or (self.case.where if self.case else self.spec.where)


@frozen
class Plan:
    """The selected conversations in order, and every mistake found on the way.

    `deselected` counts those that the options or a `::case` left out, `elsewhere` those that belong to other shards.
    `remarks` say, in words, what narrowed the selection.
    """

    conversations: tuple[Planned, ...] = ()
    errors: tuple[ConvrunError, ...] = ()
    deselected: int = 0
    elsewhere: int = 0
    remarks: tuple[str, ...] = ()


def may_go_live(planned: Planned, options: RunOptions) -> bool:
    """Return whether a key is needed before anything starts; a cassette that turns out to be stale asks for it then."""
    if planned.skip or options.record is RecordMode.NONE:
        return False
    return options.record is RecordMode.ALL or not planned.cassette.is_file()


def plan(
    specs: Sequence[tuple[Spec, str | None]], settings: Settings, options: RunOptions, *, cassettes: str | None = None
) -> Plan:
    """Return what is to run. Each spec comes with the `::rest` of the path that selected it, or None.

    Raises:
        UsageError: for a `-k` that is no expression, a `-D` that no selected spec knows, a `::case` that is not there.
    """
    matches = expression(options.keyword) if options.keyword is not None else None
    folder = cassettes or settings.cassettes
    every: list[Planned] = []
    chosen: list[Planned] = []
    errors: list[ConvrunError] = []
    for spec, rest in specs:
        try:
            planned = list(_conversations(spec, settings, options, folder))
            _refuse_equal_ids(spec, planned)
        except SpecError as error:
            errors.append(error)
            continue
        found = planned if rest is None else _named(rest, planned)
        if not found:
            raise _no_such_case(spec, rest, planned)
        every += planned
        chosen += [one for one in found if tagged(spec.tags, options.tags) and (matches is None or matches(one.group))]
    _refuse_tags_as_models(options.models, every, settings)
    if options.only is None:  # otherwise they may belong to specs that are not read now
        _refuse_unknown_defines(options.defines, chosen)
    errors += (
        clashes([(one.id, one.where) for one in every])
        or _shared_cassettes(every)
        or _written_over(every, settings.root)
    )
    return Plan(conversations=_once(chosen), errors=tuple(errors), deselected=len(every) - len(chosen))


def _once(chosen: Sequence[Planned]) -> tuple[Planned, ...]:
    """Each once: one may be named by its id and by its case, and a sample both alone and with its group."""
    grouped = {one.id for one in chosen if one.sample is not None}
    unique: dict[str, Planned] = {}
    for one in chosen:
        if one.sample is not None or one.id not in grouped:
            unique.setdefault(one.id, one)
    return tuple(unique.values())


def _conversations(spec: Spec, settings: Settings, options: RunOptions, folder: str) -> Iterator[Planned]:
    spec = spec.origin or spec
    cases: Sequence[CaseSpec | None] = (None,) if spec.cases is None else spec.cases
    found = list(variants(spec, settings, options))
    forks = {id(one.spec): _forked(one.spec) for one in found}
    _refuse_many(spec, len(cases) * sum(1 + len(forks[id(one.spec)][1]) for one in found))
    for case in cases:
        for variant in found:
            parts = [*([case.id] if case else []), *variant.names]
            group = conversation_id(spec.file, "-".join(parts) or None)
            given = {**spec.vars, **(case.values if case else {}), **variant.vars}
            given |= {key: value for key, value in options.defines.items() if key in given}
            own, ways = forks[id(variant.spec)]
            samples = []
            for sample in _samples(spec):
                shown = f"{folder}/{cassette_file(group, settings.specs, sample)}"
                one = Planned(
                    id=sample_id(group, sample),
                    group=group,
                    spec=own,
                    case=case,
                    model=variant.model,
                    vars=given,
                    cassette=settings.root / shown,
                    cassette_shown=shown,
                    sample=sample,
                    asked=settings.asked,
                )
                samples.append(one)
            yield from samples
            yield from (_branch(one, way, settings, folder) for way in ways for one in samples)


def _forked(spec: Spec) -> tuple[Spec, Sequence[Way]]:
    """What the trunk of a spec plays, and the branches."""
    if not any(turn.branches for turn in spec.turns):
        return spec, ()
    from convrun.spec.branches import trunk_of, ways  # few specs have any

    return trunk_of(spec), [*ways(spec)]


def _branch(trunk: Planned, way: Way, settings: Settings, folder: str) -> Planned:
    """The branch of a conversation, or of one of its samples, that goes this way."""
    groups, shown = [trunk.group], [trunk.cassette_shown]
    for count, name in enumerate(way.names, start=1):
        groups.append(branch_id(groups[-1], name))
        shown.append(f"{folder}/{cassette_file(trunk.group, settings.specs, trunk.sample, way.names[:count])}")
    ids = [sample_id(group, trunk.sample) for group in groups]
    *trunks, own = [
        Trunk(id=identity, turns=end, cassette=settings.root / path, cassette_shown=path)
        for identity, path, end in zip(ids, shown, (*way.ends, 0), strict=True)
    ]
    return replace(
        trunk,
        id=own.id,
        group=groups[-1],
        spec=way.spec,
        cassette=own.cassette,
        cassette_shown=own.cassette_shown,
        trunks=tuple(trunks),
        branches=way.names,
        place=way.where,
    )


def _refuse_many(spec: Spec, groups: int) -> None:
    samples = spec.samples
    if samples is not None and groups * samples.times > MOST:
        what = f"{samples.times:,} samples of {groups:,} conversations are {groups * samples.times:,}"
        raise SpecError(what, where=samples.where, fix=f"at most {MOST:,} are run of one spec: take fewer samples")


def _samples(spec: Spec) -> Iterable[int | None]:
    return range(1, spec.samples.times + 1) if spec.samples is not None else (None,)


def _refuse_equal_ids(spec: Spec, conversations: Sequence[Planned]) -> None:
    """Raise for combinations of a matrix whose values give one id together: `a-b` with `c`, and `a` with `b-c`.

    So may the second sample of `a` and a case `a@2`.
    """
    samples = spec.samples
    found = alike(one.id for one in conversations) if spec.matrix or samples is not None else None
    if found is not None and samples is not None and any(one.sample != 1 for one in conversations if one.id in found):
        what = f"two conversations have one id, {found[1]!r}: one is a sample"
        raise SpecError(what, where=samples.where, fix="samples end in their number, as @2: rename what else does")
    if found is not None:
        what = f"two combinations have one id: {found[1]!r}"
        if found[0] != found[1]:
            what = f"the ids of two combinations differ in {difference(*found)} only: {found[0]!r} and {found[1]!r}"
        fix = "rename a case, or write a value as a mapping with an `id`"
        where = spec.matrix[0].where if spec.matrix else spec.where
        raise SpecError(what, where=where, fix=fix)


def _refuse_unknown_defines(defines: Mapping[str, str], conversations: Sequence[Planned]) -> None:
    known = {key for one in conversations for key in one.vars}
    for key in defines:
        if key not in known and conversations:
            fix = did_you_mean(key, known) or "declare it under `vars:` in the spec"
            raise UsageError(f"-D {key}: no selected spec has a var of this name", fix=fix)


def _refuse_tags_as_models(models: Sequence[str], conversations: Sequence[Planned], settings: Settings) -> None:
    """Raise for a `-m smoke` that means `--tag smoke`, as in pytest: no model of this name is used or recorded here."""
    for name in models:
        own = {settings.model, *(model for one in conversations for model in _models_of(one.spec))}
        recorded = any(one.model.name == name and one.cassette.is_file() for one in conversations)
        if name not in own and not recorded and any(name in one.spec.tags for one in conversations):
            fix = f"write --tag {name}; -m is the model, as -m openai/{name} if there is one of this name"
            raise UsageError(f"-m {name}: that is a tag, and no model that is used here", fix=fix)


def _models_of(spec: Spec) -> Iterator[str]:
    if spec.model is not None:
        yield spec.model.name
    yield from (value.value.name for axis in spec.matrix if axis.name == "model" for value in axis.values)


def _shared_cassettes(conversations: Sequence[Planned]) -> list[SpecError]:
    """A mistake where two specs have one cassette: `talks/a.yaml` and, below the specs folder, `specs/talks/a.yaml`."""
    holders: dict[str, Planned] = {}
    errors: list[SpecError] = []
    for one in conversations:
        other = holders.setdefault(one.cassette_shown.casefold(), one)
        if other.spec.file == one.spec.file and other.id != one.id:
            what = f"{other.id!r} and {one.id!r} have one cassette, {one.cassette_shown!r}"
            errors.append(SpecError(what, where=one.where, fix="rename the branch"))
        elif other.spec.file != one.spec.file:
            what = f"{one.spec.file!r} and {other.spec.file!r} have one cassette, {one.cassette_shown!r}"
            errors.append(SpecError(what, where=one.where, fix="rename one of them"))
    return errors


def _written_over(conversations: Sequence[Planned], root: Path) -> list[SpecError]:
    """A mistake where a cassette would be the file of a spec: `other/a.yaml` with the root for cassettes."""
    specs = {os.path.abspath(root / file).casefold(): file for file in {one.spec.file for one in conversations}}
    return [
        SpecError(
            f"the cassette of {one.id!r} would be the spec {spec!r} itself",
            where=one.where,
            fix="keep cassettes in a folder of their own, in the settings or with --cassettes",
        )
        for one in conversations
        if (spec := specs.get(os.path.abspath(one.cassette).casefold())) is not None
    ]


def _named(rest: str, planned: Iterable[Planned]) -> list[Planned]:
    """Those that are selected by the rest of their id, also without a `-m`, or by their case; a trunk with branches.

    A sample that is named alone is taken out of its group: it is a test by itself.
    """
    every = tuple(planned)
    found = [one for one in every if not {rest, f"/{rest}"}.isdisjoint(_names(one))]
    return found or [one.by_itself for one in every if one.alone == rest]


def _names(planned: Planned) -> Iterator[str]:
    """What selects a conversation behind the path of its spec: its own names, and those of its trunks."""
    below = [f"/{name}" for name in planned.branches]
    rest = rest_of(planned.group.removesuffix("".join(below)))
    for root in {rest, _without_model(rest, planned), planned.case.id if planned.case else rest}:
        yield from (root + "".join(below[:count]) for count in range(len(below) + 1))


def _without_model(rest: str, planned: Planned) -> str:
    """The rest of an id without the model that `-m` adds behind it; one of a matrix stays where it stands."""
    if any(axis.name == "model" for axis in planned.spec.matrix):
        return rest
    model = model_part(planned.model.name)
    return "" if rest == model and planned.branches else rest.removesuffix(f"-{model}")


def _no_such_case(spec: Spec, rest: str | None, planned: Sequence[Planned]) -> UsageError:
    wanted = rest or ""
    groups = [*filter(None, dict.fromkeys(rest_of(one.group) for one in planned))]
    samples = [one.alone for one in planned if one.alone is not None]
    fix = _selected_by_word(spec, wanted, groups) or did_you_mean(wanted, [*groups, *samples])
    known = groups or samples
    listed = f"its conversations are {_first(known)}" if known else "it holds one conversation, without a name"
    kind = "branch" if wanted.startswith("/") else "conversation"
    return UsageError(f"{spec.file} has no {kind} {wanted.removeprefix('/')!r}", fix=fix or listed)


def _selected_by_word(spec: Spec, word: str, names: Sequence[str]) -> str | None:
    """How several of a spec are selected by a word that is in their names."""
    found = [name for name in names if word.casefold() in name.casefold()]
    if len(found) < 2 or '"' in word or word.casefold() in spec.file.casefold():  # -k would take all
        return None
    keyword = word if re.fullmatch(r"[^\s()']+", word) else f'"{word}"'
    return f"`{spec.file} -k {shlex.quote(keyword)}` selects {len(found)}: {_first(found)}"


def _first(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return f"{', '.join(names[:_SHOWN])}{f' and {more} more' if more > 0 else ''}"
