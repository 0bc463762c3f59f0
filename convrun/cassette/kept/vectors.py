"""Embeddings as they are kept: a vector's numbers as the bytes of 32-bit floats, in base64, as providers offer them.

So 1,536 numbers are 6 KiB that lie beside the cassette, in the place of a page of digits.
"""

from __future__ import annotations

from array import array
from base64 import b64encode
from dataclasses import replace
from sys import byteorder
from typing import cast

from convrun.cassette.interaction import ReceivedReply
from convrun.values import Json, JsonObject

_DROPPED = frozenset({"id", "created"})


def with_packed_vectors(reply: ReceivedReply) -> ReceivedReply:
    """Return a reply with its vectors packed; the same object where it has none."""
    payload = reply.payloads[0] if reply.payloads and len(reply.payloads) == 1 else None
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(data, list) or reply.status != 200:
        return reply
    kept: JsonObject = {key: value for key, value in payload.items() if key not in _DROPPED}
    return replace(reply, payloads=(kept | {"data": [_packed(item) for item in data]},))


def _packed(item: Json) -> Json:
    vector = item.get("embedding") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(vector, list) or bool in map(type, vector):
        return item
    try:
        numbers = array("f", cast("list[float]", vector))  # what is no number is told apart here
    except (TypeError, OverflowError):
        return item
    if byteorder == "big":
        numbers.byteswap()
    return {**item, "object": "embedding", "embedding": b64encode(numbers.tobytes()).decode()}
