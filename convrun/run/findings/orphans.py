"""Cassettes that no spec of the project has: those of conversations that were renamed or removed.

Nothing is run or imported. What cannot be said for certain is no orphan: a spec outside of the specs folder, a test in
Python, or another project may play a cassette as well.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from unicodedata import normalize

from convrun.cassette.beginning import Beginning, beginning
from convrun.errors import ConvrunError
from convrun.frozen import frozen
from convrun.results import Finding
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import Planned, plan
from convrun.run.project import Prepared, spec_defaults
from convrun.settings import Settings
from convrun.source import Where, is_below
from convrun.spec.ids import cassette_file
from convrun.spec.loading import load_spec
from convrun.spec.model import Spec

if TYPE_CHECKING:
    from convrun.run.findings.neighbours import OtherProjects

_SUFFIX = ".yaml"  # of every cassette of ours
_SUFFIXES = (".yaml", ".yml")  # of specs
_MOST = 20_000  # files that are looked at for specs elsewhere, and for code that names a cassette
_LARGEST = 1_000_000  # bytes of code
_NOT_OURS = frozenset({"node_modules", "site-packages", "__pycache__"})


@frozen
class Orphans:
    """Cassettes, as paths below the root: `files` belong to nobody; of the `undecided` it is said why they may not.

    `unknown` is why nothing is known of any of them.
    """

    files: tuple[str, ...] = ()
    undecided: tuple[tuple[str, str], ...] = ()
    unknown: str | None = None


def orphans(
    settings: Settings, conversations: Iterable[Planned], unfinished: Mapping[str, Beginning] | None = None
) -> Orphans:
    """Return the cassettes below the cassettes folder that belong to none of these conversations nor to others.

    They are all conversations of the specs folder, with their own models; recordings of other models (`-m`) belong to
    them as well. `unfinished` are cassettes that are not there yet, with what is known of them.
    """
    planned = tuple(conversations)
    known = {_folded(one.cassette_shown) for one in planned}
    unfinished = unfinished or {}
    rest = [path for path in (*cassettes(settings), *unfinished) if _folded(path) not in known]
    if not rest:
        return Orphans()
    from convrun.run.findings.neighbours import named_otherwise, not_ours_alone  # most runs have no cassette too many

    unknown = not_ours_alone(settings) or named_otherwise(settings)
    if unknown or not planned:
        return Orphans(unknown=unknown or f"there is no spec below {settings.specs!r}")
    specs = _by_stem({one.spec.file: one.spec for one in planned}.values(), settings)
    found: list[str] = []
    undecided: list[tuple[str, str]] = []
    had = _Had(settings)
    elsewhere = _Elsewhere(settings, had)
    for path in rest:
        begun = unfinished.get(path) or beginning(settings.root / path)
        if begun is None or had.by_one_of(_of_stem(specs, path, settings), path, begun):
            continue
        why = elsewhere.owner(path, begun)
        if why is None:
            found.append(path)
        elif why:
            undecided.append((path, why))
    return Orphans(files=tuple(found), undecided=tuple(undecided))


def orphan_findings(prepared: Prepared) -> tuple[Finding, ...]:
    """Return a finding for each orphan, where all specs of the specs folder were selected; else none."""
    settings = prepared.project.settings
    if not has_every_spec(prepared):
        return ()
    what, fix = "no spec has this recording", "`convrun cassette prune` removes it"
    found = orphans(settings, prepared.plan.conversations).files
    return tuple(Finding(kind="orphaned", message=what, where=Where(file=file), fix=fix) for file in found)


def has_every_spec(prepared: Prepared) -> bool:
    """Return whether all specs of the specs folder were named, as far as it is known."""
    settings, request = prepared.project.settings, prepared.project.request
    specs = (settings.root / settings.specs).resolve()
    return request is not None and all(specs.is_relative_to((request.cwd / path).resolve()) for path in request.paths)


def cassettes(settings: Settings) -> Iterator[str]:
    """Yield the paths below the root of all files that may be cassettes."""
    top = settings.root / settings.cassettes
    for folder, files in folders(settings):
        below = PurePosixPath(settings.cassettes, PurePosixPath(folder.relative_to(top).as_posix()))
        yield from ((below / name).as_posix() for name in files if name.endswith(_SUFFIX))


def folders(settings: Settings) -> Iterator[tuple[Path, list[str]]]:
    """Yield the cassettes folder and those below it, with the names of their files; nothing hidden or behind a link."""
    top = settings.root / settings.cassettes
    if top.is_symlink() or not _is_meant(settings, top):
        return
    for folder, inner, files in os.walk(top):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield Path(folder), sorted(name for name in files if not name.startswith("."))


def _is_meant(settings: Settings, top: Path) -> bool:
    """Whether the folder is where the settings say: a link must not lead out of the project unseen."""
    named = PurePosixPath(settings.cassettes)
    return named.is_absolute() or ".." in named.parts or is_below(top, settings.root)


def _by_stem(specs: Iterable[Spec], settings: Settings) -> dict[str, list[Spec]]:
    found: dict[str, list[Spec]] = {}
    for spec in specs:
        found.setdefault(_stem(spec.file, settings), []).append(spec)
    return found


def _of_stem(specs: Mapping[str, Sequence[Spec]], path: str, settings: Settings) -> list[Spec]:
    """The specs whose conversations have cassettes of this name, or in this folder."""
    return [spec for stem in _stems(path, settings) for spec in specs.get(stem, ())]


def _stems(path: str, settings: Settings) -> tuple[str, ...]:
    """What the spec of a cassette may be called: as that, or as a folder around it; a branch is deeper in one."""
    own = PurePosixPath(path).relative_to(PurePosixPath(settings.cassettes)).with_suffix("")
    return tuple(_folded(one.as_posix()) for one in (own, *own.parents))


def _stem(spec: str, settings: Settings) -> str:
    """What the paths of a spec's cassettes begin with, below their folder."""
    return _folded(cassette_file(spec, settings.specs).removesuffix(_SUFFIX))


