"""Requests by what they mean: two that a model cannot tell apart have the same key.

The same are: numbers as JSON has them; absent, null and empty in the envelope (top level, message, call, function),
never inside schemas, arguments or texts; a list of one text part and its text; arguments as parsed JSON; neighbouring
assistant messages of which at most one has text, and one message; ids of tool calls that link the same call and result;
image detail `auto` and none. `stream` and `stream_options` are not compared.

The items of a request to a Responses API are compared as the messages that they are, one by one; ids of what the model
said, and how far each was done, do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from operator import is_
from typing import Any

from convrun.cassette.interaction import RESPONSES, parse_json
from convrun.cassette.pointers import IGNORED, without
from convrun.redaction import Redactor
from convrun.values import Json, JsonObject, canonical
from convrun.wire import goes_on

NOT_COMPARED = frozenset({"stream", "stream_options"})


class Links:
    """Which result answers which call: ids become the call's number in the conversation."""

    __slots__ = ("_latest", "_open", "count")

    def __init__(self) -> None:
        self.count = 0
        self._open: dict[str, list[int]] = {}
        self._latest: dict[str, int] = {}

    def call(self, identifier: Json) -> int:
        """Return the number of the next call."""
        key = str(identifier or "")
        self._open.setdefault(key, []).append(self.count)
        self._latest[key] = self.count
        self.count += 1
        return self.count - 1

    def result(self, identifier: Json) -> Json:
        """Return the number of the call that a result answers, the first of its id without one; else the id itself."""
        key = str(identifier or "")
        waiting = self._open.get(key)
        return waiting.pop(0) if waiting else self._latest.get(key, key)


def plain_message(message: JsonObject) -> JsonObject:
    """Return a message without what means nothing, its calls' arguments parsed; ids stay."""
    plain: JsonObject = {}
    for key, value in message.items():
        if _empty(value):
            continue
        if key == "tool_calls" and isinstance(value, list):
            plain[key] = [_plain_call(call) for call in value]
        elif key != "content":
            plain[key] = value
        elif not _empty(content := plain_content(value)):
            plain[key] = content
    return plain


def plain_content(content: Json) -> Json:
    """Return content with one text part as its text, and image detail `auto` left out."""
    if not isinstance(content, list):
        return content
    if (
        len(content) == 1
        and isinstance(content[0], dict)
        and content[0].keys() == {"type", "text"}
        and content[0]["type"] == "text"
    ):
        return content[0]["text"]
    return [_plain_part(part) for part in content]


def _plain_part(part: Json) -> Json:
    image = part.get("image_url") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(image, dict) or image.get("detail", "auto") not in ("auto", None):
        return part
    return part | {"image_url": {key: value for key, value in image.items() if key != "detail"}}


def _plain_call(call: Json) -> Json:
    if not isinstance(call, dict):
        return call
    plain: JsonObject = {
        key: value for key, value in call.items() if not _empty(value) and (key, value) != ("type", "function")
    }
    plain.pop("index", None)  # of a delta; its place says the same
    function = call.get("function")
    if isinstance(function, dict):
        kept: JsonObject = {key: value for key, value in function.items() if not _empty(value)}
        plain["function"] = kept | {"arguments": plain_arguments(function.get("arguments"))}
    return plain


def plain_arguments(arguments: Json) -> Json:
    """Return arguments as parsed JSON, none as `{}`; what is not JSON an object as a pair that no object equals."""
    if arguments is None or arguments == "":
        return {}
    if not isinstance(arguments, str):
        return arguments
    try:
        value = parse_json(arguments)
    except ValueError:
        return ["text", arguments]
    return value if isinstance(value, dict) else ["json", value]


def _empty(value: Json) -> bool:
    return value is None or value == "" or value == [] or value == {}


