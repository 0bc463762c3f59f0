"""Partial recordings that are damaged, strange or hostile: what is whole is used, the rest hinders nothing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from partial_recordings import TEXTS, Beginning, record

from convrun.cassette.kept.partial import read_partial
from convrun.cassette.stored.format import chained_digest


def test_every_truncation_is_a_beginning(begin: Beginning, partial: Path) -> None:
    """A file that was cut anywhere has its whole lines, and nothing is said of the torn one."""
    record(begin, TEXTS[:2], finish=False)
    content, whole = partial.read_bytes(), read_partial(partial).interactions
    for length in range(len(content)):
        partial.write_bytes(content[:length])
        found = read_partial(partial)
        assert found.interactions == whole[: max(content[:length].count(b"\n") - 1, 0)]
        assert found.note is None


def test_no_flipped_byte_is_believed(begin: Beginning, partial: Path) -> None:
    """What is behind a damaged line is not used, what is before it is, and it is said."""
    record(begin, TEXTS, finish=False, streamed=True)
    content, whole = partial.read_bytes(), read_partial(partial).interactions
    random = Random(0)
    for _ in range(1000):
        place, bit = random.randrange(len(content)), 1 << random.randrange(8)
        partial.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
        found = read_partial(partial)
        line = content.count(b"\n", 0, place)
        same = found.interactions == whole  # as where it makes `\\u00f6` of `\\u00F6`
        assert same or (found.interactions == whole[: max(line - 1, 0)])
        assert same or found.note or place == len(content) - 1


def lines(*values: Any) -> bytes:
    """Lines of a partial recording with digests that fit."""
    digest, found = "", []
    for value in values:
        digest = chained_digest(value, digest)
        found.append(json.dumps(value | {"digest": digest}))
    return "".join(f"{line}\n" for line in found).encode()


HEADER = {"version": "convrun.partial/1", "mode": "all"}
NODE = {"request": {"url": "u", "model": "m", "messages": [{"user": "one"}]}, "response": {"text": "x"}}
HOSTILE = {
    "another version": lines({"version": "convrun.partial/2", "mode": "all"}),
    "no header": lines({"interaction": NODE, "timing": 1}),
    "no text": b"\xff\xfe\x00\n\x00",
    "a version that is a list": lines({**HEADER, "version": []}),
    "deep": b"[" * 100_000 + b"\n" + b"]" * 100_000,
    "deep in a line": lines(HEADER) + b'{"interaction": ' + b"[" * 50_000 + b"\n",
    "no interaction": lines(HEADER, {"interaction": [], "timing": 1}),
    "an unknown key": lines(HEADER, {"interaction": NODE | {"more": 1}, "timing": 1}),
    "a wrong timing": lines(HEADER, {"interaction": NODE, "timing": "soon"}),
    "a long number": lines(HEADER) + b'{"interaction": ' + b"9" * 10_000 + b"}\n",
    "another conversation": lines(HEADER, {"interaction": NODE, "timing": 1}),
    "empty": b"",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_whatever_stands_there_the_recording_goes_on(begin: Beginning, partial: Path, kind: str) -> None:
    """What is no partial recording of this conversation is not used; one of another version is put aside."""
    partial.write_bytes(HOSTILE[kind])
    found = read_partial(partial)
    assert record(begin, TEXTS[:2], finish=False, suffix="!") == 2
    assert record(begin, TEXTS, suffix="!") == 3
    assert not partial.exists()
    aside = partial.with_name("chat.yaml.1.partial")
    assert aside.exists() is found.strange
    assert bool(found.note) is (kind not in ("another conversation", "empty"))
    assert not found.strange or aside.read_bytes() == HOSTILE[kind]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such links and pipes")
@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_no_file_is_put_aside(begin: Beginning, partial: Path, tmp_path: Path, kind: str) -> None:
    """A folder, a link and a pipe at its place are moved away as they are: no link is followed, no pipe waited for."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(lines(HEADER))
    make: dict[str, Callable[[], object]] = {
        "folder": partial.mkdir,
        "link": lambda: partial.symlink_to(elsewhere),
        "pipe": lambda: os.mkfifo(partial),
    }
    make[kind]()
    found = read_partial(partial)
    assert found.strange
    assert "put aside" in str(found.note)
    assert record(begin, TEXTS) == 5
    assert sorted(os.listdir(tmp_path)) == ["chat.yaml", "chat.yaml.1.partial", "elsewhere"]
    assert elsewhere.read_bytes() == lines(HEADER)
