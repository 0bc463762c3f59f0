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
    r"%(?:25)*(?P<url>[2-9A-Fa-f][0-9A-Fa-f]|0[9AaDd])"
    r"|(?<!\\)\\++(?:u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\++u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})|u(?P<json>[0-9a-fA-F]{4})"
    r"|x(?P<byte>[2-9a-fA-F][0-9a-fA-F]|0[9AaDd])|(?P<one>[nrt\"/]))"
)
_ONE = {"n": "\n", "r": "\r", "t": "\t"}
_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}={0,2}")
_WRAPPED = re.compile(r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{20,}+\s+)+[A-Za-z0-9+/_-]++={0,2}")  # in lines
_PRINTABLE = re.compile(rb"[\t\n\r -~]{6,}")
_WIDE = re.compile(rb"[\t\n\r -~\x80-\xff]{6,}")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_DEEPEST = 3  # encodings within each other


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


def finds(text: str, direct: Direct, shortest: int, depth: int = _DEEPEST, *, wide: bool = False) -> list[Find]:
    """Return the secrets in a text by their places, none of which overlap.

    `direct` yields start, end, placeholder and description of those that stand in a text as they are; of two that
    overlap the first counts. None that is encoded has less than `shortest` characters. With `wide` there may be other
    characters than those of ASCII in them; those of what was bytes are one for each byte.
    """
    found = list(_plain(text, direct))
    if ("%" in text or "\\" in text) and _ESCAPE.search(text):
        read, places = _unescaped(text)
        inner = [*_plain(read, direct), *_in_base64(read, direct, shortest, depth, wide)]
        found += [replace(one, start=places(one.start), end=places(one.end)) for one in inner]
    else:
        found += _in_base64(text, direct, shortest, depth, wide)
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
        if found["high"]:
            number = f"{0x10000 + (int(found['high'], 16) - 0xD800) * 0x400 + int(found['low'], 16) - 0xDC00:x}"
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


def _in_base64(text: str, direct: Direct, shortest: int, depth: int, wide: bool) -> Iterator[Find]:
    """Secrets in base64 of either alphabet, wherever in its words it begins, also where it stands in lines."""
    if not depth:
        return

    def in_word(word: str) -> Find | None:
        return _in_word(word, direct, shortest, depth, wide)

    for run in _WRAPPED.finditer(text):
        if (one := in_word("".join(run[0].split()))) is None:
            continue
        in_lines = {secret for line in run[0].split() if (found := in_word(line)) for secret in _secrets(found)}
        if not _secrets(one) <= in_lines:  # otherwise they are words beside each other
            places = [at for at, character in enumerate(run[0], run.start()) if not character.isspace()]
            yield replace(one, start=places[one.start], end=places[one.end - 1] + 1)
    for run in _RUN.finditer(text):
        if (one := in_word(run[0])) is not None:
            yield replace(one, start=run.start() + one.start, end=run.start() + one.end)


def _secrets(found: Find) -> set[str]:
    return {one.secret for one in (found, *found.more)}


def _in_word(word: str, direct: Direct, shortest: int, depth: int, wide: bool) -> Find | None:
    """The first secret in base64, its place in the word."""
    data = word.rstrip("=").encode().translate(_STANDARD)
    for offset in range(4):
        decoded = _decoded(data[offset:])
        parts = (_WIDE if wide else _PRINTABLE).finditer(decoded)
        long = [part for part in parts if part.end() - part.start() >= shortest]
        found = [one for part in long for one in _in_part(part, direct, shortest, depth, wide)]
        if found:
            return _encoded_anew(offset, word[offset:], decoded, found)
    return None


def _decoded(data: bytes) -> bytes:
    whole = data[: len(data) - (len(data) % 4 == 1)]
    return a2b_base64(whole + b"=" * (-len(whole) % 4))


def _in_part(part: re.Match[bytes], direct: Direct, shortest: int, depth: int, wide: bool) -> Iterator[Find]:
    for one in finds(part[0].decode("latin-1"), direct, shortest, depth - 1, wide=wide):
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