def plain_envelope(body: JsonObject) -> JsonObject:
    """Return all of a body but its messages, without what is empty or not compared."""
    kept = {
        key: value for key, value in body.items() if key != "messages" and key not in NOT_COMPARED and not _empty(value)
    }
    tools = kept.get("tools")
    if isinstance(tools, list):
        kept["tools"] = [_plain_tool(tool) for tool in tools]
    return kept


def _plain_tool(tool: Json) -> Json:
    if not isinstance(tool, dict):
        return tool
    plain: JsonObject = {key: value for key, value in tool.items() if not _empty(value)}
    function = plain.get("function")
    if isinstance(function, dict):
        plain["function"] = {key: value for key, value in function.items() if not _empty(value)}
    return plain


def merged(group: JsonObject, message: JsonObject) -> JsonObject | None:
    """Return two neighbouring plain assistant messages as one; None where they are two."""
    if group.get("role") != "assistant" or message.get("role") != "assistant":
        return None
    shared = (group.keys() & message.keys()) - {"role", "tool_calls"}
    if any(group[key] != message[key] for key in shared) or "content" in shared:
        return None
    before, after = group.get("tool_calls", []), message.get("tool_calls", [])
    if not isinstance(before, list) or not isinstance(after, list):
        return None
    calls: JsonObject = {"tool_calls": [*before, *after]} if before or after else {}
    return group | message | calls


def linked(message: JsonObject, links: Links) -> JsonObject:
    """Return a plain message with the numbers of `links` in the place of ids."""
    if message.get("role") == "tool":
        return message | {"tool_call_id": links.result(message.get("tool_call_id"))}
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    numbered: list[Json] = [
        call | {"id": links.call(call.get("id"))} if isinstance(call, dict) else call for call in calls
    ]
    return message | {"tool_calls": numbered}


class History:
    """Reads the messages of one request after another; what was in the request before is not read again.

    `read(message)` is told every message once, in order; `restart()` where a request does not extend the one before.
    """

    def __init__(self, read: Callable[[Any], None], restart: Callable[[], None]) -> None:
        self._read = read
        self._restart = restart
        self._known: list[Json] = []

    def follow(self, messages: list[Json]) -> None:
        """Read what is new in `messages`. A message known before is recognised as the same object."""
        count = len(self._known)
        if not goes_on(messages, self._known):
            self._restart()
            count = 0
        for message in messages[count:]:
            self._read(message)
        self._known = messages


