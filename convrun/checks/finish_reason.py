"""The check `finish_reason`: why the turn's last model call ended."""

from __future__ import annotations

from dataclasses import dataclass

from convrun.checks.check import Claim, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishReason:
    """The last model call ended for one of these reasons."""

    reasons: tuple[str, ...]

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the finish reason", predicate=f"be {' or '.join(map(repr, self.reasons))}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the last model call ended so."""
        actual = context.finish_reason
        found = "the provider gave none" if actual is None else f"got {actual!r}"
        return Outcome(passed=actual in self.reasons, actual=actual, found=found)


def read_finish_reason(reader: Reader, value: object, path: Path) -> FinishReason:
    """Read the value of `finish_reason`: a name or a list of names."""
    if isinstance(value, list):
        reasons = reader.texts(value, path, of="finish reasons", empty="no reason can be one of none")
        return FinishReason(reasons=reasons)
    return FinishReason(reasons=(reader.text(value, path, empty="a finish reason is wanted, as stop"),))
