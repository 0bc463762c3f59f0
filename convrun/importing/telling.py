"""From the requests of a conversation to the spec that says the same; checks come later, from what it gives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from convrun.backends.presets import OPENAI
from convrun.cassette.as_chat import PREVIOUS
from convrun.cassette.canonical import plain_content, plain_envelope
from convrun.cassette.stored.reply_nodes import reply_items
from convrun.errors import ConvrunError, ProviderError
from convrun.frozen import frozen
from convrun.importing.addresses import provider_at
from convrun.importing.attachments import Held, held
from convrun.importing.exchanges import Exchange
from convrun.importing.groups import SYSTEM_ROLES, Group, groups
from convrun.importing.reasons import Reason, Refusal, listed
from convrun.importing.spec_text import first_words, spoken
from convrun.importing.threads import Thread
from convrun.values import Json, JsonObject, equal

_NOT_OPTIONS = frozenset({"model", "tools"})
_AUTO = "auto"  # the value of PREVIOUS where convrun names the last reply
_OFFLINE = frozenset({"echo", "script"})  # names of our own, where no provider stands before them
_FUNCTION = frozenset({"name", "description", "parameters", "strict"})
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_LIMIT = 10  # model calls in a turn, where the spec says nothing
_WORDS = 60  # characters of an error's message that are expected


@frozen
class Telling:
    """A spec as plain values, in the order of its keys, and the files it names, by their paths from it."""

    spec: JsonObject
    files: Mapping[str, bytes]


def tell(thread: Thread, *, source: str, defaults: Mapping[str, object]) -> Telling | Refusal:
    """Return the spec of a conversation; `source` is the recording's name for its description.

    `defaults` are those of the project's specs: what of them was not in the recording is taken back.
    """
    try:
        return _told(thread, source, defaults)
    except _Untold as untold:
        return Refusal(numbers=thread.numbers, reason=Reason.FIELD, detail=f"`{untold.pointer}`")


class _Untold(ConvrunError):  # noqa: N818  # it ends the telling; nobody outside sees it
    """Something that no spec says, at this JSON pointer into a request as a chat."""

    def __init__(self, pointer: str, exchange: Exchange) -> None:
        super().__init__(pointer)
        self.pointer = exchange.chat.pointer(pointer)


def _told(thread: Thread, source: str, defaults: Mapping[str, object]) -> Telling:
    first = thread.turns[0][0]
    role, system = _system(first)
    options = _options(thread)
    shared = _shared_options(options)
    turns: list[Json] = []
    files: dict[str, bytes] = {}
    said = system
    for position, turn in enumerate(thread.turns):
        _, now = _system(turn[0])
        attached = _attached(turn[0])
        files.update((one.file, one.content) for one in attached if one.file is not None)
        replaced: JsonObject = {} if now == said else {"system": spoken(now or "")}
        said = now
        own = {key: value for key, value in options[position].items() if key not in shared}
        turns.append(_turn(turn, replaced, attached, own, last=position == len(thread.turns) - 1))
    longest = max(map(len, thread.turns))
    theirs = defaults.get("options")
    removed: JsonObject = {key: None for key in (theirs if isinstance(theirs, dict) else {}) if key not in shared}
    entries: tuple[tuple[str, Json], ...] = (
        ("description", _description(thread, source)),
        ("model", _model(thread, role, defaults.get("model"))),
        ("system", spoken(system) if system else None),
        ("options", shared | removed),
        ("tools", list(_tools(first))),
        ("history", list(_history(groups(first.own_messages)[:-1], first))),
        ("chain_limit", longest if longest > _LIMIT else None),
        ("turns", turns),
    )
    spec: JsonObject = {key: value for key, value in entries if value not in (None, {}, [])}
    return Telling(spec=spec | ({"each_turn": []} if "each_turn" in defaults else {}), files=files)


def _description(thread: Thread, source: str) -> str:
    return f"Imported from {source}, {listed(thread.numbers)}."


def _model(thread: Thread, role: str, default: object) -> Json:
    """The name alone where that says it all; keys of a project's `default` would go on to hold."""
    first = thread.exchanges[0]
    name, address = str(first.body["model"]), first.base_url
    provider = provider_at(address)
    streams = all(one.body.get("stream") for one in thread.exchanges)
    merged, items = isinstance(default, dict), first.of_items
    other = isinstance(default, dict) and default.get("api") not in (None, "chat")
    plain = provider == OPENAI.name and "/" not in name and name not in _OFFLINE
    if plain and not streams and not items and not other and role == "system":
        return name
    entries: tuple[tuple[str, Json], ...] = (
        ("provider", None if plain and not merged else provider),
        ("base_url", address if provider is None or merged else None),
        ("api", "responses" if items else "chat" if other else None),
        ("stream", streams if streams or merged else None),
        ("system_role", role if not items and (role != "system" or merged) else None),
    )
    model: JsonObject = {key: value for key, value in entries if value is not None}
    return {"name": name, **model}


def _system(exchange: Exchange) -> tuple[str, str | None]:
    """The role and the text of the system message; no message is None."""
    first = exchange.messages[0]
    if first.get("role") not in SYSTEM_ROLES:
        return "system", None
    text = plain_content(first.get("content"))
    if text is not None and not isinstance(text, str):
        raise _Untold("/messages/0/content", exchange)
    return str(first["role"]), text or None


