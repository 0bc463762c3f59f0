"""What a fault makes of a reply of a Responses API: the same as of a chat completion, in items and their events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from convrun.values import Json, JsonObject

_ENDS = ("response.completed", "response.incomplete")
_ARGUMENTS = "response.function_call_arguments."


def response_in(payloads: Sequence[JsonObject]) -> JsonObject | None:
    """Return the whole reply: a plain one, or what a stream says at its end; None where it is none that succeeded."""
    for payload in reversed(payloads):
        told = payload.get("response") if payload.get("type") in _ENDS else payload
        if isinstance(told, dict) and isinstance(told.get("output"), list):
            return told if told.get("status") not in ("failed", "cancelled") and not told.get("error") else None
    return None


def is_streamed(payloads: Sequence[JsonObject]) -> bool:
    """Return whether a reply came in events."""
    return "output" not in payloads[-1]


def saying(part: JsonObject, payloads: Sequence[JsonObject]) -> list[JsonObject]:
    """Return the payloads of a reply whose only item says this part of a message, plain or streamed as these are."""
    content: list[Json] = [part]
    item: JsonObject = {"type": "message", "status": "completed", "role": "assistant", "content": content}
    output: list[Json] = [item]
    whole: JsonObject = {**(response_in(payloads) or {}), "status": "completed", "output": output}
    whole["incomplete_details"] = None
    if not is_streamed(payloads):
        return [whole]
    begun: JsonObject = {**whole, "status": "in_progress", "output": [], "usage": None}
    return [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]


def malformed(payloads: Sequence[JsonObject], cut: Callable[[str], str]) -> tuple[list[JsonObject], str] | None:
    """Return the payloads with the arguments of the first call cut, and what is left; None without a call."""
    copies: list[JsonObject] = json.loads(json.dumps(payloads))
    found = [(place, item) for place, item in _items(copies) if item.get("type") == "function_call"]
    if not found:
        return None
    first = found[0][0]
    same = [item for place, item in found if place == first]
    whole = same[-1].get("arguments")
    left = room = cut(whole if isinstance(whole, str) else json.dumps(whole))
    for item in same:
        item["arguments"] = left if item.get("arguments") or item is same[-1] else ""
    ids = [item.get("id") for item in same if item.get("id")]
    for event in copies:
        kind = event.get("type")
        if isinstance(kind, str) and kind.startswith(_ARGUMENTS):
            if event.get("output_index") != first and event.get("item_id") not in ids:
                continue
            if kind.endswith("done"):
                event["arguments"] = left
            elif isinstance(piece := event.get("delta"), str):
                event["delta"], room = room[: len(piece)], room[len(piece) :]
    return copies, left


def _items(payloads: Sequence[JsonObject]) -> Iterator[tuple[Json, JsonObject]]:
    """The items of all payloads with their places, each as often as it is told."""
    for payload in payloads:
        if isinstance(item := payload.get("item"), dict):
            yield payload.get("output_index"), item
        told = payload.get("response", payload)
        output = told.get("output") if isinstance(told, dict) else None
        for place, item in enumerate(output if isinstance(output, list) else []):
            if isinstance(item, dict):
                yield place, item
