"""Replies of the Responses API in their stored form, and back: the items of the output, each in its readable form.

The id stays, as later requests may name it; what repeats the request goes, and so do dates.
"""

from __future__ import annotations

import re

from convrun.cassette.items import as_message
from convrun.cassette.stored.item_nodes import full_item, item_node
from convrun.cassette.stored.item_streams import (
    BEGINS,
    BEGUN,
    ENDS,
    FoldedResponse,
    Pieces,
    fold_response,
    unfold_response,
)
from convrun.cassette.stored.streams import lengths_of, lengths_text
from convrun.errors import CassetteError
from convrun.values import Json, JsonObject

_OBJECT = "response"
_DROPPED = frozenset(
    {
        "background",
        "billing",
        "completed_at",
        "conversation",
        "created_at",
        "frequency_penalty",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "parallel_tool_calls",
        "presence_penalty",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "store",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    }
)
_OF_EVENTS = frozenset({"sequence_number", "obfuscation"})
_DONE = "completed"
_ENDING = ("status", "error", "incomplete_details")  # of this response alone
_PARTED = ("arguments", "refusal", "summary", "text", "thought")
_NUMBER = re.compile(r"[1-9]\d{0,5}", re.ASCII)


def trimmed_response(payload: JsonObject) -> JsonObject:
    """Return a response, or an event, without what is not stored."""
    if payload.get("object") == _OBJECT or "type" not in payload:
        return {key: value for key, value in payload.items() if value is not None and key not in _DROPPED}
    event = {
        key: value
        for key, value in payload.items()
        if key not in _OF_EVENTS and not (key == "logprobs" and value in ([], None))
    }
    inner = event.get("response")
    if str(event["type"]) in BEGINS and isinstance(inner, dict):  # they only announce it
        return event | {"response": {key: inner[key] for key in BEGUN if key in inner}}
    return event | {"response": trimmed_response(inner)} if isinstance(inner, dict) else event


def response_of(payloads: tuple[Json, ...], *, stream: bool) -> JsonObject | None:
    """Return the whole response in a reply; None where there is none."""
    last = payloads[-1] if payloads else None
    if not isinstance(last, dict):
        return None
    found = last.get("response") if stream and last.get("type") in ENDS else None if stream else last
    whole = isinstance(found, dict) and found.get("object") == _OBJECT and isinstance(found.get("output"), list)
    return found if whole and isinstance(found, dict) else None


def output_of(response: JsonObject) -> list[JsonObject] | None:
    """Return the items of a response; None where there is something else."""
    output = response.get("output")
    items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else None
    return items if isinstance(output, list) and items is not None and len(items) == len(output) else None


def message_of(response: JsonObject) -> JsonObject:
    """Return what a response says as a chat's message: its texts in one, and its calls."""
    message: JsonObject = {"role": "assistant", "content": None}
    calls: list[Json] = []
    for item in map(as_message, output_of(response) or []):
        if not isinstance(item, dict) or item.get("role") != "assistant":
            continue
        for key in ("content", "refusal"):
            words = _words(item.get(key))
            if words:
                message[key] = f"{message.get(key) or ''}{words}"
        made = item.get("tool_calls")
        calls += made if isinstance(made, list) else []
    return message | ({"tool_calls": calls} if calls else {})


def _words(content: Json) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def response_node(payloads: tuple[Json, ...], extra: JsonObject, *, stream: bool) -> JsonObject | None:
    """Return the stored form of a whole reply but its model; None where it is not a usual one.

    `extra` is what was beside the one before.
    """
    folded = fold_response(payloads) if stream else FoldedResponse(response_of(payloads, stream=False) or {})
    if folded is None:
        return None
    response = dict(folded.response)
    output = output_of(response)
    if response.pop("object", None) != _OBJECT or output is None:
        return None
    del response["output"]
    response.pop("model", None)
    node: JsonObject = {key: response.pop(key) for key in ("id",) if key in response}
    node["output"] = [item_node(item) for item in output]
    if stream:
        deltas = [f"{_channel(one)} {lengths_text(one.lengths)}" for one in folded.pieces]
        node["deltas"] = deltas[0] if len(deltas) == 1 else list(deltas)
    if response.get("status") == _DONE:
        del response["status"]
    elif "status" not in response:
        return None
    ending = {key: response.pop(key) for key in _ENDING if key in response}
    usage = response.pop("usage", None)
    return node | {
        key: value
        for key, value, before in (("response", ending, {}), ("usage", usage, None), ("extra", response, extra))
        if value != before
    }


def _channel(pieces: Pieces) -> str:
    """`text-1` is the text of the first item; `text-1.2` is its second part."""
    item, channel, part = pieces.key
    return f"{channel}-{item + 1}" + (f".{part + 1}" if part else "")


def response_payloads(node: JsonObject, model: Json, extra: JsonObject) -> tuple[Json, ...]:
    """Return the payloads of their stored form.

    Raises:
        CassetteError: where the node is no reply.
    """
    output, ending = node["output"], node.get("response", {})
    if not isinstance(output, list) or not isinstance(ending, dict):
        raise CassetteError("'output' is a list, and 'response' is a mapping")
    response: JsonObject = {"object": _OBJECT, "status": _DONE, **extra}
    response |= {key: node[key] for key in ("id", "usage") if key in node}
    response |= {"model": model} if model is not None else {}
    response |= ending
    response["output"] = [full_item(item) for item in output]
    if "deltas" not in node:
        return (response,)
    deltas = node["deltas"]
    try:
        pieces = [_pieces(entry) for entry in (deltas if isinstance(deltas, list) else [deltas])]
        return unfold_response(FoldedResponse(response=response, pieces=pieces))
    except ValueError as error:
        raise CassetteError(str(error)) from error


def _pieces(entry: Json) -> Pieces:
    name, _, lengths = str(entry).partition(" ")
    channel, _, place = name.partition("-")
    item, _, part = place.partition(".")
    numbers = [int(text) - 1 for text in (item, part or "1") if _NUMBER.fullmatch(text)]
    if channel not in _PARTED or len(numbers) != 2:
        raise ValueError(f"{name!r} is no text of a response that comes in pieces")
    return Pieces((numbers[0], channel, numbers[1]), lengths_of(lengths))
