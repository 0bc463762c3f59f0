"""Attachments: their bytes beside the cassette, a reference in it, and the same requests when it is read again."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cassette_conversations import completion, interaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cassettes import save
from convrun.cassette.files import load, not_read
from convrun.cassette.interaction import Recording
from convrun.cassette.kept.saving import save as save_recorded
from convrun.cassette.stored.format import read
from convrun.cassette.stored.writing import write
from convrun.errors import CassetteError
from convrun.redaction import Redactor

PICTURE, SOUND, PAPER = (bytes([number]) * 3_000 for number in (1, 2, 3))


def data_url(content: bytes, kind: str = "image/png") -> str:
    """Return a data URL."""
    return f"data:{kind};base64,{encoded(content)}"


def encoded(content: bytes) -> str:
    """Return the base64 of bytes."""
    return base64.b64encode(content).decode()


def image(url: str) -> dict[str, Any]:
    """Return the part of a message that holds an image."""
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


def asked(*contents: Any) -> Recording:
    """Return a conversation whose user says these contents, turn by turn."""
    messages: list[Any] = []
    found = []
    for content in contents:
        messages = [*messages, {"role": "user", "content": content}]
        found.append(interaction({"model": "m", "messages": messages}, completion("I see.")))
        messages = [*messages, {"role": "assistant", "content": "I see."}]
    return Recording(interactions=tuple(found), file="chat.yaml")


PARTS = [
    {"type": "text", "text": "Look."},
    image(data_url(PICTURE)),
    {"type": "input_audio", "input_audio": {"data": encoded(SOUND), "format": "wav"}},
    {"type": "file", "file": {"filename": "a.pdf", "file_data": data_url(PAPER, "application/pdf")}},
]


def beside(path: Path) -> dict[str, bytes]:
    """Return what lies beside a cassette."""
    folder = path.with_name(f"{path.name}.d")
    return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.exists() else {}


def named(*contents: bytes) -> dict[str, bytes]:
    """Return contents by their sha256."""
    return {sha256(content).hexdigest(): content for content in contents}


def test_attachments_lie_beside_the_cassette_once(tmp_path: Path) -> None:
    """Images, sounds and files are raw bytes in `<cassette>.d`, each once, and requests are as before."""
    recording = asked(PARTS, "And now?", [image(data_url(PICTURE))], [image(data_url(PICTURE, "image/jpeg"))])
    save(tmp_path / "chat.yaml", recording)
    assert beside(tmp_path / "chat.yaml") == named(PICTURE, SOUND, PAPER)
    assert load(tmp_path / "chat.yaml", "x").interactions == recording.interactions
    text = (tmp_path / "chat.yaml").read_text("utf-8")
    assert not any(encoded(content)[:40] in text for content in (PICTURE, SOUND, PAPER))
    assert max(map(len, text.splitlines())) < 120
    assert sorted(os.listdir(tmp_path)) == ["chat.yaml", "chat.yaml.d"]


def test_a_reference_reads_as_one(tmp_path: Path) -> None:
    """A reviewer sees what kind of thing is attached, how large it is, and which file it is."""
    save(tmp_path / "chat.yaml", asked([image(data_url(PICTURE))]))
    (name,) = named(PICTURE)
    shown = f"""
      - type: image_url
        image_url:
          url:
            $attachment: {name}
            bytes: 3000
            before: 'data:image/png;base64,'
          detail: low
