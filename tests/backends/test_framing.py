"""Bytes into payloads, however they are cut."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convrun.backends.framing import DONE, Framing, Payload, Unparsed


def framed(*chunks: bytes) -> list[Payload]:
    """All payloads of these chunks."""
    framing = Framing()
    found = [payload for chunk in chunks for payload in framing.feed(chunk)]
    return [*found, *framing.finish()]


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"a": 1}\n\ndata: [DONE]\n\n',
        b'data: {"a": 1}\r\n\r\ndata: [DONE]\r\n\r\n',
        b'data: {"a": 1}\r\rdata: [DONE]\r\r',
        b'\xef\xbb\xbfdata: {"a": 1}\n\ndata: [DONE]\n\n',
        b'\n\n: comment\n\ndata: {"a": 1}\n\ndata:[DONE]',
        b'data: {"a":\ndata:  1}\n\ndata: [DONE]\n\n',
        b'data: {"a": 1}\ndata: [DONE]\n\n',
        b'event: x\nid: 4\nretry: 5\ndata: {"a": 1}\n\nother: 1\n\ndata\n\ndata: [DONE]\n\n',
    ],
)
def test_events_are_found(body: bytes) -> None:
    """Every spelling of the same stream gives the same payloads, in one piece and byte by byte."""
    assert framed(body) == [{"a": 1}, DONE]
    assert framed(*(body[index : index + 1] for index in range(len(body)))) == [{"a": 1}, DONE]


def test_a_payload_comes_as_soon_as_its_event_ends() -> None:
    """Nothing waits for the next event."""
    framing = Framing()
    assert list(framing.feed(b'data: {"a": 1}\n\nda')) == [{"a": 1}]
    assert framing.streamed


@pytest.mark.parametrize("body", [b'{"a": "\xe2\x80\xa8"}', b'\xef\xbb\xbf\r\n {"a":\r\n "\\u2028"}\n'])
def test_plain_json_is_one_payload(body: bytes) -> None:
    """JSON is read as a whole, whatever line ends stand in it."""
    assert framed(body) == [{"a": "\u2028"}]
    assert framed(*(body[index : index + 1] for index in range(len(body)))) == [{"a": "\u2028"}]


def test_line_separators_of_unicode_are_text() -> None:
    """U+2028, U+2029, U+0085 and the form feed do not end a line."""
    text = "a\u2028b\u2029c\u0085d"
    assert framed(f"data: {json.dumps(text, ensure_ascii=False)}\n\n".encode()) == [text]


@pytest.mark.parametrize("body", [b"", b" \n\r\n", b"\xef\xbb\xbf", b": only a comment\n\n"])
def test_nothing_is_nothing(body: bytes) -> None:
    """A body without content has no payload."""
    assert framed(body) == []


def test_what_is_no_json_is_handed_on_as_text() -> None:
    """A page, half an event, and nesting beyond all sense are not parsed."""
    assert framed(b"<html>") == [Unparsed("<html>")]
    assert framed(b'data: {"a": 1}\n\ndata: {"b') == [{"a": 1}, Unparsed('{"b')]
    for deep in (b"[" * 100_000, b"[" * 300 + b"]" * 300):
        assert framed(deep) == [Unparsed(deep.decode())]


def test_wide_json_is_not_deep() -> None:
    """Many brackets side by side are read."""
    assert framed(json.dumps([[]] * 1000).encode()) == [[[]] * 1000]


def test_numbers_that_json_does_not_have_are_null() -> None:
    """NaN and infinities do not get in."""
    assert framed(b"[NaN, -Infinity, 1]") == [[None, None, 1]]


@given(
    st.lists(st.text() | st.integers() | st.none(), max_size=4),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 400), max_size=8),
)
def test_cuts_do_not_matter(values: list[object], end: str, cuts: list[int]) -> None:
    """A stream cut anywhere, in the middle of a character too, gives what the whole gives."""
    body = "".join(f"data: {json.dumps({'v': value}, ensure_ascii=False)}{end}{end}" for value in values).encode(
        "utf-8", "replace"
    )
    edges = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    chunks = [body[start:stop] for start, stop in pairwise(edges)]
    assert framed(*chunks) == framed(body) == [json.loads(json.dumps({"v": value})) for value in values]
