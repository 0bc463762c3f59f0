"""Items of the Responses API in their readable, stored form, and back.

`{role: user, content: Hi}` is `user: Hi`; what a model said is `text: …`, `call: …` or `reasoning: …` with its ids.
What does not fit is stored as it was, below `raw`.
"""

from __future__ import annotations

from convrun.cassette.stored.message_nodes import ROLES, arguments_node, arguments_text
from convrun.errors import CassetteError
from convrun.values import Json, JsonObject

_SPEAKERS = tuple(role for role in ROLES if role not in ("tool", "function"))
_KINDS = ("text", "call", "reasoning", "tool", *_SPEAKERS)
_PART: JsonObject = {"annotations": [], "logprobs": []}  # what stands beside a text that has neither
_DONE = "completed"


def item_node(item: JsonObject) -> JsonObject:
    """Return the stored form of an item."""
    make = {"message": _text_node, "function_call": _call_node, "function_call_output": _output_node}
    kind = str(item.get("type"))
    node = (_reasoning_node if kind == "reasoning" else make.get(kind, _speaker_node))(item)
    if node is None and kind == "message":
        node = _speaker_node(item)
    try:
        return node if node is not None and full_item(node) == item else {"raw": item}
    except CassetteError:
        return {"raw": item}


def full_item(node: Json) -> JsonObject:
    """Return the item of its stored form.

    Raises:
        CassetteError: where the node is no item.
    """
    if not isinstance(node, dict):
        raise CassetteError(f"an item is a mapping, not {node!r}")
    if "raw" in node:
        raw = node["raw"]
        if len(node) > 1 or not isinstance(raw, dict):
            raise CassetteError("'raw' holds one whole item and stands alone")
        return raw
    kinds = [kind for kind in _KINDS if kind in node]
    if len(kinds) != 1:
        wanted = f"an item names one of {', '.join(_KINDS)}"
        raise CassetteError(wanted, fix=f"found the keys {', '.join(node)}")
    kind, rest = kinds[0], dict(node)
    value = rest.pop(kind)
    if kind == "text":
        return _text_item(value, rest)
    if kind == "call":
        return _call_item(value, rest)
    if kind == "reasoning":
        summary: list[Json] = [{"type": "summary_text", "text": text} for text in _list(value)]
        return {"type": "reasoning", "summary": summary, **rest}
    if kind == "tool":
        if "id" in rest:
            rest["call_id"] = rest.pop("id")
        if "item" in rest:
            rest["id"] = rest.pop("item")
        return {"type": "function_call_output", "output": value, **rest}
    return {"role": kind, "content": value, **rest}


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise CassetteError(f"'reasoning' is a list of its summary's texts, not {value!r}")
    return value


def _speaker_node(item: JsonObject) -> JsonObject | None:
    rest = dict(item)
    role = rest.pop("role", None)
    if role not in _SPEAKERS or "content" not in rest:
        return None
    return {str(role): rest.pop("content"), **rest}


def _text_node(item: JsonObject) -> JsonObject | None:
    rest = dict(item)
    content, role = rest.pop("content", None), rest.pop("role", None)
    part = content[0] if isinstance(content, list) and len(content) == 1 else None
    if role != "assistant" or not isinstance(part, dict) or part.get("type") != "output_text":
        return None
    beside = {key: value for key, value in part.items() if key not in ("type", "text")}
    node: JsonObject = {"text": part.get("text"), **_stated(rest)}
    return node if beside == _PART else {**node, "part": beside}


def _text_item(text: Json, rest: JsonObject) -> JsonObject:
    part = rest.pop("part", _PART)
    if not isinstance(part, dict):
        raise CassetteError(f"'part' is a mapping, not {part!r}")
    content: list[Json] = [{"type": "output_text", "text": text, **part}]
    return {"type": "message", "role": "assistant", "content": content, **_with_state(rest)}


def _call_node(item: JsonObject) -> JsonObject:
    rest = dict(item)
    node: JsonObject = {"call": rest.pop("name", None), **arguments_node(rest.pop("arguments", None))}
    if "call_id" in rest:
        node["id"] = rest.pop("call_id")
    if "id" in rest:
        node["item"] = rest.pop("id")
    return {**node, **_stated(rest)}


def _call_item(name: Json, rest: JsonObject) -> JsonObject:
    if "arguments" not in rest:
        raise CassetteError("a 'call' has 'arguments'")
    arguments = arguments_text(rest.pop("arguments"), rest.pop("style", ""))
    item: JsonObject = {"type": "function_call", "name": name, "arguments": arguments}
    if "id" in rest:
        item["call_id"] = rest.pop("id")
    if "item" in rest:
        item["id"] = rest.pop("item")
    return {**item, **_with_state(rest)}


def _output_node(item: JsonObject) -> JsonObject | None:
    rest = dict(item)
    del rest["type"]
    if "output" not in rest:
        return None
    node: JsonObject = {"tool": rest.pop("output")}
    if "call_id" in rest:
        node["id"] = rest.pop("call_id")
    if "id" in rest:
        node["item"] = rest.pop("id")
    return {**node, **rest}


def _reasoning_node(item: JsonObject) -> JsonObject | None:
    rest = dict(item)
    del rest["type"]
    summary = rest.pop("summary", None)
    if not isinstance(summary, list) or not all(isinstance(part, dict) for part in summary):
        return None
    return {"reasoning": [part.get("text") for part in summary if isinstance(part, dict)], **rest}


def _stated(rest: JsonObject) -> JsonObject:
    """What is left of an item, without its type and the usual status; none at all is `status: null`."""
    kept = {key: value for key, value in rest.items() if key not in ("type", "status")}
    status = rest.get("status")
    return kept if status == _DONE else {**kept, "status": status}


def _with_state(rest: JsonObject) -> JsonObject:
    status = rest.pop("status", _DONE)
    return rest if status is None else {**rest, "status": status}
