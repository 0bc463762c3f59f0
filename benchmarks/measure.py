"""Measure convrun beside the same work by hand, whole processes in turn, and write docs/benchmarks.md.

python benchmarks/measure.py [--runs N] [--write]
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from provider import serve
from workload import Workload

HERE = Path(__file__).parent
WORKLOADS = (
    (Workload(name="one conversation, 3 turns, 4 calls", conversations=1, turns=3), 0.33),
    (Workload(name="200 conversations, 5 turns, 1,200 calls", conversations=200, turns=5), 0.2),
    (Workload(name="one conversation of 200 turns, 300 characters", conversations=1, turns=200, length=300), None),
    (Workload(name="one conversation of 400 turns, 300 characters", conversations=1, turns=400, length=300), None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Medians of one workload: wall-clock seconds and cassette bytes, ours and by hand; the ratio is of the pairs."""

    name: str
    ours: float
    by_hand: float
    ratio: float
    aim: float | None
    our_bytes: int
    their_bytes: int


def main() -> None:
    """Record, measure and print; with --write keep the table in docs/benchmarks.md."""
    options = _options()
    rows = [_measured(workload, aim, options.runs) for workload, aim in WORKLOADS]
    start = median([_timed([sys.executable, "-m", "convrun", "--version"], Path.cwd()) for _ in range(options.runs)])
    page = _page(rows, start, options.runs)
    print(page)
    if options.write:
        (HERE.parent / "docs" / "benchmarks.md").write_text(page, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="timed runs of each side, after one that warms up")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


def _measured(workload: Workload, aim: float | None, runs: int) -> Row:
    server = serve()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base_url = f"http://127.0.0.1:{server.server_port}/v1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workload.write(folder, base_url)
        by_hand = [sys.executable, str(HERE / "by_hand.py"), base_url]
        _run([sys.executable, "-m", "convrun", "run", "--record", "once", "-q"], folder)
        _run(by_hand, folder)
        server.shutdown()
        server.server_close()
        ours = [sys.executable, "-m", "convrun", "run", "-q"]
        pairs = [(_timed(ours, folder), _timed(by_hand, folder)) for _ in range(runs + 1)][1:]
        return Row(
            name=workload.name,
            ours=median(pair[0] for pair in pairs),
            by_hand=median(pair[1] for pair in pairs),
            ratio=median(pair[0] / pair[1] for pair in pairs),
            aim=aim,
            our_bytes=_bytes(folder / "cassettes"),
            their_bytes=_bytes(folder / "by_hand"),
        )


def _run(command: Sequence[str], folder: Path) -> None:
    # Without compiled modules every start would pay for compiling them; a key is named so that recording can begin.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"OPENAI_API_KEY": "not-a-key", "PYTHONPATH": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _timed(command: Sequence[str], folder: Path) -> float:
    start = time.perf_counter()
    _run(command, folder)
    return time.perf_counter() - start


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.yaml"))


def _page(rows: Sequence[Row], start: float, runs: int) -> str:
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    packages = ", ".join(f"{name} {version(name)}" for name in ("openai", "vcrpy", "typer", "pyyaml"))
    lines = [
        "# Benchmarks",
        "",
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: Python {platform.python_version()}, {packages},",
        f"on {os.cpu_count()} cores of a shared machine ({platform.system()} {platform.machine()}). Medians of {runs}",
        "runs of whole processes, the two sides in turn; the ratio is the median of the pairs, and holds where the",
        "seconds do not. By hand is the same work written with the openai SDK, vcrpy and assert",
        "(`benchmarks/by_hand.py`). `make bench` measures again and prints the table, `make bench ARGS=--write`",
        "keeps it here.",
        "",
        "| workload | convrun, s | by hand, s | ratio | aim | cassettes, kB | by hand, kB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        aim = f"{row.aim}" if row.aim else ""
        sizes = f"{row.our_bytes / 1000:,.0f} | {row.their_bytes / 1000:,.0f}"
        lines.append(f"| {row.name} | {row.ours:.2f} | {row.by_hand:.2f} | {row.ratio:.2f} | {aim} | {sizes} |")
    lines += ["", f"`convrun --version`: {start:.2f} s. Largest process of all: {memory} MB.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
