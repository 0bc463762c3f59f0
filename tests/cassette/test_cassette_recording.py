"""Recording: what is played, what goes live, what is written and when."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cassette_conversations import completion, exchange, request, stream, text_of, tool_conversation

from cassettes import save
from convrun.cassette.files import load
from convrun.cassette.kept.known import Known
from convrun.cassette.kept.recording import Recorder
from convrun.cassette.playing import Player
from convrun.cassette.stored.writing import write
from convrun.errors import CassetteError, ProviderError, SettingsError
from convrun.redaction import Redactor
from convrun.wire import Reply, Request


class Model:
    """A live transport: echoes the last message, as bytes that arrive in pieces."""

    def __init__(self, *, streamed: bool = False, status: int = 200, suffix: str = "") -> None:
        self.asked = 0
        self.streamed, self.status, self.suffix = streamed, status, suffix

    def send(self, sent: Request) -> Reply:
        """Answer with the last message."""
        self.asked += 1
        messages: Any = sent.body["messages"]
        text = f"{messages[-1]['content']}{self.suffix}"
        data = stream([text[:3], text[3:]]) if self.streamed else json.dumps(completion(text)).encode()
        kind = "text/event-stream" if self.streamed else "application/json"
        headers = {"content-type": kind, "x-request-id": "r", "set-cookie": "c"}
        return Reply(status=self.status, headers=headers, body=(data[i : i + 7] for i in range(0, len(data), 7)))


def converse(transport: Any, texts: list[str], system: str = "Be brief.") -> list[str]:
    """Hold a conversation as the engine does: the same message objects again, every reply read to its end."""
    messages: list[Any] = [{"role": "system", "content": system}]
    replies = []
    for text in texts:
        messages = [*messages, {"role": "user", "content": text}]
        reply = transport.send(request({"model": "gpt-4.1-mini", "messages": messages}, provider="openai"))
        replies.append(text_of(reply) if reply.payloads else answered(b"".join(reply.body)))
        messages = [*messages, {"role": "assistant", "content": replies[-1]}]
    return replies


def answered(data: bytes) -> str:
    """Return the text in the bytes of a reply."""
    if data.startswith(b"data:"):
        events: list[Any] = [json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: {")]
        return "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])
    return str(json.loads(data)["choices"][0]["message"]["content"])


Making = Callable[..., Recorder]


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Making]:
    """Makes recorders of one cassette, and closes them."""
    made: list[Recorder] = []

    def make(model: Any = None, **options: Any) -> Recorder:
        live = model if callable(model) else lambda: model
        found = Recorder(
            options.pop("path", tmp_path / "new" / "chat.yaml"), shown_as="chat.yaml", live=live, **options
        )
        made.append(found)
        return found

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("streamed", [False, True])
def test_what_was_recorded_plays(recorder: Making, tmp_path: Path, streamed: bool) -> None:
    """A finished conversation is in the cassette, with times and without identifying headers, and plays."""
    recording = recorder(Model(streamed=streamed))
    assert converse(recording, ["one", "twoöö", "three"]) == ["one", "twoöö", "three"]
    assert recording.live_calls == 3
    assert not (tmp_path / "new" / "chat.yaml").exists()
    recording.finish()
    assert os.listdir(tmp_path / "new") == ["chat.yaml"]
    written = (tmp_path / "new" / "chat.yaml").read_text()
    assert "x-request-id" not in written
    loaded = load(tmp_path / "new" / "chat.yaml", "x")
    assert all(item.elapsed_ms is not None and (item.first_ms is not None) == streamed for item in loaded.interactions)
    player = Player(loaded)
    assert converse(player, ["one", "twoöö", "three"]) == ["one", "twoöö", "three"]
    assert player.difference is None


def test_an_unfinished_conversation_leaves_the_old_cassette(recorder: Making, tmp_path: Path) -> None:
    """Closing without finishing leaves the cassette; where nothing was answered, also the folder made for it goes."""
    recording = recorder(Model(status=500))
    converse(recording, ["one"])
    recording.close()
    assert os.listdir(tmp_path) == []
    old = write(tool_conversation())
    (tmp_path / "chat.yaml").write_text(old)
    with recorder(Model(), path=tmp_path / "chat.yaml") as again:
        converse(again, ["one"])
    assert (tmp_path / "chat.yaml").read_text() == old


def test_a_fresh_conversation_costs_nothing(recorder: Making, tmp_path: Path) -> None:
    """Where everything plays, no model is made and the file stays, its unplayed tail too."""
    path = tmp_path / "chat.yaml"
    save(path, exchange([("one", "1"), ("two", "2")]))
    before = path.stat()
    recording = recorder(None, path=path, known=Known(old=Player(load(path, "x"))))
    assert converse(recording, ["one"]) == ["1"]
    assert recording.unplayed == (1,)
    recording.finish()
    assert recording.live_calls == 0
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_from_the_first_difference_on_it_goes_live(recorder: Making, tmp_path: Path) -> None:
    """The matching prefix is played and kept; from the first difference on the tail is replaced."""
    path = tmp_path / "chat.yaml"
    save(path, exchange([("one", "1"), ("two", "2"), ("three", "3")]))
    model = Model(suffix="!")
    recording = recorder(model, path=path, known=Known(old=Player(load(path, "x"))))
    assert converse(recording, ["one", "zwei", "three"]) == ["1", "zwei!", "three!"]
    assert recording.unplayed == ()
    recording.finish()
    assert (recording.live_calls, model.asked) == (2, 2)
    assert converse(Player(load(path, "x")), ["one", "zwei", "three"]) == ["1", "zwei!", "three!"]
    assert load(path, "x").interactions[0].elapsed_ms == 812


def test_failed_calls_are_not_stored(recorder: Making, tmp_path: Path) -> None:
    """An error answer is handed on and not kept."""
    path = tmp_path / "chat.yaml"
    save(path, exchange([("old", "1")]))
    recording = recorder(Model(status=500), path=path)
    reply = recording.send(request({"messages": [{"role": "user", "content": "one"}]}))
    assert reply.status == 500
    recording.finish()
    assert len(load(path, "x").interactions) == 1


def test_a_broken_stream_is_never_a_recording(recorder: Making, tmp_path: Path) -> None:
    """A reply whose bytes broke off is not written, and finishing says so."""

    class Broken(Model):
        def send(self, sent: Request) -> Reply:
            """Answer with half a stream."""
            self.asked += len(sent.endpoint[:1])

            def pieces() -> Iterator[bytes]:
                yield stream(["a"])[:50]
                raise ProviderError("the connection broke")

            return Reply(status=200, headers={}, body=pieces())

    recording = recorder(Broken())
    reply = recording.send(request({"messages": []}))
    with pytest.raises(ProviderError):
        b"".join(reply.body)
    with pytest.raises(CassetteError, match="the reply to live call 1 was not read to its end"):
        recording.finish()
    assert os.listdir(tmp_path) == []


def test_a_stream_that_is_closed_after_its_end_counts(recorder: Making, tmp_path: Path) -> None:
    """Whoever stops reading at `[DONE]` has read the whole reply."""
    recording = recorder(Model(streamed=True))
    body: Any = recording.send(request({"messages": [{"role": "user", "content": "one"}]})).body
    for piece in body:
        if b"NE]" in piece or piece.endswith(b"\n\n"):
            continue
    body.close()
    recording.finish()
    assert len(load(tmp_path / "new" / "chat.yaml", "x").interactions) == 1


def test_replies_that_are_parsed_already_are_recorded(recorder: Making, tmp_path: Path) -> None:
    """An offline model, which hands over payloads, is recorded like any other."""

    class Offline:
        def send(self, sent: Request) -> Reply:
            """Answer without bytes."""
            return Reply(status=200, headers={}, payloads=(completion("said", model=sent.body["model"]),))

    recording = recorder(Offline())
    assert converse(recording, ["one"]) == ["said"]
    recording.finish()
    assert converse(Player(load(tmp_path / "new" / "chat.yaml", "x")), ["one"]) == ["said"]


def test_key_values_never_reach_the_disk(recorder: Making, tmp_path: Path) -> None:
    """A key in the address, a header, a prompt or a reply, even in pieces of a stream, becomes its placeholder."""
    secret = "sk-verysecret"
    for streamed in (False, True):
        recording = recorder(Model(streamed=streamed), redactor=Redactor({"OPENAI_API_KEY": secret}))
        messages = [{"role": "user", "content": f"my {secret} is"}]
        sent = request(
            {"messages": messages, "user": secret},
            base_url=f"http://{secret}@x/v1",
            headers={"X-Key": secret, "X-Title": secret},
        )
        assert secret.encode() in b"".join(recording.send(sent).body) or streamed
        recording.finish()
        written = (tmp_path / "new" / "chat.yaml").read_text()
        assert secret not in written
        assert written.count("<OPENAI_API_KEY>") == 5
        assert "x-key: <x-key>" in written
        player = Player(load(tmp_path / "new" / "chat.yaml", "x"), redactor=Redactor({"OPENAI_API_KEY": secret}))
        assert player.play(sent) is not None


def test_nothing_is_sent_where_nothing_could_be_written(recorder: Making, tmp_path: Path) -> None:
    """A folder that cannot be written is found before the first live call."""
    (tmp_path / "file").write_text("")
    model = Model()
    recording = recorder(model, path=tmp_path / "file" / "chat.yaml")
    with pytest.raises(CassetteError, match="cannot be written"):
        converse(recording, ["one"])
    assert model.asked == 0


def test_the_second_of_two_recorders_is_refused(recorder: Making, tmp_path: Path) -> None:
    """While one process records a cassette, another gets one clear error before it spends anything."""
    path = tmp_path / "chat.yaml"
    program = f"""
