"""Attachments: types without asking the network, contents read and encoded once, bad ones told in one error."""

from __future__ import annotations

import base64
import json
import os
import re
import tracemalloc
from pathlib import Path

import pytest
from media_files import GIF, JPEG, MP3, PDF, PNG, WAV
from scripted_models import says, scripted

import convrun as llm
from convrun.backends.chat_encoding import encode_attachment


def coded(content):
    """Return bytes as base64."""
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("attachment", "kind"),
    [
        (llm.Attachment(content=PNG), "image/png"),
        (llm.Attachment(content=WAV), "audio/wav"),
        (llm.Attachment(content=b"<svg", file_name="map.SVG"), "image/svg+xml"),
        (llm.Attachment(content=JPEG, file_name="map.png"), "image/jpeg"),
        (llm.Attachment(content=PNG, type="image/x-own"), "image/x-own"),
        (llm.Attachment(url="https://example.com/a.jpg?size=9"), "image/jpeg"),
        (llm.Attachment(url="https://example.com/a", type="image/jpeg"), "image/jpeg"),
        (llm.Attachment(url="data:image/gif;base64,R0lGODlh"), "image/gif"),
        (llm.Attachment(url=f"data:;base64,{coded(GIF)}"), "image/gif"),
    ],
)
def test_the_type_is_found_without_the_network(attachment, kind):
    """The type is the argument's, else that of the bytes, else the name's; of a link the name's alone."""
    assert attachment.resolve_type() == kind


def test_bytes_that_may_change_are_taken_as_they_are():
    """A bytearray and a memoryview are bytes, and what becomes of them later changes nothing."""
    given = bytearray(PNG)
    attachments = (llm.Attachment(content=given), llm.Attachment(content=memoryview(given)))
    given[:] = b"?"
    assert [one.content_bytes() for one in attachments] == [PNG, PNG]


def test_a_file_is_what_its_bytes_are(tmp_path):
    """A picture that was saved under another suffix goes out as what it is: providers refuse it otherwise."""
    path = tmp_path / "dog.png"
    path.write_bytes(JPEG)
    assert encode_attachment(llm.Attachment(path=path))["image_url"]["url"] == f"data:image/jpeg;base64,{coded(JPEG)}"
    told = llm.Attachment(path=path, type="image/png")
    assert encode_attachment(told)["image_url"]["url"].startswith("data:image/png;")


@pytest.mark.parametrize(
    ("attachment", "problem", "fix"),
    [
        (llm.Attachment(url="https://example.com/a"), "type of attachment 'https://example.com/a' is not", "say it"),
        (llm.Attachment(content=b"??"), "type of attachment 'content' is not known", "say it, as type image/jpeg"),
        (llm.Attachment(path="no/such/file"), "cannot read attachment 'no/such/file': no such file", "current folder"),
        (llm.Attachment(path="a\0b.png"), "cannot read attachment 'a.*b.png': embedded null", "give the path"),
        (llm.Attachment(content=PNG, type="png"), "'png' is not a MIME type", "type='image/png'"),
        (llm.Attachment(content=PNG, type="a picture"), "'a picture' is not a MIME type", "type='image/jpeg'"),
        (llm.Attachment(content=b""), "attachment 'content' is empty", "something in it"),
        (llm.Attachment(content=b"", type="image/png"), "attachment 'content' is empty", "something in it"),
        (llm.Attachment(url="data:image/png;base64,"), "attachment 'data:.*' is empty", "something in it"),
        (llm.Attachment(url="data:image/png;base64,a%"), "has no valid base64", "data:TYPE;base64,BYTES"),
        (llm.Attachment(url="data:image/png;base64,abcde"), "has no valid base64", "data:TYPE;base64,BYTES"),
    ],
)
def test_what_cannot_be_sent_is_one_error(attachment, problem, fix):
    """What nobody can read, or know the type of without the network, is said before anything is sent."""
    model, script = scripted(says("ok"))
    with pytest.raises(llm.AttachmentError, match=problem) as caught:
        attachment.load()
    assert fix in (caught.value.fix or "")
    with pytest.raises(llm.AttachmentError, match=problem):
        model.prompt("Look", attachments=[attachment]).text()
    assert script.requests == []


