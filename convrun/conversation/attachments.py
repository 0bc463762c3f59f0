"""Attachments: an image, a document or a sound, by path, URL or content; read and encoded once."""

from __future__ import annotations

import json
import re
import stat
from base64 import b64decode
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from os import PathLike, fspath
from pathlib import Path
from typing import cast
from urllib.parse import unquote_to_bytes, urlsplit

from convrun.errors import AttachmentError, did_you_mean, system_reason
from convrun.frozen import frozen
from convrun.values import JsonObject, show, type_name

MAX_ATTACHMENT = 20_000_000  # bytes

_CHUNK = 3 * 2**18  # bytes that are encoded at once: base64 makes four letters of three
_TYPE = re.compile(r"[\w.+*-]+/[\w.+*-]+(?:\s*;.*)?")
_URL = re.compile(r"data:[^,]*,|https?://[^\s/]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNREADABLE = "attach a file, not a folder, pipe or device"


@frozen(kw_only=False)
class Attachment:
    """One of `path`, `url` and `content`; `type` is its MIME type, found by bytes and name where it is not given.

    Nothing is read before it is needed, a file once, and nothing is ever fetched from the network. `detail` is how
    closely a model should look at an image (`low`, `high`, `auto`). `file_name` is what a document is called to the
    model, the last part of the path or URL if nothing else is said, None where there is no name.

    Raises:
        AttachmentError: where not exactly one source is given, or what is given is none.
    """

    type: str | None = None
    path: str | PathLike[str] | None = None
    url: str | None = None
    content: bytes | None = None
    detail: str | None = None
    file_name: str | None = None
    _kind: str | None = field(default=None, init=False, repr=False, compare=False)  # its type, once it is known
    _text: str | None = field(default=None, init=False, repr=False, compare=False)  # as it is sent, once it is read

    def __post_init__(self) -> None:
        """Refuse an attachment that has no source, or two, or something else than a path, a URL or bytes."""
        if sum(source is not None for source in (self.path, self.url, self.content)) != 1:
            raise AttachmentError("an attachment has exactly one source", fix="give one of path=, url= and content=")
        content: object = self.content
        if isinstance(content, bytearray | memoryview):  # which could change
            object.__setattr__(self, "content", bytes(content))
        wrong = _wrong(self)
        if wrong is not None:
            raise AttachmentError(wrong[0], fix=wrong[1])
        if self.file_name is None:
            object.__setattr__(self, "file_name", self._own_name())

    @property
    def name(self) -> str:
        """What a person calls it: the path, the URL, or `content`."""
        if self.path is not None:
            return fspath(self.path)
        return self.url[:100] if self.url is not None else self.file_name or "content"

    @property
    def is_link(self) -> bool:
        """Whether its bytes are behind a URL, where only the provider looks."""
        return self.url is not None and not self._is_data_url()

    def resolve_type(self) -> str:
        """Return the MIME type: as given, else as the bytes show it, else by the name; of a link by the name alone.

        Raises:
            AttachmentError: where none of them shows it, or the file cannot be read.
        """
        if self._kind is None:
            object.__setattr__(self, "_kind", self._checked_type() or self._type_found())
        return cast(str, self._kind)

    def check(self, at_most: int = MAX_ATTACHMENT) -> None:
        """Refuse what could not be sent, without reading more than the beginning of a file.

        Raises:
            AttachmentError: where it is empty or has more than `at_most` bytes, its type is not known, or it cannot be
                read.
        """
        if not self.is_link:
            size = self._size()
            if size > at_most:
                raise self._too_large(f"{size:,} bytes", at_most)
            if size == 0 if self.url is None else not self.content_bytes():  # which a data URL has to be asked for
                raise AttachmentError(f"attachment {self.name!r} is empty", fix="attach what has something in it")
        self.resolve_type()

    def load(self, at_most: int = MAX_ATTACHMENT) -> None:
        """Read and encode it, once: whatever becomes of a file later, this is what is sent.

        Raises:
            AttachmentError: as `check` does.
        """
        if self._text is None:
            self.check(at_most)
            if self.url is None:
                self._keep(at_most)

    def content_bytes(self) -> bytes:
        """Return the bytes.

        Raises:
            AttachmentError: where the file cannot be read, or the bytes are behind a URL.
        """
        if self.content is not None:
            return self.content
        if self.is_link:
            what = f"the bytes of {self.name!r} are needed, and URLs are not fetched"
            raise AttachmentError(what, fix="download it and give its path")
        return self._data_of_url() if self.url is not None else a2b_base64(self.base64_content())

    def base64_content(self) -> str:
        """Return the bytes as base64.

        Raises:
            AttachmentError: as `content_bytes` does.
        """
        if self.url is not None:
            head, _, data = self.url.partition(",")
            return data if head.lower().endswith(";base64") else _base64("", [self.content_bytes()])
        text = self._encoded()
        return text.partition(",")[2] if text.startswith("data:") else text

    def as_url(self) -> str:
        """Return the URL, or the bytes as a data URL; the same object each time, where it is no sound.

        Raises:
            AttachmentError: where its type is not known, or the file cannot be read.
        """
        if self.is_link or (self._is_data_url() and self._type_of_data_url()):
            return cast(str, self.url)
        kind = self.resolve_type()
        if self.url is not None:
            return f"data:{kind};base64,{self.base64_content()}"
        text = self._encoded()
        return text if text.startswith("data:") else f"data:{kind};base64,{text}"

    def not_for_models(self) -> AttachmentError:
        """Return the error of an attachment that an API has no part for, whatever it may hold."""
        kind = self.resolve_type()
        what = f"attachment {self.name!r} of type {kind!r} cannot go to a model"
        if kind.startswith(("audio/", "video/")):
            return AttachmentError(what, fix="of sounds wav and mp3 can: convert it")
        fix = "images, PDF, wav and mp3 can; of anything else, put the text into the prompt"
        return AttachmentError(what, fix=fix)

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
        if self.file_name is not None and (self.path is not None or self.file_name != self._own_name()):
            found["file_name"] = self.file_name
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Attachment:
        """Return the attachment that `to_dict` wrote.

        Raises:
            AttachmentError: where it is none.
        """
        given = dict(data)
        content = given.get("content")
        if isinstance(content, str):
            try:
                given["content"] = b64decode(content, validate=True)
            except ValueError as error:
                raise AttachmentError(f"the content of an attachment is no base64: {error}") from error
        known = ("type", "path", "url", "content", "detail", "file_name")
        return cls(**{key: given[key] for key in known if key in given})  # type: ignore[arg-type]  # checked there

    def _own_name(self) -> str | None:
        if self.path is not None:
            text = fspath(self.path)
        else:
            text = urlsplit(cast(str, self.url)).path if self.is_link else ""
        return text.replace("\\", "/").rpartition("/")[2] or None

    def _is_data_url(self) -> bool:
        return self.url is not None and self.url[:5].lower() == "data:"

    def _type_of_data_url(self) -> str | None:
        return cast(str, self.url)[5:].partition(",")[0].partition(";")[0].strip() or None

    def _data_of_url(self) -> bytes:
        head, _, data = cast(str, self.url).partition(",")
        if not head.lower().endswith(";base64"):
            return unquote_to_bytes(data)
        try:
            return b64decode(unquote_to_bytes(data) if "%" in data else data, validate=True)
        except (Base64Error, ValueError) as error:
            what = f"{show(self.url, 60)} has no valid base64: {error}"
            raise AttachmentError(what, fix="a data URL is data:TYPE;base64,BYTES") from error

    def _checked_type(self) -> str | None:
        if self.type is None or _TYPE.fullmatch(self.type):
            return self.type
        from convrun.conversation.media_types import type_of_name

        meant = type_of_name(self.type) or "image/jpeg"
        raise AttachmentError(f"{self.type!r} is not a MIME type", fix=f"write it as type={meant!r}")

    def _type_found(self) -> str:
        from convrun.conversation.media_types import type_of, type_of_name  # only where there are attachments

        found = (self._type_of_data_url() if self._is_data_url() else None) or type_of_name(self.file_name or "")
        if not self.is_link and not (self._is_data_url() and found):
            found = type_of(self._head(), found)
        if found is None:
            what = f"the type of attachment {self.name!r} is not known"
            raise AttachmentError(what, fix="say it, as type image/jpeg; models take images, PDF, wav and mp3")
        return found

    def _head(self) -> bytes:
        from convrun.conversation.media_types import HEAD

        if self._text is None and self.path is not None:
            return bytes(next(self._chunks(None, HEAD), b""))
        return self.content_bytes()[:HEAD]

    def _size(self) -> int:
        if self.content is not None:
            return len(self.content)
        if self.path is None:
            return self._size_of_data_url()
        try:
            found = Path(self.path).stat()
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from error
        if not stat.S_ISREG(found.st_mode):
            raise AttachmentError(f"attachment {self.name!r} is no regular file", fix=_UNREADABLE)
        return found.st_size

    def _size_of_data_url(self) -> int:
        """The bytes of a data URL, counted without making them."""
        head, _, data = cast(str, self.url).partition(",")
        if not head.lower().endswith(";base64"):
            return len(data) - 2 * data.count("%")
        return len(data) * 3 // 4 - data.count("=", -2)

    def _encoded(self) -> str:
        if self._text is None:
            self._keep(None)
        return cast(str, self._text)

    def _keep(self, at_most: int | None) -> None:
        """Encode it as it is sent: a sound without the head of a data URL, so that there is one copy of its text."""
        kind = self.resolve_type()
        head = "" if kind.startswith("audio/") else f"data:{kind};base64,"
        object.__setattr__(self, "_text", _base64(head, self._chunks(at_most, _CHUNK)))

    def _chunks(self, at_most: int | None, size: int) -> Iterator[bytes | memoryview]:
        """The bytes in pieces; the file may have grown since somebody looked."""
        if self.content is not None:
            view = memoryview(self.content)
            yield from (view[at : at + size] for at in range(0, len(view), size))
            return
        read = 0
        try:
            with Path(cast("str | PathLike[str]", self.path)).open("rb") as file:
                while chunk := file.read(size):
                    read += len(chunk)
                    if at_most is not None and read > at_most:
                        raise self._too_large(f"{read:,} bytes and more", at_most)
                    yield chunk
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from error

    def _too_large(self, size: str, at_most: int) -> AttachmentError:
        what = f"attachment {self.name!r} has {size}, more than the {at_most:,} of max_attachment"
        return AttachmentError(what, fix="make it smaller, or raise max_attachment")

    def _unreadable(self, error: OSError | ValueError) -> AttachmentError:
        why = system_reason(error) if isinstance(error, OSError) else str(error)
        what = f"cannot read attachment {self.name!r}: {why}"
        return AttachmentError(what, fix=_nearest(Path(cast("str | PathLike[str]", self.path))))


def _wrong(given: Attachment) -> tuple[str, str] | None:
    """What is wrong with the parts of an attachment, and how to mend it."""
    for name in ("type", "url", "detail", "file_name"):
        value = getattr(given, name)
        if value is not None and not isinstance(value, str):
            return f"the {name} of an attachment is a text, not {type_name(value)}", f"give {name}='…'"
    content: object = given.content
    if content is not None and not isinstance(content, bytes):
        text = isinstance(content, str)
        fix = "give content=….encode(), or path= for a file" if text else "give content=bytes(…)"
        return f"the content of an attachment is bytes, not {type_name(content)}", fix
    if given.path is not None:
        return _wrong_path(given.path)
    if given.url is not None and not _is_url(given.url):
        return f"{show(given.url, 100)} is no URL", "a URL begins with https:// or data:; of a file give the path"
    return None


def _is_url(text: str) -> bool:
    if _URL.match(text) is None:
        return False
    try:
        return text[:5].lower() == "data:" or (urlsplit(text).netloc != "" and _CONTROL.search(text) is None)
    except ValueError:  # a bracket that is never closed, a host of no letters
        return False


def _wrong_path(path: object) -> tuple[str, str] | None:
    text = fspath(path) if isinstance(path, PathLike) else path
    if not isinstance(text, str) or not text:
        return f"the path of an attachment is that of a file, not {show(text)}", "give path='…', or content= for bytes"
    if isinstance(path, str) and _URL.match(text):
        return f"{show(text, 100)} is a URL, and no path", "give it as url"
    return None


def _nearest(path: Path) -> str:
    """How to mend a path that leads to no file that can be read."""
    try:
        if path.is_dir():
            return _UNREADABLE
        if path.is_symlink() and not path.exists():
            return "its link leads to no file: give the path of the file itself"
        if path.exists():
            return "give yourself the right to read it"
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    except (OSError, ValueError):
        names = []
    return did_you_mean(path.name, names) or "give the path of a file; it begins at the current folder"


def _base64(head: str, chunks: Iterable[bytes | memoryview]) -> str:
    """`head`, and behind it the bytes as base64; at no time are there more than two copies of the text."""
    return "".join([head, *(b2a_base64(chunk, newline=False).decode("ascii") for chunk in chunks)])


def checked_limit(size: int | None) -> int:
    """Return how many bytes an attachment may have at most; None is the limit that nobody has set.

    Raises:
        AttachmentError: where it is no number of bytes.
    """
    if size is None:
        return MAX_ATTACHMENT
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise AttachmentError(f"max_attachment is {show(size)}", fix="give a number of bytes, as 50_000_000")
    return size


def attachments_of(given: Iterable[Attachment]) -> tuple[Attachment, ...]:
    """Return the attachments of one prompt.

    Raises:
        AttachmentError: for a path or a URL in place of an attachment, and for one that is in no list.
    """
    if isinstance(given, Attachment | str | bytes | PathLike) or not isinstance(given, Iterable):
        fix = f"give attachments=[{_as_attachment(given)}]"
        raise AttachmentError(f"attachments is a list, not {_shown(given)}", fix=fix)
    found = tuple(given)
    for one in found:
        if not isinstance(one, Attachment):
            raise AttachmentError(f"{_shown(one)} is no attachment", fix=f"give {_as_attachment(one)}")
    return found


def _shown(given: object) -> str:
    """What was given, in an error: an attachment by its name, as it may hold megabytes."""
    return f"the attachment {given.name!r}" if isinstance(given, Attachment) else show(repr(given), 100)[1:-1]


def _as_attachment(given: object) -> str:
    """How an attachment is written that is meant by a text, a path or bytes."""
    if isinstance(given, Attachment):
        return "…"
    if isinstance(given, bytes):
        return "Attachment(content=…)"
    name = fspath(given) if isinstance(given, str | PathLike) else "…"
    return f"Attachment({'url' if '://' in name else 'path'}={json.dumps(name, ensure_ascii=False)})"
