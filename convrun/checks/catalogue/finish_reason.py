"""The check `finish_reason`: why the turn's last model call ended."""

from __future__ import annotations

from convrun.checks.check import Claim, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.reader import Reader
from convrun.errors import did_you_mean
from convrun.frozen import frozen

_REASONS = ("stop", "length", "tool_calls", "content_filter")


@frozen
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
        for index, reason in enumerate(reasons):
            _refuse_misspelt(reader, reason, (*path, index))
        return FinishReason(reasons=reasons)
    reason = reader.text(value, path, empty="a finish reason is wanted, as stop")
    _refuse_misspelt(reader, reason, path)
    return FinishReason(reasons=(reason,))


def _refuse_misspelt(reader: Reader, reason: str, path: Path) -> None:
    """Note a word that is nearly one of those that are the same everywhere; other words are the provider's own."""
    if reason and reason not in _REASONS and (near := did_you_mean(reason, _REASONS, cutoff=0.8)):
        reader.wrong(path, f"unknown finish reason {reason!r}", near)
