"""Requests in their stored form, and back: only what is new since the request before.

A chat repeats its whole history. Here a request holds the messages that are new after the ones before it and the reply
to them; `keep: N` says that only the first N (the system message not counted) stand, `returned` how the reply was sent
back where that is not the usual way. `behind` is a digest of what was said before and another recording has. Whoever
writes and whoever reads go through the same RequestState.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import is_
from typing import TYPE_CHECKING

from convrun.cassette.interaction import RESPONSES, SentRequest, endpoint_of
from convrun.cassette.stored.message_nodes import alike, full_message, message_node
from convrun.errors import CassetteError
from convrun.values import Json, JsonObject

if TYPE_CHECKING:
    from convrun.cassette.stored.item_requests import ItemState

_OF_CHATS = frozenset({"messages", "system", "developer", "returned"})
_OF_ITEMS = frozenset({"instructions", "input", "continues"})  # of the Responses API
KEYS = frozenset(
    {
        "url",
        "method",
        "provider",
        "headers",
        "model",
        "options",
        "tools",
        "system",
        "developer",
        "keep",
        "returned",
        "messages",
        "body",
        "behind",
    }
    | _OF_ITEMS
)
_SYSTEM_ROLES = ("system", "developer")


@dataclass(slots=True)
class RequestState:
    """What the next request is a difference to: `reply` is the last reply's message, `system` the first message.

    `items` is the same of the Responses API, where it is spoken.
    """

    url: str | None = None
    method: str = "POST"
    provider: Json = None
    headers: JsonObject = field(default_factory=dict)
    model: Json = None
    options: JsonObject = field(default_factory=dict)
    tools: Json = None
    system: JsonObject | None = None
    messages: list[JsonObject] = field(default_factory=list)
    reply: JsonObject | None = None
    items: ItemState | None = None

    def of_items(self) -> ItemState:
        """Return what the next request of the Responses API is a difference to."""
        if self.items is None:
            from convrun.cassette.stored.item_requests import ItemState  # most cassettes are of chats

            self.items = ItemState()
        return self.items


def request_node(request: SentRequest, state: RequestState) -> JsonObject:
    """Return the stored form of a request; `state` moves on."""
    node: JsonObject = {}
    address: tuple[tuple[str, Json], ...] = (
        ("url", request.url),
        ("method", request.method),
        ("provider", request.provider),
        ("headers", dict(request.headers)),
    )
    for key, value in address:
        if value != getattr(state, key):
            node[key] = value
    if request.behind is not None:
        node["behind"] = request.behind
    items = request.endpoint == RESPONSES
    if items:
        from convrun.cassette.stored.item_requests import item_request_node

        difference = item_request_node(request.body, state, state.of_items())
    else:
        difference = _chat_node(request, state)
    if difference is None:
        node["body"] = request.body
    else:
        node |= difference
    full_request(node, state)  # moves the state on exactly as reading will
    if difference is None:
        return node
    if items:
        state.of_items().sent(request.body)
    else:
        # The same messages as the client's own objects: those of the next request are recognised without being read.
        state.system, state.messages = _parted(request.messages)
    return node


def _chat_node(request: SentRequest, state: RequestState) -> JsonObject | None:
    """The difference to the request before; None where the body is no chat's, or says what a difference cannot."""
    body = request.body
    found = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(found, list):
        return None
    messages = request.messages
    tools, model = body.get("tools"), body.get("model")
    options = {key: value for key, value in body.items() if key not in {"messages", "tools", "model"}}
    nulls = any(key in body and body[key] is None for key in ("tools", "model"))
    if nulls or len(messages) != len(found):
        return None
    node: JsonObject = {}
    for key, value, before in (
        ("model", model, state.model),
        ("options", options, state.options),
        ("tools", tools, state.tools),
    ):
        if value is not before and not alike(value, before):
            node[key] = value
    system, rest = _parted(messages)
    if system is not state.system and not alike(system, state.system):
        role = (system or state.system or {})["role"]
        node[str(role)] = system["content"] if system else None
    return node | _message_nodes(rest, state)


def _parted(messages: list[JsonObject]) -> tuple[JsonObject | None, list[JsonObject]]:
    """The system message, if the first message is a plain one, and the others."""
    first = messages[0] if messages else {}
    plain = first.keys() == {"role", "content"} and first["role"] in _SYSTEM_ROLES and isinstance(first["content"], str)
    return (first, messages[1:]) if plain else (None, messages)


def _message_nodes(rest: list[JsonObject], state: RequestState) -> JsonObject:
    before = state.messages
    node: JsonObject = {}
    same = len(before) if len(before) <= len(rest) and all(map(is_, before, rest)) else _how_manyalike(before, rest)
    new = rest[same:]
    if same == len(before) and state.reply is not None and new:
        difference = _difference(new[0], state.reply)
        if difference is not None:
            if difference:
                node["returned"] = difference
            return node | _nodes(new[1:])
    if same < len(before) or state.reply is not None:
        node["keep"] = same
    return node | _nodes(new)


def _how_manyalike(before: list[JsonObject], rest: list[JsonObject]) -> int:
    pairs = zip(before, rest, strict=False)
    differing = (number for number, (old, new) in enumerate(pairs) if new is not old and not alike(new, old))
    return next(differing, min(len(before), len(rest)))


def _nodes(messages: list[JsonObject]) -> JsonObject:
    return {"messages": [message_node(message) for message in messages]} if messages else {}


