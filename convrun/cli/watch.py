"""`convrun run --watch`: which options go with it, what it says, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer

from convrun.cli.ending import INTERRUPTED, counted
from convrun.cli.mistakes import mistakes_told
from convrun.cli.running import Presentation
from convrun.errors import UsageError
from convrun.run.planning.options import RecordMode, RunOptions
from convrun.run.project import Project, ReadSpec, open_project
from convrun.source import printable
from convrun.spec.ids import spec_of
from convrun.watching.inventory import Edit, Inventory, Surveyor
from convrun.watching.rounds import Outcome, Rounds
from convrun.watching.watch import Watch

_NAMED = 3  # files in a message
_OTHERS = 5  # conversations in one


def watch(
    paths: Sequence[str], options: RunOptions, presentation: Presentation, *, overrides: Mapping[str, str | None]
) -> NoReturn:
    """Run what is selected, then what each edit touches, until it is interrupted. No code of the user runs here.

    Raises:
        typer.Exit: with 130: no result of a round is that of the whole, and an end that is 0 would say that all passed.
        ConvrunError: where there is nothing to watch: the command line or the settings are wrong.
    """
    _refuse(options, presentation)

    def opened(read: ReadSpec) -> Project:
        return open_project(paths, cwd=Path.cwd(), environ=os.environ, overrides=overrides, read_spec=read)

    places = [Path(os.path.abspath(spec_of(path))) for path in paths]
    with _signals_interrupt(), Rounds(sys.argv[2:]) as rounds:
        try:
            rounds.load()  # while the specs are read
            with mistakes_told(presentation.reports, paths):
                begun = Watch(Surveyor(opened, places, options), rounds, _Words())
            begun.go_on()
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


def _refuse(options: RunOptions, presentation: Presentation) -> None:
    """Raise for options that do not go with a run that never ends."""
    if options.record is not RecordMode.NONE:
        raise UsageError(
            "--watch with --record: an edit must not cost money", fix="record with `convrun record` in another terminal"
        )
    for option, given in {"--last-failed": options.last_failed, "--shard": options.shard is not None}.items():
        if given:
            raise UsageError(f"--watch with {option}", fix=f"leave out {option}: what is run is what an edit touches")
    if None in presentation.reports.values():
        raise UsageError("--watch with a --report to stdout", fix="give it a file; each round writes it anew")


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Have the signals that would end this process at once interrupt it, so that the round is ended as well."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


class _Words:
    """Prints what a watch does."""

    def follows(self, edit: Edit, inventory: Inventory, left: int) -> None:
        """Say what has changed, and how many conversations run for it."""
        also = f", and {left} not run yet" if left else ""
        _print(f"{_named(edit.files, inventory)} changed: {_of_all(edit.touched, inventory)}{also}")

    def runs_nothing(self, edit: Edit, inventory: Inventory) -> None:
        """Say what has changed, and how many conversations are no more."""
        _print(f"{_named(edit.files, inventory)} changed: {counted(len(edit.removed), 'conversation')} less")

    def stops(self, seconds: float) -> None:
        """Say that a round took too long."""
        _print(f"still running {seconds:.0f} s after the edit: stopped; what is not finished runs again")

    def has_no_result(self, outcome: Outcome) -> None:
        """Say how the process of a round has ended."""
        how = f"ended with {outcome.code}"
        if outcome.code < 0:
            with suppress(ValueError):
                how = f"was ended by {signal.Signals(-outcome.code).name}"
        _print(f"the round has no result: its process {how}, as by os._exit() in a tool, a hook or a check")

    def calms(self, files: Iterable[Path], inventory: Inventory, rounds: int) -> None:
        """Say which files would have it run for ever."""
        _print(
            f"{_named(files, inventory)} changed during each of the last {rounds} rounds, as files do that "
            "conversations write: saved once more it runs"
        )

    def waits(self, left: int, others: frozenset[str]) -> None:
        """Say that it waits, and how it ends; before that, whom the last round does not show and who did not pass."""
        if others:
            they = "it" if len(others) == 1 else "they"
            named = ", ".join(printable(one) for one in sorted(others)[:_OTHERS])
            more = f" and {len(others) - _OTHERS} more" if len(others) > _OTHERS else ""
            _print(f"{counted(len(others), 'other')} did not pass when {they} last ran: {named}{more}")
        _print("waiting for edits" + (f"; {left} not run yet" if left else "") + "; Ctrl-C ends")


def _print(words: str) -> None:
    print(words, flush=True)


def _of_all(touched: frozenset[str], inventory: Inventory) -> str:
    """How many conversations are touched, of how many; a spec with mistakes is none."""
    wrong = touched & inventory.unreadable
    every = inventory.files.keys() - inventory.unreadable
    of = f"{len(touched - wrong)} of {counted(len(every), 'conversation')}"
    if not wrong:
        return of
    specs = f"{counted(len(wrong), 'spec')} with mistakes"
    return f"{specs}, {of}" if touched - wrong else specs


def _named(files: Iterable[Path], inventory: Inventory) -> str:
    """The first of these files, as people name them."""
    names = sorted(printable(os.path.relpath(path, inventory.root).replace(os.sep, "/")) for path in files)
    more = f" and {counted(len(names) - _NAMED, 'more file')}" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
