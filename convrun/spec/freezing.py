"""The key `freeze`: the time and the seed that make `now()` and `uuid()` the same in every run."""

from __future__ import annotations

import re
from datetime import datetime

from convrun import document
from convrun.document import Node, quoted
from convrun.errors import SpecError
from convrun.spec import decoding
from convrun.spec.decoder import Key, Record, SpecFile, expected, takes
from convrun.spec.model import FreezeSpec

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:([T ])(\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_EXAMPLE = "write it as '2026-01-31T12:00:00Z'"


@takes(type="string", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$")
def _time(node: Node, file: SpecFile) -> str:
    """A moment as it is written; it has an offset, or nobody could say when it is."""
    found = decoding.text(node, file)
    parts = _TIME.fullmatch(found)
    if parts is None:
        raise SpecError(f"{found!r} is no ISO 8601 time", where=node.where, fix=_EXAMPLE)
    date, between, minutes, seconds, offset = parts.groups()
    whole = f"{date}T{minutes or '00:00'}{seconds or (':00' if minutes is None else '')}{offset or 'Z'}"
    try:
        datetime.fromisoformat(whole)
    except ValueError:
        raise SpecError(f"{found!r} is no day, hour or offset that there is", where=node.where, fix=_EXAMPLE) from None
    if between is None:
        raise SpecError(f"{found!r} is a date without a time", where=node.where, fix=f"write {quoted(whole)}")
    if offset is None:
        fix = f"write {quoted(whole)} for UTC, or another offset, as +02:00"
        raise SpecError(f"{found!r} has no offset from UTC", where=node.where, fix=fix)
    if between == " ":
        raise SpecError(f"{found!r} has a space before the hour", where=node.where, fix=f"write {quoted(whole)}")
    return found


_FREEZE = Record(
    of="freeze",
    keys={
        "time": Key(_time, "What now() gives: ISO 8601 with an offset from UTC."),
        "uuid": Key(decoding.identifier, "The seed of uuid(): any text."),
    },
)


@takes(_FREEZE)
def freeze(node: Node, file: SpecFile) -> FreezeSpec:
    """Return what a spec freezes."""
    if not isinstance(node, document.Mapping):
        fix = "write {time: '2026-01-31T12:00:00Z'}, {uuid: any text}, or both"
        raise expected("a mapping for freeze", node, fix)
    found = FreezeSpec(**_FREEZE.values(node, file))
    if found.time is None and found.uuid is None:
        raise SpecError("freeze needs one of 'time' and 'uuid'", where=node.where)
    return found
