"""The benchmark measures what it says: the same work on each side, and the figures of the process that did it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
from import_graph import ROOT

MEASURED = """
from pathlib import Path
import os, sys
from processes import Failed, measured
def python(code, limit=60):
    return measured([sys.executable, "-c", code], Path.cwd(), dict(os.environ), limit=limit)
"""


@pytest.fixture
def bench(tmp_path):
    """Runs a program that may import the benchmark's modules, in an empty folder; returns what it printed."""

    def run(code, *arguments):
        command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
        environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")])}
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def rows(page):
    """The rows of the tables of a page, each with its cells by what stands at their head."""
    found, head = [], None
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            head = None
        elif head is None:
            head = cells
        elif not line.startswith("| ---"):
            found.append(dict(zip(head, cells, strict=True)))
    return found


def test_a_part_of_the_table_is_printed(bench):
    """One round of one workload gives a row with the seconds of convrun and of the work by hand, and their ratio."""
    told = bench("from measure import main; main()", "--runs", "1", "-k", "4 calls")
    times, costs = [row for row in rows(told) if row["workload"] == "one conversation, 3 turns, 4 calls"]
    assert 0 < float(times["convrun, s"]) < 60
    assert 0 < float(times["by hand, s"]) < 60
    ratio = float(times["convrun, s"]) / float(times["by hand, s"])
    assert float(times["ratio to by hand"]) == pytest.approx(ratio, rel=0.1)
    assert (times["aim"], times["rounds"]) == ("0.33", "1")
    assert all(float(figure) > 0 for name, figure in costs.items() if name != "workload")


def test_a_process_has_the_memory_and_the_time_of_its_own(bench):
    """The figures are those of the command, however large the process is that asks for them."""
    told = bench(
        MEASURED
        + textwrap.dedent("""
        ballast = bytearray(b"x") * 300_000_000
        small = python("import time; time.sleep(0.3)")
        large = python("x = bytearray(b'x') * 150_000_000")
        print(small.memory < 60, 150 < large.memory < 250, 0.3 <= small.seconds < 30, small.cpu < small.seconds)
        """)
    )
    assert told.split() == ["True"] * 4


def test_what_takes_too_long_is_stopped(bench):
    """A command that does not end in time has no figures."""
    assert bench(MEASURED + "print(python('import time; time.sleep(60)', limit=0.3))").strip() == "None"


def test_a_failure_is_no_figure(bench):
    """A command that ends with an error ends the measurement, with what it said."""
    program = """
    try:
        python("import sys; print('half of it'); sys.exit(3)")
    except Failed as error:
        print(error)
    """
    told = bench(MEASURED + textwrap.dedent(program))
    assert "ended with 3" in told
    assert "half of it" in told


def test_everybody_replays_without_the_provider_and_asserts(bench):
    """Convrun and the work by hand replay what they recorded when the provider is gone; another answer fails both."""
    program = """
    from pathlib import Path
    from processes import Failed, measured
    from rows import provider
    from sides import sides
    from workload import Workload
    folder = Path.cwd()
    with provider() as base_url:
        everybody = sides(base_url, Path("nowhere"))[:2]
        Workload(name="small", conversations=2, turns=2).write(folder, base_url)
        for side in everybody:
            measured(side.record, folder, side.environ(folder), limit=60)
    def replays(side):
        try:
            return measured(side.replay, folder, side.environ(folder), limit=60) is not None
        except Failed as error:
            return str(error)
    print([replays(side) for side in everybody])
    for side in everybody:
        for cassette in (folder / side.cassettes).rglob("*.yaml"):
            cassette.write_text(cassette.read_text().replace("Certainly", "Hardly"))
    print([replays(side) is True for side in everybody])
    """
    assert bench(program).split("\n")[:2] == ["[True, True]", "[False, False]"]


def test_who_asks_less_is_not_compared(bench):
    """A side that makes fewer requests than the workload has ends the measurement."""
    program = """
    from dataclasses import replace
    from pathlib import Path
    from processes import Failed
    from rows import provider, recorded
    from sides import sides
    from workload import Workload
    folder, small = Path.cwd(), Workload(name="small", turns=1)
    with provider() as base_url:
        convrun = sides(base_url, Path("nowhere"))[0]
        try:
            recorded(replace(convrun, record=convrun.start), small, folder, base_url, 60)
        except Failed as error:
            print(error)
    """
    assert bench(program).strip() == "convrun: 0 requests for 'small', not 2"


def test_mutants_are_counted(bench):
    """A workload is recorded and mutated; how many changes that makes hangs on what was said alone."""
    program = """
    from mutating import mutated
    from workload import Workload
    found = mutated(1, 60, Workload(name="small", conversations=2, turns=2))
    print(found.conversations, found.mutants, found.a_second > 0)
    """
    assert bench(program).strip() == "2 30 True"


def test_conversations_are_measured_in_each_way(bench):
    """The same conversations are recorded in threads and replayed in turn, in threads and in processes."""
    program = """
    from pathlib import Path
    from at_once import _measured
    from rows import provider
    from workload import Workload
    folder = Path.cwd()
    with provider() as base_url:
        Workload(name="small", conversations=3, turns=2).write(folder, base_url)
        figures = [_measured(folder, "all", "threads", 2)]
    ways = (("in turn", 1), ("threads", 2), ("processes", 2))
    figures += [_measured(folder, "none", *way) for way in ways]
    print([seconds > 0 and cpu > 0 for seconds, cpu in figures])
    """
    assert bench(program).strip() == "[True, True, True, True]"


def test_long_conversations_are_measured(bench):
    """Runs and requests of few turns give figures of both, and a part of the page with the aims."""
    program = """
    from long_conversations import long_conversations
    from page import page
    found = long_conversations(1, turns=8, sent=4)
    print(min(found.cpu, found.memory, found.ours, found.theirs) > 0)
    print(page([], [], runs=1, long=found))
    """
    told = bench(program)
    assert told.startswith("True\n")
    text = " ".join(told.split())
    assert "(aim: at most 2.3 each)" in text
    assert "of it (aim: at most 0.1)" in text
