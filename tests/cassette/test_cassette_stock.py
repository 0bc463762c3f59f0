"""vcrpy's own files and vcrpy's own users: read as they are, played and recorded through the serializer."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest
import vcr
from cassette_conversations import completion, requests, stream, text_of, tool_conversation

from cassettes import save
from convrun.cassette import serializer
from convrun.cassette.canonical import Keys
from convrun.cassette.files import load
from convrun.cassette.playing import Player
from convrun.cassette.stored.format import read
from convrun.cassette.stored.item_streams import fold_response
from convrun.cassette.stored.streams import fold
from convrun.cassette.stored.writing import write
from convrun.errors import CassetteError
from convrun.redaction import Redactor

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings"
FILES = sorted(RECORDINGS.glob("*/*.yaml")) or [None]
BODY = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
REPLY = json.dumps(completion("Hello ä")).encode()


def stock(response: dict[str, Any], **request: Any) -> str:
    """Return a stock JSON cassette of one interaction."""
    asked = {"method": "POST", "uri": "https://x/v1/chat/completions", "headers": {}} | (
        request or {"body": json.dumps(BODY)}
    )
    return json.dumps({"version": 1, "interactions": [{"request": asked, "response": response}]})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem if file else "absent")
def test_every_real_recording_reads_and_survives_conversion(file: Path | None) -> None:
    """Real recordings read; in our format their requests are canonically equal, and their replies mean the same."""
    if file is None:
        pytest.skip(f"no recordings at {RECORDINGS}")
    recording = load(file, file.name)
    again = read(write(recording), file.name)
    then, now = Keys(Redactor()), Keys(Redactor())
    assert len(again.interactions) == len(recording.interactions) > 0
    for before, after in zip(recording.interactions, again.interactions, strict=True):
        assert then.key(before.request.endpoint, before.request.body) == now.key(
            after.request.endpoint, after.request.body
        )
        assert before.request == after.request
        if before.reply.stream and fold(before.reply.payloads or ()) is not None:
            assert fold(after.reply.payloads or ()) == fold(before.reply.payloads or ())
        elif before.reply.stream and fold_response(before.reply.payloads or ()) is not None:
            assert fold_response(after.reply.payloads or ()) == fold_response(before.reply.payloads or ())
        else:
            assert after.reply == before.reply
        assert before.reply.payloads is not None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem if file else "absent")
def test_every_real_recording_plays(file: Path | None) -> None:
    """The requests of a real recording play against it, all and in order."""
    if file is None:
        pytest.skip(f"no recordings at {RECORDINGS}")
    recording = load(file, file.name)
    player = Player(recording)
    asked = [item.request for item in recording.interactions if item.request.method == "POST"]
    for sent in asked:
        from convrun.wire import Request

        assert isinstance(sent.body, dict)
        assert player.play(Request(endpoint=sent.endpoint, body=sent.body, base_url="http://localhost/v1")) is not None
    assert player.unplayed == ()


@pytest.mark.parametrize(
    "response",
    [
        {
            "status": {"code": 200, "message": "OK"},
            "headers": {"Content-Type": ["application/json"]},
            "body": {"string": REPLY.decode()},
        },
        {
            "status": {"code": 200},
            "headers": {},
            "body": {"base64_string": base64.b64encode(gzip.compress(REPLY)).decode()},
        },
        {
            "status": {"code": 200},
            "headers": {"Content-Encoding": "deflate"},
            "body": {"base64_string": base64.b64encode(zlib.compress(REPLY)).decode()},
        },
        {"status": {"code": 200}, "headers": {"Content-Encoding": ["gzip"]}, "body": {"string": REPLY.decode()}},
        {
            "status_code": 200,
            "http_version": "HTTP/1.1",
            "headers": {"content-type": "application/json"},
            "content": REPLY.decode(),
        },
        {"status": {"code": 200}, "headers": {}, "parsed_body": json.loads(REPLY)},
    ],
    ids=["plain", "gzip", "deflate", "decoded already", "old httpx", "parsed_body"],
)
def test_stock_shapes_are_read(response: dict[str, Any]) -> None:
    """A reply is the same reply in every shape that vcrpy and its users have written."""
    (item,) = read(stock(response), "x").interactions
    assert text_of(Player(read(stock(response), "x")).send(requests(read(stock(response), "x"))[0])) == "Hello ä"
    assert item.request.body == BODY
    assert item.reply.headers == {}


def test_a_parsed_request_body_is_read() -> None:
    """pydantic-ai's `parsed_body` stands for the body of a request too."""
    assert (
        read(stock({"status": {"code": 200}, "headers": {}, "body": {"string": ""}}, parsed_body=BODY), "x")
        .interactions[0]
        .request.body
        == BODY
    )