def _unhashed(stem: str) -> str:
    """A stem without what keeps names apart that were made fit for files: it is another one in another folder."""
    return re.sub(r"-[0-9a-f]{8}(?=/|$)", "", stem)


class _Had:
    """The cassettes that specs have; each spec is read and planned once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._specs: dict[str, Spec | None] = {}
        self._cassettes: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}

    def spec(self, file: str) -> Spec | None:
        """Return the spec in a file; None where it cannot be read."""
        if file not in self._specs:
            root = self._settings.root
            try:
                self._specs[file] = load_spec(root / file, root, spec_defaults(self._settings))
            except ConvrunError:
                self._specs[file] = None
        return self._specs[file]

    def by_one_of(self, specs: Sequence[Spec], path: str, begun: Beginning) -> bool:
        """Return whether a conversation of these specs has this cassette: with its own model, or the recorded one."""
        every = [(spec, models) for spec in specs for models in ((), *((name,) for name in begun.models))]
        return any(_folded(path) in self._of(spec, models) for spec, models in every)

    def _of(self, spec: Spec, models: tuple[str, ...]) -> frozenset[str]:
        key = (spec.file, models)
        if key not in self._cassettes:
            try:
                found = plan([(spec, None)], self._settings, RunOptions(models=models)).conversations
            except ConvrunError:
                found = ()
            self._cassettes[key] = frozenset(_folded(one.cassette_shown) for one in found)
        return self._cassettes[key]


def _folded(path: str) -> str:
    """A path as the least particular file system tells it from others."""
    return normalize("NFC", os.path.normpath(path)).replace(os.sep, "/").casefold()


class _Elsewhere:
    """Who else may have a cassette: other specs, code, other projects. The project is walked once at most."""

    def __init__(self, settings: Settings, had: _Had) -> None:
        self._settings = settings
        self._had = had
        self._specs: dict[
            str, list[str]
        ] = {}  # files that may be specs, by what the paths of their cassettes begin with
        self._moved: dict[str, str] = {}  # those outside of the specs folder, by each end of their paths
        self._links: dict[str, str] = {}  # folders that are, by what the paths of cassettes of specs in them begin with
        self._folder = PurePosixPath(_folded(settings.specs)).parts
        self._code: dict[str, str] = {}
        self._computing: str | None = None
        self._projects: list[Path] = []
        self._all = True
        self._others: OtherProjects | None = None

    def owner(self, path: str, begun: Beginning) -> str | None:
        """Return why a cassette may be somebody's; empty where a spec surely has it, None where nobody does."""
        if (test := self._test(path)) is not None:
            return f"the tests in {test} may play it"
        if self._others is None:
            from convrun.run.findings.neighbours import OtherProjects

            self._walk()
            self._others = OtherProjects(self._settings, self._projects)
        if (owned := self._of_spec(path, begun)) is not None:
            return owned
        if (other := self._others.owner(self._settings.root / path)) is not None:
            return other
        if not self._all:
            return f"the project has more than {_MOST:,} files, or some that cannot be read: not all were looked at"
        return self._of_code(PurePosixPath(path))

    def _of_spec(self, path: str, begun: Beginning) -> str | None:
        """As `owner`, of specs that were not selected: behind links, in hidden folders, anywhere in the project."""
        stems = _stems(path, self._settings)
        walked = (file for stem in stems for file in self._specs.get(stem, ()))
        for file in dict.fromkeys([*walked, *self._of_name(path)]):
            spec = self._had.spec(file)
            if spec is None:
                return f"{file} may have it, and cannot be read as a spec"
            if self._had.by_one_of([spec], path, begun):
                return ""
        for stem in stems:
            link = next((one for start, one in self._links.items() if stem.startswith(start)), None)
            if link is not None:
                return f"{link} is a link, and a spec behind it may have it"
        bare = [_unhashed(stem) for stem in stems]
        moved = next((self._moved[stem] for stem in bare if stem in self._moved), None)
        return None if moved is None else f"{moved} would have it, were its folder that of the specs"

    def _of_name(self, path: str) -> Iterator[str]:
        """The files that have the name of a cassette's spec, below the specs folder and below the root."""
        own = PurePosixPath(path).relative_to(PurePosixPath(self._settings.cassettes)).with_suffix("")
        for folder in (self._settings.specs, "."):
            for stem in (own, *own.parents):
                for suffix in _SUFFIXES if stem.name else ():
                    file = PurePosixPath(folder, f"{stem}{suffix}").as_posix()
                    if _may_be_there(self._settings.root / file):
                        yield file

    def _of_code(self, path: PurePosixPath) -> str | None:
        alone = re.compile(rf"[/\"']{re.escape(path.stem)}[\"']")
        for file, text in self._code.items():
            if path.name in text or alone.search(text):
                return f"{file} names a {path.name}"
        return f"{self._computing} computes names of cassettes" if self._computing else None

    def _test(self, path: str) -> str | None:
        """The module whose tests have their cassettes in this folder, if there is: `cassettes/<module>/<test>.yaml`."""
        folder = PurePosixPath(self._settings.cassettes)
        inside = PurePosixPath(path).relative_to(folder)
        if folder.name != "cassettes" or len(inside.parts) != 2:
            return None
        module = folder.parent / f"{inside.parts[0]}.py"
        return module.as_posix() if (self._settings.root / module).is_file() else None

    def _walk(self) -> None:
        from convrun.run.findings.neighbours import SETTINGS_FILES

        root, seen = self._settings.root, 0
        cassettes = os.path.abspath(root / self._settings.cassettes)
        for folder, folders, files in os.walk(root, onerror=self._unreadable):
            folders[:] = [name for name in folders if self._is_own(os.path.join(folder, name))]
            if not Path(folder).samefile(root) and not {*SETTINGS_FILES}.isdisjoint(files):
                self._projects.append(Path(folder))
            if Path(os.path.abspath(folder)).is_relative_to(cassettes):
                continue
            self._note_links(Path(folder, name) for name in folders)
            seen += len(files)
            if seen > _MOST:
                self._all = False
                return
            for name in files:
                self._note(Path(folder, name))

    def _note_links(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            if folder.is_symlink():
                below = folder.relative_to(self._settings.root).as_posix()
                self._links[_stem(f"{below}/a.yaml", self._settings).removesuffix("a")] = below

    def _unreadable(self, _: OSError) -> None:
        self._all = False

    @staticmethod
    def _is_own(folder: str) -> bool:
        """Whether a folder may hold the project's own files: no environment of Python, nothing hidden."""
        name = os.path.basename(folder)
        return not (name.startswith(".") or name in _NOT_OURS or os.path.exists(os.path.join(folder, "pyvenv.cfg")))

    def _note(self, file: Path) -> None:
        below = file.relative_to(self._settings.root).as_posix()
        if file.suffix.lower() in _SUFFIXES:
            self._specs.setdefault(_stem(below, self._settings), []).append(below)
            if PurePosixPath(_folded(below)).parts[: len(self._folder)] != self._folder:
                stem = _unhashed(_stem(below, self._settings)).split("/")
                self._moved |= {"/".join(stem[start:]): below for start in range(1, len(stem))}
        elif file.suffix in (".py", ".ipynb"):
            try:
                with file.open("rb") as opened:
                    text = opened.read(_LARGEST + 1).decode("utf-8", "replace")
            except OSError:
                self._all = False
                return
            from convrun.run.findings.neighbours import computes_names

            self._code[below] = text
            if self._computing is None and computes_names(text):
                self._computing = below


def _may_be_there(file: Path) -> bool:
    """Whether there is a file, or may be one that cannot be looked at."""
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
