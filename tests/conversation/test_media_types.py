"""Types by names and by bytes: what providers go by, with any version of the library that is asked."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as some
from media_files import BY_TYPE, GIF, JPEG, MP3, OTHERS, PDF, PNG, WAV

from convrun.conversation.media_types import type_of, type_of_name

CASES = [
    pytest.param(kind, content, id=f"{kind}-{number}")
    for kind, contents in (BY_TYPE | OTHERS).items()
    for number, content in enumerate(contents)
]
SUFFIXES = ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "heic", "avif", "svg", "pdf"]


@pytest.mark.parametrize(("kind", "content"), CASES)
def test_bytes_show_the_type(kind, content):
    """Each type that matters is told by the first bytes, and nothing else is taken for one of them."""
    assert type_of(content) == kind


@pytest.mark.parametrize("suffix", [*SUFFIXES, "wav", "mp3", "flac", "ogg", "m4a"])
def test_a_name_shows_the_type_that_the_bytes_would(suffix):
    """Each suffix stands for a type that bytes can have, in capitals too."""
    assert type_of_name(f"map.{suffix}") == type_of_name(f"MAP.{suffix.upper()}")
    assert type_of_name(f"map.{suffix}") in BY_TYPE


@pytest.mark.parametrize("name", ["map", "map.pn", "map.png.zip", "map.", ""])
def test_other_names_show_nothing(name):
    """A name that does not end with one of these suffixes has no type."""
    assert type_of_name(name) is None


@pytest.mark.parametrize(
    ("named", "content", "kind"),
    [
        ("image/png", JPEG, "image/jpeg"),
        ("image/jpeg", BY_TYPE["image/webp"][0], "image/webp"),
        ("audio/wav", MP3, "audio/mpeg"),
        ("image/jpeg", PDF, "application/pdf"),
        ("audio/mp4", OTHERS["video/mp4"][0], "audio/mp4"),
        ("image/png", b"hello\n", "image/png"),
        ("image/svg+xml", b'<?xml version="1.0"?><svg/>', "image/svg+xml"),
        ("audio/flac", b"", "audio/flac"),
    ],
)
def test_bytes_go_before_a_name(named, content, kind):
    """A file whose bytes are of another of these types has that type; where they are of none, its name's."""
    assert type_of(content, named) == kind


@given(
    some.binary(max_size=64), some.sampled_from([b"", b"\xff", b"RIFF", b"ID3", b"\0\0\0\x18ftyp", b"PK\3\4", b"BM"])
)
def test_no_bytes_are_too_strange(content, start):
    """Whatever a file begins with, its type is a MIME type or not known."""
    found = type_of(start + content)
    assert found is None or "/" in found


def test_the_library_is_loaded_only_where_bytes_have_to_be_looked_at(tmp_path):
    """A file that begins as its name says, a given type and a link need no library; bytes without a name do."""
    for name, content in {"a.png": PNG, "a.jpg": JPEG, "a.gif": GIF, "a.pdf": PDF, "a.wav": WAV}.items():
        (tmp_path / name).write_bytes(content)
    program = """
import sys, convrun
for name in ("a.png", "a.jpg", "a.gif", "a.pdf"):
    convrun.Attachment(path=name).load()
convrun.Attachment(path="a.wav", type="audio/wav").load()
convrun.Attachment(url="https://example.com/a.webp").load()
assert "puremagic" not in sys.modules
convrun.Attachment(content=open("a.wav", "rb").read()).load()
assert "puremagic" in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
