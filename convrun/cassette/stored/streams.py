"""Streamed replies: events out of bytes, and deltas folded into whole texts with the lengths of their pieces.

`fold` gives what people read, `unfold` the chunks again. A fold is the stream's meaning: role, empty pieces and nulls
that providers repeat in every chunk are not kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from convrun.cassette.interaction import parse_json
from convrun.values import Json, JsonObject

_TEXTS = frozenset({"content", "reasoning", "reasoning_content", "refusal"})
_END_OF_EVENT = re.compile(r"\r\n\r\n|\n\n|\r\r")
_END_OF_LINE = re.compile(r"\r\n|\n|\r")  # not splitlines: a JSON text may hold U+2028
_RUN = re.compile(r"(\d+)(?:x(\d+))?")


@dataclass(slots=True)
class Folded:
    """A stream as one reply: `message` and what stood around it; `pieces` are (channel, lengths) in order of arrival.

    A channel is a text's key in the message, or `call N` for the arguments of a call (from 1).
    """

    message: JsonObject = field(default_factory=dict)
    pieces: list[tuple[str, list[int]]] = field(default_factory=list)
    choice: JsonObject = field(default_factory=dict)  # finish_reason and the provider's own keys beside it
    top: JsonObject = field(default_factory=dict)  # usage, model and the provider's own keys


def events(text: str) -> list[Json] | None:
    """Return the JSON of every event of a server-sent stream but `[DONE]`; None where one is not JSON."""
    found: list[Json] = []
    for block in _END_OF_EVENT.split(text.removeprefix("\ufeff")):
        lines = _END_OF_LINE.split(block)
        data = "\n".join(line[5:].removeprefix(" ") for line in lines if line.startswith("data:"))
        if not data or data.strip() == "[DONE]":
            continue
        try:
            payload = parse_json(data)
        except ValueError:
            return None
        failed = any(line.replace(" ", "") == "event:error" for line in lines)
        told = isinstance(payload, dict) and payload.get("error")
        found.append({"error": payload} if failed and not told else payload)
    return found


def fold(chunks: tuple[Json, ...]) -> Folded | None:
    """Return the stream as one reply; None where the chunks are no plain stream of one choice."""
    folded = Folded()
    calls: list[JsonObject] = []
    for chunk in chunks:
        if not isinstance(chunk, dict) or "error" in chunk or not _add_chunk(folded, calls, chunk):
            return None
    if calls:
        folded.message["tool_calls"] = list(calls)
    return folded if folded.message or folded.choice else None


def _add_chunk(folded: Folded, calls: list[JsonObject], chunk: JsonObject) -> bool:
    folded.top.update((key, value) for key, value in chunk.items() if key != "choices" and value is not None)
    choices = chunk.get("choices") or []
    if not isinstance(choices, list) or len(choices) > 1:
        return False
    for choice in choices:
        if not isinstance(choice, dict) or choice.get("index", 0) != 0:
            return False
        kept = {key: value for key, value in choice.items() if key not in {"delta", "index"} and value is not None}
        if not kept.keys().isdisjoint({"message", "logprobs"}):
            return False  # what comes in parts cannot be put together here
        folded.choice.update(kept)
        delta = choice.get("delta") or {}
        if not isinstance(delta, dict) or not _add_delta(folded, calls, delta):
            return False
    return True


def _add_delta(folded: Folded, calls: list[JsonObject], delta: JsonObject) -> bool:
    for key, value in delta.items():
        if value is None or value == "" or value == [] or (key == "role" and value == "assistant"):
            continue
        if key in _TEXTS and isinstance(value, str):
            folded.message[key] = str(folded.message.get(key, "")) + value
            _add_piece(folded, key, len(value))
        elif key == "tool_calls" and isinstance(value, list):
            if not all(_add_call(folded, calls, part) for part in value):
                return False
        else:
            return False
    return True


def _add_call(folded: Folded, calls: list[JsonObject], part: Json) -> bool:
    function = part.get("function") or {} if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(function, dict):
        return False
    if not part.keys() <= {"index", "id", "type", "function"} or not function.keys() <= {"name", "arguments"}:
        return False
    index = part.get("index")
    if index == len(calls) and isinstance(index, int):
        head: JsonObject = {key: part[key] for key in ("id", "type") if part.get(key) is not None}
        calls.append(head | {"function": {"name": function.get("name"), "arguments": ""}})
        _add_piece(folded, f"call {len(calls)}", 0)
    elif not calls or index != len(calls) - 1 or _contradicts(calls[-1], part, function):
        return False
    arguments = function.get("arguments") or ""
    if not isinstance(arguments, str):
        return False
    if arguments:
        whole = calls[-1]["function"]
        assert isinstance(whole, dict)  # built above
        whole["arguments"] = f"{whole['arguments']}{arguments}"
        _add_piece(folded, f"call {len(calls)}", len(arguments))
    return True


def _contradicts(call: JsonObject, part: JsonObject, function: JsonObject) -> bool:
    """Whether a continuation names another call or another function than the call it continues."""
    known = call["function"]
    name = known["name"] if isinstance(known, dict) else None
    return (part.get("id") or call.get("id")) != call.get("id") or (function.get("name") or name) != name


def _add_piece(folded: Folded, channel: str, length: int) -> None:
    if not folded.pieces or folded.pieces[-1][0] != channel:
        folded.pieces.append((channel, []))
    if length:
        folded.pieces[-1][1].append(length)


def unfold(folded: Folded) -> tuple[Json, ...]:
    """Return chunks that fold into `folded`.

    Raises:
        ValueError: where the pieces do not cover the texts exactly.
    """
    model: JsonObject = {"model": folded.top["model"]} if "model" in folded.top else {}
    texts, heads = _channels(folded.message)
    first = {"role": "assistant"} | {key: "" for key in texts if key not in heads}
    chunks: list[Json] = [_chunk(model, {**first})]
    begun: dict[str, int] = {}
    for channel, lengths in folded.pieces:
        if channel not in texts:
            raise ValueError(f"there is nothing that {channel!r} could be pieces of")
        head = heads.get(channel)
        if head is not None and channel not in begun:
            chunks.append(_chunk(model, {"tool_calls": [head]}))
        text, start = texts[channel], begun.get(channel, 0)
        for length in lengths:
            end = start + length
            piece: Json = text[start:end]
            if head is not None:
                piece = [{"index": head["index"], "function": {"arguments": piece}}]
            chunks.append(_chunk(model, {"tool_calls" if head is not None else channel: piece}))
            start = end
        begun[channel] = start
    if any(begun.get(channel, 0) != len(text) for channel, text in texts.items()) or heads.keys() - begun.keys():
        raise ValueError("the lengths of the deltas do not add up to the text")
    if folded.choice:
        last: JsonObject = {"index": 0, "delta": {}, **folded.choice}
        chunks.append(model | {"choices": [last]})
    rest = {key: value for key, value in folded.top.items() if key != "model"}
    return (*chunks, *([model | {"choices": []} | rest] if rest else []))


def _chunk(model: JsonObject, delta: JsonObject) -> Json:
    return {**model, "choices": [{"index": 0, "delta": delta}]}


def _channels(message: JsonObject) -> tuple[dict[str, str], dict[str, JsonObject]]:
    """The text of each channel, and what a call's first chunk says."""
    texts = {key: value for key, value in message.items() if key in _TEXTS and isinstance(value, str)}
    heads: dict[str, JsonObject] = {}
    calls = message.get("tool_calls")
    for index, call in enumerate(calls if isinstance(calls, list) else []):
        function = call.get("function") if isinstance(call, dict) else None
        if (
            not isinstance(call, dict)
            or not isinstance(function, dict)
            or not isinstance(function.get("arguments"), str)
        ):
            raise ValueError(f"call {index + 1} cannot have been streamed")
        channel = f"call {index + 1}"
        texts[channel] = str(function["arguments"])
        heads[channel] = {"index": index} | call | {"function": {"name": function.get("name"), "arguments": ""}}
    return texts, heads


def lengths_text(lengths: list[int]) -> str:
    """Return lengths as `4 5 1x12 3`: equal neighbours are counted."""
    runs: list[list[int]] = []
    for length in lengths:
        if runs and runs[-1][0] == length:
            runs[-1][1] += 1
        else:
            runs.append([length, 1])
    return " ".join(f"{length}x{count}" if count > 1 else str(length) for length, count in runs)


def lengths_of(text: str) -> list[int]:
    """Return the lengths that `lengths_text` wrote.

    Raises:
        ValueError: where the text is something else.
    """
    lengths: list[int] = []
    for word in text.split():
        found = _RUN.fullmatch(word)
        if found is None or len(found[1]) > 9 or len(found[2] or "") > 6:
            raise ValueError(f"{word!r} is no length of a delta")
        lengths += [int(found[1])] * int(found[2] or 1)
    return lengths
