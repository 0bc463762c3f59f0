"""The record mode of a session: our option first, then that of pytest-recording, and never live by itself.

And what its live calls may cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from convrun.run.planning.options import RecordMode

if TYPE_CHECKING:
    from convrun.backends.metering import Meter

_meter: pytest.StashKey[Meter | None] = pytest.StashKey()


def record_mode(config: pytest.Config) -> RecordMode:
    """Return the record mode of the command line; without an option nothing goes live."""
    given = config.getoption("convrun_record") or config.getoption("record_mode", None) or "none"
    return RecordMode.ALL if given == "rewrite" else RecordMode.named(given)


def recording_option(mode: RecordMode) -> str:
    """Return the option that asks for a mode, as a command line needs it that repeats a test."""
    return f"--convrun-record={mode.value}"


def meter(config: pytest.Config) -> Meter | None:
    """Return what counts the live calls of this process and limits their cost; None where nothing goes live.

    A worker of pytest-xdist has its part of the limit: the workers hear nothing of each other.
    """
    if _meter not in config.stash:
        config.stash[_meter] = _made(config)
    return config.stash[_meter]


def _made(config: pytest.Config) -> Meter | None:
    if record_mode(config) is RecordMode.NONE:
        return None
    from convrun.backends.metering import Meter  # a replay does without

    limit = config.getoption("convrun_max_cost")
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    return Meter(limit if limit is None else limit / workers, option="--convrun-max-cost")


def spent_in(config: pytest.Config) -> dict[str, Any] | None:
    """Return what the live calls of this process took, as values that xdist can carry; None where there were none."""
    counted = config.stash.get(_meter, None)
    return asdict(counted.spent) if counted is not None and counted.spent.calls else None


def spent_line(spent: Iterable[Mapping[str, Any]]) -> str | None:
    """Return what the live calls of all processes took, in words."""
    from convrun.backends.metering import Spent
    from convrun.report.spending import spending_line
    from convrun.results import total_spending
    from convrun.run.spending import spending

    return spending_line(total_spending(spending(Spent(**one)) for one in spent))
