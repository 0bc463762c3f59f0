"""How many mutants `convrun mutate` judges in a second: recordings are read, changed, and their checks asked again.

Nothing is done by hand or by others that would be the same work, so that it has an aim and no ratio.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from processes import Failed, measured
from rows import provider, recorded
from sides import sides
from workload import Workload

AIM = 2000
WORKLOAD = Workload(name="200 conversations to mutate", conversations=200, turns=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutated:
    """So many mutants of so many conversations, and how many a second of CPU time: start, reading, report and all."""

    conversations: int
    mutants: int
    a_second: float


def mutated(rounds: int, limit: float, workload: Workload = WORKLOAD) -> Mutated:
    """Return what mutating a workload takes: whole processes, the median of the rounds.

    Raises:
        Failed: where it cannot be recorded or mutated in time.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with provider() as base_url:
            workload.write(folder, base_url)
            ours = sides(base_url)[0]
            if not recorded(ours, workload, folder, base_url, limit):
                raise Failed(f"{workload.name!r} was not recorded in {limit:.0f} s")
        report = folder / "mutate.json"
        command = (*ours.start[:-1], "mutate", "--report", f"json={report}")
        runs = [measured(command, folder, ours.environ(folder), limit=limit) for _ in range(rounds + 1)]
        found = json.loads(report.read_text(encoding="utf-8"))
    seconds = [run.cpu for run in runs[1:] if run is not None]  # the first was for nothing: modules are compiled
    if not seconds:
        raise Failed(f"{workload.name!r} was not mutated in {limit:.0f} s")
    mutants = found["score"]["all"]
    return Mutated(conversations=len(found["conversations"]), mutants=mutants, a_second=mutants / median(seconds))
