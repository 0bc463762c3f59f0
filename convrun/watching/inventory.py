"""The conversations of a project with the files behind them, as they stand at one moment, and what an edit touches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from convrun.environment import NAME as DOTENV
from convrun.frozen import frozen
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import plan
from convrun.run.project import Project, ReadSpec
from convrun.settings import Settings
from convrun.spec.ids import spec_of
from convrun.watching.dependencies import Dependencies, SpecReader, settings_files
from convrun.watching.marks import Mark, Marks
from convrun.watching.module_files import ModuleFiles


@frozen
class Inventory:
    """The files of each conversation by its id, and the mark of each file.

    A spec with mistakes has its file for an id, and is among the `unreadable`. `broken` says that nothing can run for a
    mistake that is of no single spec. `folders` are where edits may happen.
    """

    root: Path
    files: Mapping[str, frozenset[Path]]
    marks: Mapping[Path, Mark]
    folders: frozenset[Path]
    unreadable: frozenset[str] = frozenset()
    broken: bool = False

    def again(self) -> Inventory:
        """Return the same conversations with their files as they are now, where today's cannot be told."""
        marks = Marks()
        return replace(self, marks={path: marks.of(path) for path in self.marks}, broken=True)


@frozen
class Edit:
    """What became of a project: the files that were edited, and the ids of what may come out otherwise for it.

    `removed` are ids that are no more.
    """

    files: frozenset[Path] = frozenset()
    touched: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()

    def and_then(self, later: Edit) -> Edit:
        """Return both as one."""
        return Edit(
            files=self.files | later.files,
            touched=(self.touched - later.removed) | later.touched,
            removed=(self.removed - later.touched) | later.removed,
        )


def edit_between(before: Inventory, after: Inventory) -> Edit | None:
    """Return what happened between two moments; None where it concerns no conversation."""
    both = before.marks.keys() & after.marks.keys()
    changed = {path for path in both if before.marks[path] != after.marks[path]}
    files: set[Path] = set()
    touched: set[str] = set()
    for name, now in after.files.items():
        then = before.files.get(name)
        found = changed & (now | (then or set()))
        # A file that took another's place counts; a place where none is and none was does not.
        found = found or {path for path in now ^ (then or now) if _is_there(path, before) or _is_there(path, after)}
        if then is None or found:
            touched.add(name)
            files |= found
    removed = before.files.keys() - after.files.keys()
    specs = {after.root / spec_of(name) for name in removed | (after.files.keys() - before.files.keys())}
    files |= {path for path in specs if path in changed or (path in before.marks) != (path in after.marks)}
    if not touched and not removed:
        return None
    return Edit(files=frozenset(files), touched=frozenset(touched), removed=frozenset(removed))


def _is_there(path: Path, inventory: Inventory) -> bool:
    return inventory.marks.get(path) is not None


class Surveyor:
    """Takes the inventory of a project again and again; what did not change is not read again.

    `open_project` opens it with what reads the specs; `paths` are those that were asked for, none for the specs folder.
    """

    def __init__(self, open_project: Callable[[ReadSpec], Project], paths: Sequence[Path], options: RunOptions) -> None:
        self._open = open_project
        self._paths = paths
        self._options = options
        self._reader = SpecReader()
        self._modules = ModuleFiles()

    def inventory(self) -> Inventory:
        """Return the project's conversations as they stand now.

        Raises:
            ConvrunError: where the settings are wrong, or paths and options fit no spec.
        """
        marks = self._reader.begin()
        project = self._open(self._reader.read)
        settings = project.settings
        made = plan(project.specs, settings, self._options)
        dependencies = Dependencies(settings, self._modules, marks)
        root, read = settings.root, self._reader.files
        files: dict[str, frozenset[Path]] = {}
        for one in made.conversations:  # samples of a group are run together
            own = dependencies.of(one) | read(root / one.spec.file)
            files[one.group] = files.get(one.group, frozenset()) | own
        broken = {os.path.relpath(path, root).replace(os.sep, "/"): read(path) for path in self._reader.broken}
        files |= broken
        always = {root / "convrun.toml", root / DOTENV, *([settings.file] if settings.file else [])}
        files = {name: found | always for name, found in files.items()}
        every = frozenset[Path]().union(*files.values(), settings_files(root))
        return Inventory(
            root=settings.root,
            files=files,
            marks={path: marks.of(path) for path in every},
            folders=frozenset(_folders(every, self._searched(settings), settings.root)),
            unreadable=frozenset(broken),
            broken=bool(made.errors),
        )

    def _searched(self, settings: Settings) -> Iterator[Path]:
        """The folders in which new specs are found."""
        for path in self._paths or [settings.root / settings.specs]:
            yield path.parent
            for place, folders, _ in os.walk(path):
                folders[:] = [name for name in folders if name[0] not in "_."]
                yield Path(place)


def _folders(files: Iterable[Path], searched: Iterable[Path], root: Path) -> set[Path]:
    """The folders of these files and those above them, up to the root, as far as they are there."""
    links = [Path(os.path.realpath(path)).parent for path in files if path.is_symlink()]
    found: set[Path] = set()
    for folder in {root, *searched, *links, *(path.parent for path in files)}:
        place = folder
        while place not in found:
            found.add(place)
            if place == root or (not place.is_relative_to(root) and place.is_dir()):
                break
            place = place.parent
    return {folder for folder in found if folder.is_dir()}
