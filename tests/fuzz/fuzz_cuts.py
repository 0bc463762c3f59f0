"""Cassettes and partial recordings of ours that were cut off, at every byte.

A cassette is refused then, unless nothing but its last line break is missing. Of a partial recording each whole line is
used, and nothing else.
"""

from __future__ import annotations

from base64 import b64encode
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import accumulate
from pathlib import Path
from typing import overload

import fuzz_material as material
from fuzz_damage import exact, loaded, partial_of

from convrun.cassette.interaction import Interaction, ReceivedReply, Recording, SentRequest
from convrun.cassette.kept.partial import read_partial
from convrun.cassette.stored.attachments import from_memory
from convrun.cassette.stored.beside import folder_of, put_beside
from convrun.cassette.stored.format import read
from convrun.cassette.stored.writing import write
from convrun.values import Json

_LONGEST = 3_000  # bytes of a file that is cut at every one
_URL = "https://api.example.com/v1/chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """A file before it was cut, what it says, and the attachments beside it."""

    data: bytes
    says: tuple[Interaction, ...]
    aside: dict[str, bytes]


class Cuts(Sequence[bytes]):
    """Every beginning of every file, the shortest file first."""

    def __init__(self, files: Sequence[bytes]) -> None:
        self._files = sorted({*files}, key=lambda data: (len(data), data))
        self._ends = [*accumulate(map(len, self._files))]

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, number: int) -> bytes: ...
    @overload
    def __getitem__(self, number: slice) -> list[bytes]: ...
    def __getitem__(self, number: int | slice) -> bytes | list[bytes]:
        if isinstance(number, slice):
            return [self[one] for one in range(len(self))[number]]
        file = bisect(self._ends, range(len(self))[number])
        return self._files[file][: number - self._ends[file]]


@cache
def _cassettes() -> tuple[_Whole, ...]:
    """Those of ours that are not too long, a streamed one, and two with attachments beside them."""
    found = [
        _Whole(data=text.encode(), says=read(text, "x").interactions, aside={}) for text in material.our_cassettes()
    ]
    for says in (_streamed(), _pictures(stream=False), _pictures(stream=True)):
        aside: dict[str, bytes] = {}
        text = write(Recording(interactions=says), aside)
        again = read(text, "x", partial(from_memory, aside)).interactions
        found.append(_Whole(data=text.encode(), says=again, aside=aside))
    return tuple(one for one in found if len(one.data) <= _LONGEST)


def _streamed() -> tuple[Interaction, ...]:
    """Two calls, one of which calls a tool."""
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": text}} for text in ('{"ci', 'ty": ', '"Lima"}')]
    asked: list[Json] = [{"role": "user", "content": "Hi,\nwhat is\nthe weather?"}]
    first = _live(asked, [{"tool_calls": [call]}, *({"tool_calls": [one]} for one in pieces)], "tool_calls")
    whole = call | {"function": {"name": "look", "arguments": '{"city": "Lima"}'}}
    asked = [*asked, {"role": "assistant", "tool_calls": [whole]}]
    asked = [*asked, {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"}]
    return first, _live(asked, [{"content": text} for text in ("It is ", "warm.\n", "Enjoy it.")], "stop")


def _pictures(*, stream: bool) -> tuple[Interaction, ...]:
    """One call about two pictures, each long enough to stand in a file of its own."""
    pictures = [b64encode(bytes([number, 17, 99]) * 500).decode() for number in (1, 2)]
    parts: list[Json] = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{text}"}} for text in pictures
    ]
    asked: list[Json] = [{"role": "user", "content": [{"type": "text", "text": "Which is it?"}, *parts]}]
    found = _live(asked, [{"content": "The "}, {"content": "second."}], "stop")
    if stream:
        return (found,)
    message = {"role": "assistant", "content": "The second."}
    payload = {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    body = {"model": "m", "messages": asked}
    return (replace(found, request=SentRequest(url=_URL, body=body), reply=ReceivedReply(payloads=(payload,))),)


def _live(messages: list[Json], deltas: list[dict[str, Json]], reason: str) -> Interaction:
    """A streamed call."""
    choices: list[Json] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": reason})
    payloads: tuple[Json, ...] = tuple({"id": "c", "model": "m", "choices": [choice]} for choice in choices)
    body: Json = {"model": "m", "messages": messages, "stream": True}
    reply = ReceivedReply(payloads=payloads, stream=True)
    return Interaction(
        request=SentRequest(url=_URL, body=body), reply=reply, elapsed_ms=9, first_ms=3, cost_usd=2.1e-05
    )


@cache
def cassette_cuts() -> Cuts:
    """Every cut of every such cassette."""
    return Cuts([one.data for one in _cassettes()])


def take_cut(path: Path) -> bool:
    """Load it: it is refused, or whole but for its last line break."""
    data = path.read_bytes()
    whole = [one for one in _cassettes() if one.data.startswith(data)]
    for one in whole:
        if one.aside and not folder_of(path).is_dir():
            put_beside(path, {name: content for each in _cassettes() for name, content in each.aside.items()})
    found = loaded(path)
    if found is None:
        return False
    says = [*map(exact, found)]
    assert any(one.data == data + b"\n" and says == [*map(exact, one.says)] for one in whole), "it was cut"
    return True


# Partial recordings


@cache
def _partials() -> tuple[tuple[bytes, tuple[Interaction, ...]], ...]:
    found = [(partial_of(one.says).encode(), one.says) for one in _cassettes()]
    return tuple((data, says) for data, says in found if len(data) <= _LONGEST)


@cache
def partial_cuts() -> Cuts:
    """Every cut of the partial recordings of the same conversations."""
    return Cuts([data for data, _ in _partials()])


def take_partial_cut(path: Path) -> bool:
    """Read it: each line that is whole is used, but for the header, and the rest is no reason for a word."""
    data = path.read_bytes()
    lines = max(data.count(b"\n") - 1, 0)
    found = read_partial(path)
    assert found.note is None, found.note
    assert not found.strange
    assert len(found.interactions) == lines
    says = [*map(exact, found.interactions)]
    whole = (says for text, says in _partials() if text.startswith(data))
    assert any(says == [*map(exact, all_of[:lines])] for all_of in whole), "another conversation"
    return bool(lines)