from pathlib import Path
from convrun.cassette.kept.claims import Claim
claim = Claim(Path({str(path)!r}), shown_as="x")
claim.take()
print("taken", flush=True)
input()
claim.release()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "taken\n"
        model = Model()
        with pytest.raises(CassetteError, match="another process is recording this cassette"):
            converse(recorder(model, path=path), ["one"])
        assert model.asked == 0
        other.communicate("\n")
    recording = recorder(model, path=path)
    converse(recording, ["one"])
    recording.finish()


def test_eight_threads_do_not_mix(tmp_path: Path) -> None:
    """Eight conversations recorded at once are each in their own cassette, whole."""

    def record(number: int) -> None:
        recording = Recorder(tmp_path / f"{number}.yaml", shown_as=f"{number}", live=Model)
        converse(recording, [f"{number}-{turn}" for turn in range(10)])
        recording.finish()

    threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        texts = [f"{number}-{turn}" for turn in range(10)]
        assert converse(Player(load(tmp_path / f"{number}.yaml", "x")), texts) == texts
    assert sorted(os.listdir(tmp_path)) == [f"{number}.yaml" for number in range(8)]


def test_a_request_that_never_left_is_no_live_call(recorder: Making, tmp_path: Path) -> None:
    """A missing key is found before anything is sent: nothing is counted, played on, or written."""
    path = tmp_path / "chat.yaml"
    save(path, exchange([("one", "1"), ("two", "2")]))
    before = path.read_bytes()

    class Keyless:
        def send(self, sent: Request) -> Reply:
            """Refuse, as a transport without a key does."""
            raise SettingsError(f"OPENAI_API_KEY is not set for {sent.url}")

    recording = recorder(Keyless(), path=path, known=Known(old=Player(load(path, "x"))))
    with pytest.raises(SettingsError):
        converse(recording, ["one", "zwei"])
    assert (recording.live_calls, recording.unplayed) == (0, ())
    recording.finish()
    assert path.read_bytes() == before


def test_a_request_that_failed_on_its_way_is_a_live_call(recorder: Making) -> None:
    """Where the connection breaks, something was sent, and may have cost money."""

    class Unreachable:
        def send(self, sent: Request) -> Reply:
            """Fail on the wire."""
            raise ProviderError(f"no answer from {sent.url}")

    recording = recorder(Unreachable())
    with pytest.raises(ProviderError):
        converse(recording, ["one"])
    assert recording.live_calls == 1


def test_keys_in_what_is_kept_of_an_old_recording_are_taken_out(recorder: Making, tmp_path: Path) -> None:
    """A recording of another program that holds a key loses it when it is written anew."""
    path = tmp_path / "chat.yaml"
    save(path, exchange([("my sk-verysecret", "your sk-verysecret"), ("two", "2")]))
    redactor = Redactor({"A_KEY": "sk-verysecret"})
    recording = recorder(
        Model(), path=path, known=Known(old=Player(load(path, "x"), redactor=redactor)), redactor=redactor
    )
    assert converse(recording, ["my sk-verysecret", "zwei"]) == ["your sk-verysecret", "zwei"]
    recording.finish()
    written = path.read_text()
    assert "sk-verysecret" not in written
    assert written.count("<A_KEY>") == 2
