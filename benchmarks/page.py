"""The page of the docs: what was measured, where, and with what."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from textwrap import fill

from growth import AIM
from long_conversations import GROWTH_AIM, REQUEST_AIM, SENT_TURNS, TURNS, LongConversations
from mutating import AIM as MUTANTS_AIM
from mutating import Mutated
from processes import Usage
from rows import Row
from sides import Side

GROWTH = "growth with the turns"
MUTATION = "mutants a second"
LONG = "long conversations"
_NOTHING = "–"
_MEASURED = """Measured on {day} with Python {python} on {machine}. `make bench ARGS=--write` measures again and writes
this page, `make bench` only prints it."""
_SAME = """Everybody holds the same conversations with a server on loopback, with the same number of requests and the
same assertions, records them once, and replays them when the server is gone:"""
_READ = """The figures are medians of whole processes, everybody in turn in each round: {runs} rounds, or fewer where
they take long. A ratio is convrun's time by the other's, the median over the rounds: it holds where the seconds do not,
and is below 1 where convrun is the faster one. An aim is what we want it to be by hand."""

_GROWN = """To load and replay one conversation of 400 turns takes convrun {grown:.2f} times as long as one of 200 turns
(aim: at most {aim}). Here both are replayed in one process, in turn: start and imports, the same for both, would hide
what turns cost. It is CPU time, the median of the rounds, spec and cassette read anew in each."""

_MUTATED = """`convrun mutate` changes what was recorded of {conversations} conversations in {mutants:,} ways, and asks
the checks again: {a_second:,.0f} mutants a second (aim: at least {aim:,}). It is CPU time of whole processes, start,
reading and report included, the median of the rounds; the checks that it suggests are tried in it as well."""

_LONG = """A run of {turns:,} turns with the model `echo`, a check in each, takes {cpu:.2f} times the CPU time of one of
{half:,} turns, and {memory:.2f} times its memory (aim: at most {growth_aim} each): what was said is kept once, whatever
holds it, and encoded once. Both are run in one process, in turn; memory is what Python has allocated at most."""
_SENT = """One more turn of a conversation of {sent} turns takes {ours:.1f} ms of CPU time, with the same messages the
SDK's own `chat.completions.create()` {theirs:.1f} ms: {ratio:.3f} of it (aim: at most {aim}). Both build the request,
encode and send it to a server on loopback and read the reply, over the same SDK. It is the median of the rounds."""


def page(
    rows: Sequence[Row],
    sides: Sequence[Side],
    *,
    runs: int,
    grown: float | None = None,
    mutants: Mutated | None = None,
    long: LongConversations | None = None,
) -> str:
    """Return the page as Markdown; `grown` is how many times as long 400 turns take as 200."""
    names = [side.name for side in sides]
    return "\n".join(
        [
            "# Benchmarks",
            "",
            *_what(sides, runs),
            *_times(rows, names),
            "",
            *_costs(rows, names),
            "",
            *([f"## {GROWTH.capitalize()}", "", _wrapped(_GROWN.format(grown=grown, aim=AIM)), ""] if grown else []),
            *([f"## {LONG.capitalize()}", "", *_long(long)] if long else []),
            *([f"## {MUTATION.capitalize()}", "", _wrapped(_mutated(mutants)), ""] if mutants else []),
        ]
    )


def _long(found: LongConversations) -> list[str]:
    grown = _LONG.format(turns=TURNS, half=TURNS // 2, cpu=found.cpu, memory=found.memory, growth_aim=GROWTH_AIM)
    ratio = found.ours / found.theirs
    sent = _SENT.format(sent=SENT_TURNS, ours=found.ours, theirs=found.theirs, ratio=ratio, aim=REQUEST_AIM)
    return [_wrapped(grown), "", _wrapped(sent), ""]


def _mutated(mutants: Mutated) -> str:
    return _MUTATED.format(
        conversations=mutants.conversations, mutants=mutants.mutants, a_second=mutants.a_second, aim=MUTANTS_AIM
    )


def _what(sides: Sequence[Side], runs: int) -> list[str]:
    machine = f"{os.cpu_count()} cores of a shared machine ({platform.system()} {platform.machine()}, {_processor()})"
    told = {"day": f"{datetime.now(UTC):%Y-%m-%d}", "python": platform.python_version(), "machine": machine}
    paragraphs = [
        _MEASURED.format(**told),
        _SAME,
        *(f"- {side.name}: {side.what}. {side.versions()}." for side in sides),
    ]
    paragraphs.append(_READ.format(runs=runs))
    return [_wrapped(text) + "\n" for text in paragraphs]


def _wrapped(text: str) -> str:
    below = "  " if text.startswith("- ") else ""
    return fill(text, 116, subsequent_indent=below, break_on_hyphens=False, break_long_words=False)


def _times(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    others = names[1:]
    head = [*(f"{name}, s" for name in names), *(f"ratio to {name}" for name in others), "aim", "rounds"]
    lines = [_line("workload", head), _line("---", ["---:"] * len(head))]
    for row in rows:
        seconds = [row.stopped.get(name) or _median(row, name, lambda one: one.seconds, "{:.2f}") for name in names]
        ratios = [_ratio(row, names[0], other) for other in others]
        rounds = str(max((len(runs) for runs in row.runs.values()), default=0))
        lines.append(_line(row.name, [*seconds, *ratios, f"{row.aim:.2f}" if row.aim else "", rounds]))
    return lines


def _costs(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    lines = [
        "CPU time is that of all processes of a run, memory that of its largest one; on disk are the cassettes.",
        "",
    ]
    head = [f"{name}, {unit}" for unit in ("CPU s", "MB", "kB on disk") for name in names]
    lines += [_line("workload", head), _line("---", ["---:"] * len(head))]
    for row in rows:
        cpu = [_median(row, name, lambda one: one.cpu, "{:.2f}") for name in names]
        memory = [_median(row, name, lambda one: one.memory, "{:.0f}") for name in names]
        sizes = [f"{row.sizes[name] / 1000:,.0f}" if name in row.sizes else _NOTHING for name in names]
        lines.append(_line(row.name, [*cpu, *memory, *sizes]))
    return lines


def _median(row: Row, name: str, figure: Callable[[Usage], float], form: str) -> str:
    runs = row.runs.get(name)
    return form.format(median(map(figure, runs))) if runs else _NOTHING


def _ratio(row: Row, ours: str, theirs: str) -> str:
    pairs = list(zip(row.runs.get(ours, ()), row.runs.get(theirs, ()), strict=False))
    return f"{median(one.seconds / other.seconds for one, other in pairs):.3f}" if pairs else _NOTHING


def _line(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _processor() -> str:
    """The name of the processor, where the system says it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "processor unknown")
