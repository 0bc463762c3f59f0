"""Partial recordings: what is answered is kept at once, and the next recording goes on from there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from cassette_conversations import request
from partial_recordings import TEXTS, Beginning, record
from test_cassette_recording import Model, converse

from convrun.cassette.files import load
from convrun.cassette.kept.claims import give_up_all
from convrun.cassette.kept.partial import read_partial
from convrun.cassette.kept.recording import Recorder
from convrun.errors import CassetteError, ProviderError
from convrun.redaction import Redactor
from convrun.wire import Reply, Request


@pytest.mark.parametrize("streamed", [False, True])
def test_each_answer_is_kept_at_once(begin: Beginning, partial: Path, streamed: bool) -> None:
    """After every answered call the file holds all of them, and no more is written for one than for another."""
    sizes = [0]

    class Watched(Model):
        def send(self, sent: Request) -> Reply:
            assert len(read_partial(partial).interactions) == self.asked
            sizes.append(partial.stat().st_size if self.asked else 0)
            return super().send(sent)

    with begin(Watched(streamed=streamed)) as recorder:
        converse(recorder, ["the same text"] * 60)
        assert recorder.kept_calls == 60
    lengths = [after - before for before, after in pairwise(sizes[3:])]
    assert max(lengths) - min(lengths) < 20
    assert partial.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("answered", range(1, 6))
def test_the_next_recording_asks_for_the_rest(
    begin: Beginning, partial: Path, tmp_path: Path, streamed: bool, answered: int
) -> None:
    """However many calls were answered, only the others are asked, and the cassette is as if nothing had happened."""
    record(begin, TEXTS, streamed=streamed)
    whole = [(item.request, item.reply) for item in load(tmp_path / "chat.yaml", "x").interactions]
    (tmp_path / "chat.yaml").unlink()
    assert record(begin, TEXTS[:answered], finish=False, streamed=streamed) == answered
    assert not (tmp_path / "chat.yaml").exists()
    assert record(begin, TEXTS, streamed=streamed) == len(TEXTS) - answered
    assert [(item.request, item.reply) for item in load(tmp_path / "chat.yaml", "x").interactions] == whole
    assert os.listdir(tmp_path) == ["chat.yaml"]
    assert not partial.exists()


@pytest.mark.parametrize("edited", range(5))
def test_what_was_edited_in_between_is_asked_anew(begin: Beginning, edited: int) -> None:
    """The longest beginning that matches is used, and no answer to another question."""
    record(begin, TEXTS[:4], finish=False)
    texts = [*TEXTS[:edited], "else", *TEXTS[edited + 1 :]]
    assert record(begin, texts, suffix="!") == 5 - min(edited, 4)


MODES = {  # mode that broke off, the next one, whether there is a cassette, and how many of five calls are asked
    ("new_episodes", "new_episodes", False): 2,
    ("new_episodes", "once", False): 2,
    ("once", "new_episodes", False): 2,
    ("all", "new_episodes", False): 2,
    ("all", "all", False): 2,
    ("all", "all", True): 2,
    ("all", "new_episodes", True): 2,
    ("new_episodes", "all", False): 5,
    ("new_episodes", "all", True): 5,
    ("new_episodes", "new_episodes", True): 2,
}


@pytest.mark.parametrize(("broken", "then", "old"), MODES)
def test_from_scratch_counts_only_what_was_from_scratch(begin: Beginning, broken: str, then: str, old: bool) -> None:
    """`record --all` goes on from an interrupted `record --all` alone, everything else from both."""
    if old:
        record(begin, ["one", "old", "older"])
    record(begin, TEXTS[:3], mode=broken, finish=False)
    assert record(begin, TEXTS, mode=then) == MODES[broken, then, old]


def test_a_recording_from_scratch_stays_one(begin: Beginning, partial: Path) -> None:
    """What `record` goes on from, and has nothing of the cassette in it, can be gone on from by `record --all`."""
    record(begin, ["old"])
    record(begin, TEXTS[:2], mode="all", finish=False)
    record(begin, TEXTS[:4], finish=False)
    assert read_partial(partial).mode == "all"
    assert record(begin, TEXTS, mode="all") == 1


def test_an_edit_that_is_taken_back_plays_the_cassette(begin: Beginning, tmp_path: Path, partial: Path) -> None:
    """Where the partial recording does not go on, the cassette does; both stay, as neither holds all of the other."""
    record(begin, TEXTS)
    before = (tmp_path / "chat.yaml").read_bytes()
    record(begin, [*TEXTS[:3], "other"], finish=False)
    assert record(begin, TEXTS) == 0
    assert (tmp_path / "chat.yaml").read_bytes() == before
    assert partial.exists()
    assert record(begin, [*TEXTS[:3], "other", "more"]) == 1


def test_what_the_cassette_holds_too_is_cleared_away(begin: Beginning, tmp_path: Path, partial: Path) -> None:
    """Where a recording ended between its cassette and the partial one, the next takes that away and asks nothing."""
    record(begin, TEXTS, finish=False, streamed=True)
    left = partial.read_bytes()
    record(begin, TEXTS)
    partial.write_bytes(left)
    before = (tmp_path / "chat.yaml").read_bytes()
    assert record(begin, TEXTS) == 0
    assert (tmp_path / "chat.yaml").read_bytes() == before
    assert not partial.exists()


def test_a_whole_partial_recording_becomes_the_cassette(begin: Beginning, tmp_path: Path) -> None:
    """Where all was answered before the crash, nothing is asked, and the cassette is written."""
    record(begin, ["old", "older", "oldest"])
    record(begin, TEXTS, finish=False)
    assert record(begin, TEXTS) == 0
    assert len(load(tmp_path / "chat.yaml", "x").interactions) == 5
    assert os.listdir(tmp_path) == ["chat.yaml"]


class Refusing(Model):
    """Refuses what asks for it, with this status, or with an error in a reply that says 200."""

    def send(self, sent: Request) -> Reply:
        """Answer, or refuse."""
        messages: Any = sent.body["messages"]
        said = messages[-1]["content"]
        if not said.startswith("refuse"):
            return super().send(sent)
        self.asked += 1
        body = json.dumps({"error": {"message": "no"}}).encode()
        return Reply(status=int(said.split()[1]), headers={}, body=(body,))


@pytest.mark.parametrize("status", [200, 400, 429, 500])
@pytest.mark.parametrize("wanted", [False, True])
def test_a_refusal_is_kept_once_the_conversation_goes_on(
    begin: Beginning, partial: Path, status: int, wanted: bool
) -> None:
    """Nobody wants to go on from an error for ever: one that is wanted is kept with the next answer, others never."""

    def say(recorder: Recorder, *texts: str) -> None:
        messages: list[Any] = []
        for text in texts:
            messages = [*messages, {"role": "user", "content": text}]
            reply = recorder.send(request({"model": "m", "messages": messages}, error_wanted=wanted))
            assert b"".join(reply.body)

    with begin(Refusing()) as recorder:
        say(recorder, "one", f"refuse {status}")
        assert len(read_partial(partial).interactions) == 1
        say(recorder, "one", f"refuse {status}", "two")
        assert len(read_partial(partial).interactions) == (5 if wanted else 3)


def test_a_reply_that_broke_off_is_asked_again(begin: Beginning, partial: Path) -> None:
    """What came before it is kept; it is not, and neither is a stream that ended without saying so."""

    class Breaking(Model):
        def send(self, sent: Request) -> Reply:
            reply = super().send(sent)
            if self.asked < 3:
                return reply

            def broken() -> Any:
                yield next(iter(reply.body))
                raise ProviderError("broke off")

            return Reply(status=200, headers=reply.headers, body=broken())

    with begin(Breaking(streamed=True)) as recorder, pytest.raises(ProviderError):
        converse(recorder, TEXTS)
    assert len(read_partial(partial).interactions) == 2
    assert record(begin, TEXTS, streamed=True) == 3


def test_key_values_are_in_no_line(begin: Beginning, partial: Path) -> None:
    """A key is its placeholder in the file, and one that is learned later is taken out of what is written already."""
    redactor = Redactor({"A_KEY": "sk-first-secret"})
    texts = ["it is sk-first-secret", "and sk-second-secret", "so"]
    with begin(Model(), redactor=redactor) as recorder:
        converse(recorder, texts[:2])
        assert b"sk-first-secret" not in partial.read_bytes()
        redactor.learn({"B_KEY": "sk-second-secret"})
        recorder.redact_anew()
        assert b"sk-second-secret" not in partial.read_bytes()
        assert len(read_partial(partial).interactions) == 2
    answering = Model()
    with begin(answering, redactor=redactor) as recorder:
        converse(recorder, texts)
        recorder.finish()
    assert answering.asked > 0


def test_a_key_that_cannot_be_taken_out_stops_the_recording(begin: Beginning, partial: Path) -> None:
    """A key that stands as a number is not written: what was answered before is kept, and no more is paid for."""

    class Numbering(Model):
        def send(self, sent: Request) -> Reply:
            reply = super().send(sent)
            body = json.loads(b"".join(reply.body))
            body["usage"] = {"prompt_tokens": 1234567890 if self.asked == 3 else 1}
            return Reply(status=200, headers={}, body=(json.dumps(body).encode(),))

    model = Numbering()
    recording = begin(model, redactor=Redactor({"A_KEY": "1234567890"}))
    with recording, pytest.raises(CassetteError, match="interaction 3 holds a secret"):
        converse(recording, TEXTS)
    assert model.asked == 3
    assert len(read_partial(partial).interactions) == 2
    assert b"1234567890" not in partial.read_bytes()


def test_what_another_process_recorded_meanwhile_is_not_paid_again(begin: Beginning, tmp_path: Path) -> None:
    """A recorder whose cassette was made by another one since it read what is known asks nothing."""
    late = Model()
    with begin(late) as recorder:
        record(begin, TEXTS)
        before = (tmp_path / "chat.yaml").read_bytes()
        with pytest.raises(CassetteError, match="recorded by another process in the meantime"):
            converse(recorder, TEXTS)
    assert (late.asked, (tmp_path / "chat.yaml").read_bytes()) == (0, before)


def test_what_is_in_the_way_of_a_partial_recording_is_found_before_a_call(begin: Beginning, tmp_path: Path) -> None:
    """A folder where it is begun is named, and nothing is asked that could not be kept."""
    (tmp_path / ".chat.yaml.partial").mkdir()
    model = Model()
    with begin(model) as recorder, pytest.raises(CassetteError) as refused:
        converse(recorder, TEXTS)
    assert model.asked == 0
    assert str(refused.value.where) == ".chat.yaml.partial"
    (tmp_path / ".chat.yaml.partial").rmdir()
    record(begin, TEXTS)


def test_who_was_given_up_writes_no_more(begin: Beginning, partial: Path) -> None:
    """A reply that comes after the run is over is not kept: somebody else may be recording by then."""
    with begin(Model()) as recorder:
        converse(recorder, ["one"])
        before = partial.read_bytes()
        reply = recorder.send(request({"model": "m", "messages": [{"role": "user", "content": "two"}]}))
        give_up_all()
        with pytest.raises(KeyboardInterrupt):
            list(reply.body)
    assert partial.read_bytes() == before


def test_an_interruption_while_a_recorder_is_closed_is_passed_on(begin: Beginning, partial: Path) -> None:
    """Ctrl-C in that moment ends more than this conversation; the cassette can be recorded by others all the same."""

    def interrupt(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is Recorder._gather.__code__:
            sys.setprofile(None)
            raise KeyboardInterrupt

    recorder = begin(Model())
    converse(recorder, ["one"])
    sys.setprofile(interrupt)
    with pytest.raises(KeyboardInterrupt):
        recorder.close()
    assert record(begin, TEXTS) == len(TEXTS) - 1


def test_an_answer_that_was_not_read_yet_is_kept_when_its_end_was_heard(begin: Beginning, partial: Path) -> None:
    """Who is interrupted between two turns has the answer of the first in the file."""
    with begin(Model()) as recorder:
        converse(recorder, ["one"])
        for piece in recorder.send(request({"model": "m", "messages": [{"role": "user", "content": "two"}]})).body:
            assert piece
    assert len(read_partial(partial).interactions) == 2


def test_long_names_have_a_partial_recording_too(tmp_path: Path) -> None:
    """The name of a cassette may be as long as the system allows."""
    path = tmp_path / f"{'x' * 250}.yaml"
    with Recorder(path, shown_as="x", live=Model) as recorder:
        converse(recorder, ["one"])
        assert len([name for name in os.listdir(tmp_path) if name.endswith(".partial")]) == 1
        recorder.finish()
    assert os.listdir(tmp_path) == [path.name]


def test_the_rights_are_the_cassettes(begin: Beginning, partial: Path, tmp_path: Path) -> None:
    """Who may read the cassette may read what will become of it, and nobody else."""
    record(begin, ["old"])
    (tmp_path / "chat.yaml").chmod(0o640)
    record(begin, ["one"], finish=False)
    assert partial.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(sys.platform != "linux", reason="names of open files are looked up in /proc")
def test_the_cassette_is_on_the_disk_before_the_partial_recording_goes(
    begin: Beginning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a power cut one of the two is there: content, then name of the cassette are settled, then the other goes."""
    done: list[str] = []

    def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(first: Any, *more: Any, **options: Any) -> Any:
            at = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else str(more[0] if more else first)
            done.append(f"{name} {Path(at).name}")
            return function(first, *more, **options)

        return call

    with begin(Model()) as recorder:
        converse(recorder, ["one"])
        for name in ("fsync", "replace", "unlink"):
            monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
        recorder.finish()
        monkeypatch.undo()
    told = [entry for entry in done if not entry.endswith((".lock", ".writing"))]
    written = next(place for place, entry in enumerate(done) if entry.startswith("fsync") and entry.endswith("writing"))
    assert written < done.index("replace chat.yaml")
    assert told == ["replace chat.yaml", f"fsync {tmp_path.name}", "unlink chat.yaml.partial"]
