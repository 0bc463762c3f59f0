"""Random conversations recorded and replayed, many of them: `python tests/fuzz/exactness.py --help`.

What the suite does with a few (tests/cassette/test_exact_requests.py). A conversation that is not recorded exactly is
made smaller, and printed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "cassette")]

from exact_recordings import recorded_exactly  # noqa: E402  (where it stands is known only now)
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from random_conversations import Plan, plans  # noqa: E402
from servers import loopback_server  # noqa: E402


def main() -> None:
    """Record as many conversations as are wanted, and say how many requests they had."""
    parser = argparse.ArgumentParser(description="Record random conversations, and compare each request.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=2_000, help="how many conversations")
    parser.add_argument("--shrink", action="store_true", help="make one that fails smaller")
    told = parser.parse_args()
    phases = [Phase.generate, *([Phase.shrink] if told.shrink else [])]
    requests: list[int] = []
    began = perf_counter()
    with loopback_server() as server:

        @seed(told.seed)
        @settings(
            max_examples=told.count,
            deadline=None,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        )
        @given(plan=plans())
        def every(plan: Plan) -> None:
            requests.append(recorded_exactly(plan, server))

        every()
    print(f"{len(requests):,} conversations, {sum(requests):,} requests in {perf_counter() - began:.0f} s: all exact")


if __name__ == "__main__":
    main()