def _difference(message: JsonObject, reply: JsonObject) -> JsonObject | None:
    """How `message` differs from the usual way of sending `reply` back; None where the message itself is shorter."""
    if message.get("role") != "assistant":
        return None
    usual = _sent_back(reply)
    copied = [key for key in message if key not in usual and key in reply and alike(message[key], reply[key])]
    changed = {
        key: value
        for key, value in message.items()
        if key not in copied and not (key in usual and alike(value, usual[key]))
    }
    dropped = [key for key in usual if key not in message]
    if changed.get("content") or changed.get("tool_calls") or ("content" in dropped and "tool_calls" in dropped):
        return None
    entries: tuple[tuple[str, Json], ...] = (("with", list(copied)), ("set", changed), ("without", list(dropped)))
    return {key: value for key, value in entries if value}


def _sent_back(reply: JsonObject) -> JsonObject:
    """The usual message that carries a reply in the next request: text, calls and what the provider wants back."""
    calls, refusal, text = reply.get("tool_calls"), reply.get("refusal"), reply.get("content")
    message: JsonObject = {"role": "assistant", "content": text or (None if calls or refusal else "")}
    message.update((key, reply[key]) for key in ("refusal", "reasoning_content") if reply.get(key))
    if isinstance(calls, list) and calls:
        message["tool_calls"] = [_call_sent_back(call) for call in calls]
    return message


def _call_sent_back(call: Json) -> Json:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        return call
    arguments = function.get("arguments") or "{}"
    return {
        "id": call.get("id", ""),
        "type": "function",
        "function": {"name": function.get("name"), "arguments": arguments},
    }


def full_request(node: JsonObject, state: RequestState) -> SentRequest:
    """Return the request of its stored form; `state` moves on.

    Raises:
        CassetteError: where the node is no request.
    """
    if "url" in node:
        state.url = str(node["url"])
    state.method = str(node.get("method", state.method))
    state.provider = node.get("provider", state.provider)
    headers = node.get("headers", state.headers)
    if (
        state.url is None
        or not isinstance(headers, dict)
        or not all(isinstance(text, str) for text in headers.values())
    ):
        raise CassetteError("the first request has a 'url', and 'headers' is a mapping of texts")
    state.headers = headers
    behind = node.get("behind")
    if behind is not None and not isinstance(behind, str):
        raise CassetteError(f"'behind' is a digest, not {behind!r}")
    return SentRequest(
        url=state.url,
        method=state.method,
        provider=None if state.provider is None else str(state.provider),
        headers={key: str(value) for key, value in headers.items()},
        body=node["body"] if "body" in node else _body(node, state, state.url),
        behind=behind,
    )


def _body(node: JsonObject, state: RequestState, url: str) -> JsonObject:
    """The body of a chat, or of items."""
    if _OF_CHATS.isdisjoint(node) and endpoint_of(url) == RESPONSES:
        from convrun.cassette.stored.item_requests import item_body

        return item_body(node, state, state.of_items())
    if not _OF_ITEMS.isdisjoint(node):
        raise CassetteError(f"'instructions', 'input' and 'continues' are for requests to {RESPONSES!r}")
    return _chat(node, state)


def _chat(node: JsonObject, state: RequestState) -> JsonObject:
    state.model = node.get("model", state.model)
    state.tools = node.get("tools", state.tools)
    options = node.get("options", state.options)
    if not isinstance(options, dict):
        raise CassetteError("'options' is a mapping")
    state.options = options
    for role in _SYSTEM_ROLES:
        if role in node:
            state.system = None if node[role] is None else {"role": role, "content": node[role]}
    state.messages = _messages(node, state)
    state.reply = None
    body: JsonObject = {"model": state.model} if state.model is not None else {}
    system: list[Json] = [state.system] if state.system else []
    body["messages"] = [*system, *state.messages]
    if state.tools is not None:
        body["tools"] = state.tools
    return body | options


def _messages(node: JsonObject, state: RequestState) -> list[JsonObject]:
    new = node.get("messages", [])
    if not isinstance(new, list):
        raise CassetteError("'messages' is a list")
    added = [full_message(item) for item in new]
    if "keep" in node:
        keep = node["keep"]
        if not isinstance(keep, int) or isinstance(keep, bool) or not 0 <= keep <= len(state.messages):
            raise CassetteError(
                f"'keep' is at most {len(state.messages)} here, the messages of the request before, not {keep!r}"
            )
        return [*state.messages[:keep], *added]
    if state.reply is None:
        if "returned" in node:
            raise CassetteError("'returned' has no reply before it")
        return [*state.messages, *added]
    returned = _returned(node.get("returned", {}), state.reply)
    return [*state.messages, returned, *added]


def _returned(difference: Json, reply: JsonObject) -> JsonObject:
    if not isinstance(difference, dict) or not difference.keys() <= {"with", "set", "without"}:
        raise CassetteError("'returned' is a mapping of 'with', 'set' and 'without'")
    message = _sent_back(reply)
    copied, changed, dropped = difference.get("with", []), difference.get("set", {}), difference.get("without", [])
    if not isinstance(copied, list) or not isinstance(dropped, list) or not isinstance(changed, dict):
        raise CassetteError("in 'returned', 'with' and 'without' are lists and 'set' is a mapping")
    for key in copied:
        if not isinstance(key, str) or key not in reply:
            raise CassetteError(f"'returned' names {key!r}, which the reply does not have")
        message[key] = reply[key]
    for key in dropped:
        message.pop(str(key), None)
    return message | changed
