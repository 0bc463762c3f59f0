"""A project as it is on disk, or as it was at a revision: its settings, its specs, its cassettes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from convrun.review.repository import Entry, Repository
from convrun.settings import Settings, load
from convrun.source import is_below
from convrun.spec.collecting import collect
from convrun.spec.named_files import LARGEST

_SETTINGS = ("convrun.toml", "pyproject.toml")
_SUFFIXES = (".yaml", ".yml")
_MOST = 2_000  # files that are fetched of one revision


class WorkingTree:
    """A project on disk."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.settings.root

    def shown(self, path: str) -> str:
        """Return how a file of the project is named to people."""
        return path

    def file(self, path: str) -> Path | None:
        """Return the file at a path below the root; None where there is none, or where a link leads out."""
        found = self.root / path
        return found if found.is_file() and is_below(found, self.root) else None

    cassette = file

    def fetch(self, paths: Iterable[str], *, largest: int | None = LARGEST) -> None:
        """Do nothing: all is there."""

    def has(self, path: str) -> bool:
        """Return whether there is a file at a path below the root."""
        return self.file(path) is not None

    def specs(self) -> Iterator[str]:
        """Yield the files of the specs folder that may be specs."""
        folder = self.root / self.settings.specs
        for one in collect([], self.root, folder, cassettes=self.root / self.settings.cassettes):
            yield one.file.relative_to(self.root).as_posix()


class RevisionTree:
    """A project at a commit. What is asked for is fetched into `folder`, with the files that it names.

    `prefix` is where the project is in the repository, empty for its top.
    """

    def __init__(
        self,
        repository: Repository,
        revision: str,
        *,
        prefix: str,
        folder: Path,
        environ: Mapping[str, str],
        overrides: Mapping[str, str | bool | None],
    ) -> None:
        self._revision = revision
        self.root = folder
        self._repository = repository
        start = f"{prefix}/" if prefix else ""
        entries = repository.entries(repository.commit(revision), prefix)
        self._entries = {path[len(start) :]: entry for path, entry in entries.items() if path.startswith(start)}
        self._fetched: set[str] = set()
        self.fetch(_SETTINGS)
        self.settings = load(folder, environ, overrides)
        cassettes = f"{self.settings.cassettes.rstrip('/')}/"
        self._named: dict[str, list[str]] = {}
        for path in self._entries:
            if not path.startswith(cassettes):
                self._named.setdefault(PurePosixPath(path).name, []).append(path)

    def shown(self, path: str) -> str:
        """Return how a file of the project is named to people."""
        return f"{self._revision}:{path}"

    def file(self, path: str) -> Path | None:
        """Return a copy of the file at a path below the root, with those that it names beside it; None without one."""
        if path not in self._entries:
            return None
        waiting = [path]
        while waiting:
            self.fetch(waiting)
            waiting = [one for fetched in waiting for one in self._names(fetched)]
        found = self.root / path
        return found if found.is_file() else None

    def cassette(self, path: str) -> Path | None:
        """Return a copy of the cassette at a path below the root; None where there is none."""
        self.fetch([path], largest=None)
        found = self.root / path
        return found if found.is_file() else None

    def has(self, path: str) -> bool:
        """Return whether there was a file at a path below the root."""
        return path in self._entries

    def specs(self) -> Iterator[str]:
        """Yield the files of the specs folder that may be specs; they are fetched together, as one takes a process."""
        folder = PurePosixPath(self.settings.specs)
        inside = ((path, PurePosixPath(path)) for path in self._entries)
        below = ((path, one) for path, one in inside if one.suffix.lower() in _SUFFIXES and one.is_relative_to(folder))
        found = [path for path, one in below if not any(part[0] in "_." for part in one.relative_to(folder).parts)]
        self.fetch(found)
        yield from found

    def fetch(self, paths: Iterable[str], *, largest: int | None = LARGEST) -> None:
        """Copy files into the folder, those that are there and not larger than `largest` bytes, all at once."""
        wanted: list[tuple[str, Entry]] = []
        for path in paths:
            entry = None if path in self._fetched else self._entries.get(path)
            if entry is not None and (largest is None or entry.size <= largest) and _is_plain(path):
                self._fetched.add(path)
                wanted.append((path, entry))
        contents = self._repository.contents([entry for _, entry in wanted])
        for (path, _), content in zip(wanted, contents, strict=True):
            target = self.root / path
            with suppress(OSError):  # a name that this system does not take
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)

    def _names(self, path: str) -> Iterator[str]:
        """The files that may be meant by a name in the text of one that was fetched."""
        try:
            text = (self.root / path).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return
        for name, paths in self._named.items():
            if name in text:
                yield from (one for one in paths if one not in self._fetched and len(self._fetched) < _MOST)


def _is_plain(path: str) -> bool:
    """Whether a path stays below the folder it is written to, whatever a commit says."""
    return not PurePosixPath(path).is_absolute() and ".." not in path.split("/") and "\\" not in path
