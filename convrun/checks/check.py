"""What a check is: it makes a claim, and evaluates to an outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Protocol, TypeAlias

from convrun.checks.context import CheckContext
from convrun.frozen import frozen
from convrun.values import Json

Path: TypeAlias = tuple[str | int, ...]  # into a check's value: keys and indexes


@frozen
class ValueProblem:
    """A mistake in a check's value, at `path` in it; `needs_text`: because a text is wanted there."""

    path: Path
    what: str
    fix: str | None = None
    needs_text: bool = False


@frozen
class Claim:
    """What a check says: `subject` is expected to `predicate`, or, where it is `negated`, not to.

    `denied` is a subject that says the latter by itself: `none of 3 checks`.
    """

    subject: str
    predicate: str
    negated: bool = False
    denied: str | None = None

    def __str__(self) -> str:
        """`expected the reply to equal 'YES'`."""
        if self.negated and self.denied is not None:
            return f"expected {self.denied} to {self.predicate}"
        return f"expected {self.subject} {'not ' if self.negated else ''}to {self.predicate}"


@frozen
class Explanation:
    """What helps to see why a check fails: `remark` ends its sentence, `lines` set expected against actual.

    A line of what was expected begins with `- `, one of what was there with `+ `, any other of these with two blanks
    or with a path. They are few and short, whatever was compared.
    """

    remark: str = ""
    lines: tuple[str, ...] = ()


@frozen
class Outcome:
    """Whether a check holds; `actual` is what it looked at, as JSON, and `found` says so in words.

    `explain` says more of it. It is called for a check that fails only, as it may take its time.
    """

    passed: bool
    actual: Json
    found: str
    explain: Callable[[], Explanation] | None = field(default=None, repr=False, compare=False)

    def explanation(self) -> Explanation:
        """Return what helps to see why it holds, or does not; empty where there is nothing to tell."""
        try:
            return Explanation() if self.explain is None else self.explain()
        except RecursionError:  # values as deep as this are told by the message alone
            return Explanation()


class Check(Protocol):
    """A check, ready to be evaluated; a small frozen dataclass."""

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        ...

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether it holds.

        Raises:
            CheckError: where that cannot be said.
        """
        ...
