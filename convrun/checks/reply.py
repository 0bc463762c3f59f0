"""The reply as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass

from convrun.checks.difference import got
from convrun.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonReply:
    """A reply that was parsed: its `value`, or the `fault` that keeps it from being JSON."""

    value: Json = None
    fault: str | None = None


def read_json(reply: str) -> JsonReply:
    """Return the reply as JSON; NaN and infinities are none, and a code fence is not stripped."""
    try:
        return JsonReply(value=json.loads(reply, parse_constant=_refuse))
    except RecursionError:
        why = "it is nested too deeply"
    except json.JSONDecodeError as error:
        why = f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}"
    except ValueError as error:
        why = str(error)
    if not reply.strip():
        return JsonReply(fault=got(""))
    fence = "; it stands in a code fence, which is not stripped" if "```" in reply else ""
    return JsonReply(fault=f"{got(reply)}, which is not JSON: {why}{fence}")


def _refuse(name: str) -> Json:
    raise ValueError(f"{name} is no number that JSON has")
