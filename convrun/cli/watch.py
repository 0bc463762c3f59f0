"""`convrun run --watch`: run what is selected, and after each edit what the edited files touch."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.util import cache_from_source
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer

from convrun.cli.ending import INTERRUPTED, counted
from convrun.cli.rounds import Outcome, Round, Rounds
from convrun.cli.running import Presentation
from convrun.errors import ConvrunError, UsageError
from convrun.frozen import frozen
from convrun.run.inventory import Edit, Surveyor, edit_between
from convrun.run.options import RecordMode, RunOptions
from convrun.run.project import Project, ReadSpec, open_project
from convrun.source import printable

_QUIET = 50  # milliseconds without another change until an edit is taken to be complete
_LONGEST = 400  # milliseconds that the changes of one edit are waited for
_TICK = 100  # milliseconds between two looks at whether the round has ended
_PATIENCE = 3.0  # seconds that a round goes on after an edit
_IN_A_ROW = 5  # rounds whose files change while they run
_NAMED = 3  # files in a message


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

    places = [Path(os.path.abspath(path.partition("::")[0])) for path in paths]
    with _signals_interrupt(), Rounds(sys.argv[2:]) as rounds:
        try:
            rounds.load()  # while the specs are read
            _Watch(Surveyor(opened, places, options), rounds).go_on()
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


@frozen
class _Owed:
    """What a round was to run and has not finished; an edit of a spec of its `cause` may mend what held it up."""

    ids: frozenset[str]
    cause: frozenset[str]

    def without(self, ids: frozenset[str]) -> _Owed:
        """Return what is left of it without these."""
        return replace(self, ids=self.ids - ids)


def _every(owed: Iterable[_Owed]) -> frozenset[str]:
    return frozenset[str]().union(*(one.ids for one in owed))


class _Watch:
    """What is known of the project, what is still to run, and the round that is running."""

    def __init__(self, surveyor: Surveyor, rounds: Rounds) -> None:
        self._surveyor = surveyor
        self._rounds = rounds
        self._inventory = surveyor.inventory()
        self._owed: list[_Owed] = []
        self._edit: Edit | None = None  # what the next round is for
        self._edited = 0.0  # since when there is one
        self._round: Round | None = None
        self._running: frozenset[str] = frozenset()
        self._judged: frozenset[str] = frozenset()  # whose mistakes keep it from running: more than it runs
        self._meanwhile: set[Path] = set()  # what has changed since it began
        self._restless: frozenset[Path] = frozenset()  # what changes in each round: the conversations write it
        self._in_a_row = 0

    def go_on(self) -> NoReturn:
        """Run everything, then wait for edits for ever."""
        self._begin(frozenset(self._inventory.files), everything=True)
        while True:
            looked = False
            for changes in self._changes():
                if changes or not looked:
                    looked = True
                    self._look()
                self._attend()
                if changes:
                    break  # folders may have come, gone or been replaced: they are watched anew

    def _changes(self) -> Iterator[bool]:
        """Whether something has changed, again and again; the first time once all folders are being watched."""
        from watchfiles import watch as watched  # only here

        folders = [folder for folder in self._inventory.folders if folder.is_dir()]
        try:
            for changes in watched(
                *folders,
                watch_filter=None,
                recursive=False,
                debounce=_LONGEST,
                step=_QUIET,
                rust_timeout=_TICK,
                yield_on_timeout=True,
            ):
                yield bool(changes)
        except FileNotFoundError:  # a folder has just gone
            yield True

    def _look(self) -> None:
        """See what has become of the project, and remember it for the next round."""
        before = self._inventory
        try:
            self._inventory = self._surveyor.inventory()
        except ConvrunError:  # said by the round, which fails at the same
            self._inventory = before.again()
        edit = edit_between(before, self._inventory)
        if edit is None:
            return
        if self._round is not None:
            self._meanwhile |= edit.files
            if edit.files <= self._restless:
                return
        if self._edit is None:
            self._edited = time.monotonic()
        self._edit = edit if self._edit is None else self._edit.and_then(edit)

    def _attend(self) -> None:
        """End the round if it is over, or goes on too long after an edit; begin the next if there is one."""
        if self._round is not None:
            late = self._edit is not None and time.monotonic() - self._edited > self._patience
            if self._round.running and not late:
                return
            self._conclude(self._round)
        if self._edit is not None:
            self._follow(self._edit)

    @property
    def _patience(self) -> float:
        """How many seconds a round has after an edit: with each that was in vain the next has twice as many."""
        return _PATIENCE * (1 << self._in_a_row)

    def _conclude(self, round_: Round) -> None:
        """Take account of a round that has ended; one that has not is stopped, and runs on with the next."""
        stopped = round_.running
        if stopped:
            self._say(f"still running {self._patience:.0f} s after the edit: stopped; what is not finished runs again")
            round_.stop()
        outcome = round_.outcome()
        self._look()  # what the round has written, it has written while it ran
        self._round = None
        left = self._running - outcome.finished
        self._owed = [rest for owed in self._owed if (rest := owed.without(self._running)).ids]
        if left:
            # Of a crash what is left holds the cause; -x stops for what is finished.
            self._owed.append(_Owed(ids=left, cause=self._judged if outcome.orderly else left))
        if stopped and self._edit is not None:
            self._edit = self._edit.and_then(Edit(touched=left))
        elif not outcome.orderly:
            self._say(_without_result(outcome))
        self._calm(frozenset(self._meanwhile))
        if self._edit is None:
            self._wait()

    def _calm(self, changed: frozenset[Path]) -> None:
        """Keep conversations that write files of their own from running for ever."""
        self._meanwhile = set()
        files = frozenset[Path]().union(*(self._inventory.files.get(name, ()) for name in self._running))
        self._restless = frozenset(path for path in self._restless if path in changed or path not in files)
        self._in_a_row = 0 if self._edit is None else self._in_a_row + 1
        if self._edit is not None and self._in_a_row >= _IN_A_ROW:
            self._say(
                f"{self._named(changed)} changed during each of the last {_IN_A_ROW} rounds, as files do that "
                "conversations write: saved once more it runs"
            )
            self._owed.append(_Owed(ids=self._edit.touched, cause=self._edit.touched))
            self._restless, self._edit, self._in_a_row = changed, None, 0

    def _follow(self, edit: Edit) -> None:
        """Run what an edit touches, and with it what an earlier round left if the edit may have mended that."""
        self._edit = None
        inventory = self._inventory
        known = frozenset(inventory.files)
        edited = _specs(edit.touched | edit.removed)
        mended = _every(owed for owed in self._owed if not edited.isdisjoint(_specs(owed.cause)))
        self._owed = [rest for owed in self._owed if (rest := owed.without(owed.ids - known)).ids]
        touched = edit.touched & known
        left = (mended & known) - touched - inventory.unreadable
        if not touched and not left:
            self._say(f"{self._named(edit.files)} changed: {counted(len(edit.removed), 'conversation')} less")
            self._wait()
            return
        also = f", and {len(left)} not run yet" if left else ""
        self._say(f"{self._named(edit.files)} changed: {self._counted(touched)}{also}")
        _forget_compiled(edit.files)
        self._begin(touched | left, everything=inventory.broken)

    def _begin(self, ids: frozenset[str], *, everything: bool) -> None:
        self._running = ids
        self._judged = frozenset(self._inventory.files) if everything else ids
        self._round = self._rounds.begin(None if everything else ids)

    def _wait(self) -> None:
        count = len(_every(self._owed))
        left = f"; {count} not run yet" if count else ""
        self._say(f"waiting for edits{left}; Ctrl-C ends")
        self._rounds.load()

    def _counted(self, touched: frozenset[str]) -> str:
        """How many conversations are touched, of how many; a spec with mistakes is none."""
        wrong = touched & self._inventory.unreadable
        every = self._inventory.files.keys() - self._inventory.unreadable
        of = f"{len(touched - wrong)} of {counted(len(every), 'conversation')}"
        if not wrong:
            return of
        specs = f"{counted(len(wrong), 'spec')} with mistakes"
        return f"{specs}, {of}" if touched - wrong else specs

    def _named(self, files: Iterable[Path]) -> str:
        """The first of these files, as people name them."""
        root = self._inventory.root
        names = sorted(printable(os.path.relpath(path, root).replace(os.sep, "/")) for path in files)
        more = f" and {counted(len(names) - _NAMED, 'more file')}" if len(names) > _NAMED else ""
        return ", ".join(names[:_NAMED]) + more

    @staticmethod
    def _say(words: str) -> None:
        print(words, flush=True)


def _specs(ids: Iterable[str]) -> set[str]:
    return {name.partition("::")[0] for name in ids}


def _forget_compiled(files: Iterable[Path]) -> None:
    """Remove what Python has compiled of edited modules: it takes one of the same second and size to be unchanged."""
    for path in files:
        if path.suffix == ".py":
            with suppress(OSError, NotImplementedError):
                Path(cache_from_source(str(path))).unlink()


def _without_result(outcome: Outcome) -> str:
    """What to say of a round whose process did not come to its own end."""
    how = f"ended with {outcome.code}"
    if outcome.code < 0:
        with suppress(ValueError):
            how = f"was ended by {signal.Signals(-outcome.code).name}"
    return f"the round has no result: its process {how}, as by os._exit() in a tool, a hook or a check"
