"""What differs between what a simulated user is asked and what was recorded of it, and what it said there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convrun.cassette.interaction import Interaction
from convrun.cassette.stored.reply_nodes import reply_message
from convrun.redaction import Redactor
from convrun.results import USER_LANE, Change
from convrun.run.playing.lane_answers import passed_over
from convrun.run.playing.lane_calls import LaneCalls
from convrun.run.playing.simulated_user import Said, heard, told_parts
from convrun.values import Json, equal
from convrun.wire import Request

_NAMES = {"model": "model"}


def changes_of(request: Request, calls: LaneCalls, redactor: Redactor) -> tuple[Change, ...]:
    """Return what differs from what was recorded where the user had spoken as often, or as near to that as there is."""
    same = calls.same_in(USER_LANE, request)
    if same:
        return (passed_over(same),)
    now = redactor.thorough.value(request.body)
    place = spoken(now)
    left = sorted(calls.left_in(USER_LANE), key=lambda one: abs(spoken(one.request.body) - place))
    asked = dict(_parts(now))
    if not left or spoken(left[0].request.body) != place:
        return (Change(path="", part="what the simulated user says", now=asked.get("last message", ("", None))[1]),)
    before = dict(_parts(redactor.thorough.value(left[0].request.body)))
    found = []
    for name in {**before, **asked}:
        (path, old), (now_path, new) = before.get(name, ("", None)), asked.get(name, ("", None))
        if not equal(old, new):
            found.append(Change(path=now_path or path, part=name, recorded=old, now=new))
    return tuple(found) or (Change(path="", part="request"),)


def stand_in(request: Request, calls: LaneCalls) -> Said | None:
    """Return what was recorded where the user had spoken as often; None where nothing was."""
    place = spoken(request.body)
    words = (_words(one) for one in calls.left_in(USER_LANE) if spoken(one.request.body) == place)
    return next((heard(text) for text in words if text.strip()), None)


def spoken(body: Json) -> int:
    """Return how often the user had spoken when a model was asked so to play it."""
    messages = body.get("messages") if isinstance(body, dict) else None
    listed: Sequence[Json] = messages if isinstance(messages, list) else ()
    return sum(isinstance(one, dict) and one.get("role") == "assistant" for one in listed)


def _words(item: Interaction) -> str:
    text = (reply_message(item.reply) or {}).get("content")
    return text if isinstance(text, str) else ""


def _parts(body: Json) -> Iterator[tuple[str, tuple[str, Json]]]:
    """The parts of a request by their names for people, each with its JSON pointer."""
    for key, value in body.items() if isinstance(body, dict) else ():
        if key != "messages" or not isinstance(value, list):
            yield _NAMES.get(key, f"option {key!r}"), (f"/{key}", value)
            continue
        for index, message in enumerate(value):
            text, path = message.get("content") if isinstance(message, dict) else message, f"/messages/{index}/content"
            if index == 0 and isinstance(text, str):
                yield from ((name, (path, part)) for name, part in told_parts(text).items())
            else:
                yield "last message" if index == len(value) - 1 else f"message {index}", (path, text)
