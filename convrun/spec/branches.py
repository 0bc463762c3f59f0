"""The key `branches` of a turn: other ways on from there, each a conversation of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from convrun.document import Mapping, Node
from convrun.errors import SpecError
from convrun.frozen import frozen
from convrun.source import Where
from convrun.spec.decoder import Decoder, Mistakes, SpecFile, expected, is_nothing
from convrun.spec.ids import difference, fits_files, folded
from convrun.spec.model import BranchSpec, ModelFault, Spec, ToolFault, TurnSpec


def read_branches(node: Node, file: SpecFile, turns: Decoder[tuple[TurnSpec, ...]]) -> tuple[BranchSpec, ...]:
    """Return the branches of a turn, whose own turns `turns` reads.

    Raises:
        SpecErrors: with every mistake; its `rest` are the branches that could be read.
    """
    if not isinstance(node, Mapping):
        fix = "write `name: [turns]` below it for each way on" + (", or leave the key out" if is_nothing(node) else "")
        raise expected("a mapping for branches", node, fix)
    entries = node.entries
    if not entries:
        raise SpecError("no branches", where=node.where, fix="write a name with a list of turns, or leave the key out")
    mistakes = Mistakes()
    found: list[BranchSpec] = []
    seen: dict[str, str] = {}
    for key, value in entries:
        before = len(mistakes.found)
        with mistakes:
            other = seen.setdefault(folded(key.text), key.text)
            if other != key.text:
                what = f"the names of two branches differ in {difference(other, key.text)} only: {key.text!r}"
                raise SpecError(what, where=key.where, fix="rename one: each has a file for its recording")
            if not fits_files(key.text):
                fix = "write letters, digits, - and _: it is part of an id, and of the name of a file"
                raise SpecError(f"{key.text!r} cannot be the name of a branch", where=key.where, fix=fix)
        named = len(mistakes.found) == before
        with mistakes:
            own = turns(value, file)
            if named:
                found.append(BranchSpec(name=key.text, turns=own, where=key.where))
    mistakes.stop(rest=tuple(found))
    return tuple(found)


@frozen
class Way:
    """A branch as a conversation of its own. `names` lead to it, from branch to branch.

    Each of them goes on behind one turn of its trunk: `ends` are the numbers of those, counted over all turns before.
    """

    names: tuple[str, ...]
    ends: tuple[int, ...]
    spec: Spec
    where: Where


def trunk_of(spec: Spec) -> Spec:
    """Return a spec as its trunk plays it: without the faults of turns that only branches have."""
    faults = _faults_of(spec, spec.turns, len(spec.turns))
    return spec if len(faults) == len(spec.faults) else replace(spec, faults=faults, origin=spec.origin or spec)


def ways(spec: Spec) -> Iterator[Way]:
    """Yield the branches of a spec, in the order of the file, each before those that go on from it.

    What a turn before the branch is to be checked for is its trunk's to say. A fault of a turn belongs to who has it.
    """
    return _ways(spec, spec.turns, Way(names=(), ends=(), spec=replace(spec, turns=()), where=spec.where))


def _ways(spec: Spec, turns: Sequence[TurnSpec], trunk: Way) -> Iterator[Way]:
    before = trunk.spec.turns[: trunk.spec.borrowed]
    for number, turn in enumerate(turns, start=1):
        borrowed = (*before, *map(_unjudged, turns[:number])) if turn.branches else ()
        for branch in turn.branches:
            every = (*borrowed, *branch.turns)
            names, ends = (*trunk.names, branch.name), (*trunk.ends, len(borrowed))
            faults = _faults_of(spec, every, ends[0])
            own = replace(spec, turns=every, borrowed=len(borrowed), faults=faults, origin=spec.origin or spec)
            way = Way(names=names, ends=ends, spec=own, where=branch.where)
            yield way
            yield from _ways(spec, branch.turns, way)


def _unjudged(turn: TurnSpec) -> TurnSpec:
    return replace(turn, expect=(), known_failure=None)


def _faults_of(spec: Spec, turns: Sequence[TurnSpec], counted: int) -> tuple[ModelFault | ToolFault, ...]:
    """The faults of these turns; a number means one of the first `counted`, those behind them are named by their id."""
    ids = {turn.id for turn in turns}
    return tuple(
        fault
        for fault in spec.faults
        if isinstance(fault, ToolFault) or (fault.turn <= counted if isinstance(fault.turn, int) else fault.turn in ids)
    )
