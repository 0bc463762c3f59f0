"""Where secrets stand in a text: as they are, escaped, encoded for an address, and in base64."""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import a2b_base64
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from convrun.frozen import frozen

_ESCAPE = re.compile(
    r"%(?:25)*(?P<url>[2-7][0-9A-Fa-f]|0[9AaDd])|(?<!\\)\\++(?:u00(?P<json>[2-7][0-9A-Fa-f]|0[9AaDd])|x(?P<byte>[2-7][0-9A-Fa-f]|0[9AaDd])|(?P<one>[nrt\"/]))"
)
_ONE = {"n": "\n", "r": "\r", "t": "\t"}
_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}={0,2}")
_PRINTABLE = re.compile(rb"[\t\n\r -~]{6,}")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_DEEPEST = 3  # encodings within each other
_SHIFTED = 20_000  # characters: a longer run is a file, and begins where it begins


@frozen
class Find:
    """A secret in a text, from `start` to `end`: what is to stand there, and what it is in words.

    `secret` is the secret itself, decoded; `more` are others that the same base64 holds.
    """

    start: int
    end: int
    stands: str
    about: str
    secret: str
    more: tuple[Find, ...] = ()


Direct: TypeAlias = Callable[[str], Iterable[tuple[int, int, str, str]]]


def finds(text: str, direct: Direct, shortest: int, depth: int = _DEEPEST) -> list[Find]:
    """Return the secrets in a text by their places, none of which overlap.

    `direct` yields start, end, placeholder and description of those that stand in a text as they are; of two that
    overlap the first counts. None that is encoded has less than `shortest` characters.
    """
    found = list(_plain(text, direct))
    if ("%" in text or "\\" in text) and _ESCAPE.search(text):
        read, places = _unescaped(text)
        inner = [*_plain(read, direct), *_in_base64(read, direct, shortest, depth)]
        found += [replace(one, start=places(one.start), end=places(one.end)) for one in inner]
    else:
        found += _in_base64(text, direct, shortest, depth)
    return _apart(found) if len(found) > 1 else found


def replaced(text: str, found: Sequence[Find]) -> str:
    """Return the text with what is to stand in the places that `finds` gave."""
    pieces, behind = [], 0
    for one in found:
        pieces += [text[behind : one.start], one.stands]
        behind = one.end
    return "".join([*pieces, text[behind:]])


def _plain(text: str, direct: Direct) -> Iterator[Find]:
    for start, end, stands, about in direct(text):
        yield Find(start=start, end=end, stands=stands, about=about, secret=text[start:end])


def _apart(found: list[Find]) -> list[Find]:
    """Those that overlap none before them, in the order of their places."""
    kept: list[Find] = []
    starts: list[int] = []
    for one in found:
        at = bisect_right(starts, one.start)
        if (at and kept[at - 1].end > one.start) or (at < len(kept) and kept[at].start < one.end):
            continue
        starts.insert(at, one.start)
        kept.insert(at, one)
    return kept


def _unescaped(text: str) -> tuple[str, Callable[[int], int]]:
    """The text without escapes, and what gives the place in `text` of a place in it."""
    pieces: list[str] = []
    read, sources = [0], [0]
    behind = length = 0
    for found in _ESCAPE.finditer(text):
        start, end = found.span()
        number = found["url"] or found["json"] or found["byte"]
        length += start - behind
        pieces += [text[behind:start], chr(int(number, 16)) if number else _ONE.get(found["one"], found["one"])]
        read += [length, length + 1]
        sources += [start, end]
        length += 1
        behind = end
    pieces.append(text[behind:])

    def places(at: int) -> int:
        index = bisect_right(read, at) - 1
        return sources[index] + at - read[index]

    return "".join(pieces), places


def _in_base64(text: str, direct: Direct, shortest: int, depth: int) -> Iterator[Find]:
    """Secrets in base64 of either alphabet, wherever in its words it begins."""
    for run in _RUN.finditer(text) if depth else ():
        word = run[0]
        data = word.rstrip("=").encode().translate(_STANDARD)
        for offset in range(4 if len(data) <= _SHIFTED else 1):
            decoded = _decoded(data[offset:])
            parts = [part for part in _PRINTABLE.finditer(decoded) if part.end() - part.start() >= shortest]
            found = [one for part in parts for one in _in_part(part, direct, shortest, depth)]
            if found:
                yield _encoded_anew(run.start() + offset, word[offset:], decoded, found)
                break


def _decoded(data: bytes) -> bytes:
    whole = data[: len(data) - (len(data) % 4 == 1)]
    return a2b_base64(whole + b"=" * (-len(whole) % 4))


def _in_part(part: re.Match[bytes], direct: Direct, shortest: int, depth: int) -> Iterator[Find]:
    for one in finds(part[0].decode(), direct, shortest, depth - 1):
        yield replace(one, start=one.start + part.start(), end=one.end + part.start())


def _encoded_anew(at: int, word: str, decoded: bytes, found: list[Find]) -> Find:
    """The find in the text: from the first secret on, the base64 is that of the text without them."""
    first = found[0]
    kept = first.start // 3  # groups of four characters that stay
    pieces, behind = [], kept * 3
    for one in found:
        pieces += [decoded[behind : one.start], one.stands.encode()]
        behind = one.end
    anew = b64encode(b"".join([*pieces, decoded[behind:]]))
    if "-" in word or "_" in word:
        anew = anew.translate(_URL_SAFE)
    stands = anew.decode() if "=" in word or len(word) % 4 == 0 else anew.decode().rstrip("=")
    end = at + len(word) - (len(word.rstrip("=")) % 4 == 1)
    more = tuple(other for one in found for other in (one, *one.more))[1:]
    return replace(first, start=at + kept * 4, end=end, stands=stands, about=f"{first.about}, in base64", more=more)
