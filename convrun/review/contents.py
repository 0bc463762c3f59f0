"""The content of a message: its text, and what is attached to it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from hashlib import sha256

from convrun.cassette.stored.attachments import Reference, Unread
from convrun.transcript import AttachmentNote
from convrun.values import Json, JsonObject

_DIGITS = 8


def text_of(content: Json) -> str:
    """Return the text of a content: of a list, that of its text parts."""
    if isinstance(content, list):
        return "".join(_text_of_part(part) for part in content)
    return "" if content is None else str(content)


def attachments_of(content: Json) -> tuple[AttachmentNote, ...]:
    """Return what is attached in a content; a part of a kind that is not known is one, too."""
    return tuple(_attachments(content)) if isinstance(content, list) else ()


def only_attachments(message: JsonObject) -> bool:
    """Return whether a message holds attachments and no text."""
    content = message.get("content")
    return isinstance(content, list) and bool(content) and not any(map(_is_text, content))


def _is_text(part: Json) -> bool:
    return isinstance(part, str) or (isinstance(part, dict) and part.get("type") in ("text", "input_text"))


def _text_of_part(part: Json) -> str:
    if isinstance(part, dict):
        return str(part.get("text") or "") if _is_text(part) else ""
    return part if isinstance(part, str) else ""


def _attachments(parts: list[Json]) -> Iterator[AttachmentNote]:
    for part in parts:
        if _is_text(part) or not isinstance(part, dict):
            continue
        match part:
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                yield _at(url, "image/*")
            case {"type": "file", "file": {"file_data": str(url), **more}}:
                yield _at(url, "application/*", name=_text_or_none(more.get("filename")))
            case {"type": "input_audio", "input_audio": {"data": str(data), **more}}:
                yield _bytes(data, f"audio/{more.get('format', '*')}")
            case _:
                yield AttachmentNote(type=str(part.get("type", "part")))


def _at(url: str, usual: str, *, name: str | None = None) -> AttachmentNote:
    """What is attached by its address, which may hold the bytes, or stand for bytes that were not read."""
    if isinstance(url, Unread):
        return _unread(url.reference, url.reference.before[5:].partition(";")[0] or usual, name=name)
    if not url.startswith("data:"):
        return AttachmentNote(type=usual, name=name or url)
    head, _, data = url[5:].partition(",")
    return _bytes(data, head.partition(";")[0] or usual, name=name)


def _unread(reference: Reference, kind: str, *, name: str | None = None) -> AttachmentNote:
    return AttachmentNote(type=kind, name=name, size=reference.size, digest=reference.name[:_DIGITS])


def _bytes(data: str, kind: str, *, name: str | None = None) -> AttachmentNote:
    if isinstance(data, Unread):
        return _unread(data.reference, kind, name=name)
    try:
        content = base64.b64decode(data)
    except (binascii.Error, ValueError):
        content = data.encode("utf-8", "surrogatepass")
    return AttachmentNote(type=kind, name=name, size=len(content), digest=sha256(content).hexdigest()[:_DIGITS])


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
