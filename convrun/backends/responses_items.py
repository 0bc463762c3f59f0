"""The items of a Responses API and the messages they make, there and back: what came is given back as it came.

A part that was made from an item keeps what it does not say itself: a text its message's id and annotations, a call its
item's id. A message that another API made, or a person wrote, becomes items without any of this.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from convrun.backends.chat_calls import mended
from convrun.conversation.messages import (
    Message,
    Part,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from convrun.values import Json, JsonObject

CALLS = {"function_call": "arguments", "custom_tool_call": "input"}  # the items that call a tool, and what they give it
SAID = {"output_text": "text", "text": "text", "refusal": "refusal"}  # the parts of a message, and where each says it
_GAP = "\n\n"  # between the thoughts of one item


def parts_of(item: JsonObject, *, call_id: str = "") -> Iterator[Part]:
    """Yield the parts that an item of the output makes; `call_id` is its id where it calls a tool."""
    kind = kind_of(item)
    if kind == "message":
        yield from _said_in(item)
    elif kind == "reasoning":
        thoughts = [text for _, _, text in texts_in(item) if text]
        yield ReasoningPart(_GAP.join(thoughts), details=item)
    elif kind in CALLS:
        given = CALLS[kind]
        rest = {key: value for key, value in item.items() if key not in ("call_id", "name", given)}
        yield ToolCallPart(_text(item.get("name")), as_text(item.get(given)), call_id, rest)
    else:
        yield ProviderPart(item)


def texts_in(item: JsonObject) -> Iterator[tuple[str, int, str]]:
    """Yield the texts of an item: of which kind, at which place among its kind, and the words.

    The kinds are those of a message's parts, `summary` and `reasoning`, and what a call gives to its tool.
    """
    kind = kind_of(item)
    if kind == "message":
        for index, part in enumerate(_content(item)):
            if (where := SAID.get(_text(part.get("type")))) is not None:
                yield where, index, _text(part.get(where))
    elif kind == "reasoning":
        for name, key in (("summary", "summary"), ("reasoning", "content")):
            for index, thought in enumerate(_list(item.get(key))):
                yield name, index, _text(thought.get("text") if isinstance(thought, dict) else thought)
    elif kind in CALLS:
        yield CALLS[kind], 0, as_text(item.get(CALLS[kind]))


def kind_of(item: JsonObject) -> str:
    """Return the type of an item; one without a type that the model said is a message."""
    if "type" not in item:
        return "message" if item.get("role") == "assistant" else ""
    return _text(item["type"])


def items_of(parts: Iterable[Part]) -> list[Json]:
    """Return the items that a message of the model is sent back as; thoughts of another API are left out."""
    items: list[Json] = []
    said: list[Json] | None = None  # the content of the message item that goes on
    for part in parts:
        if not isinstance(part, TextPart | RefusalPart):
            said = None
            items += _item(part)
            continue
        extra = part.extra or {}
        head = extra.get("item")
        if isinstance(head, dict):
            said = []
            items.append({**head, "content": said})
        if said is not None and isinstance(inner := extra.get("part"), dict):
            said.append(_with_words(inner, part.text))
        elif not isinstance(head, dict):
            said = None
            _add_plain(items, part)
    return items


def result_item(result: ToolResultPart, before: Iterable[Message]) -> JsonObject:
    """Return the item that tells what a tool gave back; `before` are the messages before it, the last first."""
    answers = "function_call_output"
    for message in before:
        call = next((call for call in message.tool_calls if call.id == result.tool_call_id), None)
        if call is not None:
            if call.extra is not None and call.extra.get("type") == "custom_tool_call":
                answers = "custom_tool_call_output"
            break
    return {"type": answers, "call_id": result.tool_call_id, "output": result.output}


def as_text(value: Json) -> str:
    """Return what a call gives to its tool as text; some providers send the object itself."""
    if value is None or isinstance(value, str):
        return _text(value)
    return json.dumps(value, ensure_ascii=False)


def _said_in(item: JsonObject) -> Iterator[Part]:
    """The parts of a message; the first keeps what the item has beside its content."""
    extra: JsonObject = {"item": {key: value for key, value in item.items() if key != "content"}}
    content = _content(item)
    if not content:
        yield TextPart("", extra)
    for part in content:
        where = SAID.get(_text(part.get("type")))
        rest: JsonObject = {key: value for key, value in part.items() if key != where}
        made = RefusalPart if where == "refusal" else TextPart
        yield made(_text(part.get(where or "")), {**extra, "part": rest})
        extra = {}


def _content(item: JsonObject) -> list[JsonObject]:
    """The parts of a message; its text may stand there without any."""
    content = item.get("content")
    given = content if isinstance(content, list) else [content]
    named: list[Json] = [{"type": "output_text", "text": part} if isinstance(part, str) else part for part in given]
    return [part for part in named if isinstance(part, dict)]


def _with_words(part: JsonObject, words: str) -> JsonObject:
    """A part of a message as it came; one that says nothing that we know is whole already."""
    where = SAID.get(_text(part.get("type")))
    return part if where is None else {**part, where: words}


def _add_plain(items: list[Json], part: TextPart | RefusalPart) -> None:
    """Add what another API gave: a refusal is an item of its own, texts that follow each other are one."""
    last = items[-1] if items else None
    if isinstance(part, RefusalPart):
        refusal: JsonObject = {"type": "refusal", "refusal": part.text}
        items.append({"type": "message", "role": "assistant", "content": [refusal]})
    elif isinstance(last, dict) and last.keys() == {"role", "content"}:
        last["content"] = f"{last['content']}{part.text}"
    elif part.text:
        items.append({"role": "assistant", "content": part.text})


def _item(part: Part) -> Iterator[Json]:
    """The item of a part that stands for itself."""
    if isinstance(part, ProviderPart):
        yield part.item
    elif isinstance(part, ReasoningPart):
        if isinstance(part.details, dict) and part.details.get("type") == "reasoning":
            yield part.details
    elif isinstance(part, ToolCallPart):
        kept: JsonObject = part.extra or {}
        kept = kept if kind_of(kept) in CALLS else {"type": "function_call"}
        where = CALLS[kind_of(kept)]
        words = part.arguments if where == "input" else part.arguments or "{}"
        yield {**kept, "call_id": part.id, "name": part.name, where: words}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _text(value: Json) -> str:
    return mended([value]) if isinstance(value, str) else ""
