"""Cassettes of ours that something happened to: a disk, an editor, a merge, or somebody who means harm.

Each is refused with the name of the file, and with that of the interaction where one was edited; or it is the
conversation that it was, or its beginning, but for its timings, which nothing depends on. Of a partial recording the
beginning is used, whatever happened to it.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import fuzz_material as material

from convrun.cassette.files import load
from convrun.cassette.interaction import Interaction
from convrun.cassette.kept.partial import PartialWriter, partial_path, read_partial
from convrun.cassette.stored.emitting import emit
from convrun.cassette.stored.format import read
from convrun.document import read_values
from convrun.errors import CassetteError
from convrun.redaction import Redactor

_SHOWN_AS = "cassettes/damaged.yaml"
_BOMB = ", ".join(f"{name}: &{name} [{', '.join([f'*{inner}'] * 9)}]" for inner, name in pairwise("abcdefgh"))
HOSTILE = (
    *(
        "!!python/object/apply:os.system [exit]",
        "!!binary aGk=",
        "!!str x",
        "!mine x",
        "!!timestamp 2024-01-01",
        "!!set {a}",
    ),
    *("&a [*a]", "*nobody", "&a {<<: *a}", "{<<: {text: other}}", "&a x", "? [a]\n: b", "{a: 1, a: 2}", "{? a, ? a}"),
    *("[" * 50_000, "{a: " * 50_000, "- " * 50_000, "[" * 120 + "]" * 120, "x" * 100_000, "\x00", "\ufeff", "\x1b[2J"),
    *(
        "1e400",
        ".nan",
        ".inf",
        "0o17",
        "12:30:00",
        "9" * 4_000,
        "-0",
        "---",
        "...",
        "%YAML 3.0",
        "{$json: '['}",
        "|9\n x",
    ),
    f"{{a: &a [x, x, x, x, x, x, x, x, x], {_BOMB}}}",
)
VERSIONS = (
    "convrun/0",
    "convrun/2",
    "convrun/10",
    "convrun",
    "1",
    "2",
    "null",
    "[convrun/1]",
    "'convrun/1 '",
    "convrun/1.0",
)


@cache
def _originals() -> tuple[tuple[str, tuple[Interaction, ...]], ...]:
    return tuple((text, read(text, _SHOWN_AS).interactions) for text in material.our_cassettes())


def make_damaged(random: Random) -> bytes:
    """A cassette to which one thing happened."""
    text, _ = random.choice(_originals())
    ways = (_lines, _merged, _hand, _interactions, _hostile, _version, _harmless)
    return random.choice(ways)(text, random)


def make_flipped(random: Random) -> bytes:
    """A cassette of which some bytes, mostly one, are others."""
    return _flipped(random.choice(_originals())[0], random)


def _flipped(text: str, random: Random) -> bytes:
    data = bytearray(text.encode())
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        at = random.randrange(len(data))
        data[at] = random.choice(
            (data[at] ^ (1 << random.randrange(8)), random.randrange(256), ord(random.choice("\n :-'")))
        )
    return bytes(data)


def _lines(text: str, random: Random) -> bytes:
    """Lines taken out, doubled, swapped, or cut off at their ends."""
    lines = text.splitlines(keepends=True)
    for _ in range(random.choice((1, 1, 2, 4))):
        one, other = random.randrange(len(lines)), random.randrange(len(lines))
        match random.randrange(4):
            case 0 if len(lines) > 1:
                del lines[one]
            case 1:
                lines.insert(other, lines[one])
            case 2:
                lines[one], lines[other] = lines[other], lines[one]
            case _:
                lines[one] = lines[one][: random.randint(0, len(lines[one]))]
    return "".join(lines).encode()


def _merged(text: str, random: Random) -> bytes:
    """Two cassettes in one: behind each other, as documents, or a piece of one in the place of a piece of the other."""
    other, _ = random.choice(_originals())
    if random.random() < 0.4:
        return random.choice((f"{text}---\n{other}", text + other, f"---\n{text}...\n{other}", f"{text}...\n")).encode()
    ours, theirs = text.splitlines(keepends=True), other.splitlines(keepends=True)
    start, end = sorted((random.randint(0, len(ours)), random.randint(0, len(ours))))
    return "".join([*ours[:start], *theirs[start:end], *ours[end:]]).encode()


def _hand(text: str, random: Random) -> bytes:
    """One value of an interaction edited, the digests as they were."""
    document: Any = read_values(text, "x")
    leaves = [*_places(document["interactions"])]
    container, key = random.choice(leaves)
    container[key] = random.choice(tuple(_edits(container[key])))
    return _written(document)


def _places(value: Any) -> list[tuple[Any, Any]]:
    found = []
    waiting = [value]
    while waiting:
        container = waiting.pop()
        for key, item in container.items() if isinstance(container, dict) else enumerate(container):
            if isinstance(item, dict | list) and item:
                waiting.append(item)
            else:
                found.append((container, key))
    return found


def _edits(value: Any) -> list[Any]:
    """Other values than this one."""
    if isinstance(value, str):
        return [
            f"{value} ",
            f"{value}x",
            value[1:] if value else "y",
            value.swapcase() + ".",
            None,
            [value],
            f"{value}\n",
        ]
    return [str(value), [value], {"a": value}, "", 17 if value != 17 else 18]


def _interactions(text: str, random: Random) -> bytes:
    """Interactions swapped, dropped, doubled or taken from another file, with the lists at the end made to fit."""
    document: Any = deepcopy(read_values(text, "x"))
    other: Any = read_values(random.choice(_originals())[0], "x")
    lists = [document[key] for key in ("interactions", "timings", "costs", "digests") if key in document]
    moved = lists if random.random() < 0.5 else lists[:1]
    one, two = random.randrange(len(lists[0])), random.randrange(len(lists[0]))
    match random.randrange(4):
        case 0:
            for items in moved:
                items[one], items[two] = items[two], items[one]
        case 1:
            for items in lists:
                del items[one]
        case 2:
            for items in lists:
                items.insert(two, items[one])
        case _:
            lists[0][one] = other["interactions"][-1]
    return _written(document)


def _written(document: dict[str, Any]) -> bytes:
    return emit(document, {0: frozenset({"timings", "costs", "digests"})}).encode("utf-8", "surrogatepass")


def _hostile(text: str, random: Random) -> bytes:
    """Something that no cassette holds, in the place of a value or between two lines; or another encoding."""
    match random.randrange(8):
        case 0:
            return text.encode(random.choice(("utf-16", "utf-16-le", "utf-32", "utf-7")))
        case 1:
            mark = "\ufeff" * random.choice((1, 2))
            return (mark + text if random.random() < 0.5 else text.replace("\n", f"\n{mark}", 2)).encode()
        case 2:
            return (
                random.choice(("%YAML 1.1\n---\n", "%YAML 9.9\n---\n", "%TAG ! !!\n---\n", "--- !x\n")) + text
            ).encode()
        case 3 | 4:
            lines = text.split("\n")
            lines.insert(random.randrange(len(lines)), random.choice(HOSTILE))
            return "\n".join(lines).encode()
        case _:
            ends = [found.end() for found in re.finditer(r": (?=\S)|- (?=\S)", text)]
            at = random.choice(ends)
            return (text[:at] + random.choice(HOSTILE) + text[text.index("\n", at) :]).encode()


def _harmless(text: str, random: Random) -> bytes:
    """What an editor or git does, and what nothing depends on."""
    ways = (
        text.replace("\n", "\r\n"),
        f"\ufeff{text}",
        f"# of a conversation\n\n{text}",
        f"{text}\n\n# the end\n",
        re.sub(r"(?<=\ntimings: ).*", lambda found: re.sub(r"\d+", "7", found[0]), text),
        re.sub(r"\ncosts: .*", "", text),
    )
    return random.choice(ways).encode()


def _version(text: str, random: Random) -> bytes:
    line = random.choice(("", *(f"version: {version}\n" for version in VERSIONS)))
    return text.replace("version: convrun/1\n", line, 1).encode()


def take_damaged(path: Path) -> bool:
    """Load it: it is refused, or what it was."""
    found = loaded(path)
    assert found is None or any(_same(found, original) for _, original in _originals()), "another conversation"
    return found is not None


def loaded(path: Path) -> tuple[Interaction, ...] | None:
    """What a cassette says; None where it is refused, with the name of the file and a way out."""
    try:
        return load(path, _SHOWN_AS).interactions
    except CassetteError as error:
        assert error.what, "an error has words"
        assert error.where is not None, error
        assert error.where.file == _SHOWN_AS, error
        assert error.fix, f"no way out: {error}"
        "\n".join([str(error), *error.lines()]).encode("utf-8", "backslashreplace")
        return None


# Partial recordings


@cache
def _partials() -> tuple[str, ...]:
    """Those of our cassettes, as a recorder would have left them."""
    return tuple(partial_of(interactions) for _, interactions in _originals())


def partial_of(interactions: tuple[Interaction, ...]) -> str:
    """The partial recording of a conversation that broke off behind the last of them."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.yaml"
        writer = PartialWriter(path, mode="all", shown_as=_SHOWN_AS, redactor=Redactor())
        for count in range(1, len(interactions) + 1):
            writer.write(interactions[:count])
        writer.close()
        return partial_path(path).read_text("utf-8")


