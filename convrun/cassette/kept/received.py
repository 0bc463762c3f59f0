"""From a reply's status, headers and bytes to what is stored of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from convrun.cassette.interaction import PLAIN, STREAM, ReceivedReply, parse_json
from convrun.cassette.kept.split_secrets import without_split_secrets
from convrun.cassette.stored.reply_nodes import trimmed
from convrun.cassette.stored.streams import events
from convrun.redaction import Redactor, without_account, without_ids
from convrun.values import Json

_EVENT = re.compile(r"\ufeff?\s*(?:data|event|id|retry)?:")


def received(status: int, headers: Mapping[str, str], body: bytes, redactor: Redactor) -> ReceivedReply:
    """Return a reply whose body came as bytes, redacted."""
    payloads, stream = _parsed(body)
    if payloads is not None:
        return parsed_reply(status, headers, payloads, redactor, stream=stream)
    body = redactor.data(body)
    if status >= 400:
        body = without_ids(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    return ReceivedReply(status=status, headers=redactor.answered_headers(headers), body=body)


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
    """Return a reply that came as JSON, redacted and without what is not stored, such as ids of the account."""
    kept = redactor.answered_headers(headers)
    if kept.get("content-type", "").partition(";")[0].strip().lower() in ("", STREAM if stream else PLAIN):
        kept.pop("content-type", None)
    if redactor and stream:
        payloads = without_split_secrets(payloads, redactor)
    cleaned = (without_account(redactor.value(payload), failed=status >= 400) for payload in payloads)
    payloads = tuple(trimmed(payload, stream=stream) for payload in cleaned)
    return ReceivedReply(status=status, headers=kept, payloads=payloads, stream=stream)


def cleaned_reply(reply: ReceivedReply, redactor: Redactor) -> ReceivedReply:
    """Return a recorded reply as it is stored by us: it may be another program's."""
    if reply.payloads is None:
        return received(reply.status, reply.headers, reply.body, redactor)
    return parsed_reply(reply.status, reply.headers, reply.payloads, redactor, stream=reply.stream)