def test_a_compression_that_cannot_be_read_is_said() -> None:
    """A body in brotli names the option of vcrpy that avoids it."""
    response = {"status": {"code": 200}, "headers": {"content-encoding": ["br"]}, "body": {"base64_string": "iwOAAw=="}}
    with pytest.raises(CassetteError, match=r"interaction 1 cannot be read.*decode_compressed_response"):
        read(stock(response), "x")


class _Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer in a stream where that is asked for."""
        sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
        data = stream(["Hel", "lo ", "ä"]) if sent.get("stream") else gzip.compress(REPLY)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if sent.get("stream") else "application/json")
        if not sent.get("stream"):
            self.send_header("content-encoding", "gzip")
        self.send_header("content-length", str(len(data)))
        self.send_header("x-request-id", "secret")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def provider() -> Iterator[str]:
    """The address of a provider on loopback."""
    server = HTTPServer(("127.0.0.1", 0), _Provider)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
    server.shutdown()
    server.server_close()
    thread.join()


def ask(url: str, *, streamed: bool = False) -> str:
    """Send a request as any program would, and return the text of the reply."""
    data = json.dumps(BODY | {"stream": streamed}).encode()
    with urlopen(
        HttpRequest(url, data, {"content-type": "application/json", "authorization": "Bearer sk-1"})
    ) as answer:
        raw = answer.read()
        raw = gzip.decompress(raw) if answer.headers.get("content-encoding") == "gzip" else raw
    if not streamed:
        return str(json.loads(raw)["choices"][0]["message"]["content"])
    events = [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])


@pytest.mark.parametrize("streamed", [False, True])
def test_stock_vcrpy_records_and_plays_our_format(provider: str, tmp_path: Path, streamed: bool) -> None:
    """`use_cassette` with our serializer writes a file of ours, without keys, and plays it without the network."""
    recorder = vcr.VCR(serializer="convrun", cassette_library_dir=str(tmp_path))
    recorder.register_serializer("convrun", serializer)
    with recorder.use_cassette("chat.yaml"):
        assert ask(provider, streamed=streamed) == "Hello ä"
    written = (tmp_path / "chat.yaml").read_text()
    assert written.startswith("version: convrun/1\n")
    assert "sk-1" not in written
    assert "secret" not in written
    unreachable = provider
    with recorder.use_cassette("chat.yaml", record_mode="none"):
        assert ask(unreachable, streamed=streamed) == "Hello ä"
    assert Player(load(tmp_path / "chat.yaml", "x")).play(requests(load(tmp_path / "chat.yaml", "x"))[0]) is not None


def test_what_is_ours_survives_a_save_by_vcrpy() -> None:
    """Times, costs and providers come through vcrpy's load and save, and digests are made anew."""
    recording = tool_conversation()
    first, *rest = recording.interactions
    recording = replace(recording, interactions=(replace(first, cost_usd=2.1e-05), *rest))
    text = write(recording)
    assert serializer.serialize(serializer.deserialize(text)) == text


def test_a_request_that_is_no_text_comes_back_as_its_bytes() -> None:
    """What was sent as bytes, as sound is, plays through vcrpy again, and stays the same when it is saved."""
    made = json.loads(stock({"status": {"code": 200, "message": ""}, "headers": {}, "body": {"string": "{}"}}))
    made["interactions"][0]["request"]["body"] = b"\x00\xff"
    text = serializer.serialize(made)
    found = serializer.deserialize(text)
    assert found["interactions"][0]["request"]["body"] == b"\x00\xff"
    assert serializer.serialize(found) == text


def test_metadata_is_refused(tmp_path: Path) -> None:
    """What our format has no place for is not dropped unseen."""
    save(tmp_path / "a.yaml", tool_conversation())
    with pytest.raises(CassetteError, match="no metadata"):
        serializer.serialize({"interactions": [], "metadata": {"a": 1}})
