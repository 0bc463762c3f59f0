"""One part of a request that differs from the recorded one, and whether it looks like what differs in each run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from convrun.cassette.stale.hints import hint, suspect
from convrun.frozen import frozen
from convrun.values import Json


@frozen
class Change:
    """One part of a request that differs. `path` is a JSON pointer into the body; `part` names it for people.

    `suspect` is the span of `now` that the hint is about: where the spec itself says it, it is no suspect.
    """

    path: str
    part: str
    recorded: Json = None
    now: Json = None
    hint: str | None = None
    suspect: str | None = None


def suspected(change: Change, *, tool: str | None = None) -> Change:
    """Return the change with a hint at the first text in it that is a usual suspect; `tool`: whose result it is."""
    for path, recorded, now in _leaves(change.path, change.recorded, change.now):
        found = suspect(path, recorded, now)
        if found is not None:
            return replace(change, hint=hint(path, found, tool=tool), suspect=found.now)
    return change


def _leaves(path: str, recorded: Json, now: Json) -> Iterator[tuple[str, Json, Json]]:
    """The texts that stand at the same place in both values, with their paths."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        for key, value in recorded.items():
            if key in now:
                yield from _leaves(f"{path}/{key.replace('~', '~0').replace('/', '~1')}", value, now[key])
    elif isinstance(recorded, list) and isinstance(now, list):
        for index, (old, new) in enumerate(zip(recorded, now, strict=False)):
            yield from _leaves(f"{path}/{index}", old, new)
    elif isinstance(recorded, str):
        yield path, recorded, now
