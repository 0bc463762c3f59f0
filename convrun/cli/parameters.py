"""The parameters that several commands share, and what they mean once parsed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, TypeAlias

import typer

from convrun.errors import UsageError, did_you_mean
from convrun.run.planning.options import RecordMode
from convrun.run.planning.shards import Shard

Paths: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH", help="Spec files, folders, or FILE::CASE. [default: the specs folder]"),
]
Keyword: TypeAlias = Annotated[
    str | None, typer.Option("-k", metavar="EXPR", help="Only ids that match: substrings with and, or, not.")
]
Tags: TypeAlias = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="Only specs with this tag (repeatable).")
]
Models: TypeAlias = Annotated[
    list[str] | None, typer.Option("-m", "--model", metavar="MODEL", help="Run with this model instead (repeatable).")
]
Defines: TypeAlias = Annotated[
    list[str] | None, typer.Option("-D", metavar="KEY=VALUE", help="Set a var, as text (repeatable).")
]
ShownModels: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("-m", "--model", metavar="MODEL", help="Show what was recorded with this model (repeatable)."),
]
MutatedModels: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("-m", "--model", metavar="MODEL", help="Mutate what was recorded with this model (repeatable)."),
]
Cassettes: TypeAlias = Annotated[
    str | None, typer.Option("--cassettes", metavar="DIR", help="The folder of the cassettes.")
]
StopAtFirst: TypeAlias = Annotated[bool, typer.Option("-x", help="Stop at the first conversation that does not pass.")]
MaxFail: TypeAlias = Annotated[
    str | None, typer.Option("--maxfail", metavar="N", help="Stop when N conversations have not passed.")
]
Jobs: TypeAlias = Annotated[
    str | None, typer.Option("-j", "--jobs", metavar="N|auto", help="Run so many conversations at once. [default: 1]")
]
OnlyShard: TypeAlias = Annotated[
    str | None, typer.Option("--shard", metavar="I/N", help="Only part I of N, each of about the same recorded time.")
]
OnlyLastFailed: TypeAlias = Annotated[
    bool, typer.Option("--last-failed", "--lf", help="Only those that did not pass when they last ran, else all.")
]
KeepGoing: TypeAlias = Annotated[bool, typer.Option("--keep-going", help="Play on after a failed turn.")]
Strict: TypeAlias = Annotated[
    bool, typer.Option("--strict", help="Findings (as unchecked, uncalled, weak) end with 1.")
]
OnStale: TypeAlias = Annotated[
    str, typer.Option("--on-stale", metavar="fail|warn", help="warn: stale and missing do not change the exit code.")
]
Reports: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--report", metavar="FORMAT[=FILE]", help="Write json, junit, markdown or github; without FILE to stdout."
    ),
]
Quiet: TypeAlias = Annotated[bool, typer.Option("-q", "--quiet", help="Only what did not pass, and the counts.")]
Verbose: TypeAlias = Annotated[
    int,
    typer.Option(
        "-v", "--verbose", count=True, show_default=False, help="Turns and checks; -vv: tracebacks, full texts."
    ),
]
NoColor: TypeAlias = Annotated[bool, typer.Option("--no-color", help="Plain text.")]
Watching: TypeAlias = Annotated[bool, typer.Option("--watch", help="Wait for edits, and run what they touch.")]
ForWatch: TypeAlias = Annotated[bool, typer.Option("--for-watch", hidden=True)]  # of a watch: watching/rounds.py
BaseUrl: TypeAlias = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="Send live calls to this endpoint.")
]
MaxCost: TypeAlias = Annotated[
    str | None,
    typer.Option("--max-cost", metavar="USD", help="Make no live call once the run has spent so many dollars."),
]

REPORT_FORMATS = ("json", "junit", "markdown", "github")


def record_mode(text: str) -> RecordMode:
    """Return the record mode of this name.

    Raises:
        UsageError: for another word.
    """
    return RecordMode(one_of("--record", text, [mode.value for mode in RecordMode]))


def one_of(option: str, text: str, known: Sequence[str]) -> str:
    """Return `text` if it is one of the known words.

    Raises:
        UsageError: for another word, naming the option.
    """
    if text not in known:
        fix = did_you_mean(text, known) or f"one of {', '.join(known)}"
        raise UsageError(f"{option} {text!r} is not known", fix=fix)
    return text


def most_failed(stop_at_first: bool, maxfail: str | None) -> int | None:
    """Return after how many conversations that did not pass nothing more is begun; None: all are run.

    Raises:
        UsageError: for a `--maxfail` that is no number from 1 on.
    """
    if maxfail is None:
        return 1 if stop_at_first else None
    if not (maxfail.isascii() and maxfail.isdigit() and len(maxfail) < 10 and int(maxfail) > 0):
        raise UsageError(f"--maxfail {maxfail!r} is no number from 1 on", fix="write --maxfail 3")
    return 1 if stop_at_first else int(maxfail)


def shard_of(text: str | None) -> Shard | None:
    """Return the part that `--shard` names, if any.

    Raises:
        UsageError: where it names none.
    """
    return Shard.of(text) if text is not None else None


def defines(pairs: Iterable[str]) -> Mapping[str, str]:
    """Return the `-D` pairs as a mapping.

    Raises:
        UsageError: for one without `=`.
    """
    values: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"-D {pair!r} is not KEY=VALUE", fix="write it as -D city=Rome")
        values[key] = value
    return values


def reports(texts: Sequence[str], known: Sequence[str] = REPORT_FORMATS) -> Mapping[str, str | None]:
    """Return the wanted report formats, each with its file or None for stdout; `known` are those that there are.

    Raises:
        UsageError: for an unknown format, one that is asked for twice, and two that would go to stdout.
    """
    wanted: dict[str, str | None] = {}
    for text in texts:
        name, equals, file = text.partition("=")
        one_of("--report", name, known)
        if name in wanted:
            raise UsageError(f"--report {name} is given twice", fix="give each format once")
        if equals and not file:
            raise UsageError(f"--report {text!r} names no file", fix=f"write --report {name}=FILE, or --report {name}")
        wanted[name] = file or None
    printed = [name for name, file in wanted.items() if file is None]
    if len(printed) > 1:
        what = f"--report {printed[0]} and --report {printed[1]} would both go to stdout"
        raise UsageError(what, fix=f"name a file for one of them: --report {printed[1]}=FILE")
    return wanted