"""
    assert shown in (tmp_path / "chat.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    "content",
    [
        [image(data_url(b"x" * 1024))],  # small enough to be read where it is
        [image(data_url(PICTURE)[:-2] + "\n")],
        [image("data:image/png;base64," + "_-" * 2000)],
        [image("data:image/svg+xml," + "a" * 4000)],
        [image("https://example.com/" + "a" * 4000)],
        [{"type": "text", "text": data_url(PICTURE)}],
        [{"type": "text", "image_url": {"url": data_url(PICTURE)}}],
        data_url(PICTURE),
    ],
    ids=["small", "line break", "other alphabet", "no base64", "link", "text", "no image", "plain text"],
)
def test_what_is_no_large_attachment_stays(tmp_path: Path, content: Any) -> None:
    """What is small, is no attachment, or would not become the same text again is written as it is."""
    recording = asked(content)
    save(tmp_path / "chat.yaml", recording)
    assert beside(tmp_path / "chat.yaml") == {}
    assert load(tmp_path / "chat.yaml", "x").interactions == recording.interactions


def test_one_byte_more_is_large_enough(tmp_path: Path) -> None:
    """More than 1 KiB, decoded, lies beside the cassette."""
    save(tmp_path / "chat.yaml", asked([image(data_url(b"x" * 1025))]))
    assert beside(tmp_path / "chat.yaml") == named(b"x" * 1025)


(NAME,) = named(PICTURE)


@pytest.mark.parametrize(
    "look_alike",
    [
        {"$attachment": NAME, "bytes": 3000, "before": "data:image/png;base64,"},
        {"$attachment": "../../secret"},
        {"$json": json.dumps({"$attachment": NAME, "bytes": 3000})},
        {"a": [{"$attachment": None}]},
    ],
)
def test_data_that_looks_like_a_reference_is_data(tmp_path: Path, look_alike: Any) -> None:
    """What a user sends stays what it was, whatever it looks like, also beside real attachments."""
    recording = asked([image(data_url(PICTURE)), {"type": "image_url", "image_url": {"url": look_alike}}, look_alike])
    save(tmp_path / "chat.yaml", recording)
    assert load(tmp_path / "chat.yaml", "x").interactions == recording.interactions
    assert beside(tmp_path / "chat.yaml") == named(PICTURE)


values = st.recursive(
    st.none() | st.integers(-5, 5) | st.text(max_size=3) | st.sampled_from([data_url(PICTURE), encoded(SOUND), NAME]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "url", "image_url", "data", "file", "file_data", "$attachment", "$json", "bytes"]),
            inner | st.sampled_from(["image_url", "file", "input_audio", "input_image", "input_file"]),
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(contents=st.lists(values, min_size=1, max_size=3))
def test_any_content_reads_back(contents: list[Any]) -> None:
    """Whatever is sent, and whatever of it lies beside the cassette, it is the same when it is read."""
    recording = asked(*contents)
    aside: dict[str, bytes] = {}
    text = write(recording, aside)
    from convrun.cassette.stored.attachments import from_memory

    assert read(text, "x", lambda: from_memory(aside)).interactions == recording.interactions
    assert read(write(recording), "x").interactions == recording.interactions


def _changed(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1] + b"?")


def _linked(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _folder_linked(file: Path) -> None:
    file.parent.rename(file.parent.with_name("real"))
    file.parent.symlink_to("real")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (Path.unlink, "is missing"),
        (_changed, "is not what was recorded: its content has changed"),
        (lambda file: file.write_bytes(PICTURE + b"more"), "is not what was recorded: its content has changed"),
        (lambda file: file.write_bytes(b""), "is not what was recorded: its content has changed"),
        (_linked, "is a link"),
        (_folder, "is a folder"),
        (_pipe, "is no regular file"),
        (_folder_linked, "lies in what is a link, no folder"),
    ],
)
def test_an_attachment_that_is_another_is_an_error(tmp_path: Path, harm: Callable[[Path], Any], message: str) -> None:
    """Missing, changed, a link, a folder: the error names the cassette, the interaction, the file and the fix."""
    save(tmp_path / "chat.yaml", asked("Hi", [image(data_url(PICTURE))]))
    harm(tmp_path / "chat.yaml.d" / NAME)
    with pytest.raises(CassetteError) as caught:
        load(tmp_path / "chat.yaml", "cassettes/chat.yaml")
    assert caught.value.what == f"interaction 2: attachment 'cassettes/chat.yaml.d/{NAME}' {message}"
    assert str(caught.value.where) == "cassettes/chat.yaml"
    assert "restore it from version control" in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (NAME, "f" * 64, "interaction 1 is not what was recorded"),
        ("bytes: 3000", "bytes: 3001", "interaction 1 is not what was recorded"),
        ("data:image/png;", "data:image/gif;", "interaction 1 is not what was recorded"),
    ],
)
def test_the_digests_cover_attachments(tmp_path: Path, old: str, new: str, message: str) -> None:
    """A reference that was edited is found by the digest of its interaction."""
    path = tmp_path / "chat.yaml"
    save(path, asked([image(data_url(PICTURE))]))
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(CassetteError, match=message):
        load(path, "x")


@pytest.mark.parametrize(
    "reference",
    [
        "$attachment: ../../../etc/passwd\n            bytes: 3000",
        "$attachment: /etc/passwd\n            bytes: 3000",
        f"$attachment: {NAME.upper()}\n            bytes: 3000",
        f"$attachment: {NAME}\n            bytes: -1",
        f"$attachment: {NAME}\n            bytes: many",
        f"$attachment: {NAME}\n            bytes: 3000\n            path: x",
        f"$attachment: {NAME}",
    ],
)
def test_a_cassette_names_no_other_file(tmp_path: Path, reference: str) -> None:
    """What a forged cassette can name are 64 hex digits in its own folder, and nothing else."""
    from convrun.cassette.stored.format import chained_digest
    from convrun.document import read_values

    path = tmp_path / "chat.yaml"
    save(path, asked([image(data_url(PICTURE))]))
    text = path.read_text("utf-8")
    text = text.replace(f"$attachment: {NAME}\n            bytes: 3000", reference)
    document: Any = read_values(text, "x")
    digest = chained_digest(document["interactions"][0], "")
    path.write_text(f"{text[: text.index('digests:')]}digests: [{json.dumps(digest)}]\n", "utf-8")
    with pytest.raises(CassetteError, match=r"interaction 1: .*(64 hex digits|a reference to an attachment has)"):
        load(path, "x")


def test_attachments_that_are_too_large_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cassette whose attachments together are larger than a recording may be is refused before they are read."""
    from convrun.cassette.stored import beside as component

    save(tmp_path / "chat.yaml", asked([image(data_url(PICTURE))], [image(data_url(PAPER))]))
    monkeypatch.setattr(component, "LARGEST", 5_999)
    with pytest.raises(CassetteError, match="interaction 2: the attachments have more than 5,999 bytes"):
        load(tmp_path / "chat.yaml", "x")


