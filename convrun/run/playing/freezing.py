"""`now()` and `uuid()` in templates: the same in every run of a spec that freezes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from itertools import count

from convrun.errors import TemplateError
from convrun.spec.model import FreezeSpec

_LONGEST = 1_000  # characters of a format
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# Not strftime: its names are those of whatever locale a tool has set.
_DIRECTIVES: dict[str, Callable[[datetime], str]] = {
    "Y": lambda time: f"{time.year:04}",
    "y": lambda time: f"{time.year % 100:02}",
    "m": lambda time: f"{time.month:02}",
    "d": lambda time: f"{time.day:02}",
    "H": lambda time: f"{time.hour:02}",
    "I": lambda time: f"{(time.hour + 11) % 12 + 1:02}",
    "M": lambda time: f"{time.minute:02}",
    "S": lambda time: f"{time.second:02}",
    "f": lambda time: f"{time.microsecond:06}",
    "p": lambda time: "AM" if time.hour < 12 else "PM",
    "j": lambda time: f"{time.timetuple().tm_yday:03}",
    "A": lambda time: _DAYS[time.weekday()],
    "a": lambda time: _DAYS[time.weekday()][:3],
    "B": lambda time: _MONTHS[time.month - 1],
    "b": lambda time: _MONTHS[time.month - 1][:3],
    "z": lambda time: time.isoformat()[-6:].replace(":", ""),
    "%": lambda _: "%",
}


def frozen_functions(freeze: FreezeSpec | None, *scope: str | int) -> dict[str, Callable[..., str]]:
    """Return the functions that templates know by what is frozen, by name; `scope` is that of `uuid`."""
    made: dict[str, Callable[..., str]] = {}
    if freeze is not None and freeze.time is not None:
        made["now"] = frozen_now(freeze.time)
    if freeze is not None and freeze.uuid is not None:
        made["uuid"] = frozen_uuid(freeze.uuid, *scope)
    return made


def frozen_now(written: str) -> Callable[..., str]:
    """Return the function `now`: the time as the spec has it, or in a format of strftime's directives, in English."""

    def now(form: object = None, *more: object) -> str:
        if form is None and not more:
            return written
        if more or not isinstance(form, str) or len(form) > _LONGEST:
            raise TemplateError("now() takes a format, a short text", fix="write now('%Y-%m-%d')")
        return _formatted(datetime.fromisoformat(written), form)

    return now


def _formatted(time: datetime, form: str) -> str:
    made: list[str] = []
    letters = iter(form)
    for letter in letters:
        if letter != "%":
            made.append(letter)
            continue
        name = next(letters, "")
        if name not in _DIRECTIVES:
            known = " ".join(f"%{one}" for one in _DIRECTIVES)
            raise TemplateError(f"now() does not know {'%' + name!r}", fix=f"it knows {known}")
        made.append(_DIRECTIVES[name](time))
    return "".join(made)


def frozen_uuid(seed: str, *scope: str | int) -> Callable[..., str]:
    """Return the function `uuid`: each call gives the next one of this scope, `uuid(name)` always that of the name.

    What it gives follows from the seed, the scope and how often it was called there; so an edit elsewhere changes
    nothing, and it is the same when recording and on replay.
    """
    calls = count(1)

    def uuid(name: object = None, *more: object) -> str:
        if name is None and not more:
            return _uuid(seed, *scope, next(calls))
        if more or isinstance(name, bool) or not isinstance(name, str | int):
            raise TemplateError("uuid() takes a name, a text", fix="write uuid('order')")
        return _uuid(seed, "named", str(name))

    return uuid


def _uuid(*parts: str | int) -> str:
    from hashlib import sha256
    from uuid import UUID

    return str(UUID(bytes=sha256(json.dumps(parts).encode()).digest()[:16], version=4))
