"""One row of the table: each side records a workload, then all replay it in turn."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from processes import Failed, Usage, measured
from sides import HERE, Side, sides
from workload import Workload

ENOUGH = 90.0  # seconds for the rounds of one row; the first is made whatever it takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured of one workload: by side, what its runs took, in the same rounds, and the bytes it recorded.

    A side that was stopped has no runs; `stopped` says after how long.
    """

    name: str
    runs: Mapping[str, Sequence[Usage]]
    sizes: Mapping[str, int]
    stopped: Mapping[str, str]
    aim: float | None = None


def start_up(runs: int, limit: float) -> Row:
    """Return what starting each side takes."""
    everybody = sides("")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side in everybody:  # once for nothing: modules are compiled
            measured(side.start, folder, side.environ(folder), limit=limit)
        found, stopped = _rounds({side.start: side for side in everybody}, folder, runs, limit)
    return Row(name="start: `--version`, by hand `import openai, vcr`", runs=found, sizes={}, stopped=stopped)


def replayed(workload: Workload, runs: int, limit: float) -> Row:
    """Return what a workload takes: each side records it from the same provider, and replays it when that is gone.

    Raises:
        Failed: where a side does not do the same work; see `recorded`.
    """
    stopped: dict[str, str] = {}
    limit *= workload.patience
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with provider() as base_url:
            workload.write(folder, base_url)
            everybody = sides(base_url)
            for side in everybody:
                if not recorded(side, workload, folder, base_url, limit):
                    stopped[side.name] = f"stopped: {limit:.0f} s, recording"
        playing = [side for side in everybody if side.name not in stopped]
        found, late = _rounds({side.replay: side for side in playing}, folder, runs, limit)
        sizes = {side.name: side.size(folder) for side in playing}
    return Row(name=workload.name, runs=found, sizes=sizes, stopped=stopped | late, aim=workload.aim)


@contextmanager
def provider() -> Iterator[str]:
    """Yield the base URL of a provider, in a process of its own; behind the block it is gone."""
    process = subprocess.Popen([sys.executable, str(HERE / "provider.py")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.communicate()


def recorded(side: Side, workload: Workload, folder: Path, base_url: str, limit: float) -> bool:
    """Record a workload, and return whether it was done in time.

    Raises:
        Failed: where the side ends with an error, or asks the model more or less often than the workload does.
    """
    before = _answered(base_url)
    if measured(side.record, folder, side.environ(folder), limit=limit) is None:
        return False
    asked = _answered(base_url) - before
    if asked != workload.requests:
        raise Failed(f"{side.name}: {asked} requests for {workload.name!r}, not {workload.requests}")
    return True


def _answered(base_url: str) -> int:
    with urlopen(base_url) as reply:
        return int(reply.read())


def _rounds(
    commands: Mapping[tuple[str, ...], Side], folder: Path, runs: int, limit: float
) -> tuple[dict[str, list[Usage]], dict[str, str]]:
    """Run the commands in turn, round by round; return what each took by side, and who was stopped."""
    found: dict[str, list[Usage]] = {side.name: [] for side in commands.values()}
    stopped: dict[str, str] = {}
    start, rounds = time.perf_counter(), 0
    while rounds == 0 or (rounds < runs and (time.perf_counter() - start) * (rounds + 1) / rounds < ENOUGH):
        for command, side in commands.items():
            if side.name in found:
                begun = time.perf_counter()
                usage = measured(command, folder, side.environ(folder), limit=limit)
                if usage is not None:
                    found[side.name].append(usage)
                else:
                    stopped[side.name] = f"stopped: {limit:.0f} s"
                    del found[side.name]
                    start += time.perf_counter() - begun  # it is in no further round
        rounds += 1
    return found, stopped
