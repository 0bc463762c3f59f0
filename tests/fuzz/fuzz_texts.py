"""Changes of texts and bytes: tokens of YAML, lines, and bytes that are no text any more."""

from __future__ import annotations

import re
from random import Random

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
_KEY = re.compile(r"\b\w+(?=:)")
PIECES = (
    *("- ", ": ", ":", "? ", "[", "]", "{", "}", ",", "'", '"', "|", ">", "|2-", ">+\n", "#", " #", "\\", "\t", "\r"),
    *(
        "&a ",
        "*a",
        "<<: *a\n",
        "!!binary ",
        "!!str ",
        "!t ",
        "!!python/name:os.system ",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
    ),
    *("{{ x }}", "{{", "}}", "{% if %}", "{#", "~", "null", "yes", ".nan", "-.inf", "1e999", "012", "0x1F", "1_000"),
    *("2" * 5000, "-", "@", "`", "\x00", "\x85", "\u2028", "\ufeff", "\ud800", "\U0001f600", "é", "$json: '['\n"),
    *("a: &a [*a]\n", "<<<<<<< ours\n", "version: convrun/1\n", "turns:\n", "x: " + "[" * 300, "\n" * 50, " " * 50),
)
DEEP = ("[", "{a: ", "- ", "? ", "[{a: ", "{{")


def changed_text(text: str, random: Random, vocabulary: list[str], other: str) -> str:
    """The text with one to five changes of its tokens and lines; `other` is a text to take a piece from."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
        text = random.choice((_tokens, _tokens, _lines, _lines, _keys, _piece))(text, random, vocabulary, other)
    return text


def _piece(text: str, random: Random, _: list[str], other: str) -> str:
    """A piece put in, for nothing or for something that stood there; now and then a very deep one, or another's."""
    start = random.randint(0, len(text))
    end = start + random.choice((0, 0, 1, 10))
    taken = random.randint(0, len(other))
    piece = random.choice((*PIECES, other[taken : taken + 80]))
    if random.random() < 0.01:
        piece = random.choice(DEEP) * random.choice((120, 50_000))
    return text[:start] + piece + text[end:]


def _tokens(text: str, random: Random, vocabulary: list[str], _: str) -> str:
    tokens = _TOKEN.findall(text) or [""]
    at = random.randrange(len(tokens))
    match random.randrange(5):
        case 0:
            tokens[at] = random.choice(PIECES)
        case 1:
            tokens[at] = random.choice(vocabulary)
        case 2:
            del tokens[at]
        case 3:
            tokens[at] *= 2
        case _:
            other = random.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
    return "".join(tokens)


def _keys(text: str, random: Random, vocabulary: list[str], _: str) -> str:
    found = list(_KEY.finditer(text))
    if not found:
        return text
    key = random.choice(found)
    name = random.choice((random.choice(vocabulary), random.choice(found)[0], key[0][:-1], key[0] + key[0][-1:]))
    return text[: key.start()] + name + text[key.end() :]


def _lines(text: str, random: Random, _: list[str], other: str) -> str:
    lines = text.split("\n")
    at = random.randrange(len(lines))
    match random.randrange(8):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, random.choice(lines))
        case 2:
            lines[at : at + 2] = ["".join(lines[at : at + 2])]
        case 3:
            lines[at] = lines[at].lstrip()
        case 4:
            lines[at] = " " * random.choice((1, 2, 4)) + lines[at]
        case 5:
            lines.insert(at, random.choice(other.split("\n")))
        case 6:
            lines = lines[:at]
        case _:
            lines[at] = f"{lines[at][: random.randint(0, len(lines[at]))]} # {lines[at]}"
    return "\n".join(lines)


def changed_bytes(data: bytes, random: Random) -> bytes:
    """Bytes flipped, cut, doubled, or in another encoding than UTF-8."""
    match random.randrange(9):
        case 0:
            return b"\xef\xbb\xbf" * random.choice((1, 2)) + data
        case 1:
            return data.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\r", b"\n\n")))
        case 2:
            return data[: random.randint(0, len(data))]
        case 3:
            return data.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-32", "latin-1")), "replace")
        case 4:
            return random.choice(
                (b"", b"\n", b"\x00", b"\xff", b"# nothing\n", b"\xef\xbb\xbf", b"~", b"[]", b"{}", b"---")
            )
        case 5:
            start, size = random.randint(0, len(data)), random.choice((1, 20, 400))
            return data[:start] + data[start : start + size] * random.choice((0, 2, 3)) + data[start + size :]
        case _:
            flipped = bytearray(data)
            for _ in range(random.choice((1, 1, 2, 8))):
                if flipped:
                    at = random.randrange(len(flipped))
                    flipped[at] = random.choice((flipped[at] ^ (1 << random.randrange(8)), random.randrange(256)))
            return bytes(flipped)


def encoded(text: str) -> bytes:
    """A text as bytes; half of a character stays what it is, and is no UTF-8."""
    return text.encode("utf-8", "surrogatepass")
