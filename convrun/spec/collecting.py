"""Which spec files the paths of a command line mean."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from convrun.errors import UsageError, did_you_mean_file, system_reason
from convrun.frozen import frozen
from convrun.source import is_circle, is_special
from convrun.spec.ids import rest_of, spec_of
from convrun.values import show

_SUFFIXES = (".yaml", ".yml")


@frozen
class Selected:
    """A spec file; `rest` is what stood behind `::`, or behind the file with the `/`; None for all conversations."""

    file: Path
    rest: str | None = None


def collect(
    paths: Sequence[str],
    root: Path,
    specs_folder: Path,
    *,
    cassettes: Path | None = None,
    cwd: Path | None = None,
) -> tuple[Selected, ...]:
    """Return the selected spec files, sorted, each once (or once for each `::` part); no path means the specs folder.

    Raises:
        UsageError: for a path that does not exist, is no spec, or lies outside of the root, and for a spec whose name
            nobody could give on the command line.
    """
    here = cwd or Path.cwd()
    if not paths:
        return tuple(Selected(file=file) for file in _below(specs_folder, cassettes)) if specs_folder.is_dir() else ()
    found: set[tuple[Path, str | None]] = set()
    for path in paths:
        found.update(_meant(path, here, root, cassettes))
    whole = {file for file, rest in found if rest is None}
    kept = [(file, rest) for file, rest in found if rest is None or file not in whole]
    ordered = sorted(kept, key=lambda one: (one[0], one[1] or ""))
    return tuple(Selected(file=file, rest=rest) for file, rest in ordered)


def _meant(path: str, here: Path, root: Path, cassettes: Path | None) -> Iterator[tuple[Path, str | None]]:
    name, several, rest = _parts(path, here, root)
    place = Path(os.path.normpath(here / name))
    try:
        if not place.exists() and (root / name).is_file():
            place = Path(os.path.normpath(root / name))  # an id, as it is printed: it begins at the root
        if not place.exists():
            if several and (here / path).exists():
                raise _unnameable(path)
            if is_circle(place):
                raise UsageError(f"{name!r} is a link that leads back to itself", fix="put the file in its place")
            raise UsageError(f"{name!r} does not exist", fix=did_you_mean_file(name, place))
    except OSError as error:
        raise UsageError(f"{show(name)} cannot be read: {system_reason(error)}") from None
    if is_special(place):
        raise UsageError(f"{name!r} is not a regular file", fix="name a file or a folder")
    if not place.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{name!r} is outside of the project {str(root)!r}", fix="run convrun in its own project")
    if place.is_dir():
        if several:
            raise UsageError(f"{path!r}: only a file has conversations to choose from", fix="name a spec before the ::")
        yield from ((file, None) for file in _below(place, cassettes))
    elif place.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"{name!r} is no spec", fix="specs are .yaml or .yml files")
    elif several and not rest:
        raise UsageError(f"{path!r} ends in ::", fix="name a conversation behind it, or leave it out")
    else:
        yield place, rest or None


def _parts(path: str, here: Path, root: Path) -> tuple[str, str, str]:
    """The file of a path, the `::` behind it, and what names a conversation; of a branch it may be `/angry`."""
    spec, rest = spec_of(path), rest_of(path)
    branch = rest.startswith("/") and any((folder / spec).is_file() for folder in (here, root))
    return (spec, "", rest) if branch and not (here / path).exists() else path.partition("::")


def _below(folder: Path, cassettes: Path | None) -> list[Path]:
    found = sorted(_walk(folder, cassettes))
    for file in found:
        name = file.relative_to(folder).as_posix()
        if "::" in name:
            raise _unnameable(name)
    return found


def _unnameable(name: str) -> UsageError:
    return UsageError(f"{name!r} has '::' in its name", fix="rename it: :: stands between a spec and its conversations")


def _walk(folder: Path, cassettes: Path | None) -> Iterator[Path]:
    """The spec files below a folder; cassettes and names that begin with `_` or `.` are other things."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] not in "_." and Path(place, name) != cassettes)
        for name in files:
            if name[0] not in "_." and name.lower().endswith(_SUFFIXES):
                yield Path(place, name)