def test_what_is_no_longer_sent_goes(tmp_path: Path) -> None:
    """A new recording removes the attachments of the old one that it does not have, and nothing else."""
    path = tmp_path / "chat.yaml"
    save(path, asked(PARTS))
    (tmp_path / "chat.yaml.d" / "notes.txt").write_text("mine")
    (tmp_path / "chat.yaml.d" / ".0123456789abcdef.writing").write_text("of a process that was killed")
    save(path, asked([image(data_url(PICTURE))]))
    assert beside(path) == named(PICTURE) | {"notes.txt": b"mine"}
    (tmp_path / "chat.yaml.d" / "notes.txt").unlink()
    save(path, asked("Hi"))
    assert os.listdir(tmp_path) == ["chat.yaml"]


def test_a_failed_save_leaves_the_old_attachments(tmp_path: Path) -> None:
    """Where the cassette cannot be replaced, its attachments are those of before, and no new one stays."""
    folder = tmp_path / "chat.yaml"
    (folder / "inside").mkdir(parents=True)
    with pytest.raises(CassetteError, match="cannot be written"):
        save(folder, asked([image(data_url(PICTURE))]))
    assert os.listdir(tmp_path) == ["chat.yaml"]
    (tmp_path / "other.yaml.d").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CassetteError, match=r"cannot be written: other.yaml.d is a link"):
        save(tmp_path / "other.yaml", asked([image(data_url(PICTURE))]))
    assert not (tmp_path / "other.yaml").exists()


def test_an_attachment_that_was_damaged_is_written_again(tmp_path: Path) -> None:
    """A recording of the same content mends what is not as it should be; what is right is not touched."""
    path = tmp_path / "chat.yaml"
    save(path, asked(PARTS))
    before = {file.name: file.stat().st_ino for file in (tmp_path / "chat.yaml.d").iterdir()}
    _changed(tmp_path / "chat.yaml.d" / NAME)
    save(path, asked(PARTS))
    after = {file.name: file.stat().st_ino for file in (tmp_path / "chat.yaml.d").iterdir()}
    assert {name for name in before if before[name] != after[name]} == {NAME}
    assert beside(path) == named(PICTURE, SOUND, PAPER)


def test_a_link_to_a_cassette_has_its_attachments(tmp_path: Path) -> None:
    """Behind a link the attachments are those beside its target; a recording over a link is a file of its own."""
    save(tmp_path / "real" / "chat.yaml", asked([image(data_url(PICTURE))]))
    link = tmp_path / "chat.yaml"
    link.symlink_to("real/chat.yaml")
    assert load(link, "x").interactions == asked([image(data_url(PICTURE))]).interactions
    save(link, asked([image(data_url(PAPER))]))
    assert beside(link) == named(PAPER)
    assert beside(tmp_path / "real" / "chat.yaml") == named(PICTURE)


def test_a_secret_in_the_bytes_is_not_written(tmp_path: Path) -> None:
    """An attachment that holds a key, which its base64 hid, keeps the whole recording from being written."""
    content = b"a text with sk-secret-12345678 in it, " * 50
    recording = asked([{"type": "file", "file": {"filename": "a.txt", "file_data": data_url(content, "text/plain")}}])
    redactor = Redactor({"OPENAI_API_KEY": "sk-secret-12345678"})
    with pytest.raises(CassetteError, match="a key value could not be taken out"):
        save_recorded(recording.interactions, tmp_path / "chat.yaml", shown_as="chat.yaml", redactor=redactor)
    assert os.listdir(tmp_path) == []


def test_a_text_is_attached_without_its_secrets(tmp_path: Path) -> None:
    """What a recorder takes out of base64 is not in the file beside the cassette either."""
    content = b"a text with sk-secret-12345678 in it, " * 50
    part = {"type": "file", "file": {"filename": "a.txt", "file_data": data_url(content, "text/plain")}}
    redactor = Redactor({"OPENAI_API_KEY": "sk-secret-12345678"}).thorough
    (item,) = asked([part]).interactions
    clean = replace(item, request=replace(item.request, body=redactor.value(item.request.body)))
    save_recorded((clean,), tmp_path / "chat.yaml", shown_as="chat.yaml", redactor=redactor)
    assert beside(tmp_path / "chat.yaml") == named(b"a text with <OPENAI_API_KEY> in it, " * 50)


def test_what_is_shown_needs_no_attachment(tmp_path: Path) -> None:
    """Where a recording is only shown, as git shows it, the files beside it are not read, and their size is known."""
    from convrun.review.transcripts import transcript

    path = tmp_path / "chat.yaml"
    save(path, asked(PARTS))
    whole = transcript(load(path, "x"))
    for file in (tmp_path / "chat.yaml.d").iterdir():
        file.unlink()
    assert transcript(load(path, "x", whole=False)) == whole
    assert transcript(read(path.read_text("utf-8"), "x", not_read)) == whole
