"""Why a request plays nothing: which parts of it differ from the recorded one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from convrun.cassette.canonical import (
    NOT_COMPARED,
    Links,
    linked,
    merged,
    plain_content,
    plain_envelope,
    plain_message,
)
from convrun.cassette.hints import hint
from convrun.cassette.interaction import SentRequest
from convrun.cassette.pointers import pointer_parts, without
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, equal

_MOST = 10  # changes told of one request; what follows the first ones is mostly their consequence
_NAMES = {
    "system": "system prompt",
    "developer": "system prompt",
    "user": "user text",
    "assistant": "reply in the history",
}


@frozen
class Change:
    """One part of a request that differs. `path` is a JSON pointer into the body; `part` names it for people."""

    path: str
    part: str
    recorded: Json = None
    now: Json = None
    hint: str | None = None


@frozen
class Difference:
    """The first request that was not recorded. `interaction` is the index of the one expected there; None: the end."""

    changes: tuple[Change, ...]
    interaction: int | None = None
    breaks: tuple[str, ...] = ()


@frozen
class _Place:
    """A message as it is compared, with its path, and the tool a result is of."""

    message: JsonObject
    path: str
    tool: str | None = None


def changes(recorded: SentRequest, now: SentRequest, ignore: tuple[str, ...] = ()) -> tuple[Change, ...]:
    """Return what differs between two requests, the address first, then the envelope, then the messages."""
    found: list[Change] = []
    for path, part, before, after in _address(recorded, now):
        found.append(Change(path=path, part=part, recorded=before, now=after))
    before_body, after_body = (_reduced(request.body, ignore) for request in (recorded, now))
    if isinstance(before_body, dict) and isinstance(after_body, dict):
        found += _envelope_changes(plain_envelope(before_body), plain_envelope(after_body))
        found += _message_changes(_places(before_body), _places(after_body))
    elif not equal(before_body, after_body):
        found.append(Change(path="", part="body", recorded=before_body, now=after_body))
    return tuple(found[:_MOST])


def removed_turn(found: tuple[Change, ...], now: SentRequest, later: Iterable[SentRequest]) -> tuple[Change, ...]:
    """Return the changes; where only the newest user text differs and was recorded `later`, as a turn that was removed.

    What was recorded in between is gone too; the first text of it is told.
    """
    newest = len(now.messages) - 1
    if [change.part for change in found] != ["user text"] or found[0].path != f"/messages/{newest}/content":
        return found
    text = plain_content(now.messages[newest].get("content"))
    if any(_asks(request, text) for request in later):
        return (Change(path=f"/messages/{newest}", part="turn removed", recorded=found[0].recorded),)
    return found


def _asks(request: SentRequest, text: Json) -> bool:
    last = request.messages[-1] if request.messages else {}
    return last.get("role") == "user" and equal(plain_content(last.get("content")), text)


def _reduced(body: Json, ignore: tuple[str, ...]) -> Json:
    for pointer in ignore:
        body = without(body, pointer_parts(pointer))
    return body


def _address(recorded: SentRequest, now: SentRequest) -> Iterator[tuple[str, str, Json, Json]]:
    if recorded.endpoint != now.endpoint:
        yield "", "endpoint", recorded.endpoint, now.endpoint
    if recorded.provider is not None and recorded.provider != now.provider:
        yield "", "provider", recorded.provider, now.provider
    if recorded.headers and recorded.headers != now.headers:
        yield "", "headers", dict(recorded.headers), dict(now.headers)


def _envelope_changes(before: JsonObject, after: JsonObject) -> Iterator[Change]:
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if key in NOT_COMPARED or equal(old, new):
            continue
        if key == "tools" and isinstance(old or [], list) and isinstance(new or [], list):
            yield from _tool_changes(old or [], new or [])
        else:
            part = "model" if key == "model" else f"option {key!r}"
            yield Change(path=f"/{key}", part=part, recorded=old, now=new, hint=hint(f"/{key}", old, new))


def _tool_changes(before: Json, after: Json) -> Iterator[Change]:
    old, new = _tools(before), _tools(after)
    for name in dict.fromkeys([*old, *new]):
        was, path = (
            old.get(name),
            f"/tools/{list(new).index(name)}" if name in new else f"/tools/{list(old).index(name)}",
        )
        if name not in new or was is None:
            yield Change(path=path, part=f"tool {name!r}", recorded=was, now=new.get(name))
            continue
        for key in dict.fromkeys([*was, *new[name]]):
            recorded, now = was.get(key), new[name].get(key)
            if not equal(recorded, now):
                part = "schema" if key == "parameters" else key
                place = f"{path}/function/{key}"
                yield Change(
                    path=place,
                    part=f"tool {name!r}: {part}",
                    recorded=recorded,
                    now=now,
                    hint=hint(place, recorded, now),
                )
    if old == new and list(old) != list(new):
        yield Change(path="/tools", part="order of the tools", recorded=list(old), now=list(new))


def _tools(tools: Json) -> dict[str, JsonObject]:
    """The functions by name; what is no function is named by its place."""
    found: dict[str, JsonObject] = {}
    for index, tool in enumerate(tools if isinstance(tools, list) else []):
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict):
            found[str(function.get("name"))] = function
        else:
            found[f"{index + 1}"] = tool if isinstance(tool, dict) else {"": tool}
    return found


def _places(body: JsonObject) -> list[_Place]:
    """The messages as they are compared: plain, neighbours merged, ids as numbers."""
    messages = body.get("messages")
    groups: list[tuple[int, JsonObject]] = []
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        plain: JsonObject = plain_message(message) if isinstance(message, dict) else {"": message}
        both = merged(groups[-1][1], plain) if groups else None
        if both is not None:
            groups[-1] = (groups[-1][0], both)
        else:
            groups.append((index, plain))
    links, names, places = Links(), list[str](), list[_Place]()
    for index, plain in groups:
        message = linked(plain, links)
        names += _called(message)
        answered = message.get("tool_call_id")
        tool = names[answered] if isinstance(answered, int) and answered < len(names) else None
        places.append(_Place(message=message, path=f"/messages/{index}", tool=tool))
    return places


def _called(message: JsonObject) -> list[str]:
    calls = message.get("tool_calls")
    found = []
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(call, dict):
            found.append(str(function.get("name")) if isinstance(function, dict) else "?")
    return found


def _message_changes(before: list[_Place], after: list[_Place]) -> Iterator[Change]:
    for old, new in zip(before, after, strict=False):
        if equal(old.message, new.message):
            continue
        if old.message.get("role") != new.message.get("role"):
            yield Change(path=new.path, part="messages", recorded=old.message, now=new.message)
            return
        yield _message_change(old, new)
    for old in before[len(after) :]:
        yield Change(path=old.path, part=_part(old), recorded=_said(old.message))
    for new in after[len(before) :]:
        yield Change(path=new.path, part=_part(new), now=_said(new.message))


def _message_change(old: _Place, new: _Place) -> Change:
    """The one key that differs, else the whole message."""
    keys = dict.fromkeys([*old.message, *new.message])
    differing = [key for key in keys if not equal(old.message.get(key), new.message.get(key))]
    if len(differing) > 1:
        return Change(path=new.path, part=_part(new), recorded=old.message, now=new.message)
    (key,) = differing
    path, recorded, now = f"{new.path}/{key}", old.message.get(key), new.message.get(key)
    advice = hint(path, recorded, now, tool=new.tool)
    return Change(path=path, part=_part(new), recorded=recorded, now=now, hint=advice)


def _part(place: _Place) -> str:
    role = str(place.message.get("role"))
    if role == "tool":
        return f"tool result of {place.tool!r}" if place.tool else "tool result"
    return _NAMES.get(role, f"message of {role!r}")


def _said(message: JsonObject) -> Json:
    return message.get("content", message) if message.keys() <= {"role", "content"} else message
