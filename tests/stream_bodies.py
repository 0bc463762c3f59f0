"""Replies as bytes, each with what is easily cut wrongly; and ways to cut them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from servers import called, chunk, event_stream, output, reply, said, streamed, thought

_WORDS = event_stream(chunk(role="assistant", content=""), chunk(content="Grüß "), chunk("stop", content="Gott 😀"))
_RAW = _WORDS.decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16").encode()
_CALLS = event_stream(
    chunk(reasoning="Hm\u2028"),
    chunk(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "look", "arguments": '{"at'}}]),
    chunk(tool_calls=[{"index": 0, "function": {"arguments": '": "ü"}'}}]),
    chunk("tool_calls"),
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
)
_WHOLE = output(said("Grüß 😀"))
_CALL = output(thought("Hm."), called("look", {"at": "ü"}))
CHAT: dict[str, bytes] = {
    "escaped": _WORDS,
    "raw characters": _RAW,
    "calls": _CALLS,
    "returns": _CALLS.replace(b"\n", b"\r"),
    "returns and line feeds": _RAW.replace(b"\n", b"\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + _WORDS,
    "blank lines first": b"\n\r\n\n" + _RAW,
    "comments": _WORDS.replace(b"data: ", b": OPENROUTER PROCESSING\n\nevent: message\nid: 7\ndata:"),
    "no blank lines": _WORDS.replace(b"\n\n", b"\n"),
    "no end mark": _WORDS.replace(b"data: [DONE]\n\n", b""),
    "no last line end": _CALLS.removesuffix(b"\n\n"),
    "error": _RAW.replace(b"data: [DONE]", b'event: error\ndata: {"message": "Besch\xc3\xa4ftigt", "code": 503}'),
    "cut": _CALLS[: len(_CALLS) // 2],
    "cut within a character": _RAW[: _RAW.index("ß".encode()) + 1],
    "not JSON within": _WORDS.replace(b"data: [DONE]", b"data: <html>"),
    "plain": json.dumps(reply("Grüß Gott"), ensure_ascii=False, indent=1).encode(),
    "plain with returns": b" \r\n" + json.dumps(reply("Hi", calls={"look": {"at": 1}}), indent=1).encode(),
    "plain error": b'{"error": {"message": "No.", "code": "context_length_exceeded"}}',
    "page": b"\n<!DOCTYPE html>\n<title>Gr\xc3\xbc\xc3\x9fe</title>",
    "nothing": b"\n \r\n",
}
RESPONSES: dict[str, bytes] = {
    "stream": event_stream(*streamed(_WHOLE), done=False),
    "named events": b"".join(
        f"event: {event['type']}\r\ndata: {json.dumps(event, ensure_ascii=False)}\r\n\r\n".encode()
        for event in streamed(_WHOLE)
    ),
    "plain": json.dumps(_CALL, ensure_ascii=False, indent=1).encode(),
    "failed": event_stream(
        *streamed(_WHOLE)[:5], {"type": "error", "code": "server_error", "message": "No."}, done=False
    ),
}


def cut_at(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Bytes in pieces: cut at each of the places, which may be any numbers."""
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def cuttings(data: bytes) -> Iterator[list[bytes]]:
    """Bytes cut in two at each place, and into all of them; long ones at each seventh, and where it matters."""
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(1, len(data)):
        if len(data) < 1000 or at % 7 == 0 or data[at - 1] > 127 or data[at - 1] in b"\r\n":
            yield [data[:at], data[at:]]
