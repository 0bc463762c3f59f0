"""What differs between what a check asks and what was recorded in its lane, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from convrun.checks.catalogue.means import REPLY
from convrun.redaction import Redactor
from convrun.results import Change
from convrun.values import Json, equal

_TRANSCRIPT = "transcript, message "
_MOST = 2_000  # characters of a text that are compared to find the one that is most like it


def lane_changes(now: Json, recorded: Sequence[Json], part: str, redactor: Redactor) -> tuple[Change, ...]:
    """Return what differs from the recorded request that is most like this one; `part` is what it is about.

    A part that is the same everywhere but in the last message, say, is the rubric alone.
    """
    clean = redactor.thorough.value(now)
    asked = dict(_parts(clean, part))
    others = [dict(_parts(body, part)) for body in recorded]
    if not others:
        return (Change(path="", part=part, now=asked[part][1] if part in asked else None),)
    before = max(others, key=lambda other: _likeness(asked, other))
    found = []
    for name in {**before, **asked}:
        old, new = before.get(name), asked.get(name)
        if old is None or new is None or not equal(old[1], new[1]):
            path = (new or old or ("", None))[0]
            found.append(Change(path=path, part=name, recorded=old and old[1], now=new and new[1]))
    return tuple(found) or (Change(path="", part=part),)


def are_of_turns(changes: Sequence[Change]) -> bool:
    """Return whether what turns came to is among what differs, and not only what a check says itself."""
    return any(change.part == REPLY or change.part.startswith(_TRANSCRIPT) for change in changes)


def _parts(body: Json, part: str) -> Iterator[tuple[str, tuple[str, Json]]]:
    """The parts of a request by their names for people, each with its JSON pointer."""
    if not isinstance(body, dict):
        yield part, ("", body)
        return
    for key, value in body.items():
        if key != "messages" or not isinstance(value, list):
            yield part if key == "input" else _NAMES.get(key, f"option {key!r}"), (f"/{key}", value)
            continue
        for index, message in enumerate(value):
            first, last = index == 0, index == len(value) - 1
            name = "instructions of the judge" if first else part if last else f"{_TRANSCRIPT}{index}"
            text = message.get("content") if isinstance(message, dict) else message
            yield name, (f"/messages/{index}/content", text)


_NAMES = {"model": "model", "response_format": "form of the answer"}


def _likeness(asked: dict[str, tuple[str, Json]], other: dict[str, tuple[str, Json]]) -> tuple[int, float]:
    """How many parts are equal, and how near the others are."""
    same = sum(name in other and equal(value, other[name][1]) for name, (_, value) in asked.items())
    near = 0.0
    for name, (_, value) in asked.items():
        old = other[name][1] if name in other else None
        if isinstance(value, str) and isinstance(old, str):
            near += SequenceMatcher(None, old[:_MOST], value[:_MOST], autojunk=False).ratio()
    return same - abs(len(asked) - len(other)), near
