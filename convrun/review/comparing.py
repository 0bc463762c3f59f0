"""Two recordings of a conversation, turn by turn: what was said otherwise, and what the checks say of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from convrun.frozen import frozen
from convrun.results import CheckResult, Problem, Verdict
from convrun.review.pairing import Pair, pairs_of
from convrun.review.parts import asked_parts, history_parts, identity, turn_parts, usage_part
from convrun.transcript import (
    Asked,
    ConversationDifference,
    Judgement,
    PartDifference,
    RecordedConversation,
    RecordedTurn,
    Side,
    TurnDifference,
    TurnJudgement,
    VerdictDifference,
)
from convrun.values import Json, canonical, equal

NOT_JUDGED = Judgement(verdict=None)
_NOTHING = TurnJudgement(verdict="unchecked")


@frozen
class Recorded:
    """One side of a comparison. `conversation` is None where it could not be read, for the `problem` given."""

    name: str
    conversation: RecordedConversation | None = None
    judgement: Judgement = NOT_JUDGED
    problem: Problem | None = None

    def side(self) -> Side:
        """Return it as reports show it."""
        found = self.conversation
        if found is None:
            return Side(name=self.name, problem=self.problem, judgement=self.judgement)
        return Side(
            name=self.name,
            usage=found.usage,
            turns=len(found.turns),
            model_calls=sum(len(turn.model_calls) for turn in found.turns),
            judgement=self.judgement,
        )


def compared(name: str, old: Recorded | None, new: Recorded | None) -> ConversationDifference:
    """Return what differs between two recordings of the conversation `name`; None is a side that has none."""
    sides = old.side() if old else None, new.side() if new else None
    if old is None or new is None or old.conversation is None or new.conversation is None:
        alone = new.judgement if new and old is None and new.problem is None else NOT_JUDGED
        every = [*(check for turn in alone.turns.values() for check in turn.checks), *alone.checks]
        verdict = VerdictDifference(new=alone.known, failing=_failed(every))
        return ConversationDifference(name=name, old=sides[0], new=sides[1], verdict=verdict)
    return _Comparison(old.conversation, new.conversation, old.judgement, new.judgement).result(name, *sides)


def turn_pairs(old: Sequence[RecordedTurn], new: Sequence[RecordedTurn]) -> list[Pair]:
    """Return which turns are which: equal ones, then those in which the user says the same, then similar ones."""
    whole = [identity(turn) for turn in old], [identity(turn) for turn in new]
    said = [turn.user for turn in old], [turn.user for turn in new]
    return pairs_of([whole, said], lambda one, other: _likeness(old[one].user, new[other].user))


def conversation_pairs(old: Sequence[RecordedConversation], new: Sequence[RecordedConversation]) -> list[Pair]:
    """Return which conversations of two recordings are which."""
    whole = [_of_all(one) for one in old], [_of_all(one) for one in new]
    said = [one.turns[0].user for one in old], [one.turns[0].user for one in new]
    return pairs_of([whole, said], lambda one, other: _likeness(said[0][one], said[1][other]))


def _of_all(conversation: RecordedConversation) -> str:
    return canonical([identity(turn) for turn in conversation.turns])


def _likeness(one: str, other: str) -> float:
    from difflib import SequenceMatcher  # only where texts differ

    return SequenceMatcher(None, one[:1000], other[:1000], autojunk=False).ratio()


@dataclass(slots=True)
class _Comparison:
    """Two conversations under comparison. `told` are the differences that hold on from turn to turn, told once."""

    old: RecordedConversation
    new: RecordedConversation
    old_judgement: Judgement
    new_judgement: Judgement
    told: dict[str, tuple[Json, Json]] = field(default_factory=dict)
    unchanged: int = 0
    recounted: int = 0

    def result(self, name: str, old: Side | None, new: Side | None) -> ConversationDifference:
        """Compare, and return what differs."""
        parts = history_parts(self.old.history, self.new.history)
        pairs = turn_pairs(self.old.turns, self.new.turns)
        first = next(((one, other) for one, other in pairs if one is not None and other is not None), None)
        if first is not None:
            parts += self._asked(self.old.turns[first[0]], self.new.turns[first[1]])
        turns = tuple(self._turns(pairs))
        before, after = self.old_judgement, self.new_judgement
        return ConversationDifference(
            name=name,
            old=old,
            new=new,
            parts=tuple(parts),
            turns=turns,
            unchanged=self.unchanged,
            recounted=self.recounted,
            verdict=_verdicts(before.known, after.known, before.checks, after.checks),
        )

    def _turns(self, pairs: Iterable[Pair]) -> Iterator[TurnDifference]:
        for one, other in pairs:
            if one is not None and other is not None:
                found = self._turn(self.old.turns[one], self.new.turns[other])
                if found is not None:
                    yield found
            elif one is not None:
                yield self._lone(self.old.turns[one], None)
            elif other is not None:
                yield self._lone(None, self.new.turns[other])

    def _turn(self, old: RecordedTurn, new: RecordedTurn) -> TurnDifference | None:
        """What differs between two turns; None where nothing does but perhaps the tokens."""
        before = self.old_judgement.turns.get(old.index, _NOTHING)
        after = self.new_judgement.turns.get(new.index, _NOTHING)
        parts = [*self._asked(old, new), *turn_parts(old, new)]
        verdict = replace(
            _verdicts(before.known, after.known, before.checks, after.checks),
            problem=after.problem if before.problem is None else None,
        )
        tokens = usage_part(old.usage, new.usage)
        if not parts and not verdict.is_one:
            self.unchanged += 1
            self.recounted += bool(tokens)
            return None
        name = after.id or before.id
        return TurnDifference(kind="changed", old=old, new=new, id=name, parts=(*parts, *tokens), verdict=verdict)

    def _lone(self, old: RecordedTurn | None, new: RecordedTurn | None) -> TurnDifference:
        before = self.old_judgement.turns.get(old.index) if old else None
        after = self.new_judgement.turns.get(new.index) if new else None
        return TurnDifference(
            kind="removed" if old else "added",
            old=old,
            new=new,
            id=after.id if after else before.id if before else None,
            verdict=VerdictDifference(
                old=before.known if before else None,
                new=after.known if after else None,
                failing=_failed(after.checks) if after else (),
                problem=after.problem if after else None,
            ),
        )

    def _asked(self, old: RecordedTurn, new: RecordedTurn) -> list[PartDifference]:
        """What was asked otherwise beside the messages, and was not told of an earlier turn."""
        found = asked_parts(_asked(old), _asked(new))
        fresh = [one for one in found if not equal(self.told.get(one.part), (one.old, one.new))]
        self.told = {one.part: (one.old, one.new) for one in found}
        return fresh


def _asked(turn: RecordedTurn) -> Asked:
    return turn.model_calls[0].asked


def _verdicts(
    old: Verdict | None, new: Verdict | None, before: Iterable[CheckResult], after: Iterable[CheckResult]
) -> VerdictDifference:
    failed, fails = _failed(before), _failed(after)
    known, still = {_key(check) for check in failed}, {_key(check) for check in fails}
    return VerdictDifference(
        old=old,
        new=new,
        failing=tuple(check for check in fails if _key(check) not in known),
        mended=tuple(check for check in failed if _key(check) not in still),
    )


def _failed(checks: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    return tuple(check for check in checks if check.verdict != "passed" and not check.info)


def _key(check: CheckResult) -> str:
    """What makes a check the same one on both sides, wherever it stands in its spec."""
    return canonical([check.kind, check.expected, check.because])
