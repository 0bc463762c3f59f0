"""What no spec needs any more is removed: interactions that are surely unplayed, orphans, and what lies around.

Nothing is imported or run, no link is followed, and nothing outside of the cassettes folder is touched. A cassette is
changed only by who may record it: one that is being recorded stays as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias

from convrun.cassette.beginning import beginning
from convrun.cassette.files import load, replace_cassette
from convrun.cassette.interaction import Recording
from convrun.cassette.kept.claims import Claim
from convrun.cassette.kept.partial import partial_path, read_partial
from convrun.cassette.stored.attachments import NAME, Reference, unread
from convrun.cassette.stored.beside import SUFFIX, folder_of, take_away, unreferenced
from convrun.cassette.stored.format import read
from convrun.cassette.stored.writing import write
from convrun.errors import CassetteError, ConvrunError, SpecErrors, UsageError, system_reason
from convrun.frozen import frozen
from convrun.importing.reasons import listed
from convrun.review.leftovers import leftovers
from convrun.review.owners import Owners
from convrun.review.trees import WorkingTree
from convrun.review.unfinished import part_of, unfinished
from convrun.review.unplayed import Unplayed, unplayed
from convrun.run.findings.neighbours import holds_root, not_ours_alone
from convrun.run.findings.orphans import cassettes, folders, orphans
from convrun.run.findings.renamed import renamed
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import Planned, plan
from convrun.run.project import Project

Kind: TypeAlias = Literal["removed", "shortened", "left", "failed"]


@frozen
class Pruned:
    """What became of a file or folder, and why. `failed` is what was to be removed and could not be."""

    path: str
    kind: Kind
    why: str


class Pruning:
    """Prunes a project: all of it, or with `selected` only the recordings of some of its conversations.

    With `dry`, what would be done is told, and nothing is.
    """

    def __init__(self, project: Project, *, dry: bool, selected: bool) -> None:
        self._project = project
        self._settings = project.settings
        self._dry = dry
        self._selected = selected
        self._gone: set[Path] = set()

    def steps(self) -> Iterator[Pruned]:
        """Do it, and yield what became of each.

        Raises:
            UsageError: where the cassettes folder is, or holds, the project itself.
        """
        if holds_root(self._settings):
            raise _refused(self._settings.cassettes)
        if (why := not_ours_alone(self._settings)) is not None:
            yield Pruned(path=self._settings.cassettes, kind="left", why=why)
            return
        made = plan(self._project.specs, self._settings, RunOptions())
        yield from self._shortened({one.id for one in made.conversations})
        errors = [*self._project.errors, *made.errors]
        if self._selected:
            for error in errors:
                path = error.where.file if error.where else self._settings.specs
                yield Pruned(path=path, kind="failed", why=f"it cannot be read: {error.what}")
            return
        if errors:
            yield Pruned(path=self._settings.cassettes, kind="failed", why=_unknown(errors[0]))
            return
        yield from self._orphans(made.conversations)
        yield from self._left_behind()
        yield from self._leftovers()
        yield from self._empty_folders()

    def _shortened(self, chosen: Collection[str]) -> Iterator[Pruned]:
        """Recordings that are longer than their specs, and attachments that no interaction sends."""
        owners = Owners(WorkingTree(self._settings))
        for path in list(cassettes(self._settings)):
            file = self._settings.root / path
            if beginning(file) is None:
                continue
            try:
                recording = load(file, path, whole=False)
                if recording.lanes:  # by the vectors beside it it is known what is asked for
                    recording = load(file, path)
            except CassetteError as error:
                yield from () if self._selected else (Pruned(path=path, kind="left", why=error.what),)
                continue
            judge = owners.of(path, recording).judge
            if judge is None or not self._is_chosen(judge.planned, chosen):
                continue
            found = unplayed(judge, recording)
            if found.why is not None:
                yield Pruned(path=path, kind="left", why=f"it is longer than its spec, but {found.why}")
            elif found.kept < len(recording.own.interactions) or found.lanes:
                yield self._shorten(path, recording, found, judge.planned.id)
            yield from self._unreferenced(path, file)

    def _is_chosen(self, planned: Planned, ids: Collection[str]) -> bool:
        """Whether a conversation is to be looked at; those of a spec that was named are, with whatever model."""
        whole = {spec.file for spec, rest in self._project.specs if rest is None}
        return not self._selected or planned.id in ids or planned.spec.file in whole

    def _shorten(self, path: str, recording: Recording, found: Unplayed, owner: str) -> Pruned:
        file = self._settings.root / path
        if os.path.lexists(partial_path(file)):
            return Pruned(path=path, kind="left", why="a recording of it broke off, and goes on from its .partial")
        behind = range(found.kept, len(recording.own.interactions))
        reasons = [f"{listed([index + 1 for index in behind])}, behind the last turn of {owner}"] if behind else []
        lanes = [index + 1 for index in found.lanes]
        reasons += [f"{listed(lanes)}, which no check of {owner} asks for"] if lanes else []
        why, gone = "; ".join(reasons), {*behind, *found.lanes}

        def shorten() -> None:
            whole = load(file, path)
            if len(whole.interactions) != len(recording.interactions):
                raise CassetteError("it was recorded anew in the meantime")
            aside: dict[str, bytes] = {}
            kept = tuple(item for index, item in enumerate(whole.interactions) if index not in gone)
            text = write(Recording(interactions=kept, file=path), aside)
            replace_cassette(file, text, aside, shown_as=path)

        return self._done(Pruned(path=path, kind="shortened", why=why), file, shorten, ())

    def _unreferenced(self, path: str, file: Path) -> Iterator[Pruned]:
        """Attachments beside a cassette that it does not name."""
        if not folder_of(file).is_dir():
            return
        try:
            others = list(unreferenced(file, _names(file, path)))
        except (CassetteError, OSError, UnicodeDecodeError):  # it has just become another
            return
        if others:
            why = f"{_counted(others)} that no interaction has"

            def remove() -> None:
                take_away(list(unreferenced(file, _names(file, path))))

            yield self._done(Pruned(path=f"{path}{SUFFIX}", kind="removed", why=why), file, remove, others)

    def _orphans(self, conversations: Sequence[Planned]) -> Iterator[Pruned]:
        """Cassettes of nobody, with what lies beside them."""
        parts = dict(unfinished(self._settings))
        found = orphans(self._settings, conversations, parts)
        if found.unknown is not None:
            why = f"which recordings are nobody's is not known: {found.unknown}"
            yield Pruned(path=self._settings.cassettes, kind="left", why=why)
        moved = {one.cassette: one.remark for one in renamed(self._settings, conversations, found.files, conversations)}
        for path, why in found.undecided:
            yield Pruned(path=path, kind="left", why=f"no spec of the specs folder has it, but {why}")
        for path in found.files:
            if path in moved:
                yield Pruned(path=path, kind="left", why=moved[path])
                continue
            file = self._settings.root / path
            beside = [*unreferenced(file, ())]
            partial = [one for one in (partial_path(file),) if _is_ours(one)]
            there = [] if path in parts else [file]
            also = [one.name for one in partial if there] + ([_counted(beside)] if beside else [])
            why = f"no spec has it{', nor what is beside it: ' if also else ''}{', '.join(also)}"
            gone = [*there, *beside, *partial]
            shown = path if there else part_of(path)
            yield self._done(Pruned(path=shown, kind="removed", why=why), file, _removal(file, partial), gone)

    def _files(self) -> Iterator[Path]:
        """The files below the cassettes folder; no link is followed, and nothing hidden is there."""
        for folder, files in folders(self._settings):
            yield from (folder / name for name in files)

    def _left_behind(self) -> Iterator[Pruned]:
        """Attachments whose cassette is gone."""
        for folder in sorted({file.parent for file in self._files() if file.parent.name.endswith(f".yaml{SUFFIX}")}):
            cassette = folder.with_name(folder.name.removesuffix(SUFFIX))
            if not os.path.lexists(cassette):
                yield from self._without_cassette(cassette)

    def _leftovers(self) -> Iterator[Pruned]:
        for file, why in list(leftovers(self._settings)):
            self._gone.add(file)
            try:
                if not self._dry:
                    file.unlink(missing_ok=True)
            except OSError as error:
                yield Pruned(path=self._shown(file), kind="failed", why=system_reason(error))
            else:
                yield Pruned(path=self._shown(file), kind="removed", why=why)

    def _without_cassette(self, cassette: Path) -> Iterator[Pruned]:
        files = [file for file in unreferenced(cassette, ()) if file not in self._gone and _is_what_it_says(file)]
        if files:
            path = self._shown(folder_of(cassette))
            step = Pruned(path=path, kind="removed", why=f"{_counted(files)}, and there is no cassette")
            yield self._done(step, cassette, lambda: take_away(files), files)

    def _empty_folders(self) -> Iterator[Pruned]:
        """Folders of which all was removed, and what once held attachments; others are empty on somebody's purpose."""
        top = self._settings.root / self._settings.cassettes
        for place in sorted((folder for folder, _ in folders(self._settings)), reverse=True):  # the inner ones first
            if place != top and place not in self._gone and place.is_dir() and self._is_emptied(place):
                self._gone.add(place)
                try:
                    if not self._dry:
                        place.rmdir()
                except OSError as error:
                    yield Pruned(path=self._shown(place), kind="failed", why=system_reason(error))
                else:
                    yield Pruned(path=f"{self._shown(place)}/", kind="removed", why="it is empty")

    def _done(self, step: Pruned, cassette: Path, do: Callable[[], None], gone: Sequence[Path]) -> Pruned:
        """The step once it is done, by who may record the cassette; else why it could not be. `gone` are its files."""
        try:
            if not self._dry:
                with _claimed(cassette, step.path):
                    do()
        except CassetteError as error:
            return Pruned(path=step.path, kind="failed", why=error.what)
        except OSError as error:
            return Pruned(path=step.path, kind="failed", why=system_reason(error))
        self._gone.update(gone)
        beside = {file.parent for file in gone if file.parent.name.endswith(SUFFIX) and file.parent.is_dir()}
        self._gone.update(place for place in beside if self._is_empty(place))
        return step

    def _is_emptied(self, folder: Path) -> bool:
        """Whether something was removed of a folder, and nothing is left in it."""
        touched = folder.name.endswith(f".yaml{SUFFIX}") or any(folder in file.parents for file in self._gone)
        return touched and self._is_empty(folder)

    def _is_empty(self, folder: Path) -> bool:
        """Whether nothing is left in a folder."""
        return all(entry in self._gone for entry in folder.iterdir())

    def _shown(self, path: Path) -> str:
        folder = self._settings.root / self._settings.cassettes
        return f"{self._settings.cassettes.rstrip('/')}/{path.relative_to(folder).as_posix()}"


