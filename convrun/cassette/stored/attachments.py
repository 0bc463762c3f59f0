"""Attachments in a cassette: their bytes lie beside it, and a reference stands in the place of their base64.

    image_url:
      url:
        $attachment: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        bytes: 20480
        before: data:image/png;base64,

The name is the sha256 of the bytes, so that a cassette's digests cover them. What base64 would not give again to the
letter stays where it was.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TypeAlias

from convrun.cassette.stored.json_text import ATTACHMENT, JSON_TEXT
from convrun.document.limits import RECORDED_LIMIT
from convrun.errors import CassetteError
from convrun.frozen import frozen
from convrun.values import Json, JsonObject

SMALLEST = 1025  # bytes; what has fewer is read in its place
LARGEST = RECORDED_LIMIT  # bytes of all attachments of a cassette
NAME = re.compile(r"[0-9a-f]{64}")
_PARTS = {
    "image_url": "url",
    "input_audio": "data",
    "file": "file_data",
}  # a content part's type, and where its data is
_FLAT_PARTS = {"input_image": "image_url", "input_file": "file_data"}  # those of the Responses API
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,")
_KEYS = frozenset({ATTACHMENT, "bytes", "before"})


@frozen
class Reference:
    """An attachment beside a cassette: the sha256 of its bytes, how many they are, and what precedes their base64."""

    name: str
    size: int
    before: str = ""


Source: TypeAlias = Callable[[Reference], str]  # the whole text of an attachment


class Unread(str):
    """Stands for the text of an attachment whose bytes were not read, in a recording that is only shown."""

    __slots__ = ("reference",)
    reference: Reference


def unread(reference: Reference) -> str:
    """Return a text in the place of an attachment's."""
    text = Unread(f"{reference.before}{reference.name}")
    text.reference = reference
    return text


def put_aside(value: Json, aside: dict[str, bytes]) -> Json:
    """Return a stored interaction with references in the place of its attachments, whose bytes go to `aside`.

    It is the same object where there are none.
    """
    if isinstance(value, list):
        items = [put_aside(item, aside) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    if not isinstance(value, dict) or JSON_TEXT in value:
        return value
    pairs = {key: put_aside(item, aside) for key, item in value.items()}
    kind = value.get("type")
    if value.get("object") == "embedding":
        pairs = _referred(pairs, "embedding", aside)
    elif isinstance(kind, str):
        inner = pairs.get(kind)
        if kind in _PARTS and isinstance(inner, dict):
            pairs[kind] = _referred(inner, _PARTS[kind], aside)
        elif kind in _FLAT_PARTS:
            pairs = _referred(pairs, _FLAT_PARTS[kind], aside)
    return value if all(pairs[key] is value[key] for key in value) else pairs


def _referred(part: JsonObject, key: str, aside: dict[str, bytes]) -> JsonObject:
    """The mapping with a reference below `key`, where an attachment is; the same object where none is."""
    text = part.get(key)
    if not isinstance(text, str) or len(text) < SMALLEST:
        return part
    url = _DATA_URL.match(text)
    before = url[0] if url else ""
    content = _decoded(text[len(before) :])
    if content is None or len(content) < SMALLEST or sum(map(len, aside.values())) + len(content) > LARGEST:
        return part
    name = sha256(content).hexdigest()
    aside[name] = content
    reference: JsonObject = {ATTACHMENT: name, "bytes": len(content)}
    return {**part, key: reference | ({"before": before} if before else {})}


def _decoded(text: str) -> bytes | None:
    """The bytes of a base64 text; None where they would not give the same text again."""
    try:
        content = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return None
    return content if b64encode(content).decode() == text else None


def reference_of(node: Mapping[str, Json]) -> Reference:
    """Return the reference of its stored form.

    Raises:
        CassetteError: where the node is none; it can name nothing but a sha256.
    """
    name, size, before = node.get(ATTACHMENT), node.get("bytes"), node.get("before", "")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise CassetteError(f"{ATTACHMENT!r} is 64 hex digits, not {name!r}")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0 or not node.keys() <= _KEYS:
        raise CassetteError(f"a reference to an attachment has {ATTACHMENT!r}, 'bytes' (a number) and 'before'")
    if not isinstance(before, str):
        raise CassetteError(f"'before' of an attachment is a text, not {before!r}")
    return Reference(name=name, size=size, before=before)


def from_memory(contents: Mapping[str, bytes]) -> Source:
    """Return the source of attachments that were just put aside."""
    return lambda reference: whole_text(reference, contents[reference.name])


def whole_text(reference: Reference, content: bytes) -> str:
    """Return the text that was put aside."""
    return f"{reference.before}{b64encode(content).decode()}"


def not_beside(_: Reference) -> str:
    """Raise, for who has the text of a cassette and no folder.

    Raises:
        CassetteError: always.
    """
    raise CassetteError(
        "its attachments lie beside the file, and a serializer of vcrpy sees the text alone",
        fix="register the persister, too: vcr.register_persister(convrun.cassette.persister)",
    )
