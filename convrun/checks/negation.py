"""The check `not`: another check fails."""

from __future__ import annotations

from dataclasses import replace

from convrun.checks.check import Check, Claim, Outcome
from convrun.checks.context import CheckContext
from convrun.frozen import frozen


@frozen
class Negation:
    """The inner check does not hold; where that cannot be said, nor can this."""

    inner: Check

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        claim = self.inner.claim
        return replace(claim, negated=not claim.negated)

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the inner check fails."""
        outcome = self.inner.evaluate(context)
        return replace(outcome, passed=not outcome.passed)
