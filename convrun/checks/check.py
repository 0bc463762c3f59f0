"""What a check is: it makes a claim, and evaluates to an outcome."""

from __future__ import annotations

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
    """What a check says: `subject` is expected to `predicate`, or not to."""

    subject: str
    predicate: str
    negated: bool = False

    def __str__(self) -> str:
        """`expected the reply to equal 'YES'`."""
        return f"expected {self.subject} {'not ' if self.negated else ''}to {self.predicate}"


@frozen
class Outcome:
    """Whether a check holds; `actual` is what it looked at, as JSON, and `found` says so in words."""

    passed: bool
    actual: Json
    found: str


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
