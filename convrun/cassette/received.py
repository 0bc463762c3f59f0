"""From a reply's status, headers and bytes to what is stored of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from convrun.cassette.interaction import PLAIN, STREAM, ReceivedReply, parse_json
from convrun.cassette.reply_nodes import trimmed
from convrun.cassette.streams import Folded, events, fold, unfold
from convrun.redaction import Redactor
from convrun.values import Json

_EVENT = re.compile(r"\ufeff?\s*(?:data|event|id|retry)?:")


def received(status: int, headers: Mapping[str, str], body: bytes, redactor: Redactor) -> ReceivedReply:
    """Return a reply whose body came as bytes, redacted."""
    payloads, stream = _parsed(body)
    if payloads is not None:
        return parsed_reply(status, headers, payloads, redactor, stream=stream)
    return ReceivedReply(status=status, headers=redactor.answered_headers(headers), body=redactor.data(body))


def _parsed(body: bytes) -> tuple[tuple[Json, ...] | None, bool]:
    """The JSON in a body, and whether it is a stream of events; None where it is neither."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None, False
    if _EVENT.match(text):
        found = events(text)
        return (tuple(found) if found else None), True
    try:
        return (parse_json(text),), False
    except ValueError:
        return None, False


def parsed_reply(
    status: int, headers: Mapping[str, str], payloads: tuple[Json, ...], redactor: Redactor, *, stream: bool
) -> ReceivedReply:
    """Return a reply that came as JSON, redacted and without what is not stored."""
    kept = redactor.answered_headers(headers)
    if kept.get("content-type", "").partition(";")[0].strip().lower() in ("", STREAM if stream else PLAIN):
        kept.pop("content-type", None)
    payloads = tuple(trimmed(payload, stream=stream) for payload in payloads)
    if redactor:
        payloads = _redacted_stream(payloads, redactor) if stream else tuple(map(redactor.value, payloads))
    return ReceivedReply(status=status, headers=kept, payloads=payloads, stream=stream)


def _redacted_stream(chunks: tuple[Json, ...], redactor: Redactor) -> tuple[Json, ...]:
    """The chunks without key values, also without one that arrived in pieces: its text is one piece then."""
    cleaned = tuple(map(redactor.value, chunks))
    folded = fold(cleaned)
    if folded is None or redactor.value(folded.message) is folded.message:
        return cleaned
    message = redactor.value(folded.message)
    pieces = [(channel, [length] if length else []) for channel, length in _whole_lengths(folded, message)]
    return unfold(Folded(message=message, pieces=pieces, choice=folded.choice, top=folded.top))


def _whole_lengths(folded: Folded, message: dict[str, Json]) -> list[tuple[str, int]]:
    """Every channel once, in the order of its first piece, with the length of its whole text."""
    calls = message.get("tool_calls")
    lengths: dict[str, int] = {}
    for channel, _ in folded.pieces:
        if channel.startswith("call ") and isinstance(calls, list):
            call = calls[int(channel[5:]) - 1]
            function = call["function"] if isinstance(call, dict) else None
            lengths[channel] = len(str(function["arguments"])) if isinstance(function, dict) else 0
        else:
            lengths[channel] = len(str(message.get(channel, "")))
    return list(lengths.items())
