"""Attachments in a request, in words: name, type, size and digest in the place of their bytes."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256

from convrun.values import Json, JsonObject

_DIGITS = 12  # of a digest: enough to tell two files apart


def described(value: Json) -> Json:
    """Return a message, its content or a part of that, with each attachment as a text that tells which one it is."""
    if isinstance(value, list):
        return [described(item) for item in value]
    if not isinstance(value, dict):
        return value
    told = _told(value)
    if told is not None:
        return told
    return value | {"content": described(value["content"])} if isinstance(value.get("content"), list) else value


def is_attachment(part: Json) -> bool:
    """Whether a part of a message's content is an attachment."""
    return isinstance(part, dict) and _told(part) is not None


def only_attachments(message: JsonObject) -> bool:
    """Whether a message has no text: such ones follow the results of tools that returned attachments."""
    content = message.get("content")
    return isinstance(content, list) and bool(content) and all(map(is_attachment, content))


def _told(part: JsonObject) -> str | None:
    match part:
        case {"type": "image_url", "image_url": {"url": str(url), **more}}:
            detail = more.get("detail")
            return _data(url) + (f", detail {detail}" if detail else "")
        case {"type": "file", "file": {"file_data": str(url), **more}}:
            name = more.get("filename")
            return (f"{name!r}, " if name else "") + _data(url)
        case {"type": "input_audio", "input_audio": {"data": str(data), **more}}:
            return _data(f"data:audio/{more.get('format')};base64,{data}")
    return None


def _data(url: str) -> str:
    """What a data URL holds; any other address as it is."""
    head, comma, encoded = url.partition(",")
    if not url.startswith("data:") or not comma:
        return url
    kind, _, encoding = head.removeprefix("data:").rpartition(";")
    try:
        data = b64decode(encoded) if encoding == "base64" else encoded.encode("utf-8", "surrogatepass")
    except ValueError:
        data = encoded.encode("utf-8", "surrogatepass")
    size = f"{len(data):,} byte{'' if len(data) == 1 else 's'}"
    return f"{kind or encoding}, {size}, sha256 {sha256(data).hexdigest()[:_DIGITS]}"
