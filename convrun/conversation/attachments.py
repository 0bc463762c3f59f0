"""Attachments: an image, a document or a sound, by path, URL or content."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import field
from os import PathLike, fspath
from pathlib import Path
from typing import cast
from urllib.parse import unquote_to_bytes, urlsplit

from convrun.errors import AttachmentError
from convrun.frozen import frozen
from convrun.values import JsonObject

_BY_SUFFIX = {  # our own: the standard library's table differs from system to system
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "heic": "image/heic",
    "avif": "image/avif",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
}
_BY_START = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)
_BY_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp"}


@frozen(kw_only=False)
class Attachment:
    """One of `path`, `url` and `content`; `type` is its MIME type where name and bytes do not show it.

    Nothing is read before it is needed, a file at most once, and nothing is ever fetched from the network. `detail` is
    how closely a model should look at an image (`low`, `high`, `auto`).

    Raises:
        AttachmentError: where not exactly one source is given.
    """

    type: str | None = None
    path: str | PathLike[str] | None = None
    url: str | None = None
    content: bytes | None = None
    detail: str | None = None
    _base64: str | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse an attachment that has no source, or two."""
        if sum(source is not None for source in (self.path, self.url, self.content)) != 1:
            raise AttachmentError("an attachment has exactly one source", fix="give one of path=, url= and content=")

    @property
    def name(self) -> str:
        """What a person calls it: the path, the URL, or `content`."""
        if self.path is not None:
            return fspath(self.path)
        return self.url[:100] if self.url is not None else "content"

    @property
    def file_name(self) -> str | None:
        """The last part of the path or the URL; None where there is no name."""
        text = fspath(self.path) if self.path is not None else self._url_path()
        return text.replace("\\", "/").rpartition("/")[2] or None

    def resolve_type(self) -> str:
        """Return the MIME type: as given, else by the name, else by the first bytes.

        Raises:
            AttachmentError: where none of them shows it, or the file cannot be read.
        """
        if self.type is not None:
            if "/" in self.type:
                return self.type
            raise AttachmentError(f"{self.type!r} is not a MIME type", fix="write it as type='image/jpeg'")
        found = self._type_of_data_url() or self._type_of_name()
        if found is None and self.url is None:
            found = _type_of_bytes(self.content_bytes())
        if found is None:
            raise AttachmentError(
                f"the type of attachment {self.name!r} is not known", fix="say it, as type='image/jpeg'"
            )
        return found

    def content_bytes(self) -> bytes:
        """Return the bytes.

        Raises:
            AttachmentError: where the file cannot be read, or the bytes are behind a URL.
        """
        if self.content is not None:
            return self.content
        if self._base64 is not None or self._is_data_url():
            try:
                return b64decode(self.base64_content())
            except Base64Error as error:
                raise AttachmentError(f"data URL without valid base64: {error}") from error
        if self.path is None:
            raise AttachmentError(
                f"the bytes of {self.name!r} are needed, and URLs are not fetched", fix="download it and give its path="
            )
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise AttachmentError(f"cannot read attachment {self.name!r}: {error.strerror or error}") from error

    def base64_content(self) -> str:
        """Return the bytes as base64; worked out once, so that a file that changes later does not change the history.

        Raises:
            AttachmentError: as `content_bytes` does.
        """
        if self._base64 is None:
            text = self._data_of_url() if self._is_data_url() else b64encode(self.content_bytes()).decode()
            object.__setattr__(self, "_base64", text)
        return cast(str, self._base64)

    def to_dict(self) -> JsonObject:
        """Return it as a JSON object: URLs as they are, everything else as base64 in `content`."""
        found: JsonObject = {}
        if self.type is not None:
            found["type"] = self.type
        if self.url is not None:
            found["url"] = self.url
        else:
            found.setdefault("type", self.resolve_type())
            found["content"] = self.base64_content()
        if self.detail is not None:
            found["detail"] = self.detail
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Attachment:
        """Return the attachment that `to_dict` wrote."""
        content = cast("str | None", data.get("content"))
        return cls(
            type=cast("str | None", data.get("type")),
            path=cast("str | None", data.get("path")),
            url=cast("str | None", data.get("url")),
            content=None if content is None else b64decode(content),
            detail=cast("str | None", data.get("detail")),
        )

    def _is_data_url(self) -> bool:
        return self.url is not None and self.url.startswith("data:")

    def _url_path(self) -> str:
        return "" if self.url is None or self._is_data_url() else urlsplit(self.url).path

    def _data_of_url(self) -> str:
        head, _, data = cast(str, self.url).partition(",")
        return data if head.endswith(";base64") else b64encode(unquote_to_bytes(data)).decode()

    def _type_of_data_url(self) -> str | None:
        return cast(str, self.url)[5:].partition(",")[0].partition(";")[0] or None if self._is_data_url() else None

    def _type_of_name(self) -> str | None:
        return _BY_SUFFIX.get((self.file_name or "").rpartition(".")[2].lower())


def attachments_of(given: Iterable[Attachment]) -> tuple[Attachment, ...]:
    """Return the attachments of one prompt.

    Raises:
        AttachmentError: for a path or a URL in place of an attachment, and for one that is in no list.
    """
    if isinstance(given, Attachment | str | bytes | PathLike):
        fix = f"give attachments=[{_as_attachment(given)}]"
        raise AttachmentError(f"attachments is a list, not {given!r}", fix=fix)
    found = tuple(given)
    for one in found:
        if not isinstance(one, Attachment):
            raise AttachmentError(f"{one!r} is no attachment", fix=f"give {_as_attachment(one)}")
    return found


def _as_attachment(given: object) -> str:
    """How an attachment is written that is meant by a text, a path or bytes."""
    if isinstance(given, Attachment):
        return "…"
    if isinstance(given, bytes):
        return "Attachment(content=…)"
    name = fspath(given) if isinstance(given, str | PathLike) else "…"
    return f"Attachment({'url' if '://' in name else 'path'}={json.dumps(name, ensure_ascii=False)})"


def _type_of_bytes(content: bytes) -> str | None:
    if content[:4] == b"RIFF":
        return _BY_RIFF.get(content[8:12])
    return next((found for start, found in _BY_START if content.startswith(start)), None)