def _options(thread: Thread) -> list[JsonObject]:
    """The options of each turn. Where requests name the reply before, so does convrun with an option of its own."""
    found: list[JsonObject] = []
    reply: str | None = None
    for turn in thread.turns:
        options = {key: value for key, value in plain_envelope(turn[0].body).items() if key not in _NOT_OPTIONS}
        for exchange in turn:
            named = exchange.body.get(PREVIOUS)
            if named is not None and named == reply and (exchange is turn[0] or PREVIOUS not in options):
                options[PREVIOUS] = _AUTO
            reply = (reply_items(exchange.interaction.reply) or ([], None))[1] or reply
        found.append(options)
    first = thread.exchanges[0].body
    if PREVIOUS not in first and all(one.get(PREVIOUS) == _AUTO for one in found[1:]) and len(found) > 1:
        found[0][PREVIOUS] = _AUTO  # there is none to name yet
    return found


def _shared_options(options: Sequence[JsonObject]) -> JsonObject:
    """The options that every turn has."""
    first, *others = options
    return {key: value for key, value in first.items() if all(equal(other.get(key), value) for other in others)}


def _tools(exchange: Exchange) -> Iterator[Json]:
    found = plain_envelope(exchange.body).get("tools")
    names: set[Json] = set()
    for index, tool in enumerate(found if isinstance(found, list) else []):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(tool, dict) or not isinstance(function, dict):
            raise _Untold(f"/tools/{index}", exchange)
        pointer = f"/tools/{index}/function"
        for key in sorted(tool.keys() - {"type", "function"}):  # the same one in every process
            raise _Untold(f"/tools/{index}/{key}", exchange)
        for key in sorted(function.keys() - _FUNCTION):
            raise _Untold(f"{pointer}/{key}", exchange)
        name = function.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in names:
            raise _Untold(f"{pointer}/name", exchange)
        names.add(name)
        yield {"declare": function, "policy": "replay"}


def _turn(
    turn: Sequence[Exchange], system: JsonObject, attached: Sequence[Held], options: JsonObject, *, last: bool
) -> JsonObject:
    error = turn[-1].answer if isinstance(turn[-1].answer, ProviderError) else None
    open_calls = not isinstance(turn[-1].answer, ProviderError) and bool(turn[-1].answer.message.tool_calls)
    entries: tuple[tuple[str, Json], ...] = (
        ("chain", (len(turn) if len(turn) > 1 else False) if last and open_calls else None),
        ("attachments", [one.entry for one in attached]),
        ("options", options),
        ("expect_error", _expected(error) if error is not None else None),
    )
    told: JsonObject = {"user": spoken(_user_text(turn[0]), raw=True), **system}
    return told | {key: value for key, value in entries if value not in (None, {}, [])}


def _user_parts(exchange: Exchange) -> tuple[str, Json]:
    """The pointer to what the user says at the end of a request, and the content there."""
    index = len(exchange.messages) - 1
    return f"/messages/{index}/content", plain_content(exchange.messages[index].get("content"))


def _user_text(exchange: Exchange) -> str:
    pointer, content = _user_parts(exchange)
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise _Untold(pointer, exchange)
    first = content[0] if content else None
    text = first.get("text") if isinstance(first, dict) and first.get("type") == "text" else ""
    return text if isinstance(text, str) else ""


def _attached(exchange: Exchange) -> list[Held]:
    pointer, content = _user_parts(exchange)
    parts = content if isinstance(content, list) else []
    if parts and isinstance(parts[0], dict) and parts[0].get("type") == "text":
        parts = parts[1:]
    found = [held(part) for part in parts]
    if None in found:
        raise _Untold(pointer, exchange)
    return [one for one in found if one is not None]


def _expected(error: ProviderError) -> JsonObject:
    """The error as a turn expects it: its status, and the first of the provider's words."""
    expected: JsonObject = {}
    if error.status is not None and error.status >= 400:
        expected["status"] = error.status
    words = first_words(error.provider_message or "", _WORDS)
    if words or not expected:
        expected["matches"] = spoken(re.escape(words).replace("\\ ", " ").replace("\\-", "-"))
    return expected


def _history(found: Sequence[Group], exchange: Exchange) -> Iterator[Json]:
    for group in found:
        pointer = f"/messages/{group.first}"
        message = dict(group.plain)
        role, content = str(message.pop("role")), message.pop("content", None)
        calls, identity = message.pop("tool_calls", None), message.pop("tool_call_id", None)
        if content is not None and not isinstance(content, str):
            raise _Untold(f"{pointer}/content", exchange)
        if message:
            raise _Untold(f"{pointer}/{next(iter(message))}", exchange)
        said: JsonObject = {role: spoken(content or "")} if content or not calls else {}
        if isinstance(calls, list) and calls:
            said["tool_calls"] = [_call(call, f"{pointer}/tool_calls/{at}", exchange) for at, call in enumerate(calls)]
        yield said | ({"tool_call_id": identity} if identity is not None else {})


def _call(call: Json, pointer: str, exchange: Exchange) -> Json:
    """A call of the history, its arguments as they are parsed; a call without id is known by its place."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict) or call.keys() - {"id", "function"}:
        raise _Untold(pointer, exchange)
    name, arguments = function.get("name"), function.get("arguments")
    if isinstance(arguments, list):  # as `plain_arguments` gives what is no object
        kind, value = arguments
        arguments = value if kind == "text" else json.dumps(value, ensure_ascii=False)
    identity: JsonObject = {"id": call["id"]} if "id" in call else {}
    return {**identity, "name": name, "arguments": arguments}
