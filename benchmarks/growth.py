"""How the time of a replay grows: a conversation of 400 turns beside one of 200, both in one process, in turn.

python benchmarks/growth.py FOLDER FOLDER ROUNDS    prints the ratio of each round; both folders are recorded projects

Whole processes would not do: start and imports cost the same for both, and would hide what the turns cost.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import process_time

AIM = 2.3
SHORT, LONG = 200, 400


def growth(rounds: int, limit: float) -> float:
    """Return how many times as long the 400 turns take: CPU time, specs and cassettes loaded anew, the median.

    Raises:
        Failed: where a conversation cannot be recorded or replayed.
    """
    from processes import Failed
    from rows import provider, recorded
    from sides import sides
    from workload import Workload

    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / f"{turns}" for turns in (SHORT, LONG)]
        for folder, turns in zip(folders, (SHORT, LONG), strict=True):
            workload = Workload(name=f"{turns} turns", turns=turns, length=300)
            with provider() as base_url:
                workload.write(folder, base_url)
                ours = sides(base_url)[0]
                if not recorded(ours, workload, folder, base_url, limit):
                    raise Failed(f"{turns} turns were not recorded in {limit:.0f} s")
        command = [sys.executable, __file__, *map(str, folders), str(rounds)]
        done = subprocess.run(command, env=ours.environ(folders[0]), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(done.stderr)
        return median(map(float, done.stdout.split()))


def main() -> None:
    """Replay both in each round, and print by how much the longer one takes longer."""
    folders, rounds = sys.argv[1:3], int(sys.argv[3])
    for number in range(-1, rounds):  # once for nothing: modules are loaded, caches filled
        short, long = map(_seconds, folders)
        if number >= 0:
            print(long / short)


def _seconds(folder: str) -> float:
    """Load a project and replay it; return the CPU seconds."""
    from convrun.run.planning.options import RunOptions
    from convrun.run.project import open_project, prepare
    from convrun.suite.run import run_all

    os.chdir(folder)
    gc.collect()
    began = process_time()
    options = RunOptions()
    prepared = prepare(open_project([], cwd=Path.cwd(), environ={}, overrides={}), options, environ={})
    result = run_all(prepared, options, environ={}, command="convrun run", on_result=lambda _: None)
    spent = process_time() - began
    assert [one.verdict for one in result.conversations] == ["passed"], result
    return spent


if __name__ == "__main__":
    main()
