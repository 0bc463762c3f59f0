"""Recordings that broke off and have no cassette yet: who has them is known by their names, as of cassettes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath

from convrun.cassette.beginning import Beginning
from convrun.cassette.kept.partial import Partial, read_partial
from convrun.run.findings.orphans import folders
from convrun.settings import Settings

_SUFFIX = ".partial"


def unfinished(settings: Settings) -> Iterator[tuple[str, Beginning]]:
    """Yield the cassettes below the root that are not there, of which a part is, and what that says of the model."""
    top = settings.root / settings.cassettes
    for folder, files in folders(settings):
        for name in (name for name in files if name.endswith(f".yaml{_SUFFIX}")):
            cassette = folder / name.removesuffix(_SUFFIX)
            found = read_partial(folder / name)
            if found.mode and not os.path.lexists(cassette):
                yield PurePosixPath(settings.cassettes, cassette.relative_to(top)).as_posix(), _asked(found)


def part_of(cassette: str) -> str:
    """Return what there is of a cassette that is not there."""
    return f"{cassette}{_SUFFIX}"


def _asked(partial: Partial) -> Beginning:
    """What a partial recording says of the model that was asked."""
    for one in partial.interactions[:1]:
        model = one.request.body.get("model") if isinstance(one.request.body, dict) else None
        return Beginning(model=model if isinstance(model, str) else None, provider=one.request.provider)
    return Beginning()
