"""How many conversations run at once, where the user leaves it to us."""

from __future__ import annotations

import os

from convrun.run.planning.options import RunOptions
from convrun.run.project import Prepared

_LIVE = 8  # at once: they wait for a provider, not for a processor
# Measured with benchmarks/at_once.py, on a machine of no great speed; in seconds.
_A_CONVERSATION = 0.001
_A_BYTE = 1e-6  # of a cassette
_A_PROCESS = 0.1  # until it works
_APART = 1.3  # what the same work takes in processes: memory is copied, and results are sent


def jobs_for(prepared: Prepared, options: RunOptions) -> int:
    """Return how many conversations run at once; 1 is in this process, one after the other.

    A number of the user's is taken as it is. `auto` is a fixed one for what may go live; a replay gets as many of the
    processors as make it shorter.
    """
    total = max(len(prepared.conversations), 1)
    if options.jobs != "auto":
        return options.jobs if options.jobs == 1 else max(min(options.jobs, total), 2)
    if options.goes_live:
        return min(_LIVE, total)
    work = _seconds(prepared)
    return min(range(1, min(_processors(), total) + 1), key=lambda jobs: _duration(work, jobs))


def _duration(work: float, jobs: int) -> float:
    """About how many seconds so much work takes."""
    return work if jobs == 1 else work * _APART / jobs + _A_PROCESS * jobs


def _seconds(prepared: Prepared) -> float:
    """About how long a replay takes; what tools do nobody knows."""
    sizes = 0
    for one in prepared.conversations:
        try:
            sizes += one.planned.cassette.stat().st_size
        except OSError:
            continue
    return len(prepared.conversations) * _A_CONVERSATION + sizes * _A_BYTE


def _processors() -> int:
    """How many of them this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
