"""What stands beside a user's text: links stay links, bytes become files that a person can look at."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from urllib.parse import urlsplit

from convrun.conversation.media_types import type_of_name
from convrun.frozen import frozen
from convrun.importing.spec_text import spoken
from convrun.values import Json, JsonObject

FOLDER = "_attachments"  # beside the spec; names that begin so are no specs

_SUFFIXES = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
    "audio/wav": "wav",
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
}
_SAFE_NAME = re.compile(r"[\w-][\w .-]{0,60}\.[A-Za-z0-9]{1,8}")


@frozen
class Held:
    """An entry of a turn's `attachments`; `file` is the path from the spec and `content` its bytes, for a file."""

    entry: JsonObject
    file: str | None = None
    content: bytes = b""


def held(part: Json) -> Held | None:
    """Return what is sent as this content part; None where nothing is."""
    match part:
        case {"type": "image_url", "image_url": {"url": str(url), **more}}:
            detail = more.get("detail")
            beside: JsonObject = {"detail": str(detail)} if detail not in (None, "auto") else {}
            return _file(url, beside) or _link(url, beside)
        case {"type": "file", "file": {"file_data": str(url)}} if not url.startswith("data:"):
            return _link(url, {}, kind="application/pdf")
        case {"type": "file", "file": {"filename": str(name), "file_data": str(url)}} if _SAFE_NAME.fullmatch(name):
            return _file(url, {}, name=name)
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(sound)}}:
            return _file(f"data:audio/{sound};base64,{data}", {})
    return None


def _file(url: str, beside: JsonObject, *, name: str | None = None) -> Held | None:
    """The bytes of a data URL as a file, where they give the same URL again; `name` is what the file is sent as."""
    head, comma, data = url.partition(",")
    kind = head.removeprefix("data:").removesuffix(";base64")
    if not comma or head != f"data:{kind};base64" or kind not in _SUFFIXES:
        return None
    try:
        content = b64decode(data, validate=True)
    except (Base64Error, ValueError):
        return None
    if b64encode(content).decode() != data:
        return None
    mark = sha256(content).hexdigest()[:12]
    path = f"{FOLDER}/{mark}.{_SUFFIXES[kind]}" if name is None else f"{FOLDER}/{mark}/{name}"
    typed: JsonObject = {} if type_of_name(path) == kind or kind == "audio/mp3" else {"type": kind}
    return Held(entry={"path": path, **typed, **beside}, file=path, content=content)


def _link(url: str, beside: JsonObject, *, kind: str = "image/") -> Held:
    """The address as it is; its type is said where its name does not show that it is an image, or of this kind."""
    shown = url.startswith(f"data:{kind}") or (type_of_name(_path(url)) or "").startswith(kind)
    typed: JsonObject = {} if shown else {"type": "image/jpeg" if kind == "image/" else kind}
    return Held(entry={"url": spoken(url), **typed, **beside})


def _path(url: str) -> str:
    """The part of an address whose suffix tells a type; empty where it is no address."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
