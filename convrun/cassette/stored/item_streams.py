"""Streams of the Responses API: events folded into the response with the lengths of its deltas, and unfolded again.

An item's events stand together, in the order in which the API sends them; what they only repeat is not kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from convrun.values import Json, JsonObject

ENDS = ("response.completed", "response.incomplete")
BEGUN = ("id", "object", "model", "status", "output")  # what is told of a response before it is there
_FIRST = ("response.created", "response.in_progress")
BEGINS = frozenset({*_FIRST, "response.queued"})
_REPEATING = frozenset(
    {
        "response.output_item.added",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.done",
        "response.refusal.done",
        "response.function_call_arguments.done",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done",
        "response.reasoning_summary_text.done",
        "response.reasoning_text.done",
    }
)
_DELTAS = {  # the channel of an event, and what numbers its parts
    "response.output_text.delta": ("text", "content_index"),
    "response.refusal.delta": ("refusal", "content_index"),
    "response.function_call_arguments.delta": ("arguments", ""),
    "response.reasoning_summary_text.delta": ("summary", "summary_index"),
    "response.reasoning_text.delta": ("thought", "content_index"),
}
_EVENTS = {channel: (event.removesuffix(".delta"), index) for event, (channel, index) in _DELTAS.items()}
_PARTS = {"output_text": ("text", "text"), "refusal": ("refusal", "refusal"), "reasoning_text": ("thought", "text")}
_Key = tuple[int, str, int]


@dataclass(slots=True)
class Pieces:
    """The lengths of the deltas of one text: of which item (from 0), in which channel, of which part (from 0)."""

    key: _Key
    lengths: list[int] = field(default_factory=list)


@dataclass(slots=True)
class FoldedResponse:
    """A stream as one response, and the pieces in which it came, in order of arrival."""

    response: JsonObject
    pieces: list[Pieces] = field(default_factory=list)


def fold_response(events: tuple[Json, ...]) -> FoldedResponse | None:
    """Return a stream as one response; None where the events are not those of a plain one."""
    pieces: dict[_Key, Pieces] = {}
    arrived: dict[_Key, str] = {}
    done: list[Json] = []
    response: Json = None
    for event in events:
        if not isinstance(event, dict) or response is not None:
            return None
        kind = str(event.get("type"))
        if kind in _DELTAS:
            if not _add_delta(event, pieces, arrived):
                return None
        elif kind == "response.output_item.done" and event.get("output_index") == len(done):
            done.append(event.get("item"))
        elif kind in ENDS:
            response = event.get("response")
        elif kind not in BEGINS and kind not in _REPEATING:
            return None
    if not isinstance(response, dict) or response.get("output") != done:
        return None
    said = {key: text for index, item in enumerate(done) for key, _, text in _channels(index, item)}
    if any(said.get(key) != text for key, text in arrived.items()):
        return None
    return FoldedResponse(response=response, pieces=list(pieces.values()))


def _add_delta(event: JsonObject, pieces: dict[_Key, Pieces], arrived: dict[_Key, str]) -> bool:
    channel, numbered = _DELTAS[str(event["type"])]
    item, part, delta = event.get("output_index"), event.get(numbered, 0) if numbered else 0, event.get("delta")
    if type(item) is not int or type(part) is not int or not isinstance(delta, str):
        return False
    if delta:
        key = (item, channel, part)
        pieces.setdefault(key, Pieces(key)).lengths.append(len(delta))
        arrived[key] = arrived.get(key, "") + delta
    return True


def _channels(index: int, item: Json) -> Iterator[tuple[_Key, JsonObject, str]]:
    """The texts of an item that may come in pieces: each with its key and the part that it stands in."""
    if not isinstance(item, dict):
        return
    if item.get("type") == "function_call" and isinstance(arguments := item.get("arguments"), str):
        yield (index, "arguments", 0), item, arguments
    for listed in ("summary", "content"):
        parts = item.get(listed)
        for number, part in enumerate(parts if isinstance(parts, list) else []):
            if not isinstance(part, dict):
                continue
            channel, key = ("summary", "text") if listed == "summary" else _PARTS.get(str(part.get("type")), ("", ""))
            text = part.get(key)
            if channel and isinstance(text, str):
                yield (index, channel, number), part, text


def unfold_response(folded: FoldedResponse) -> tuple[Json, ...]:
    """Return events that fold into `folded`.

    Raises:
        ValueError: where the pieces do not cover the texts exactly.
    """
    response = folded.response
    output = response.get("output")
    items = output if isinstance(output, list) else []
    lengths = {one.key: one.lengths for one in folded.pieces}
    known = {key for index, item in enumerate(items) for key, _, _ in _channels(index, item)}
    if lengths.keys() - known:
        raise ValueError("there is nothing that the deltas could be pieces of")
    begun: JsonObject = {key: response[key] for key in BEGUN if key in response}
    begun |= {"status": "in_progress", "output": []}
    events: list[JsonObject] = [{"type": kind, "response": begun} for kind in _FIRST]
    for index, item in enumerate(items):
        events += _item_events(index, item, lengths)
    kind = "response.incomplete" if response.get("status") == "incomplete" else "response.completed"
    return (*events, {"type": kind, "response": response})


def _item_events(index: int, item: Json, lengths: dict[_Key, list[int]]) -> Iterator[JsonObject]:
    place: JsonObject = {"output_index": index}
    yield {"type": "response.output_item.added", **place, "item": _begun(item)}
    identity: JsonObject = {"item_id": item["id"]} if isinstance(item, dict) and "id" in item else {}
    for key, part, text in _channels(index, item):
        event, numbered = _EVENTS[key[1]]
        where: JsonObject = {**identity, **place, **({numbered: key[2]} if numbered else {})}
        around = "response.reasoning_summary_part" if key[1] == "summary" else "response.content_part"
        name = "arguments" if key[1] == "arguments" else "refusal" if key[1] == "refusal" else "text"
        if numbered:
            yield {"type": f"{around}.added", **where, "part": {**part, name: ""}}
        start = 0
        for length in lengths.get(key, []):
            yield {"type": f"{event}.delta", **where, "delta": text[start : start + length]}
            start += length
        if key in lengths and start != len(text):
            raise ValueError("the lengths of the deltas do not add up to the text")
        yield {"type": f"{event}.done", **where, name: text}
        if numbered:
            yield {"type": f"{around}.done", **where, "part": part}
    yield {"type": "response.output_item.done", **place, "item": item}


def _begun(item: Json) -> Json:
    """An item as it is announced: nothing is in it yet."""
    if not isinstance(item, dict):
        return item
    begun: JsonObject = {key: value for key, value in item.items() if key != "encrypted_content"}
    begun |= {key: [] for key in ("summary", "content") if isinstance(item.get(key), list)}
    if "arguments" in item:
        begun["arguments"] = ""
    return begun | ({"status": "in_progress"} if "status" in item else {})