def make_partial(random: Random) -> bytes:
    """A partial recording to which one thing happened."""
    text = random.choice(_partials())
    other = random.choice(_partials())
    lines = text.splitlines(keepends=True)
    at = random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            return (text + other).encode()
        case 1:
            lines[at] = random.choice(other.splitlines(keepends=True))
        case 2:
            lines[at] = random.choice((*_JSON, *HOSTILE)) + random.choice(("", "\n"))
        case 3:
            lines[at] = lines[at].replace(": ", random.choice((":", ": [", ": -")), random.randint(1, 4))
        case _:
            return random.choice((_flipped, _lines))(text, random)
    return "".join(lines).encode("utf-8", "surrogatepass")


_JSON = (
    "[]",
    "{}",
    "null",
    "[" * 100_000,
    '{"digest": []}',
    '{"interaction": {}, "digest": "0"}',
    "1e400",
    '"\\ud800"',
)


def take_partial(path: Path) -> bool:
    """Read it: what is used of it is the beginning of what was recorded."""
    found = read_partial(path)
    assert any(_same(found.interactions, original) for _, original in _originals()), "another conversation"
    assert found.note is None or found.note.strip()
    return bool(found.interactions)


def _same(found: tuple[Interaction, ...], original: tuple[Interaction, ...]) -> bool:
    """Whether it is the original, or its beginning: what comes behind that is asked for and not there."""
    pairs = zip(found, original, strict=False)
    return len(found) <= len(original) and all(exact(one) == exact(two) for one, two in pairs)


def exact(item: Interaction) -> tuple[Any, ...]:
    """All of an interaction but its timing."""
    request, reply = item.request, item.reply
    values = json.dumps([request.body, dict(request.headers), dict(reply.headers), reply.payloads], sort_keys=True)
    return request.url, request.method, request.provider, reply.status, reply.body, reply.stream, values
