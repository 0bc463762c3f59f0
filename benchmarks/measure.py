"""Measure convrun beside its peers, whole processes in turn, and write docs/benchmarks.md.

python benchmarks/measure.py [--runs N] [--limit SECONDS] [-k TEXT] [--write]
"""

from __future__ import annotations

import argparse
import sys

from growth import growth
from long_conversations import long_conversations
from mutating import mutated
from page import GROWTH, LONG, MUTATION, page
from processes import Failed
from rows import replayed, start_up
from sides import HERE, PEERS, sides
from workload import Workload

WORKLOADS = (
    Workload(name="one conversation, 1 turn, 1 call", turns=1, tool=False),
    Workload(name="one conversation, 3 turns, 4 calls", turns=3, aim=0.33),
    Workload(name="50 conversations, 5 turns, 300 calls", conversations=50, turns=5),
    Workload(name="200 conversations, 5 turns, 1,200 calls", conversations=200, turns=5, aim=0.2),
    Workload(name="800 conversations, 5 turns, 4,800 calls", conversations=800, turns=5),
    Workload(name="one conversation, 50 turns of 300 characters", turns=50, length=300),
    Workload(name="one conversation, 200 turns of 300 characters", turns=200, length=300),
    Workload(name="one conversation, 400 turns of 300 characters", turns=400, length=300, aim=0.05, patience=6),
)


def main() -> None:
    """Record, measure and print; with --write keep the page as docs/benchmarks.md."""
    options = _options()
    if not PEERS.exists():
        print(f"without llm: there is no {PEERS}, `make bench` sets it up", file=sys.stderr)
    if options.write and (options.only or not PEERS.exists()):
        sys.exit("--write is for a whole table")
    try:
        rows = [start_up(options.runs, options.limit)]
        for workload in WORKLOADS:
            if options.only in workload.name:
                print(workload.name, file=sys.stderr, flush=True)
                rows.append(replayed(workload, options.runs, options.limit))
        grown = growth(max(options.runs, 3), options.limit) if options.only in GROWTH else None
        long = long_conversations(max(options.runs, 3)) if options.only in LONG else None
        mutants = mutated(options.runs, options.limit) if options.only in MUTATION else None
    except Failed as error:
        sys.exit(str(error))
    text = page(rows, sides(""), runs=options.runs, grown=grown, mutants=mutants, long=long)
    print(text)
    if options.write:
        (HERE.parent / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="rounds, fewer where one takes long")
    parser.add_argument("--limit", type=float, default=120, help="seconds after which a run is stopped")
    parser.add_argument("-k", dest="only", default="", help="only workloads with this text in their names")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
