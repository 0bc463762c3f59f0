"""Items of the Responses API as messages of a chat: whoever reads those reads these.

What a model cannot tell apart is one message: ids and states of what it said go, parts of text are texts. The id of
reasoning stays: it may be all that the provider has of it.
"""

from __future__ import annotations

from convrun.values import Json, JsonObject

_TEXTS = ("input_text", "output_text")  # no set: what a recording has there may be anything
_REASONING = frozenset({"type", "status"})
_SAID = frozenset({"type", "status", "id"})


def items_of(body: Json) -> list[Json]:
    """Return the items of a request, none where it has none; a text is what the user says."""
    found = body.get("input") if isinstance(body, dict) else None
    if isinstance(found, str):
        return [{"role": "user", "content": found}]
    return found if isinstance(found, list) else []


def as_message(item: Json) -> Json:
    """Return an item as a chat has it; one of a kind that no chat has keeps its type as the role."""
    if not isinstance(item, dict):
        return item
    kind = item.get("type") or "message"
    if kind == "message" and "role" in item:
        return _said(item)
    if kind == "function_call":
        rest = _without(item, _SAID | {"call_id", "name", "arguments"})
        function: JsonObject = {"name": item.get("name"), "arguments": item.get("arguments")}
        call: JsonObject = {"id": item.get("call_id"), "type": "function", "function": function}
        return {"role": "assistant", "tool_calls": [call], **rest}
    if kind == "function_call_output":
        rest = _without(item, _SAID | {"call_id", "output"})
        content = _content(item.get("output"))
        return {"role": "tool", "tool_call_id": item.get("call_id"), "content": content, **rest}
    if kind == "reasoning":
        return {"role": "assistant", "reasoning": [_without(item, _REASONING)]}
    return {"role": str(kind), "item": _without(item, frozenset({"type"}))}


def _without(item: JsonObject, keys: frozenset[str]) -> JsonObject:
    return {key: value for key, value in item.items() if key not in keys and value not in (None, "", [], {})}


def _said(item: JsonObject) -> JsonObject:
    message = {key: value for key, value in item.items() if key not in _SAID}
    content = message.get("content")
    match content:
        case [{"type": "refusal", "refusal": str(words)}]:
            del message["content"]
            message["refusal"] = words
        case list():
            message["content"] = _content(content)
    return message


def _content(content: Json) -> Json:
    if not isinstance(content, list):
        return content
    parts = [_part(part) for part in content]
    match parts:
        case [{"type": "text", "text": str(text), **more}] if not more:
            return text
    return parts


def _part(part: Json) -> Json:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict):
        return part
    if kind in _TEXTS:
        return {"type": "text", "text": part.get("text"), **_without(part, frozenset({"type", "text", "logprobs"}))}
    if kind == "input_image":
        rest = _without(part, frozenset({"type", "image_url"}))
        return {"type": "image_url", "image_url": {"url": part.get("image_url"), **rest}}
    if kind == "input_file":
        return {"type": "file", "file": _document(part)}
    return part


def _document(part: JsonObject) -> JsonObject:
    """A document; a chat names one behind an address by the end of that."""
    rest = _without(part, frozenset({"type", "file_url"}))
    url = part.get("file_url")
    if not isinstance(url, str) or rest:
        return _without(part, frozenset({"type"}))
    return {"filename": url.partition("?")[0].partition("#")[0].rpartition("/")[2] or "document.pdf", "file_data": url}
