"""Messages and tool calls in their readable, stored form, and back.

`{role: user, content: Hi}` is `user: Hi`; a call's arguments are YAML where their text can be rebuilt to the letter.
What does not fit is stored as it was, below `raw`.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from convrun.cassette.interaction import parse_json
from convrun.errors import CassetteError
from convrun.values import Json, JsonObject, equal

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_encode = json.JSONEncoder(sort_keys=True).encode
_RESERVED = frozenset({*ROLES, "calls", "id", "raw"})
_STYLES: dict[str, Callable[[Json], str]] = {
    "": lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False),
    "spaced": lambda value: json.dumps(value, ensure_ascii=False),
    "ascii": lambda value: json.dumps(value, separators=(",", ":")),
    "spaced ascii": json.dumps,
}


def alike(left: Json, right: Json) -> bool:
    """Return whether one can stand for the other: 1 and 1.0 are equal as JSON, and are not written alike."""
    return equal(left, right) and _encode(left) == _encode(right)


def message_node(message: JsonObject) -> JsonObject:
    """Return the stored form of a message."""
    node = _message_node(message)
    return node if node is not None and full_message(node) == message else {"raw": message}


def _message_node(message: JsonObject) -> JsonObject | None:
    rest = dict(message)
    role = rest.pop("role", None)
    node: JsonObject = {}
    if role not in ROLES:
        return None
    if "content" in rest:
        node[str(role)] = rest.pop("content")
    elif role != "assistant":
        return None
    if "tool_call_id" in rest:
        node["id"] = rest.pop("tool_call_id")
    calls = rest.get("tool_calls")
    if isinstance(calls, list) and calls:
        node["calls"] = call_nodes(rest.pop("tool_calls"))
    if not node or not _RESERVED.isdisjoint(rest) or not (node.keys() - {"id"}):
        return None
    return node | rest


def full_message(node: Json) -> JsonObject:
    """Return the message of its stored form.

    Raises:
        CassetteError: where the node is no message.
    """
    if not isinstance(node, dict):
        raise CassetteError(f"a message is a mapping, not {node!r}")
    if "raw" in node:
        raw = node["raw"]
        if len(node) > 1 or not isinstance(raw, dict):
            raise CassetteError("'raw' holds one whole message and stands alone")
        return raw
    roles = [role for role in ROLES if role in node]
    if len(roles) > 1 or (not roles and "calls" not in node):
        raise CassetteError(f"a message names one role of {', '.join(ROLES)}", fix=f"found the keys {', '.join(node)}")
    message: JsonObject = {"role": roles[0] if roles else "assistant"}
    if roles:
        message["content"] = node[roles[0]]
    for key, value in node.items():
        if key == "id":
            message["tool_call_id"] = value
        elif key == "calls":
            message["tool_calls"] = full_calls(value)
        elif key not in ROLES:
            message[key] = value
    return message


def call_nodes(calls: Json) -> Json:
    """Return the stored form of a list of tool calls."""
    return [_call_node(call) for call in calls] if isinstance(calls, list) else calls


def _call_node(call: Json) -> Json:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict) or not function.keys() <= {"name", "arguments"}:
        return {"raw": call}
    rest = {key: value for key, value in call.items() if key not in {"id", "type", "function"}}
    node: JsonObject = {key: call[key] for key in ("id",) if key in call}
    if "name" in function:
        node["name"] = function["name"]
    if "arguments" in function:
        node.update(arguments_node(function["arguments"]))
    if "type" not in call:
        node["type"] = None
    elif call["type"] != "function":
        node["type"] = call["type"]
    node |= {key: value for key, value in rest.items() if key not in {"raw", "name", "arguments", "style"}}
    return node if "raw" not in node and _full_call(node) == call else {"raw": call}


def arguments_node(text: Json) -> JsonObject:
    """Return arguments as a node and the style of its text, where that gives the same text again."""
    if not isinstance(text, str) or text[:1] not in ("{", "["):
        return {"arguments": text}
    try:
        value = parse_json(text)
    except ValueError:
        return {"arguments": text}
    for style, dump in _STYLES.items():
        if dump(value) == text:
            return {"arguments": value, "style": style} if style else {"arguments": value}
    return {"arguments": text}


def full_calls(nodes: Json) -> Json:
    """Return the tool calls of their stored form."""
    return [_full_call(node) for node in nodes] if isinstance(nodes, list) else nodes


def _full_call(node: Json) -> Json:
    if not isinstance(node, dict):
        raise CassetteError(f"a tool call is a mapping, not {node!r}")
    if "raw" in node:
        return node["raw"]
    function: JsonObject = {}
    call: JsonObject = {}
    for key, value in node.items():
        if key == "name":
            function["name"] = value
        elif key == "arguments":
            function["arguments"] = arguments_text(value, node.get("style", ""))
        elif key not in {"type", "style"}:
            call[key] = value
    if node.get("type", "function") is not None:
        call["type"] = node.get("type", "function")
    call["function"] = function
    return call


def arguments_text(value: Json, style: Json) -> Json:
    """Return the arguments of their stored form.

    Raises:
        CassetteError: where there is no such style.
    """
    if not isinstance(value, dict | list):
        return value
    if not isinstance(style, str) or style not in _STYLES:
        raise CassetteError(f"unknown style {style!r} of arguments", fix=f"one of {', '.join(filter(None, _STYLES))}")
    return _STYLES[style](value)