class Keys:
    """Gives requests that follow each other their keys, in time that grows with what is new.

    `ignored` are the parts of JSON pointers that are left out of the comparison. `thorough` ones are of requests as
    they would be written, and tell no secret from another that stands for the same.
    """

    def __init__(self, redactor: Redactor, ignored: Iterable[tuple[str, ...]] = (), *, thorough: bool = False) -> None:
        self._redactor = redactor
        self._thorough = redactor.thorough if thorough else None
        self._ignored = tuple(ignored)
        self._listed = "messages"
        self._message: Callable[[Json], Json] = _as_it_is
        self._in_list = self._ignored_below("messages")
        self._history = History(self._add, self._restart)
        self._envelope: tuple[JsonObject, str] = ({}, "{}")
        self._restart()

    def _ignored_below(self, key: str) -> tuple[tuple[str, ...], ...]:
        return tuple(parts for parts in self._ignored if parts[:1] == (key,) and parts[1:])

    def _speak(self, endpoint: str) -> None:
        """Read messages, or items as messages, from now on."""
        if (key := list_key(endpoint)) == self._listed:
            return
        self._listed, self._in_list = key, self._ignored_below(key)
        self._message = reader_of(endpoint)
        self._history = History(self._add, self._restart)
        self._restart()

    def _restart(self) -> None:
        self._links = Links()
        self._hash = sha256()
        self._group: JsonObject | None = None
        self._read = 0
        self._gaps = 0  # ignored messages that none follows yet; at the end it does not count whether they are there

    def key(self, endpoint: str, body: Json) -> str:
        """Return the key of a request."""
        if not isinstance(body, dict):
            body = self._thorough.value(body) if self._thorough is not None else body
            return sha256(f"{_name(endpoint)} {self._text(body)}".encode()).hexdigest()
        self._speak(endpoint)
        self._history.follow(listed(body, self._listed))
        running = self._hash.copy()
        if self._group is not None:
            running.update(self._message_text(self._group, _Ahead(self._links)))
        running.update(f"{_name(endpoint)} {self._envelope_text(body)}".encode())
        return running.hexdigest()

    def _add(self, message: Json) -> None:
        """Hash a message; one of the assistant waits for its neighbour."""
        index, self._read = self._read, self._read + 1
        for parts in self._in_list:
            if parts[1] == str(index):
                message = without(message, parts[2:])
        if self._thorough is not None:
            message = self._thorough.value(message)
        if message is IGNORED:
            self._gaps += 1
            return
        message = self._message(message)
        plain: JsonObject = plain_message(message) if isinstance(message, dict) else {"": message}
        both = merged(self._group, plain) if self._group is not None and not self._gaps else None
        if both is not None:
            self._group = both
            return
        self._settle()
        if plain.get("role") == "assistant" and self._listed == "messages":
            self._group = plain
        else:
            self._hash.update(self._message_text(plain, self._links))

    def _settle(self) -> None:
        """Hash what waited for the next message."""
        if self._group is not None:
            self._hash.update(self._message_text(self._group, self._links))
            self._group = None
        self._hash.update(b"ignored\n" * self._gaps)
        self._gaps = 0

    def _message_text(self, message: JsonObject, links: Links) -> bytes:
        return f"{self._text(linked(message, links))}\n".encode()

    def _envelope_text(self, body: JsonObject) -> str:
        rest = {key: value for key, value in body.items() if key != self._listed}
        known, text = self._envelope
        if known.keys() != rest.keys() or not all(
            known[key] is rest[key] or _same_items(known[key], rest[key]) for key in rest
        ):
            reduced: Json = rest
            for parts in self._ignored:
                reduced = without(reduced, parts)
            if self._thorough is not None:
                reduced = self._thorough.value(reduced)
            text = self._text(plain_envelope(reduced) if isinstance(reduced, dict) else reduced)
            self._envelope = (rest, text)
        return text

    def _text(self, value: Json) -> str:
        text = self._redactor.text(canonical(value))
        return self._thorough.one_name(text) if self._thorough is not None else text


def _as_it_is(message: Json) -> Json:
    return message


def list_key(endpoint: str) -> str:
    """Return where the body of a request has its messages, or items."""
    return "input" if endpoint == RESPONSES else "messages"


def reader_of(endpoint: str) -> Callable[[Json], Json]:
    """Return what makes a message of what stands there."""
    if endpoint != RESPONSES:
        return _as_it_is
    from convrun.cassette.items import as_message  # most cassettes are of chats

    return as_message


def listed(body: Json, key: str) -> list[Json]:
    """Return the messages of a body, or its items; an input that is a text is what the user says."""
    found = body.get(key) if isinstance(body, dict) else None
    if isinstance(found, str) and key == "input":
        return [{"role": "user", "content": found}]
    return found if isinstance(found, list) else []


def _name(endpoint: str) -> str:
    """An endpoint that can be hashed: a recording may name one that is no Unicode."""
    return endpoint.encode("utf-8", "backslashreplace").decode()


def _same_items(left: Json, right: Json) -> bool:
    """Whether two lists (of tools) hold the same objects."""
    return isinstance(left, list) and isinstance(right, list) and len(left) == len(right) and all(map(is_, left, right))


class _Ahead(Links):
    """Numbers the calls that wait at the end of a request, and leaves the links as they are."""

    __slots__ = ()

    def __init__(self, links: Links) -> None:
        super().__init__()
        self.count = links.count
