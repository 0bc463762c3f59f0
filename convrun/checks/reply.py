"""The reply as JSON."""

from __future__ import annotations

import json
from functools import lru_cache

from convrun.checks.check import Explanation, Outcome
from convrun.checks.difference import got
from convrun.frozen import frozen
from convrun.values import Json


@frozen
class JsonReply:
    """A reply that was parsed: its `value`, or the `fault` that keeps it from being JSON."""

    value: Json = None
    fault: str | None = None
    at: int | None = None  # the character at which a reply that begins as JSON stops being it


@lru_cache(maxsize=4)  # several checks look at one reply
def read_json(reply: str) -> JsonReply:
    """Return a text as JSON; NaN and infinities are none, and a code fence is not stripped."""
    at = None
    try:
        return JsonReply(value=json.loads(reply, parse_constant=_refuse, parse_float=_finite))
    except RecursionError:
        why = "it is nested too deeply"
    except json.JSONDecodeError as error:
        why = f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}"
        at = error.pos or None
    except ValueError as error:
        why = str(error)
    if not reply.strip():
        return JsonReply(fault=got(""))
    fence = "; it stands in a code fence, which is not stripped" if "```" in reply else ""
    return JsonReply(fault=f"{got(reply)}, which is not JSON: {why}{fence}", at=at)


def unparsed(read: JsonReply, reply: str) -> Outcome:
    """Return the outcome of a check whose reply is no JSON; it shows where it stops being it."""
    return Outcome(passed=False, actual=reply, found=read.fault or "", explain=lambda: _broken(read, reply))


def _broken(read: JsonReply, reply: str) -> Explanation:
    if read.at is None:
        return Explanation()
    from convrun.checks.explaining.texts import found_at  # loaded once there is something to tell

    return found_at(reply, read.at, read.at + 1, head="it stops being JSON at")


def nested_deeply(value: Json) -> bool:
    """Return whether lists and mappings stand within each other at more than 50 levels."""
    level = [value]
    for _ in range(50):
        within = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [inner for several in within for inner in several]
    return any(isinstance(one, dict | list) for one in level)


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise ValueError(f"{text} is too large a number")
    return number


def _refuse(name: str) -> Json:
    raise ValueError(f"{name} is no number that JSON has")
