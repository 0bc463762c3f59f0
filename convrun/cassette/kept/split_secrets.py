"""Streams without secrets that arrived in pieces: what a channel says is looked at as one text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Any

from convrun.redaction import Redactor
from convrun.values import Json

_PLACE = ("type", "item_id", "output_index", "content_index", "summary_index", "index")  # of an event of items
_NO_TEXT = frozenset({"id", "type", "role", "name", "index", "object", "model"})


def without_split_secrets(events: tuple[Json, ...], redactor: Redactor) -> tuple[Json, ...]:
    """Return the events of a stream; where a secret spreads over several, the first of them has what stands for it."""
    changed = {
        channel: anew
        for channel, pieces in channels(events).items()
        if len(pieces) > 1 and (anew := _redacted(pieces, redactor)) is not None
    }
    if not changed:
        return events
    copies = tuple(map(_copy, events))
    waiting = {channel: iter(pieces) for channel, pieces in changed.items()}
    for event in copies:
        for channel, holder, key in [*_pieces(event)]:
            if channel in waiting:
                holder[key] = next(waiting[channel])
    return copies


def channels(events: tuple[Json, ...]) -> dict[tuple[Any, ...], list[str]]:
    """Return what arrived in pieces, by where it belongs: the text of a reply, the arguments of a call."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for event in events:
        for channel, holder, key in _pieces(event):
            found.setdefault(channel, []).append(holder[key])
    return found


def _redacted(pieces: list[str], redactor: Redactor) -> list[str] | None:
    """The pieces without the secrets in their whole text; None where there is none."""
    whole = "".join(pieces)
    found = list(redactor.places(whole))
    if not found:
        return None
    ends = list(accumulate(map(len, pieces)))
    cuts = sorted({0, *ends, *(at for start, end, _ in found for at in (start, end))})
    secret = {start: (end, stands) for start, end, stands in found}
    anew = [""] * len(pieces)
    until = 0
    for begin, end in pairwise(cuts):
        index = bisect_right(ends, begin)
        if begin in secret:
            until, stands = secret[begin]
            anew[index] += stands
        if begin >= until:
            anew[index] += whole[begin:end]
    return anew


def _pieces(event: Json) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """Yield the texts of an event that go on in later ones: the channel, and where each stands."""
    if not isinstance(event, dict):
        return
    whole = tuple(event.get(key) for key in _PLACE)
    waiting: list[tuple[tuple[Any, ...], Any, bool]] = [((str(whole),), event, False)]
    while waiting:
        path, holder, delta = waiting.pop()
        for key, value in holder.items() if isinstance(holder, dict) else enumerate(holder):
            inside = delta or key == "delta"
            if isinstance(value, str):
                if inside and key not in _NO_TEXT:
                    yield (*path, key), holder, key
            elif isinstance(value, dict | list):
                number = value.get("index", key) if isinstance(holder, list) and isinstance(value, dict) else key
                waiting.append(((*path, number if isinstance(number, str | int) else key), value, inside))


def _copy(event: Json) -> Json:
    """A copy whose texts can be replaced."""
    whole: list[Json] = [event]
    waiting: list[Any] = [whole]
    while waiting:
        holder = waiting.pop()
        for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if isinstance(value, dict | list):
                holder[key] = value.copy()
                waiting.append(holder[key])
    return whole[0]
