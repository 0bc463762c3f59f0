"""Why a request plays nothing: which parts of it differ from the recorded one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from convrun.cassette.as_chat import PREVIOUS, Chat, Chats
from convrun.cassette.canonical import NOT_COMPARED, plain_content, plain_envelope
from convrun.cassette.interaction import RESPONSES, SentRequest
from convrun.cassette.matching import other_before
from convrun.cassette.pointers import pointer_parts, without
from convrun.cassette.stale.attached import described
from convrun.cassette.stale.change import Change, suspected
from convrun.cassette.stale.changed_messages import message_changes
from convrun.cassette.stale.changed_tools import tool_changes
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, equal

_ENVELOPE = {"model": "model", "response_format": "schema of the reply"}
_MOST = 40  # changes told of one request; what follows the first ones is mostly their consequence


@frozen
class Difference:
    """The first request that was not recorded. `interaction` is the index of the one expected there; None: the end."""

    changes: tuple[Change, ...]
    interaction: int | None = None
    breaks: tuple[str, ...] = ()


def changes(recorded: SentRequest, now: SentRequest, ignore: tuple[str, ...] = ()) -> tuple[Change, ...]:
    """Return what differs between two requests, the address first, then the envelope, then the messages."""
    chats = Chats()
    before, after = (chats.chat(reduced(one, ignore)) for one in (recorded, now))
    return in_place(chat_changes(before.request, after.request, ignore), after)


def reduced(request: SentRequest, ignore: tuple[str, ...]) -> SentRequest:
    """Return a request to a Responses API without what is ignored in it, which is told by its own places."""
    return replace(request, body=_reduced(request.body, ignore)) if request.endpoint == RESPONSES else request


def in_place(found: tuple[Change, ...], chat: Chat) -> tuple[Change, ...]:
    """Return the changes in a chat with the places that its request has them in."""
    return tuple(replace(one, path=chat.pointer(one.path), hint=chat.hint(one.hint)) for one in found)


def chat_changes(recorded: SentRequest, now: SentRequest, ignore: tuple[str, ...] = ()) -> tuple[Change, ...]:
    """Return what differs between two requests of chats, as `changes` does; one made of items is `reduced` already."""
    found: list[Change] = []
    for path, part, before, after in _address(recorded, now):
        found.append(Change(path=path, part=part, recorded=before, now=after))
    before_body, after_body = (
        request.body if request.endpoint == RESPONSES else _reduced(request.body, ignore) for request in (recorded, now)
    )
    if isinstance(before_body, dict) and isinstance(after_body, dict):
        found += _envelope_changes(plain_envelope(before_body), plain_envelope(after_body))
        found += message_changes(before_body, after_body)
    elif not equal(before_body, after_body):
        found.append(Change(path="", part="body", recorded=before_body, now=after_body))
    return tuple(found[:_MOST])


def removed_turn(found: tuple[Change, ...], now: SentRequest, later: Iterable[SentRequest]) -> tuple[Change, ...]:
    """Return the changes; where only what the user says newly differs and was recorded `later`, as a turn removed.

    What was recorded in between is gone too; the first text of it is told.
    """
    newest = f"/messages/{len(now.messages) - 1}"
    if not found or any(not change.path.startswith(f"{newest}/") for change in found):
        return found
    said = now.messages[-1]
    recorded = next((change.recorded for change in found if change.part == "user text"), None)
    if said.get("role") == "user" and any(_asks(request, plain_content(said.get("content"))) for request in later):
        return (Change(path=newest, part="turn removed", recorded=recorded),)
    return found


def ended(now: SentRequest, part: str) -> Change:
    """Return the change where the recording holds no more: the newest message is new."""
    last = now.messages[-1] if now.messages else {}
    return Change(path=f"/messages/{max(len(now.messages) - 1, 0)}", part=part, now=described(last.get("content")))


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
    if other_before(recorded, now):
        yield f"/{PREVIOUS}", "what was said before", recorded.behind, now.behind


def _envelope_changes(before: JsonObject, after: JsonObject) -> Iterator[Change]:
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if key in NOT_COMPARED or equal(old, new):
            continue
        if key == "tools" and isinstance(old or [], list) and isinstance(new or [], list):
            yield from tool_changes(old or [], new or [])
            continue
        path, part = f"/{key}", _ENVELOPE.get(key, f"option {key!r}")
        if key == "text" and (formats := _formats(old, new)):
            path, part, (old, new) = "/text/format", _ENVELOPE["response_format"], formats
        yield suspected(Change(path=path, part=part, recorded=old, now=new))


def _formats(old: Json, new: Json) -> tuple[Json, Json] | None:
    """The schemas of two options `text` of a Responses API, where nothing else in them differs."""
    before, after = (one if isinstance(one, dict) else {} for one in (old, new))
    rest = [{key: value for key, value in one.items() if key != "format"} for one in (before, after)]
    return (before.get("format"), after.get("format")) if equal(*rest) else None
