"""Requests of the Responses API in their stored form, and back: only the items that are new.

Before them stand the items of the request before and those of its reply; `keep: N` says that only the first N of both
do. `continues` is the id of an earlier response (true: the last one), which stands for all before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import is_
from typing import Protocol

from convrun.cassette.stored.item_nodes import full_item, item_node
from convrun.cassette.stored.message_nodes import alike
from convrun.errors import CassetteError
from convrun.values import Json, JsonObject

_OWN = ("model", "tools", "instructions")


@dataclass(slots=True)
class ItemState:
    """What the next request is a difference to: the items of the last one, and of the reply to it, with its id."""

    instructions: Json = None
    items: list[Json] = field(default_factory=list)
    output: list[Json] = field(default_factory=list)
    reply: str | None = None

    def sent(self, body: Json) -> None:
        """Know the same items as the client's own objects: those of the next request are recognised unread."""
        if isinstance(body, dict) and isinstance(items := body.get("input"), list):
            self.items = [*items]

    def replied(self, response: JsonObject | None) -> None:
        """Move on behind a reply; None: it is no response."""
        output, identifier = (response or {}).get("output"), (response or {}).get("id")
        whole = isinstance(output, list) and all(isinstance(item, dict) for item in output)
        self.output = [*output] if whole and isinstance(output, list) else []
        self.reply = identifier if isinstance(identifier, str) else None


class Envelope(Protocol):
    """What stands beside the items, as it was written last."""

    model: Json
    tools: Json
    options: JsonObject


def item_request_node(body: Json, envelope: Envelope, state: ItemState) -> JsonObject | None:
    """Return the difference to the request before; None where a body says what a difference cannot."""
    items = body.get("input") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        return None
    if "messages" in body or any(key in body and body[key] is None for key in _OWN):
        return None
    node: JsonObject = {}
    previous = body.get("previous_response_id")
    left_out = {"input", *_OWN, *(["previous_response_id"] if isinstance(previous, str) else [])}
    options = {key: value for key, value in body.items() if key not in left_out}
    for key, value, before in (
        ("model", body.get("model"), envelope.model),
        ("options", options, envelope.options),
        ("tools", body.get("tools"), envelope.tools),
        ("instructions", body.get("instructions"), state.instructions),
    ):
        if value is not before and not alike(value, before):
            node[key] = value
    if isinstance(previous, str):
        node["continues"] = True if previous == state.reply else previous
    known, output = _before(node, state)
    same = _how_many_same(known, output, items)
    if same < len(known) + len(output):
        node["keep"] = same
    new: list[Json] = [item_node(one) for one in items[same:] if isinstance(one, dict)]
    return {**node, "input": new} if new else node


def _before(node: JsonObject, state: ItemState) -> tuple[list[Json], list[Json]]:
    """The items that go without saying: of the request before, and of the reply to it."""
    return ([], []) if "continues" in node else (state.items, state.output)


def _how_many_same(known: list[Json], output: list[Json], items: list[Json]) -> int:
    """How many items a request begins with that are those of the one before, and then of its reply."""
    if len(known) <= len(items) and all(map(is_, known, items)):  # in C: a loop here would cost the square
        return len(known) + _shared(output, items[len(known) :])
    same = _shared(known, items)
    return same + _shared(output, items[same:]) if same == len(known) else same


def _shared(before: list[Json], items: list[Json]) -> int:
    pairs = zip(before, items, strict=False)
    differing = (number for number, (old, new) in enumerate(pairs) if new is not old and not alike(new, old))
    return next(differing, min(len(before), len(items)))


def item_body(node: JsonObject, envelope: Envelope, state: ItemState) -> JsonObject:
    """Return the body of its stored form; what it is a difference to moves on.

    Raises:
        CassetteError: where the node is no request.
    """
    envelope.model = node.get("model", envelope.model)
    envelope.tools = node.get("tools", envelope.tools)
    options = node.get("options", envelope.options)
    if not isinstance(options, dict):
        raise CassetteError("'options' is a mapping")
    envelope.options = options
    state.instructions = node.get("instructions", state.instructions)
    body: JsonObject = {"model": envelope.model} if envelope.model is not None else {}
    if state.instructions is not None:
        body["instructions"] = state.instructions
    if "continues" in node:
        body["previous_response_id"] = _previous(node["continues"], state)
    new = node.get("input", [])
    if not isinstance(new, list):
        raise CassetteError("'input' is a list")
    known, output = _before(node, state)
    before = [*known, *output]
    keep = node.get("keep", len(before))
    if not isinstance(keep, int) or isinstance(keep, bool) or not 0 <= keep <= len(before):
        raise CassetteError(
            f"'keep' is at most {len(before)} here, the items of the request before and its reply, not {keep!r}"
        )
    state.items, state.output = [*before[:keep], *map(full_item, new)], []
    body["input"] = state.items
    if envelope.tools is not None:
        body["tools"] = envelope.tools
    return body | options


def _previous(continues: Json, state: ItemState) -> str:
    if continues is True:
        if state.reply is None:
            raise CassetteError("'continues: true' has no reply with an id before it")
        return state.reply
    if not isinstance(continues, str):
        raise CassetteError(f"'continues' is true or the id of a response, not {continues!r}")
    return continues
