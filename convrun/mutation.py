"""What came of mutating recordings: how many changes the checks notice, and those that none does. Reports see these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias, get_args

from convrun.frozen import frozen
from convrun.results import Problem
from convrun.source import Where
from convrun.transcript import PartDifference, Unjudged

Family: TypeAlias = Literal["tool calls", "reply", "structured output", "finish reason"]
FAMILIES: tuple[Family, ...] = get_args(Family)


@frozen
class Score:
    """How many of `all` mutants the checks killed."""

    killed: int = 0
    all: int = 0

    @property
    def rate(self) -> float | None:
        """The part that was killed, from 0 to 1; None where there was no mutant."""
        return self.killed / self.all if self.all else None


Scores: TypeAlias = Mapping[Family, Score]


def total_score(scores: Iterable[Score]) -> Score:
    """Return the sum."""
    every = list(scores)
    return Score(killed=sum(one.killed for one in every), all=sum(one.all for one in every))


@frozen
class Survivor:
    """A change of the model's side that no check notices, in a turn, counted from 1.

    `operator` says what was done, `difference` what differs from the recording.
    """

    conversation: str
    turn: int
    family: Family
    operator: str
    difference: PartDifference


@frozen
class Gap:
    """Survivors of a spec that one check would catch; `where` is the first turn of them.

    `check` is that check as YAML, an item of the turn's `expect`, or of the spec's `each_turn`; None: none was found.
    """

    spec: str
    survivors: tuple[Survivor, ...]
    where: Where | None = None
    each_turn: bool = False
    check: str | None = None

    @property
    def turns(self) -> tuple[int, ...]:
        """The numbers of its turns, each once."""
        return tuple(dict.fromkeys(one.turn for one in self.survivors))


@frozen
class MutatedConversation:
    """The scores of one conversation by family; one without mutants has none. A sample is of a `group`, one test."""

    id: str
    group: str
    spec: str
    scores: Scores


@frozen
class PassedOver:
    """A conversation that was not mutated, and why; `problem`: because its cassette cannot be read.

    A sample is of a `group`, which is one test; any other has its own id for it.
    """

    id: str
    group: str
    why: str
    where: Where | None = None
    problem: Problem | None = None


@frozen
class MutationResult:
    """All of it. `unjudged` are the checks that were not asked: what they would have noticed is not known.

    `known_failures` are the places of turns that the specs say fail: they are left as they are. So are the turns of the
    `simulated` users but their last: to another reply each would have said something else.
    """

    conversations: tuple[MutatedConversation, ...] = ()
    gaps: tuple[Gap, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    known_failures: tuple[Where, ...] = ()
    simulated: tuple[Where, ...] = ()

    @property
    def scores(self) -> Scores:
        """The scores of all conversations, by family; a family without mutants is not there."""
        found = {
            family: total_score(one.scores[family] for one in self.conversations if family in one.scores)
            for family in FAMILIES
        }
        return {family: score for family, score in found.items() if score.all}

    @property
    def total(self) -> Score:
        """The score of all families."""
        return total_score(self.scores.values())