@contextmanager
def _claimed(cassette: Path, shown_as: str) -> Iterator[None]:
    claim = Claim(cassette, shown_as=shown_as)
    claim.take()
    try:
        yield
    finally:
        claim.release()


def _removal(file: Path, partial: Sequence[Path]) -> Callable[[], None]:
    """What removes a cassette, and then what is beside it."""

    def remove() -> None:
        file.unlink(missing_ok=True)
        take_away(list(unreferenced(file, ())))
        for one in partial:
            one.unlink(missing_ok=True)

    return remove


def _names(file: Path, shown_as: str) -> set[str]:
    """The attachments that a cassette names.

    Raises:
        CassetteError: where it cannot be read.
    """
    names: set[str] = set()

    def note(reference: Reference) -> str:
        names.add(reference.name)
        return unread(reference)

    read(file.read_text("utf-8-sig").replace("\r\n", "\n"), shown_as, lambda: note)
    return names


def _is_ours(partial: Path) -> bool:
    """Whether there is a partial recording that we have written."""
    return os.path.lexists(partial) and bool(read_partial(partial).mode)


def _is_what_it_says(file: Path) -> bool:
    """Whether a file is an attachment of ours, or what was left of the writing of one."""
    try:
        return not NAME.fullmatch(file.name) or sha256(file.read_bytes()).hexdigest() == file.name
    except OSError:
        return False


def _counted(files: Sequence[Path]) -> str:
    noun = "attachment" if all(NAME.fullmatch(file.name) for file in files) else "file"
    return f"{len(files)} {noun}{'' if len(files) == 1 else 's'}"


def _refused(cassettes: str) -> UsageError:
    """The mistake of a project whose cassettes lie around in it."""
    what = f"the cassettes folder {cassettes!r} is, or holds, the project itself: what is nobody's there is not known"
    return UsageError(what, fix="give the recordings a folder of their own: set `cassettes` in the settings")


def _unknown(error: ConvrunError) -> str:
    """Why nothing is known of orphans."""
    first = error.errors[0] if isinstance(error, SpecErrors) else error
    what = f"{first.where}: {first.what}" if first.where else first.what
    return f"which recordings are nobody's is not known while a spec cannot be read, as {what}"
