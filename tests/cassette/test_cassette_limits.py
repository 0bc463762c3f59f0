"""What is too much: JSON without a bottom, bodies that swell, and places in a folder that everybody writes to."""

from __future__ import annotations

import base64
import gzip
import json
import os
import tempfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from cassette_conversations import completion, exchange, interaction, request, text_of

from cassettes import save
from convrun.cassette.files import load
from convrun.cassette.interaction import Recording, parse_json
from convrun.cassette.kept.claims import Claim
from convrun.cassette.kept.recording import Recorder
from convrun.cassette.playing import Player
from convrun.cassette.stored import stock
from convrun.cassette.stored.format import read
from convrun.errors import CassetteError
from convrun.redaction import Redactor
from convrun.wire import Reply, Request

DEEP = 100_000  # past what any Python's own recursion takes
REDACTORS = [Redactor(), Redactor({"A_KEY": "sk-verysecret"})]
HI = {"role": "user", "content": "Hi"}


def nested(levels: int, inner: Any = "sk-verysecret") -> Any:
    """Return lists and mappings in each other."""
    for level in range(levels):
        inner = [inner] if level % 2 else {"a": inner}
    return inner


@pytest.mark.parametrize("redactor", REDACTORS)
@pytest.mark.parametrize("levels", [300, 700, DEEP])
@pytest.mark.parametrize("place", ["metadata", "tools", "messages"])
def test_a_request_without_a_bottom_is_no_crash(redactor: Redactor, levels: int, place: str) -> None:
    """Such a request is not found in a recording, or told as too deep."""
    deep: dict[str, Any] = {
        "metadata": {"metadata": nested(levels)},
        "tools": {"tools": [{"type": "function", "function": {"name": "f", "parameters": nested(levels)}}]},
        "messages": {"messages": [{"role": "user", "content": [nested(levels)]}]},
    }[place]
    body = {"messages": [HI], "metadata": nested(40)}
    player = Player(Recording(interactions=(interaction(body, completion("ok")),)), redactor=redactor)
    try:
        assert player.play(request(body | deep)) is None
    except CassetteError as error:
        assert error.what == "the request is nested too deeply"
    else:
        assert player.difference is not None
        assert player.difference.changes


@pytest.mark.parametrize("redactor", REDACTORS)
def test_a_deep_request_behind_a_difference_is_no_crash(redactor: Redactor) -> None:
    """The shape of a request is not told from one without a bottom."""
    player = Player(exchange([("a", "1"), ("b", "2")]), redactor=redactor)
    player.play(request({"messages": [HI]}))
    with pytest.raises(CassetteError, match="the request is nested too deeply"):
        player.send(request({"messages": [{"role": "user", "content": [nested(DEEP), "x"]}]}))


@pytest.mark.parametrize("redactor", REDACTORS)
@pytest.mark.parametrize("levels", [300, 700, DEEP])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_deep_reply_is_kept_as_its_bytes(redactor: Redactor, levels: int, streamed: bool, tmp_path: Path) -> None:
    """What is too deep for a reply is recorded as it came, without keys, and played as that."""
    text = '{"choices": [], "x": ' + "[" * levels + '"sk-verysecret"' + "]" * levels + "}"
    data = (f"data: {text}\n\ndata: [DONE]\n\n" if streamed else text).encode()

    class Deep:
        def send(self, sent: Request) -> Reply:
            """Answer with a value that has hardly a bottom."""
            return Reply(status=200, headers={"x-of": sent.endpoint}, body=[data])

    path = tmp_path / "chat.yaml"
    with Recorder(path, shown_as="chat.yaml", live=Deep, redactor=redactor) as recorder:
        b"".join(recorder.send(request({"messages": [HI]})).body)
        recorder.finish()
    reply = Player(load(path, "x"), redactor=redactor).play(request({"messages": [HI]}))
    assert reply is not None
    assert reply.payloads is None
    assert b"".join(reply.body) == redactor.data(data)


@pytest.mark.parametrize("redactor", REDACTORS)
def test_what_is_too_deep_to_be_recorded_is_said(redactor: Redactor, tmp_path: Path) -> None:
    """A request without a bottom, or a reply from a transport that parses itself, leaves the old cassette."""
    path = tmp_path / "chat.yaml"
    save(path, exchange([("Hi", "Hello")]))
    before = path.read_bytes()

    class Offline:
        def send(self, sent: Request) -> Reply:
            """Answer with what was sent."""
            return Reply(status=200, headers={}, payloads=(completion("ok", extra=sent.body.get("metadata")),))

    for levels in (300, 700, DEEP):
        with Recorder(path, shown_as="chat.yaml", live=Offline, redactor=redactor) as recorder:
            recorder.send(request({"messages": [HI], "metadata": nested(levels)}))
            with pytest.raises(CassetteError):
                recorder.finish()
        assert path.read_bytes() == before


