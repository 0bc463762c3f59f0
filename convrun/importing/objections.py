"""What speaks against importing a conversation, before anything is tried."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from convrun.cassette.canonical import listed
from convrun.cassette.stored.reply_nodes import reply_items
from convrun.conversation.backend import Completion
from convrun.importing.exchanges import Exchange
from convrun.importing.groups import SYSTEM_ROLES, Group, groups
from convrun.importing.reasons import Reason, Refusal
from convrun.importing.threads import Thread
from convrun.values import Json, JsonObject

_PLACE = re.compile(r"(?<=`)/[^`]*(?=`)")
_ITEMS = ("message", "function_call", "function_call_output", "reasoning")
_ROLES = ("user", "assistant", "tool")  # no set: what a recording has there may be anything


def refusal(thread: Thread) -> Refusal | None:
    """Return why a conversation cannot become a spec, as far as its requests and replies show it."""
    for position, exchange in enumerate(thread.exchanges):
        for reason, detail in _faults(exchange, first=not position):
            return Refusal(numbers=thread.numbers, reason=reason, detail=_in_place(detail, exchange), sound=position)
    return None


def _in_place(detail: str | None, exchange: Exchange) -> str | None:
    """Words in which the places of a chat are those in the request itself."""
    return detail and _PLACE.sub(lambda found: exchange.chat.pointer(found[0]), detail)


def _faults(exchange: Exchange, *, first: bool) -> Iterator[tuple[Reason, str | None]]:
    yield from _of_request(exchange.body)
    yield from _of_items(exchange) if exchange.of_items else ()
    yield from _of_reply(exchange)
    yield from _of_messages(exchange.messages)
    yield from ((Reason.TEXT, f"`{path}`") for path in _unheld(exchange, first=first))
    if not first:
        return
    last = groups(exchange.own_messages)[-1:]
    if not last or last[0].role != "user":
        index = last[0].last + exchange.chat.before if last else 0
        yield Reason.FIELD, f"`/messages/{index}` at the end of a first request, where the user speaks"
    if not exchange.body.get("model"):
        yield Reason.FIELD, "`/model`, which the request leaves out"


def _unheld(exchange: Exchange, *, first: bool) -> Iterator[str]:
    """Where what the spec will say has a text with a lone surrogate; later replies and results stay in the cassette."""
    for key, value in exchange.body.items():
        if key != "messages":
            yield from _broken(value, _below("", key))
    for index, message in enumerate(exchange.messages):
        if first or message.get("role") == "user":
            yield from _broken(message, f"/messages/{index}")


def _broken(value: Json, path: str) -> Iterator[str]:
    if isinstance(value, str) and not _is_whole(value):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _broken(item, _below(path, key)) if _is_whole(key) else (path,)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _broken(item, f"{path}/{index}")


def _below(path: str, key: str) -> str:
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"


def _is_whole(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _of_request(body: JsonObject) -> Iterator[tuple[Reason, str | None]]:
    if body.get("n") not in (None, 1):
        yield Reason.CHOICES, f"`/n` is {body['n']}"
    if body.get("audio") or "audio" in _list(body.get("modalities")):
        yield Reason.AUDIO, "the request asks for speech"
    for index, tool in enumerate(_list(body.get("tools"))):
        if isinstance(tool, dict) and tool.get("type") == "custom":
            yield Reason.CUSTOM, f"`/tools/{index}`"
    for key in ("functions", "function_call"):
        if body.get(key):
            yield Reason.FUNCTIONS, f"`/{key}`"


def _of_items(exchange: Exchange) -> Iterator[tuple[Reason, str | None]]:
    """What speaks against a call of a Responses API: what the provider does itself, and roles that a spec has not."""
    for index, tool in enumerate(_list(exchange.body.get("tools"))):
        if not isinstance(tool, dict) or tool.get("type") not in ("function", "custom"):
            yield Reason.HOSTED, f"`/tools/{index}`"
    given = listed(exchange.interaction.request.body, "input")
    output, _ = reply_items(exchange.interaction.reply) or ([], None)
    for place, items in (("`/input/{}`", given), ("the answer", output)):
        for index, item in enumerate(items):
            kind, where = str(item.get("type") or "message") if isinstance(item, dict) else "", place.format(index)
            if kind.startswith("custom_tool_call"):
                yield Reason.CUSTOM, where
            elif kind == "image_generation_call":
                yield Reason.IMAGES, where
            elif kind == "item_reference":
                yield Reason.FIELD, where
            elif kind not in _ITEMS:
                yield Reason.HOSTED, f"{where} has {kind!r}"
            elif isinstance(item, dict) and item.get("role") in SYSTEM_ROLES:
                yield Reason.FIELD, f"{where}, where `instructions` is the system prompt"
    parts = [part for item in output for part in _list(item.get("content")) if isinstance(part, dict)]
    if any(part.get("type") == "output_audio" for part in parts):
        yield Reason.AUDIO, "the answer is spoken"


def _of_reply(exchange: Exchange) -> Iterator[tuple[Reason, str | None]]:
    choices = [choice for payload in exchange.interaction.reply.payloads or () for choice in _choices(payload)]
    said = [one for choice in choices for key in ("message", "delta") if isinstance(one := choice.get(key), dict)]
    if any(choice.get("index") not in (0, None) for choice in choices):
        yield Reason.CHOICES, "the answer has more than one"
    if any(one.get("audio") for one in said):
        yield Reason.AUDIO, "the answer is spoken"
    if any(_is_custom(call) for one in said for call in _list(one.get("tool_calls"))):
        yield Reason.CUSTOM, "the answer calls one"
    if any(one.get("function_call") for one in said):
        yield Reason.FUNCTIONS, "the answer calls one"
    if not isinstance(exchange.answer, Completion) and not exchange.answer.is_answer:
        yield Reason.NO_COMPLETION, exchange.answer.what


def _of_messages(messages: Sequence[JsonObject]) -> Iterator[tuple[Reason, str | None]]:
    for index, message in enumerate(messages):
        role = message.get("role")
        if role == "function" or message.get("function_call"):
            yield Reason.FUNCTIONS, f"`/messages/{index}`"
        if index and role in SYSTEM_ROLES:
            yield Reason.SYSTEM, f"`/messages/{index}`"
        if role == "assistant" and message.get("audio"):
            yield Reason.AUDIO, f"`/messages/{index}`"
        if any(map(_is_custom, _list(message.get("tool_calls")))):
            yield Reason.CUSTOM, f"`/messages/{index}`"
    yield from _of_history(groups(messages))


def _of_history(found: Sequence[Group]) -> Iterator[tuple[Reason, str | None]]:
    """Every call is answered before anyone speaks again, and every result has its call."""
    waiting: set[str] = set()
    for group in found:
        place = f"`/messages/{group.first}`"
        if group.role not in _ROLES:
            yield Reason.HISTORY, f"{place} is of {group.role!r}"
        elif group.role == "tool":
            answered = str(group.message.get("tool_call_id"))
            if answered not in waiting:
                yield Reason.HISTORY, f"{place} is a result without a call"
            waiting.discard(answered)
        elif waiting:
            yield Reason.HISTORY, f"{place} stands where a call waits for its result"
        if group.role == "assistant":
            waiting = {str(call.get("id")) for call in group.calls if isinstance(call, dict)}
    if waiting:
        yield Reason.HISTORY, "a call at its end has no result"


def _choices(payload: Json) -> list[JsonObject]:
    found = payload.get("choices") if isinstance(payload, dict) else None
    return [choice for choice in _list(found) if isinstance(choice, dict)]


def _is_custom(call: Json) -> bool:
    return isinstance(call, dict) and (call.get("type") == "custom" or "custom" in call)


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
