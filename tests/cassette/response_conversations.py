"""Conversations over a Responses API to record: items as a client sends them, responses as a provider gives them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from cassette_conversations import interaction

from convrun.cassette.interaction import Interaction, Recording
from convrun.wire import Request

BASE = "https://api.openai.com/v1"
URL = f"{BASE}/responses"
UPPER: dict[str, Any] = {
    "type": "function",
    "name": "upper",
    "description": "Return the text in capitals.",
    "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    "strict": False,
}
SEALED = "gAAAAABq" + "cmhGUY8i3WwdW_uOby4-wInoQN26NqhbIjFfW0iv" * 12


def said(text: str, number: int = 1, **more: Any) -> dict[str, Any]:
    """Return a message of the model's."""
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    head = {"id": f"msg_{number}", "type": "message", "status": "completed"}
    return {**head, "content": [part], "role": "assistant", **more}


def called(name: str, number: int = 1, **arguments: Any) -> dict[str, Any]:
    """Return a call of a tool."""
    ids = {"id": f"fc_{number}", "call_id": f"call_{number}"}
    return {"type": "function_call", "status": "completed", "arguments": json.dumps(arguments), "name": name, **ids}


def thought(*summary: str, number: int = 1, **more: Any) -> dict[str, Any]:
    """Return what the model thought, sealed."""
    texts = [{"type": "summary_text", "text": text} for text in summary]
    return {"id": f"rs_{number}", "type": "reasoning", "summary": texts, "encrypted_content": SEALED, **more}


def result(output: Any, number: int = 1) -> dict[str, Any]:
    """Return what a tool gave back."""
    return {"type": "function_call_output", "call_id": f"call_{number}", "output": output}


def user(text: str) -> dict[str, Any]:
    """Return what the user says."""
    return {"role": "user", "content": text}


def response(*output: dict[str, Any], number: int = 1, **more: Any) -> dict[str, Any]:
    """Return a provider's payload, with what repeats the request and what is noise."""
    usage = {
        "input_tokens": 11,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 18,
    }
    echo = {"instructions": "Be brief.", "tools": [UPPER], "temperature": 1.0, "store": True, "metadata": {}}
    head = {"id": f"resp_{number}", "object": "response", "created_at": 1758670764, "status": "completed"}
    tail = {"error": None, "incomplete_details": None, "model": "gpt-5-mini-2025-08-07", "service_tier": "default"}
    return {**head, **echo, **tail, "output": list(output), "usage": usage, "user": None, **more}


def events(payload: dict[str, Any], size: int = 5, end: str = "response.completed") -> bytes:
    """Return a response as the bytes of the events in which a provider streams it."""
    begun = payload | {"status": "in_progress", "output": [], "usage": None, "service_tier": "auto"}
    found: list[dict[str, Any]] = [
        {"type": f"response.{kind}", "response": begun} for kind in ("created", "in_progress")
    ]
    for index, item in enumerate(payload["output"]):
        empty: dict[str, Any] = {key: value for key, value in item.items() if key != "encrypted_content"}
        empty |= {key: [] for key in ("content", "summary") if key in item}
        empty |= {"status": "in_progress"} if "status" in item else {}
        empty |= {"arguments": ""} if "arguments" in item else {}
        found.append({"type": "response.output_item.added", "output_index": index, "item": empty})
        found += _pieces(item, {"item_id": item["id"], "output_index": index}, size)
        found.append({"type": "response.output_item.done", "output_index": index, "item": item})
    found.append({"type": end, "response": payload})
    numbered = [{**event, "sequence_number": at} for at, event in enumerate(found)]
    return b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in numbered)


def _pieces(item: dict[str, Any], place: dict[str, Any], size: int) -> Iterable[dict[str, Any]]:
    """Yield what comes of an item between its first event and its last."""
    if "arguments" in item:
        name = "response.function_call_arguments"
        for piece in _cut(item["arguments"], size):
            yield {"type": f"{name}.delta", **place, "delta": piece, "obfuscation": "x7"}
        yield {"type": f"{name}.done", **place, "arguments": item["arguments"]}
    for number, part in enumerate(item.get("content", ())):
        at = {**place, "content_index": number}
        key = "refusal" if part["type"] == "refusal" else "text"
        name = "response.refusal" if key == "refusal" else "response.output_text"
        logprobs: dict[str, Any] = {"logprobs": []} if key == "text" else {}
        yield {"type": "response.content_part.added", **at, "part": {**part, key: ""}}
        for piece in _cut(part[key], size):
            yield {"type": f"{name}.delta", **at, "delta": piece, "obfuscation": "x7", **logprobs}
        yield {"type": f"{name}.done", **at, key: part[key], **logprobs}
        yield {"type": "response.content_part.done", **at, "part": part}
    for number, part in enumerate(item.get("summary", ())):
        at = {**place, "summary_index": number}
        yield {"type": "response.reasoning_summary_part.added", **at, "part": {**part, "text": ""}}
        for piece in _cut(part["text"], size):
            yield {"type": "response.reasoning_summary_text.delta", **at, "delta": piece, "obfuscation": "x7"}
        yield {"type": "response.reasoning_summary_text.done", **at, "text": part["text"]}
        yield {"type": "response.reasoning_summary_part.done", **at, "part": part}


def _cut(text: str, size: int) -> Iterable[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def asked(body: Any, reply: Any, **more: Any) -> Interaction:
    """Return one interaction; `reply` is bytes, or a JSON value."""
    return interaction(body, reply, url=URL, **more)


def conversation(
    *steps: tuple[list[dict[str, Any]], list[dict[str, Any]]], streamed: bool = False, by_id: bool = False, **body: Any
) -> Recording:
    """Return a conversation of steps: the items that are new in a request, and those of the output.

    `by_id`: a request names the response before in the place of all that was said.
    """
    same = {"model": "gpt-5-mini", "instructions": "Be brief.", "tools": [UPPER]} | body
    items: list[dict[str, Any]] = []
    found = []
    for number, (new, output) in enumerate(steps, start=1):
        items = [*items, *new]
        sent = same | {"input": new if by_id else items} | ({"stream": True} if streamed else {})
        sent |= {"previous_response_id": f"resp_{number - 1}"} if by_id and number > 1 else {}
        whole = response(*output, number=number)
        found.append(asked(sent, events(whole) if streamed else whole, elapsed_ms=100))
        items = [*items, *output]
    return Recording(interactions=tuple(found), file="cassettes/items.yaml")


def tools_called(**more: Any) -> Recording:
    """Return a conversation with a tool call between its two turns."""
    return conversation(
        ([user("Shout panda")], [thought("It wants capitals."), called("upper", text="panda")]),
        ([result("PANDA")], [said("PANDA!")]),
        ([user("Thanks")], [said("You are welcome.", 2)]),
        **more,
    )


def sent(item: Interaction) -> Request:
    """Return the request of an interaction on its way."""
    body: Any = item.request.body
    return Request(endpoint="responses", body=body, base_url=BASE)
