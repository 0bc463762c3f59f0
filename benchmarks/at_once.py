"""Measure conversations in turn, in threads and in processes, replayed and live, and write docs/benchmarks-at-once.md.

python benchmarks/at_once.py [--rounds N] [--write]

Timed is what -j changes: the conversations, without reading the specs. Each measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from provider import Provider
from workload import Workload

HERE = Path(__file__).resolve().parent
WORKLOADS = (
    *(Workload(name=f"replay of {number}", conversations=number, turns=5) for number in (50, 200, 800)),
    Workload(name="32 recorded, each call takes 50 ms", conversations=32, turns=3),
)
WAYS = (("in turn", 1), ("threads", 2), ("processes", 2), ("threads", 8), ("processes", 8))
_DELAY = 0.05  # seconds


class Slow(Provider):
    """The provider, as far away as others are."""

    def do_POST(self) -> None:  # noqa: N802 (the name is the base class's)
        """Answer one chat completion, after a while."""
        time.sleep(_DELAY)
        super().do_POST()


def main() -> None:
    """Measure and print; with --write keep the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks-at-once.md")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    Thread(target=server.serve_forever, daemon=True).start()
    lines = []
    for line in _page(f"http://127.0.0.1:{server.server_address[1]}/v1", options.rounds):
        print(line, flush=True)
        lines.append(f"{line}\n")
    if options.write:
        (HERE.parent / "docs" / "benchmarks-at-once.md").write_text("".join(lines), encoding="utf-8")


def _page(base_url: str, rounds: int) -> Iterator[str]:
    load = f"under a load of {os.getloadavg()[0]:.0f}"
    machine = f"{os.cpu_count()} cores of a shared machine ({platform.system()} {platform.machine()}), {load},"
    yield "# Conversations at once\n"
    yield f"Measured on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()} on {machine} by"
    yield f"`python benchmarks/at_once.py --write`: the least of {rounds} rounds, without reading the specs. The first"
    yield "figure is seconds, the second CPU seconds of all processes. Where others use the machine, the second holds"
    yield "and the first hardly does: whoever has more threads gets more of a busy processor.\n"
    yield f"| workload | {' | '.join(f'{way}, {jobs}' if jobs > 1 else way for way, jobs in WAYS)} |"
    yield f"| --- |{' ---: |' * len(WAYS)}"
    for workload in WORKLOADS:
        print(workload.name, file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "project"
            workload.write(project, base_url)
            live = workload is WORKLOADS[-1]
            if not live:
                _measured(project, "all", "threads", 32)
            figures = [_measured(project, "all" if live else "none", *way) for _ in range(rounds) for way in WAYS]
        by_way = [figures[number :: len(WAYS)] for number in range(len(WAYS))]
        cells = [" / ".join(f"{min(column):.2f}" for column in zip(*one, strict=True)) for one in by_way]
        yield f"| {workload.name} | {' | '.join(cells)} |"


def _measured(project: Path, record: str, way: str, jobs: int) -> tuple[float, float]:
    if record == "all":
        shutil.rmtree(project / "cassettes", ignore_errors=True)
    environ = {**os.environ, "OPENAI_API_KEY": "sk-nobodys", "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, str(HERE / "at_once.py"), "--one", record, way, str(jobs)]
    done = subprocess.run(command, cwd=project, env=environ, stdout=subprocess.PIPE, check=True, text=True)
    seconds, cpu = map(float, done.stdout.split())
    return seconds, cpu


def _one(record: str, way: str, jobs: str) -> None:
    """Work one project off, and print how many seconds that took."""
    from convrun.run.planning.options import RecordMode, RunOptions
    from convrun.run.project import open_project, prepare
    from convrun.suite.agenda import Agenda
    from convrun.suite.playing import playing
    from convrun.suite.processes import in_processes
    from convrun.suite.threads import in_threads

    options = RunOptions(record=RecordMode(record))
    prepared = prepare(open_project([], cwd=Path.cwd(), environ=os.environ, overrides={}), options, environ=os.environ)
    began, used = time.perf_counter(), _cpu()
    agenda = Agenda(prepared.conversations, most_failed=None, on_result=lambda _: None)
    play = playing(prepared.conversations, options, environ=os.environ)
    if way == "threads":
        in_threads(agenda, play, int(jobs))
    elif way == "processes":
        in_processes(agenda, play, None, int(jobs))
    else:
        while (index := agenda.next()) is not None:
            agenda.done(index, play(index))
    assert {result.verdict for result in agenda.results} == {"passed"}
    print(time.perf_counter() - began, _cpu() - used)


def _cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(*sys.argv[2:])
    else:
        main()
