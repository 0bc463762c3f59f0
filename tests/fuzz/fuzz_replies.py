"""Replies of providers: their bytes are damaged, and cut in all ways, which must make no difference."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import fuzz_material as material
from fuzz_texts import changed_bytes, changed_text, encoded
from fuzz_values import changed
from stream_bodies import CHAT, RESPONSES, cut_at

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.backends.responses_decoding import ResponsesDecoder
from convrun.conversation.backend import Completion
from convrun.errors import ProviderError
from convrun.wire import Reply

_CUTS = 4  # ways in which an input is cut, beside whole and byte by byte
_LONG = 4000  # bytes above which an input is cut in one way alone


@cache
def _bodies() -> tuple[bytes, ...]:
    """Bodies of both APIs: ours, and those of recordings where they are at hand."""
    recorded = [_body(item) for document in material.recordings() for item in document["interactions"]]
    return (*CHAT.values(), *RESPONSES.values(), *(body for body in recorded if 0 < len(body) < 5000))


def _body(item: Any) -> bytes:
    body = item["response"].get("body")
    raw = body.get("string") if isinstance(body, dict) else body
    return raw if isinstance(raw, bytes) else str(raw or "").encode("utf-8", "surrogatepass")


def make_reply(random: Random) -> bytes:
    """A body with some of its events changed, doubled, lost or in another order, or changed as a text or as bytes."""
    body = random.choice(_bodies())
    way = random.random()
    if way < 0.3:
        return changed_bytes(body, random)
    text = body.decode("utf-8", "replace")
    if way < 0.5:
        return encoded(
            changed_text(text, random, [*material.vocabulary()], random.choice(_bodies()).decode(errors="replace"))
        )
    lines = text.split("\n")
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(lines))
        match random.randrange(5):
            case 0:
                lines[at] = ""
            case 1:
                lines.insert(at, random.choice((lines[random.randrange(len(lines))], ": still here", "event: error")))
            case 2:
                other = random.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                lines[at] = _other_event(lines[at], random)
    return encoded("\n".join(lines))


def _other_event(line: str, random: Random) -> str:
    head, found, text = line.partition("{")
    value = material.parsed(found + text)
    if value is None:
        return line
    return head + json.dumps(changed(value, random, [*material.vocabulary()], [{}]), default=str)


def take_reply(path: Path) -> bool:
    """Read it by both APIs, as a reply and as a refusal, whole and cut alike; it is right if it is a reply."""
    data = path.read_bytes()
    random, short = Random(len(data)), len(data) < _LONG
    places = [
        [random.randrange(len(data) + 1) for _ in range(random.choice((1, 3, 9)))] for _ in range(_CUTS if short else 1)
    ]
    ways = [cut_at(data, cuts) for cuts in places]
    if short:
        ways.append([data[at : at + 1] for at in range(len(data))])
    right = False
    for api in (ChatDecoder, ResponsesDecoder):
        for status in (200, 400):
            whole = _heard(api, status, [data])
            assert all(_heard(api, status, pieces) == whole for pieces in ways)
            right = right or isinstance(whole[1], Completion)
    return right


def _heard(api: Any, status: int, pieces: list[bytes]) -> tuple[list[Any], Any]:
    """The events, and the completion, or class, words and status of the error."""
    errors = ReplyErrors(provider="acme", status=status, headers={})
    events: list[Any] = []
    try:
        for item in decode(Reply(status=status, headers={}, body=pieces), api(errors), errors):
            if isinstance(item, Completion):
                json.dumps(item.message.to_dict(), ensure_ascii=False).encode()
                return events, item
            events.append(item)
    except ProviderError as error:
        "\n".join([str(error), *error.lines()]).encode("utf-8", "backslashreplace")
        return events, (type(error), str(error), error.status)
    raise AssertionError("it ended without an end")
