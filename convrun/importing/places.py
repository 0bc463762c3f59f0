"""Where imported specs and cassettes go."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath, PurePosixPath

from convrun.frozen import frozen
from convrun.settings import Settings
from convrun.source import is_below
from convrun.spec.ids import cassette_file

SCHEMA = "spec.schema.json"  # beside the settings


@frozen
class Place:
    """The files of one conversation: `spec` and `cassette` as shown to people, and below which folder they are."""

    root: Path
    spec: str
    cassette: str

    @property
    def spec_path(self) -> Path:
        """The spec's file."""
        return self.root / self.spec

    @property
    def cassette_path(self) -> Path:
        """The cassette's file."""
        return self.root / self.cassette

    @property
    def schema(self) -> str:
        """The way from the spec to the copy of its schema."""
        return "../" * (len(PurePosixPath(self.spec).parts) - 1) + SCHEMA

    def beside(self, path: str) -> Path:
        """Return the file at a path that the spec names."""
        return self.spec_path.parent / path

    def taken(self, files: Mapping[str, bytes]) -> Iterator[str]:
        """Yield the files that are there already, as shown; an attachment of the same content is none."""
        for shown, path in ((self.spec, self.spec_path), (self.cassette, self.cassette_path)):
            if path.exists() or path.is_symlink():
                yield shown
        for name, content in files.items():
            path = self.beside(name)
            if path.exists() and path.read_bytes() != content:
                yield str(PurePosixPath(self.spec).parent / name)

    def led_away(self, files: Mapping[str, bytes]) -> str | None:
        """Return the link, as shown, by which a file would be written outside of the project; None where none does.

        Where the settings name a folder elsewhere for cassettes, what is behind it is meant.
        """
        elsewhere = PurePath(self.cassette).is_absolute() or ".." in PurePath(self.cassette).parts
        written = [self.spec, *([] if elsewhere else [self.cassette])]
        written += [str(PurePosixPath(self.spec).parent / name) for name in files]
        folders = [folder for shown in written for folder in reversed(PurePosixPath(shown).parents)]
        return next((str(folder) for folder in folders if not is_below(self.root / folder, self.root)), None)

    def rival(self) -> str | None:
        """Return a spec that would have the same cassette: `a.yml` beside `a.yaml`, or only upper case apart."""
        folder, own = self.spec_path.parent, self.spec_path.name
        names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        wanted = {own.casefold(), f"{own.removesuffix('.yaml')}.yml".casefold()}
        return next((name for name in names if name != own and name.casefold() in wanted), None)


def place(name: str, number: int | None, settings: Settings, folder: str) -> Place:
    """Return where conversation `number` of a file goes (None: the only one), whose specs are called `name`.

    The spec goes below `folder`, the cassette where a run with these settings looks for it.
    """
    spec = f"{folder}/{name}.yaml" if number is None else f"{folder}/{name}/{number}.yaml"
    spec = spec.removeprefix("./")
    return Place(root=settings.root, spec=spec, cassette=f"{settings.cassettes}/{cassette_file(spec, settings.specs)}")


def others(name: str, but: Sequence[Place], settings: Settings, folder: str) -> Iterator[str]:
    """Yield the specs, as shown, that imports of a file whose specs are called `name` may have made, but not these."""
    own = {place.spec for place in but}
    below = settings.root / folder / name
    numbers = sorted(int(path.stem) for path in below.glob("*.yaml") if re.fullmatch("[1-9][0-9]{0,8}", path.stem))
    for number in (None, *numbers):
        found = place(name, number, settings, folder)
        if found.spec not in own and found.spec_path.is_file():
            yield found.spec


def names(files: Sequence[Path]) -> list[str]:
    """Return what the specs of each file are called: its stem, behind its folder's name where several have the same."""
    stems = [_safe(file.stem) for file in files]
    times = Counter(stem.casefold() for stem in stems)
    return [
        stem if times[stem.casefold()] == 1 else f"{_safe(Path(os.path.abspath(file)).parent.name)}/{stem}"
        for file, stem in zip(files, stems, strict=True)
    ]


def _safe(stem: str) -> str:
    """The stem as file systems take it; what begins with `_` or `.` would not be collected."""
    kept = stem.replace("::", "-").replace("/", "-").lstrip("._") or "recording"
    return cassette_file(f"{kept}.yaml", "").removesuffix(".yaml")
