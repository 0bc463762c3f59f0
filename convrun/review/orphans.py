"""Cassettes that no conversation has: those of a spec that was renamed or removed, of a case that is gone."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from convrun.cassette.files import load
from convrun.cassette.interaction import Recording
from convrun.errors import CassetteError
from convrun.review.owners import NO_SPEC, Owners
from convrun.review.trees import WorkingTree
from convrun.settings import Settings


def orphans(settings: Settings, known: Collection[Path] = ()) -> tuple[str, ...]:
    """Return the cassettes of a project that belong to no conversation of its specs, by their paths below the root.

    One that was recorded with another model of `-m` belongs to its spec. Where a spec cannot be read, what may be its
    own is not among them. Those `known` to belong to one are not looked at.
    """
    owners = Owners(WorkingTree(settings))
    folder = settings.root / settings.cassettes
    found = []
    for file in sorted(folder.rglob("*.yaml")) if folder.is_dir() else ():
        below = file.relative_to(folder)
        if file in known or not file.is_file() or any(part.endswith(".d") for part in below.parts[:-1]):
            continue
        shown = f"{settings.cassettes.rstrip('/')}/{below.as_posix()}"
        owner = owners.of(shown, _recording(file, shown))
        if owner.judge is None and owner.why == NO_SPEC:
            found.append(shown)
    return tuple(found)


def _recording(file: Path, shown: str) -> Recording:
    """What is recorded; nothing where it cannot be read: then its name alone says whose it is."""
    try:
        return load(file, shown)
    except CassetteError:
        return Recording()
