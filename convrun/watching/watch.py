"""A watch: it runs what is selected, and after each edit what the edited files touch."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.util import cache_from_source
from pathlib import Path
from typing import NoReturn, Protocol

from convrun.errors import ConvrunError
from convrun.frozen import frozen
from convrun.spec.ids import spec_of
from convrun.watching.inventory import Edit, Inventory, Surveyor, edit_between
from convrun.watching.rounds import Outcome, Round, Rounds

_QUIET = 50  # milliseconds without another change until an edit is taken to be complete
_LONGEST = 400  # milliseconds that the changes of one edit are waited for
_TICK = 100  # milliseconds between two looks at whether the round has ended
_PATIENCE = 3.0  # seconds that a round goes on after an edit
_IN_A_ROW = 5  # rounds whose files change while they run


class Listener(Protocol):
    """Who is told what a watch does, as it does it."""

    def follows(self, edit: Edit, inventory: Inventory, left: int) -> None:
        """A round begins with what an edit touches, and `left` more that an earlier one had not run."""

    def runs_nothing(self, edit: Edit, inventory: Inventory) -> None:
        """An edit has only removed conversations."""

    def stops(self, seconds: float) -> None:
        """A round that still runs so long after an edit is stopped; what it has not finished runs again."""

    def has_no_result(self, outcome: Outcome) -> None:
        """The process of a round did not come to its own end."""

    def calms(self, files: Iterable[Path], inventory: Inventory, rounds: int) -> None:
        """Files that have changed during each of so many rounds begin no further one."""

    def waits(self, left: int, others: frozenset[str]) -> None:
        """Nothing runs until the next edit; so many are not run yet, and others did not pass when they last ran."""


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


class Watch:
    """What is known of the project, what is still to run, and the round that is running.

    Raises:
        ConvrunError: where there is nothing to watch: the settings are wrong, or paths and options fit no spec.
    """

    def __init__(self, surveyor: Surveyor, rounds: Rounds, listener: Listener) -> None:
        self._surveyor = surveyor
        self._rounds = rounds
        self._listener = listener
        self._inventory = surveyor.inventory()
        self._owed: list[_Owed] = []
        self._edit: Edit | None = None  # what the next round is for
        self._edited = 0.0  # since when there is one
        self._round: Round | None = None
        self._running: frozenset[str] = frozenset()
        self._judged: frozenset[str] = frozenset()  # whose mistakes keep it from running: more than it runs
        self._not_passed: frozenset[str] = frozenset()  # when they last ran
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
            self._listener.stops(self._patience)
            round_.stop()
        outcome = round_.outcome()
        self._look()  # what the round has written, it has written while it ran
        self._round = None
        self._not_passed = self._not_passed - outcome.finished | outcome.not_passed
        left = self._running - outcome.finished
        self._owed = [rest for owed in self._owed if (rest := owed.without(self._running)).ids]
        if left:
            # Of a crash what is left holds the cause; -x stops for what is finished.
            self._owed.append(_Owed(ids=left, cause=self._judged if outcome.orderly else left))
        if stopped and self._edit is not None:
            self._edit = self._edit.and_then(Edit(touched=left))
        elif not outcome.orderly:
            self._listener.has_no_result(outcome)
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
            self._listener.calms(changed, self._inventory, _IN_A_ROW)
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
            self._listener.runs_nothing(edit, inventory)
            self._wait()
            return
        self._listener.follows(replace(edit, touched=touched), inventory, len(left))
        _forget_compiled(edit.files)
        self._begin(touched | left, everything=inventory.broken)

    def _begin(self, ids: frozenset[str], *, everything: bool) -> None:
        self._running = ids
        self._judged = frozenset(self._inventory.files) if everything else ids
        self._round = self._rounds.begin(None if everything else ids)

    def _wait(self) -> None:
        owed = _every(self._owed)
        self._listener.waits(len(owed), self._not_passed & self._inventory.files.keys() - self._running - owed)
        self._rounds.load()


def _specs(ids: Iterable[str]) -> set[str]:
    return {spec_of(name) for name in ids}


def _forget_compiled(files: Iterable[Path]) -> None:
    """Remove what Python has compiled of edited modules: it takes one of the same second and size to be unchanged."""
    for path in files:
        if path.suffix == ".py":
            with suppress(OSError, NotImplementedError):
                Path(cache_from_source(str(path))).unlink()
