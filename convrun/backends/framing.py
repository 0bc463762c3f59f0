"""From the bytes of a reply to its payloads: server-sent events or one JSON value, told apart by what they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import Enum
from typing import Final, TypeAlias, cast

from convrun.frozen import frozen
from convrun.values import Json, is_deep

_LINE_END = re.compile(rb"\r\n|\n|\r")  # U+2028 and the like are text: JSON may hold them as they are
_EVENT_LINE = re.compile(rb"(?:data|event|id|retry)(?::|$)|:")
_BOM = b"\xef\xbb\xbf"


class End(Enum):
    """The provider's own word that a stream is complete."""

    DONE = "[DONE]"


DONE: Final = End.DONE


@frozen(kw_only=False)
class Unparsed:
    """A payload that is not JSON: a web page, half an event, a plain text."""

    text: str


Payload: TypeAlias = "Json | End | Unparsed"


class Framing:
    """Takes bytes as they arrive and gives the payloads that are complete; sans-I/O.

    `streamed` says whether the bytes are server-sent events: None until that is known.
    """

    def __init__(self) -> None:
        self.streamed: bool | None = None
        self._held: list[bytes] = []  # bytes that are no whole line yet; of a plain reply, all of them
        self._data: list[bytes] = []  # the data lines of the event that is being read
        self._event = b""

    def feed(self, chunk: bytes) -> Iterator[Payload]:
        """Yield the payloads that `chunk` completes."""
        if self.streamed is False or (b"\n" not in chunk and b"\r" not in chunk and not self._ends_in_return()):
            self._held.append(chunk)
            return
        text = b"".join((*self._held, chunk))
        if self.streamed is None:
            text = _begun(text)
            self.streamed = _is_event_stream(text)
        if not self.streamed:
            self._held = [text]
            return
        # A return at the very end may be half of a line end: it waits for what comes next.
        whole = text.removesuffix(b"\r")
        *lines, rest = _LINE_END.split(whole)
        self._held = [rest + text[len(whole) :]]
        for line in lines:
            yield from self._line(line)

    def finish(self) -> Iterator[Payload]:
        """Yield what the end of the bytes completes."""
        text = b"".join(self._held)
        self._held = []
        if self.streamed is None:
            text = _begun(text)
            self.streamed = _is_event_stream(text, whole=True)
        if self.streamed:
            for line in (*_LINE_END.split(text), b""):  # some providers leave the last blank line out
                yield from self._line(line)
        elif text.strip():
            yield parsed(text.decode(errors="replace"))

    def _ends_in_return(self) -> bool:
        return bool(self._held) and self._held[-1].endswith(b"\r")

    def _line(self, line: bytes) -> Iterator[Payload]:
        if line:
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                self._data.append(value)
            elif name == b"event":
                self._event = value
            return
        data, event = self._data, self._event
        self._data, self._event = [], b""
        if data:
            yield from _event_payloads(data, is_error=event == b"error")


def parsed(text: str) -> Payload:
    """Return the JSON value of a text; Unparsed where it is none, or one nested too deep to be an answer."""
    try:
        value = cast("Json", _decoder.decode(text))
    except (ValueError, RecursionError):
        return Unparsed(text)
    return Unparsed(text) if is_deep(value, text) else value


# NaN and infinities are no JSON, yet some providers put them among their log probabilities.
_decoder = json.JSONDecoder(parse_constant=lambda _: None)


def _begun(text: bytes) -> bytes:
    """The first bytes of a reply, without a byte order mark and the blank lines that come while it is being made."""
    return text.lstrip().removeprefix(_BOM).lstrip()


def _is_event_stream(text: bytes, *, whole: bool = False) -> bool | None:
    """Whether bytes are server-sent events, by what they are, not by a header; None while no line is whole.

    `whole`: no more will come.
    """
    first, *more = _LINE_END.split(text, maxsplit=1)
    return _EVENT_LINE.match(first) is not None if first and (more or whole) else None


def _event_payloads(data: list[bytes], *, is_error: bool) -> Iterator[Payload]:
    text = b"\n".join(data).decode(errors="replace")
    if text.strip() == DONE.value:
        yield DONE
        return
    payload = parsed(text)
    if isinstance(payload, Unparsed) and len(data) > 1:
        # Events that follow each other without the blank line between them.
        for line in data:
            yield from _event_payloads([line], is_error=is_error)
    elif is_error and not (isinstance(payload, dict) and payload.get("error")):
        yield {"error": payload.text if isinstance(payload, Unparsed) else cast("Json", payload)}
    elif not isinstance(payload, Unparsed) or payload.text.strip():
        yield payload
