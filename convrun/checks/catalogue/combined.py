"""The checks that are made of others: not, all_of, any_of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from convrun.checks.check import Check, Claim, Explanation, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.reader import Reader
from convrun.errors import CheckError, did_you_mean
from convrun.frozen import frozen
from convrun.values import Json

BECAUSE = "because"
_EXPLAINED = 4  # checks that are explained
_LINES = 6  # of each
ReadOne: TypeAlias = Callable[[str, Reader, object, Path], Check]  # reads the value of a kind
Wanted: TypeAlias = Literal["all", "any"]


@frozen
class Reasoned:
    """A check within another, with the reason why it matters."""

    inner: Check
    because: str

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return self.inner.claim

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return what the inner check says, and why it matters."""
        outcome = self.inner.evaluate(context)
        first, line_break, rest = outcome.found.partition("\n")
        colon = ":" if first.endswith(":") else ""
        found = f"{first.removesuffix(':')} (because: {self.because}){colon}{line_break}{rest}"
        return replace(outcome, found=found)


@frozen
class Negation:
    """The inner check does not hold; where that cannot be said, nor can this."""

    inner: Check

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return _turned(self.inner.claim)

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the inner check fails."""
        outcome = self.inner.evaluate(context)
        return replace(outcome, passed=not outcome.passed)


@frozen
class Combination:
    """All of these checks hold, or any of them does. Each is judged: where one cannot be, nor can the whole."""

    wanted: Wanted
    parts: tuple[Check, ...]

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        several = f"of {len(self.parts)} {'check' if len(self.parts) == 1 else 'checks'}"
        if self.wanted == "all":
            return Claim(subject=f"all {several}", predicate="hold", denied=f"not all {several}")
        return Claim(subject=f"at least one {several}", predicate="hold", denied=f"none {several}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether they hold, told by those that make it so."""
        outcomes = [_judged(number, part, context) for number, part in enumerate(self.parts, start=1)]
        holding = sum(outcome.passed for outcome in outcomes)
        passed = holding == len(outcomes) if self.wanted == "all" else holding > 0
        # Where the whole holds this is told below `not` only: what holds there should not.
        told = [number for number, outcome in enumerate(outcomes) if outcome.passed is passed]
        lines = [self._line(number, outcomes[number], turned=passed) for number in told]
        found = _found(lines, len(outcomes), holds=passed)
        return Outcome(
            passed=passed,
            actual=_actual(outcomes),
            found=found,
            explain=lambda: _explained([(number + 1, outcomes[number]) for number in told]),
        )

    def _line(self, number: int, outcome: Outcome, *, turned: bool) -> tuple[int, str]:
        claim = self.parts[number].claim
        return number + 1, f"{_turned(claim) if turned else claim}, {outcome.found}"


def _turned(claim: Claim) -> Claim:
    return replace(claim, negated=not claim.negated)


def _judged(number: int, part: Check, context: CheckContext) -> Outcome:
    try:
        return part.evaluate(context)
    except CheckError as error:
        raise CheckError(f"check {number} cannot be judged: {error.what}", fix=error.fix) from error


def _actual(outcomes: Sequence[Outcome]) -> Json:
    """What they looked at: once where it is the same."""
    first, *others = [outcome.actual for outcome in outcomes]
    return first if all(other == first for other in others) else [first, *others]


def _found(told: Sequence[tuple[int, str]], count: int, *, holds: bool) -> str:
    """Which checks hold, or do not, each with what it says."""
    if len(told) == 1:
        ((number, line),) = told
        return f"check {number} {'does' if holds else 'does not'}: {line}"
    every = "all" if holds else "none"
    verb = "do" if holds else "does" if len(told) == count else "do not"
    return "\n".join([f"{every if len(told) == count else len(told)} {verb}:", *_lines(told)])


def _lines(told: Sequence[tuple[int, str]]) -> Iterator[str]:
    for number, text in told:
        first, *rest = text.split("\n")
        yield f"check {number}: {first}"
        yield from (f"  {line}" for line in rest)


def _explained(told: Sequence[tuple[int, Outcome]]) -> Explanation:
    """What helps to see why those are as they are, each below its number; of one it is told as of any check."""
    if len(told) == 1:
        return told[0][1].explanation()
    lines: list[str] = []
    for number, outcome in told[:_EXPLAINED]:
        why = outcome.explanation()
        if why.remark or why.lines:
            lines += [f"check {number}{why.remark or ':'}", *(f"  {line}" for line in why.lines[:_LINES])]
    return Explanation(lines=tuple(lines))


def read_not(reader: Reader, value: object, path: Path, read: ReadOne) -> Negation:
    """Read the value of `not`; `read` reads the check in it."""
    wrong = "not takes one check, a mapping with its kind as the key"
    return Negation(inner=_part(reader, value, path, read, (wrong, "write not: {contains: …}")))


def read_combination(wanted: Wanted, reader: Reader, value: object, path: Path, read: ReadOne) -> Combination:
    """Read the value of `all_of` or `any_of`; `read` reads the checks in it."""
    if not isinstance(value, list):
        reader.wrong(path, f"{wanted}_of takes a list of checks", f"write {wanted}_of: [{{contains: …}}, {{…}}]")
        return Combination(wanted=wanted, parts=())
    listed = reader.items(value, path, of="checks", empty="there is nothing to judge")
    wrong = "a check is wanted, a mapping with its kind as the key", "write it as {contains: …}"
    return Combination(
        wanted=wanted,
        parts=tuple(_part(reader, item, (*path, index), read, wrong) for index, item in enumerate(listed)),
    )


def _part(reader: Reader, value: object, path: Path, read: ReadOne, wrong: tuple[str, str]) -> Check:
    """The one check in a mapping, with its reason if it has one; `wrong` says what is wanted."""
    kinds = [key for key in value if key != BECAUSE] if isinstance(value, dict) else []
    if not isinstance(value, dict) or len(kinds) != 1:
        meant = next((key for key in kinds if did_you_mean(key, [BECAUSE], cutoff=0.75)), None)
        if meant is None:
            reader.wrong(path, *wrong)
        else:
            reader.wrong((*path, meant), f"a second kind: {meant!r}", did_you_mean(meant, [BECAUSE]))
        return Combination(wanted="all", parts=())
    inner = read(kinds[0], reader, value[kinds[0]], (*path, kinds[0]))
    if BECAUSE not in value:
        return inner
    because = reader.text(value[BECAUSE], (*path, BECAUSE), empty="it says why the check matters")
    return Reasoned(inner=inner, because=because)
