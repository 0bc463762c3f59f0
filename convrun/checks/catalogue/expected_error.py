"""The check `expect_error`: the provider's final answer is this error. A turn has it in the place of all others."""

from __future__ import annotations

import re

from convrun.checks.check import Claim, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.reader import Reader
from convrun.frozen import frozen
from convrun.values import Json, show

_SHOWN = 300  # characters of what the provider said


@frozen
class ExpectedError:
    """The provider refuses, with this status and a message that matches, as far as they are given."""

    status: int | None = None
    pattern: re.Pattern[str] | None = None

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        wanted = [f"status {self.status}"] if self.status is not None else []
        wanted += [f"a message that matches {show(self.pattern.pattern, 80)}"] if self.pattern is not None else []
        return Claim(subject="the provider", predicate=f"refuse with {' and '.join(wanted)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the turn ended in such an error."""
        error = context.turn.error
        if error is None:
            said = f": {show(context.reply, _SHOWN)}" if context.reply else ""
            return Outcome(passed=False, actual=context.reply, found=f"got an answer{said}")
        passed = self.status in (None, error.status)
        passed = passed and (self.pattern is None or self.pattern.search(error.message) is not None)
        said = f": {show(error.message, _SHOWN)}" if error.message else " without a message"
        status = "no answer" if error.status is None else f"status {error.status}"
        actual: Json = {"status": error.status, "message": error.message}
        return Outcome(passed=passed, actual=actual, found=f"got {status}{said}")


def read_expected_error(reader: Reader, value: object, path: Path) -> ExpectedError:
    """Return the check of what the spec has read, `status`, `matches` or both: whether the latter is an expression."""
    assert isinstance(value, dict)  # a spec's decoder alone reads it: programs catch errors instead
    return ExpectedError(
        status=value.get("status"),
        pattern=reader.regex(value["matches"], (*path, "matches")) if "matches" in value else None,
    )