def test_deep_values_are_redacted() -> None:
    """A key is found and replaced at any depth; without one the same value comes back."""
    redactor = REDACTORS[1]
    found: Any = redactor.value(nested(DEEP))
    while not isinstance(found, str):
        found = found["a"] if isinstance(found, dict) else found[0]
    assert found == "<A_KEY>"
    clean = nested(DEEP, "clean")
    assert redactor.value(clean) is clean


def test_json_has_a_bottom() -> None:
    """200 levels are JSON, more are none, and many brackets side by side are not deep."""
    assert parse_json("[" * 200 + "]" * 200) is not None
    assert parse_json(json.dumps([[]] * 1000)) == [[]] * 1000
    for text in ("[" * 201 + "]" * 201, b"[" * 900 + b"]" * 900, "[" * DEEP):
        with pytest.raises(ValueError, match=r"nested too deeply|Expecting"):
            parse_json(text)


def compressed(data: bytes, encoding: str) -> str:
    """Return a stock cassette with a compressed body."""
    response = {
        "status": {"code": 200},
        "headers": {"content-encoding": [encoding]},
        "body": {"base64_string": base64.b64encode(data).decode()},
    }
    asked = {"method": "POST", "uri": "https://x/v1/chat/completions", "headers": {}, "body": '{"messages": []}'}
    return json.dumps({"version": 1, "interactions": [{"request": asked, "response": response}]})


@pytest.mark.parametrize(("pack", "encoding"), [(gzip.compress, "gzip"), (zlib.compress, "deflate")])
def test_a_body_does_not_swell_without_end(pack: Any, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compressed body is read up to a limit, what passes it is an error, and so is one that was cut."""
    reply = json.dumps(completion("ok")).encode()
    monkeypatch.setattr(stock, "_LARGEST", len(reply))
    (item,) = read(compressed(pack(reply), encoding), "x").interactions
    assert text_of(Reply(status=200, headers={}, payloads=item.reply.payloads)) == "ok"
    monkeypatch.setattr(stock, "_LARGEST", len(reply) - 1)
    with pytest.raises(CassetteError, match=r"interaction 1 cannot be read: a body of more than 0 MiB"):
        read(compressed(pack(reply), encoding), "x")
    monkeypatch.undo()
    with pytest.raises(CassetteError, match="more than 64 MiB"):
        read(compressed(pack(bytes(70 << 20)), encoding), "x")


def test_a_cut_body_is_said() -> None:
    """A gzip body whose end is missing is an error, never half a reply."""
    with pytest.raises(CassetteError, match="the compressed body is cut"):
        read(compressed(gzip.compress(b"x" * 1000)[:-9], "gzip"), "x")


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own."""
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.skipif(os.name == "nt", reason="Windows has a temporary folder for each user")
def test_locks_lie_in_a_folder_of_the_users_own(shared: Path, tmp_path: Path) -> None:
    """No other user can put anything where a lock is made; a folder that was open is closed."""
    (shared / f"convrun-{os.getuid()}").mkdir(mode=0o755)
    claim = Claim(tmp_path / "chat.yaml", shown_as="x")
    claim.take()
    (folder,) = shared.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    (lock,) = folder.iterdir()
    assert lock.stat().st_mode & 0o777 == 0o600
    claim.release()
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has a temporary folder for each user")
def test_what_another_user_left_blocks_nobody(shared: Path, tmp_path: Path) -> None:
    """A file, a link or another's folder at the usual name is passed over, by both of two recorders."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (shared / f"convrun-{os.getuid()}").symlink_to(precious)
    (shared / f"convrun-{os.getuid()}-1").write_text("")
    first, second = (Claim(tmp_path / "chat.yaml", shown_as="x") for _ in range(2))
    first.take()
    assert len(list((shared / f"convrun-{os.getuid()}-2").iterdir())) == 1
    assert list(precious.iterdir()) == []
    with pytest.raises(CassetteError, match="another process"):
        second.take()
    first.release()


@pytest.mark.skipif(os.name == "nt", reason="Windows has a temporary folder for each user")
def test_a_lock_is_never_a_link(shared: Path, tmp_path: Path) -> None:
    """A link at a lock's place is not followed."""
    claim = Claim(tmp_path / "chat.yaml", shown_as="x")
    claim.take()
    (lock,) = (shared / f"convrun-{os.getuid()}").iterdir()
    claim.release()
    lock.symlink_to(tmp_path / "precious")
    with pytest.raises(CassetteError, match="cannot be written"):
        claim.take()
    assert not (tmp_path / "precious").exists()
