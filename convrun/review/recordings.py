"""The recordings that a command line names, with those who judge them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePath
from posixpath import normpath, relpath
from tempfile import TemporaryDirectory

from convrun.errors import UsageError, did_you_mean_file
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.review.beginnings import turns_before
from convrun.review.owners import Owners
from convrun.review.recognising import is_spec
from convrun.review.repository import Repository
from convrun.review.trees import RevisionTree, WorkingTree
from convrun.run.planning.options import RunOptions
from convrun.run.playing.opening import refuse_led_away
from convrun.run.project import open_project, planned
from convrun.run.secrets import secrets_of
from convrun.settings import find_root, load
from convrun.source import is_special
from convrun.spec.ids import rest_of, spec_of
from convrun.values import show

_SUFFIXES = (".yaml", ".yml", ".json")
_ID = 12  # digits of a commit's id that are shown
_FIX = "give two files, REV:FILE, an id, or revisions as main..HEAD"


@frozen
class Found:
    """A recording: its file, how it is named to people, and its path in the project whose specs may judge it.

    `file` is None for one that cannot be had, as behind a link out of the project. Of a branch so many turns were said
    `before` it begins.
    """

    file: Path | None
    shown: str
    path: str | None = None
    owners: Owners | None = None
    before: int = 0


@frozen
class Compared:
    """Two recordings of one conversation; None is a side that has none. `named`: the user named both."""

    old: Found | None
    new: Found | None
    named: bool = False


class Recordings:
    """Finds recordings, from the folder `cwd` on; used in a `with` block, at whose end copies of revisions are removed.

    `cassettes` stands in for the folder of the settings.
    """

    def __init__(self, *, cwd: Path, environ: Mapping[str, str], cassettes: str | None = None) -> None:
        self._cwd = cwd
        self._environ = environ
        self._overrides: Mapping[str, str | bool | None] = {"cassettes": cassettes}
        self._stack = ExitStack()
        self._owners: dict[tuple[Path, str | None], Owners] = {}
        self._roots = {find_root([], cwd)}

    def __enter__(self) -> Recordings:
        """Return these."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the copies."""
        self._stack.close()

    def compared(self, words: Sequence[str]) -> list[Compared]:
        """Return what up to two words name: two recordings, or all that differ between two revisions.

        No word is HEAD. A revision alone is compared with the working tree, and a file alone with HEAD.

        Raises:
            UsageError: for what names neither.
        """
        for word in words:
            self._refuse_special(word)
        first, second = (*words, None, None)[:2]
        if first is not None and self._is_file(first) and second is None:
            return [self._since("HEAD", first)]
        if first is not None and second is not None:
            if self._is_revision(first) and self._is_revision(second):
                return self._changed(first, second)
            if self._is_revision(first) and (self._is_file(second) or self._names_one(second)):
                return [self._since(first, second)]
            return [Compared(old=self.one(first), new=self.one(second), named=True)]
        if first is not None and ".." not in first and ":" not in first and not self._is_revision(first):
            self.one(first)  # no such file: this says which one is meant
        old, dots, new = (first or "HEAD").partition("..")
        if dots and not old:
            raise UsageError(f"{show(first)} begins nowhere", fix="name a revision before the dots, as HEAD~1..")
        if new.startswith("."):
            return self._changed(old, new[1:] or "HEAD", fork=True)
        return self._changed(old, new or None)

    def one(self, word: str) -> Found:
        """Return the recording that a word names: a file, `REV:FILE`, or the id of a conversation.

        Raises:
            UsageError: where there is none.
        """
        self._refuse_special(word)
        if self._is_file(word) and not is_spec(self._cwd / word, self._environ):
            return self._on_disk(self._cwd / word, word)
        if self._is_file(word) or self._names_one(word):
            return self._only_one(word)
        revision, colon, path = word.partition(":")
        if colon and path:
            return self._at(revision, path)
        if (self._cwd / word).is_dir():
            raise UsageError(f"{show(word)} is a folder", fix=_FIX)
        raise UsageError(f"{show(word)} does not exist", fix=did_you_mean_file(word, self._cwd / word) or _FIX)

    def of_specs(self, words: Sequence[str], models: Sequence[str] = ()) -> list[tuple[str, Found]]:
        """Return the ids of all conversations of specs, each with its recording, if there is one.

        Raises:
            UsageError: for paths that select nothing.
            SpecErrors: with the mistakes of the specs.
            CassetteError: where a link leads out of the project.
        """
        for word in words:
            self._refuse_misnamed(word)
        project = open_project(words, cwd=self._cwd, environ=self._environ, overrides=self._overrides)
        self._roots.add(project.settings.root)
        every = planned(project, RunOptions(models=tuple(models))).conversations
        for one in every:
            refuse_led_away(one)
        return [
            (
                one.id,
                Found(
                    file=one.cassette if one.cassette.is_file() else None,
                    shown=one.cassette_shown,
                    before=turns_before(one),
                ),
            )
            for one in every
        ]

    def sources(self, pairs: Sequence[Compared]) -> tuple[set[Path], set[Path]]:
        """Return what nothing may be written over: the files compared, the specs and settings; and cassette folders.

        They are those of the project around here, and of the projects that the recordings are in; resolved paths.
        """
        sides = [side for pair in pairs for side in (pair.old, pair.new) if side is not None]
        trees = [side.owners.tree for side in sides if side.owners is not None]
        trees.append(self._working(find_root([], self._cwd)).tree)
        kept = {side.file for side in sides if side.file is not None}
        folders = set()
        for tree in {id(tree): tree for tree in trees if isinstance(tree, WorkingTree)}.values():
            kept |= {tree.root / spec for spec in tree.specs()}
            kept |= {tree.settings.file} if tree.settings.file else set()
            folders.add((tree.root / tree.settings.cassettes).resolve())
        return {file.resolve() for file in kept}, folders

    def secrets(self) -> Redactor:
        """Return what takes out the secrets of the projects that were found so far, and of the one around here.

        Raises:
            SettingsError: for settings that are wrong, and for a `.env` that is.
        """
        trees = [owners.tree for owners in self._owners.values()]  # a revision's settings may name others
        patterns = [pattern for tree in trees for pattern in tree.settings.redact]
        return secrets_of([*sorted(self._roots), *(root for root, _ in self._owners)], self._environ, patterns)

    def _only_one(self, word: str) -> Found:
        found = self.of_specs([word])
        rest = rest_of(word)
        found = [one for one in found if rest_of(one[0]) == rest] or found  # the first sample has this very id
        if len(found) != 1:
            fix = f"name one of them: {', '.join(name for name, _ in found[:4])}"
            raise UsageError(f"{show(word)} has {len(found)} conversations", fix=fix if found else None)
        ((name, recording),) = found
        if recording.file is None:
            raise UsageError(f"{name} has no recording, {recording.shown!r}", fix=f"convrun record {name}")
        return self._on_disk(recording.file, recording.shown)

    def _refuse_special(self, word: str) -> None:
        if is_special(self._cwd / word):
            raise UsageError(f"{show(word)} is not a regular file", fix="put what it gives into a file")

    def _refuse_misnamed(self, word: str) -> None:
        """Raise for a word with `::` behind what cannot be a spec, as behind a file of a revision."""
        name, several, _ = word.partition("::")
        if not several or self._is_file(name):
            return
        revision, colon, path = name.partition(":")
        if colon and path:
            what = f"{show(word)}: of a revision a recording is named, no conversation of a spec"
            raise UsageError(what, fix=f"name its file, as {revision}:cassettes/a/one.yaml")
        if not name.lower().endswith(_SUFFIXES):
            raise UsageError(f"{show(word)} does not exist", fix=_FIX)

    def _names_one(self, word: str) -> bool:
        """Whether a word is the id of a conversation, of a branch of which the spec is there."""
        return "::" in word or (bool(rest_of(word)) and self._is_file(spec_of(word)))

    def _is_file(self, word: str) -> bool:
        try:
            return (self._cwd / word).is_file()
        except (OSError, ValueError):
            return False

    def _is_revision(self, word: str) -> bool:
        return ":" not in word and not self._is_file(word) and not word.endswith(_SUFFIXES)

    def _on_disk(self, file: Path, shown: str) -> Found:
        root = find_root([file], self._cwd)
        path = _below(Path(os.path.abspath(file)), root)
        return Found(file=file, shown=shown, path=path, owners=self._working(root) if path else None)

    def _since(self, revision: str, word: str) -> Compared:
        """A file of the working tree, and what it was at a revision."""
        new = self.one(word)
        assert new.file is not None
        return Compared(old=self._at(revision, os.path.relpath(new.file, self._cwd)), new=new, named=True)

    def _at(self, revision: str, path: str) -> Found:
        """The file at a path from here, else from the top of the repository, at a revision."""
        repository = self._repository()
        commit = repository.commit(revision)
        here = _below(Path(os.path.abspath(self._cwd.resolve() / path)), repository.top)
        named = PurePath(path)
        inside = not named.is_absolute() and ".." not in named.parts
        places = [place for place in (here, named.as_posix() if inside else None) if place is not None]
        place = next((one for one in places if one in repository.entries(commit, one)), None)
        if place is None:
            fix = "a path begins here, or at the top of the repository; `git ls-tree -r --name-only` lists the files"
            raise UsageError(f"there is no file {show(path)} at {revision}", fix=fix)
        root = find_root([repository.top / place], self._cwd).resolve()
        own = _below(repository.top / place, root)
        if own is None or _below(root, repository.top) is None:
            root, own = repository.top, place
        owners = self._revised(repository, revision, root)
        file = owners.tree.cassette(own)
        settings = owners.tree.settings
        if file is not None and PurePath(own).is_relative_to(settings.specs) and is_spec(file, self._environ):
            cassette = PurePath(settings.cassettes, PurePath(own).relative_to(settings.specs)).as_posix()
            fix = f"name its recording, as {revision}:{cassette}; of cases those below {cassette.rpartition('.')[0]}/"
            raise UsageError(f"'{revision}:{path}' is a spec, no recording", fix=fix)
        return Found(file=file, shown=f"{revision}:{path}", path=own, owners=owners)

    def _changed(self, old: str, new: str | None, *, fork: bool = False) -> list[Compared]:
        """All cassettes that differ between two revisions, or a revision and the working tree."""
        repository = self._repository()
        root = find_root([], self._cwd).resolve()
        if not root.is_relative_to(repository.top):
            what = f"the project {str(root)!r} is outside of the repository {str(repository.top)!r}"
            raise UsageError(what, fix="compare two files")
        before = repository.fork(repository.commit(old), repository.commit(new or "HEAD"))[:_ID] if fork else old
        after = self._revised(repository, new, root) if new else self._working(root)
        sides = self._revised(repository, before, root), after
        prefix = _below(root, repository.top) or ""
        folders = dict.fromkeys(normpath(f"{prefix or '.'}/{one.tree.settings.cassettes}") for one in sides)
        commits = repository.commit(before), repository.commit(new) if new else None
        changed = [
            one for one in repository.changes(*commits, list(folders)) if (one.new or one.old or "").endswith(_SUFFIXES)
        ]
        sides[0].tree.fetch((_inside(one.old, prefix) for one in changed if one.old), largest=None)
        sides[1].tree.fetch((_inside(one.new, prefix) for one in changed if one.new), largest=None)
        return [Compared(old=_in(sides[0], one.old, prefix), new=_in(sides[1], one.new, prefix)) for one in changed]

    def _repository(self) -> Repository:
        return Repository(self._cwd)

    def _working(self, root: Path) -> Owners:
        key = root, None
        if key not in self._owners:
            self._owners[key] = Owners(WorkingTree(load(root, self._environ, self._overrides)))
        return self._owners[key]

    def _revised(self, repository: Repository, revision: str, root: Path) -> Owners:
        key = root, revision
        if key not in self._owners:
            folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="convrun-", ignore_cleanup_errors=True)))
            tree = RevisionTree(
                repository,
                revision,
                prefix=_below(root, repository.top) or "",
                folder=folder.resolve(),
                environ=self._environ,
                overrides=self._overrides,
            )
            self._owners[key] = Owners(tree)
        return self._owners[key]


def _in(owners: Owners, path: str | None, prefix: str) -> Found | None:
    """The recording at a path of the repository, in one of its trees."""
    if path is None:
        return None
    own = _inside(path, prefix)
    return Found(file=owners.tree.cassette(own), shown=owners.tree.shown(own), path=own, owners=owners)


def _inside(path: str, prefix: str) -> str:
    """A path of the repository as one of the project."""
    return relpath(path, prefix or ".")


def _below(path: Path, root: Path) -> str | None:
    """The path from `root` on, with `/`; None where it is not below."""
    found = PurePath(os.path.relpath(path, root)) if path.anchor == root.anchor else PurePath("..")
    return None if ".." in found.parts else "" if not found.parts else found.as_posix()