def test_a_file_that_cannot_be_read_is_one_error(tmp_path, monkeypatch):
    """A folder, a pipe, an empty file, a name without suffix and a misspelt one are said with what mends them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "notes").write_text("hello", "utf-8")
    (tmp_path / "map.png").write_bytes(PNG)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    for path, problem, fix in [
        ("folder.png", "attachment 'folder.png' is no regular file", "attach a file, not a folder"),
        ("pipe.png", "attachment 'pipe.png' is no regular file", "not a folder, pipe or device"),
        ("empty.png", "attachment 'empty.png' is empty", "attach what has something in it"),
        ("notes", "the type of attachment 'notes' is not known", "say it, as type image/jpeg"),
        ("mapp.png", "cannot read attachment 'mapp.png': no such file or directory", "did you mean 'map.png'?"),
        ("loop.png", "cannot read attachment 'loop.png': too many levels", "its link leads to no file"),
    ]:
        with pytest.raises(llm.AttachmentError, match=problem) as caught:
            llm.Attachment(path=path).load()
        assert fix in caught.value.fix


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_it_is_one_error(tmp_path):
    """What the system refuses is said in its words."""
    path = tmp_path / "map.png"
    path.write_bytes(PNG)
    path.chmod(0)
    with pytest.raises(llm.AttachmentError, match="permission denied") as caught:
        llm.Attachment(path=path).load()
    assert caught.value.fix == "give yourself the right to read it"


@pytest.mark.parametrize(
    ("given", "problem", "fix"),
    [
        ({}, "exactly one source", "give one of path=, url= and content="),
        ({"path": "a", "url": "b"}, "exactly one source", "give one of path=, url= and content="),
        ({"content": "text"}, "is bytes, not text", "give content=….encode(), or path= for a file"),
        ({"content": Path("a.png")}, "is bytes, not", "give content=bytes(…)"),
        ({"url": "map.png"}, "'map.png' is no URL", "of a file give the path"),
        ({"url": ""}, "'' is no URL", "a URL begins with https:// or data:"),
        ({"url": "file:///etc/passwd"}, "is no URL", "of a file give the path"),
        ({"url": "data:image/png"}, "is no URL", "a URL begins with"),
        ({"url": "https://[::1/a.png"}, "is no URL", "a URL begins with"),
        ({"url": "https://example.com/a\n.png"}, "is no URL", "a URL begins with"),
        ({"url": "ftp://example.com/a.png"}, "is no URL", "a URL begins with"),
        ({"url": b"https://example.com"}, "the url of an attachment is a text", "give url='…'"),
        ({"url": "https://example.com", "type": 1}, "the type of an attachment is a text, not number", "give type='…'"),
        ({"path": ""}, "the path of an attachment is that of a file", "give path='…', or content= for bytes"),
        ({"path": b"a.png"}, "the path of an attachment is that of a file", "give path='…'"),
        ({"path": "https://example.com/a.png"}, "is a URL, and no path", "give it as url"),
    ],
)
def test_an_attachment_is_one_of_path_url_and_bytes(given, problem, fix):
    """Anything else is refused where it is made."""
    with pytest.raises(llm.AttachmentError, match=problem) as caught:
        llm.Attachment(**given)
    assert fix in caught.value.fix


def test_a_file_is_read_once(tmp_path):
    """A file that changes, or goes, between two requests does not change what was said."""
    path = tmp_path / "map.png"
    path.write_bytes(PNG)
    model, script = scripted(says("one"), says("two"))
    conversation = model.conversation()
    attachment = llm.Attachment(path=path)
    conversation.prompt("Look", attachments=[attachment]).text()
    path.unlink()
    conversation.prompt("Again").text()
    first, second = (messages[0]["content"][1]["image_url"]["url"] for messages in script.messages)
    assert first is second
    assert first == f"data:image/png;base64,{coded(PNG)}"
    assert (attachment.base64_content(), attachment.content_bytes()) == (coded(PNG), PNG)


@pytest.mark.parametrize("suffix", ["png", "wav"])
@pytest.mark.parametrize("source", ["path", "content"])
def test_memory_holds_two_copies_at_most(tmp_path, suffix, source):
    """Of a large attachment its bytes and its text are kept, and of a file the text alone; reading takes no more."""
    size = 6_000_000
    content = (PNG if suffix == "png" else WAV) + bytes(size)
    path = tmp_path / f"large.{suffix}"
    path.write_bytes(content)
    encode_attachment(llm.Attachment(content=WAV))  # what is loaded once
    given = {"path": path} if source == "path" else {"content": content}
    tracemalloc.start()
    try:
        attachment = llm.Attachment(**given)
        attachment.load()
        part = encode_attachment(attachment)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    text = len(coded(content))
    assert kept < 1.05 * text
    assert most < 2.1 * text
    assert coded(content) in part.get("image_url", part.get("input_audio")).get("url" if suffix == "png" else "data")


def test_data_urls_have_their_bytes_with_them():
    """The bytes of a data URL are in it, as base64 or as text, and go out as they were given."""
    assert llm.Attachment(url="data:image/png;base64,aGk=").content_bytes() == b"hi"
    assert llm.Attachment(url="data:text/plain,h%69").content_bytes() == b"hi"
    sound = llm.Attachment(url=f"data:audio/wav;base64,{coded(WAV)}")
    assert encode_attachment(sound)["input_audio"] == {"data": coded(WAV), "format": "wav"}
    url = f"data:image/png;base64,{coded(PNG)}"
    assert encode_attachment(llm.Attachment(url=url))["image_url"]["url"] is url
    untyped = llm.Attachment(url=f"data:;base64,{coded(PNG)}")
    assert encode_attachment(untyped)["image_url"]["url"] == url


def test_bytes_behind_a_url_are_never_fetched(loopback):
    """Who needs the bytes behind a URL is told to download them; nobody asks its server for anything."""
    sound = llm.Attachment(url=f"{loopback.base_url}/a.wav")
    with pytest.raises(llm.AttachmentError, match="URLs are not fetched") as caught:
        encode_attachment(sound)
    assert caught.value.fix == "download it and give its path"
    sound.load()
    with pytest.raises(llm.AttachmentError, match="is not known"):
        llm.Attachment(url=f"{loopback.base_url}/a").load()
    assert loopback.requests == []


def test_attachments_go_out_with_the_prompt(tmp_path, loopback, monkeypatch):
    """Images, documents and sounds stand behind the text of the user's message, as a server gets them."""
    monkeypatch.chdir(tmp_path)
    for name, content in {"dog.png": PNG, "report.pdf": PDF, "bark.wav": WAV, "bark.mp3": MP3}.items():
        (tmp_path / name).write_bytes(content)
    attachments = [
        llm.Attachment(url="https://example.com/a.jpg", detail="low"),
        llm.Attachment(path="dog.png"),
        llm.Attachment(content=GIF),
        llm.Attachment(path=tmp_path / "report.pdf"),
        llm.Attachment(content=PDF),
        llm.Attachment(content=PDF, file_name="bill.pdf"),
        llm.Attachment(path="bark.wav"),
        llm.Attachment(path="bark.mp3"),
    ]
    loopback.says("Well.")
    model = llm.get_model("m", base_url=loopback.base_url)
    response = model.prompt("Look", attachments=attachments)
    assert response.text() == "Well."
    assert response.prompt.attachments == tuple(attachments)
    pdf = f"data:application/pdf;base64,{coded(PDF)}"
    assert loopback.requests[0].body["messages"][0]["content"] == [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{coded(PNG)}"}},
        {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{coded(GIF)}"}},
        {"type": "file", "file": {"filename": "report.pdf", "file_data": pdf}},
        {"type": "file", "file": {"filename": "document.pdf", "file_data": pdf}},
        {"type": "file", "file": {"filename": "bill.pdf", "file_data": pdf}},
        {"type": "input_audio", "input_audio": {"data": coded(WAV), "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": coded(MP3), "format": "mp3"}},
    ]


@pytest.mark.parametrize(
    ("given", "problem", "fix"),
    [
        ({"content": b"a,b", "type": "text/csv"}, "'content' of type 'text/csv' cannot go", "put the text into"),
        ({"content": b"fLaC\0\0\0\x22" + bytes(34)}, "of type 'audio/flac' cannot go", "wav and mp3 can: convert it"),
        ({"url": "https://example.com/a.wav"}, "the bytes of .* are needed", "download it and give its path"),
    ],
)
def test_what_a_chat_model_cannot_take_is_one_error(given, problem, fix):
    """What chat completions have no part for is said with what can be sent instead."""
    model, script = scripted(says("ok"))
    with pytest.raises(llm.AttachmentError, match=problem) as caught:
        model.prompt("Look", attachments=[llm.Attachment(**given)]).text()
    assert fix in caught.value.fix
    assert script.requests == []


@pytest.mark.parametrize(
    "attachment",
    [
        llm.Attachment(url="https://example.com/a.jpg", type="image/jpeg"),
        llm.Attachment(url="https://example.com/a.jpg", detail="low"),
        llm.Attachment(url=f"data:application/pdf;base64,{coded(PDF)}", file_name="bill.pdf"),
        llm.Attachment(content=PNG, type="image/png", detail="high"),
        llm.Attachment(content=PDF, type="application/pdf", file_name="bill.pdf"),
        llm.Attachment(content=MP3, type="audio/mp3"),
    ],
)
def test_attachments_survive_as_json(attachment):
    """to_dict and from_dict give an equal attachment, which sends the same."""
    again = llm.Attachment.from_dict(json.loads(json.dumps(attachment.to_dict())))
    assert again == attachment
    assert encode_attachment(again) == encode_attachment(attachment)


def test_a_file_survives_as_its_bytes_and_its_name(tmp_path):
    """What was a file is bytes in JSON, with a type and its name, so that the same is sent without it."""
    path = tmp_path / "bill.pdf"
    path.write_bytes(PDF)
    attachment = llm.Attachment(path=path)
    kept = attachment.to_dict()
    path.unlink()
    assert kept == {"type": "application/pdf", "content": coded(PDF), "file_name": "bill.pdf"}
    again = llm.Attachment.from_dict(kept)
    assert encode_attachment(again) == encode_attachment(attachment)
    assert again.to_dict() == kept


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"content": "?"}, "no base64"),
        ({"content": 1}, "is bytes, not number"),
        ({}, "exactly one source"),
        ({"url": "https://example.com/a", "detail": 1}, "the detail of an attachment is a text"),
    ],
)
def test_json_that_is_no_attachment_is_refused(data, problem):
    """What to_dict would not write is one error."""
    with pytest.raises(llm.AttachmentError, match=re.escape(problem)):
        llm.Attachment.from_dict(data)
