"""Fuzzing of what comes from outside: `python tests/fuzz/fuzzing.py --help`, or `make fuzz`.

Input number N of a kind is made from the seed and N alone, so the same command makes the same inputs wherever the
material is the same. Of the ways to cut a file there are only so many: all are taken, or as many as were asked for,
evenly spread. Each input is taken by a worker process, which may crash or hang without harm: it notes the number of an
input before it is taken. An input fails if anything but an error of convrun comes out, or if it costs more than a
second of CPU; it is written to `.fuzz/`, and printed with the command that repeats it.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from time import monotonic, thread_time

ROOT = Path(__file__).parents[2]
SLOW = 1.0  # seconds of CPU that no input may cost
HANGS = 30.0  # seconds after which an input is taken to hang, in C too
REARMED = 5.0  # seconds between two looks at the clock of the watchdog: it costs a thread each time
INPUTS = 10_000  # of each kind
BATCH = 1000  # inputs for one worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """So many inputs of a kind and a seed: `first`, and each `step` further."""

    kind: str
    seed: int
    first: int
    count: int
    step: int = 1

    @property
    def numbers(self) -> range:
        """Those of its inputs."""
        return range(self.first, self.first + self.count * self.step, self.step)

    @property
    def command(self) -> list[str]:
        """The arguments that repeat it."""
        numbers = ["--seed", str(self.seed), "--first", str(self.first), "--inputs", str(self.count)]
        return [self.kind, *numbers, *(["--step", str(self.step)] if self.step > 1 else [])]


def made(kind: str, seed: int, number: int) -> bytes:
    """The bytes of one input."""
    from fuzz_kinds import KINDS

    return KINDS[kind].made(number, f"{kind} {seed} {number}")


def work(batch: Batch, noted: Path, out: Path) -> None:
    """Take the inputs of a batch, one after the other, and print what became of them as a line of JSON."""
    from fuzz_kinds import KINDS

    kind = KINDS[batch.kind]
    right, failed, slowest = 0, 0, 0.0
    with tempfile.TemporaryDirectory() as folder, noted.open("wb", buffering=0) as note:
        path = Path(folder) / kind.file
        path.parent.mkdir()
        (Path(folder) / "convrun.toml").write_text('model = "echo"\n')
        armed = -REARMED
        for number in batch.numbers:
            if monotonic() - armed > REARMED:
                armed = monotonic()
                faulthandler.dump_traceback_later(HANGS, exit=True)
            note.seek(0)
            note.write(b"%-12d" % number)
            data = made(batch.kind, batch.seed, number)
            path.write_bytes(data)
            why, ok, spent = _taken(kind.take, path)
            if why is None and spent > SLOW:  # once more, in case the machine had something else to do
                why, ok, again = _taken(kind.take, path)
                spent = min(spent, again)
                why = why or (f"it took {spent:.1f} s\n" if spent > SLOW else None)
            right += ok
            slowest = max(slowest, spent)
            if why is not None:
                failed += 1
                _report(Batch(kind=batch.kind, seed=batch.seed, first=number, count=1), data, why, out)
        faulthandler.cancel_dump_traceback_later()
    print(json.dumps({"taken": batch.count, "right": right, "failed": failed, "slowest": round(slowest, 3)}))


def _taken(take, path: Path) -> tuple[str | None, bool, float]:
    """Why an input fails, whether it is right, and what it cost in seconds of CPU."""
    began = thread_time()
    try:
        ok, why = take(path), None
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  (whatever comes out is what is looked for, a panic of a C extension too)
        ok, why = False, traceback.format_exc(limit=-12)
    return why, ok, thread_time() - began


def _report(one: Batch, data: bytes, why: str, out: Path) -> None:
    """Write a failing input, and print where it is, how to repeat it and what happened."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{one.kind}-{one.seed}-{one.first}.yaml"
    path.write_bytes(data)
    print(f"FAILED {path}\n  python tests/fuzz/fuzzing.py {' '.join(one.command)}\n{why}", file=sys.stderr, flush=True)


def batches(kinds: list[str], seed: int, first: int, count: int | None) -> Iterator[Batch]:
    """The work of a run in pieces, those of different kinds side by side."""
    pieces = zip_longest(*(_pieces(kind, seed, first, count) for kind in kinds))
    return (batch for row in pieces for batch in row if batch is not None)


def _pieces(kind: str, seed: int, first: int, count: int | None) -> Iterator[Batch]:
    from fuzz_kinds import KINDS

    every = KINDS[kind].every
    if every is None:
        numbers, size = range(first, first + (INPUTS if count is None else count)), BATCH
    else:
        total = len(every())
        step = max(total // count, 1) if count else 1
        numbers, size = range(first % step, total, step)[:count], 5 * BATCH  # they are small
    for start in range(0, len(numbers), size):
        part = numbers[start : start + size]
        yield Batch(kind=kind, seed=seed, first=part[0], count=len(part), step=part.step)


def supervised(batch: Batch, out: Path, *, program: str = __file__) -> dict[str, float]:
    """Let a worker take a batch; one that crashed or hung has failed at the input that it noted last."""
    with tempfile.TemporaryDirectory() as folder:
        noted = Path(folder) / "number"
        command = [sys.executable, program, *batch.command, "--worker", str(noted), "--out", str(out)]
        ended = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
        sys.stderr.write(ended.stderr)
        if ended.returncode == 0:
            found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
            return found
        if not noted.exists():
            raise SystemExit(f"the worker did not begin: it ended with {ended.returncode}")
        number = int(noted.read_bytes() or batch.first)
        one = Batch(kind=batch.kind, seed=batch.seed, first=number, count=1)
        _report(one, made(batch.kind, batch.seed, number), f"the worker ended with {ended.returncode}\n", out)
        return {"taken": batch.numbers.index(number) + 1, "right": 0, "failed": 1, "slowest": HANGS}


def main(arguments: list[str] | None = None) -> int:
    """Fuzz; return 1 where an input failed."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from fuzz_kinds import KINDS

    parser = argparse.ArgumentParser(description="Feed convrun with damaged files.")
    parser.add_argument("kinds", nargs="*", help=f"{', '.join(KINDS)}; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--inputs", type=int, help=f"how many of each kind; {INPUTS:,} by default, and all cuts")
    parser.add_argument("--step", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=ROOT / ".fuzz", help="where failing inputs are written")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.worker:
        numbers = {"first": given.first, "count": given.inputs, "step": given.step}
        work(Batch(kind=given.kinds[0], seed=given.seed, **numbers), given.worker, given.out)
        return 0
    kinds = given.kinds or [*KINDS]
    work_of = [*batches(kinds, given.seed, given.first, given.inputs)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = [*pool.map(lambda batch: supervised(batch, given.out), work_of)]
    failures = 0.0
    for kind in kinds:
        found = [result for batch, result in zip(work_of, results, strict=True) if batch.kind == kind]
        taken, right, failed = (sum(one[key] for one in found) for key in ("taken", "right", "failed"))
        slowest = max(one["slowest"] for one in found)
        failures += failed
        print(f"{kind}: {taken:,} inputs, {right:,} right, {failed:,} failed; the slowest took {slowest:.2f} s of CPU")
    return 1 if failures else 0


if __name__ == "__main__":
    faulthandler.enable()
    sys.exit(main())
