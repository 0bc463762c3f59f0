"""Attachments: types without asking the network, contents read once."""

from __future__ import annotations

import base64

import pytest
from scripted_models import says, scripted

import convrun as llm

PNG = b"\x89PNG\r\n\x1a\n rest"


@pytest.mark.parametrize(
    ("attachment", "kind"),
    [
        (llm.Attachment(content=PNG), "image/png"),
        (llm.Attachment(content=b"\xff\xd8\xff\xe0"), "image/jpeg"),
        (llm.Attachment(content=b"RIFF....WEBPVP8"), "image/webp"),
        (llm.Attachment(content=b"RIFF....WAVEfmt"), "audio/wav"),
        (llm.Attachment(content=b"%PDF-1.7"), "application/pdf"),
        (llm.Attachment(content=PNG, type="image/x-own"), "image/x-own"),
        (llm.Attachment(path="no/such/MAP.PNG"), "image/png"),
        (llm.Attachment(url="https://example.com/a.jpg?size=9"), "image/jpeg"),
        (llm.Attachment(url="https://example.com/a", type="image/jpeg"), "image/jpeg"),
        (llm.Attachment(url="data:image/gif;base64,R0lGODlh"), "image/gif"),
    ],
)
def test_the_type_is_found_without_reading_more_than_needed(attachment, kind):
    """The type is the argument's, else the name's, else that of the first bytes."""
    assert attachment.resolve_type() == kind


@pytest.mark.parametrize(
    ("attachment", "problem"),
    [
        (llm.Attachment(url="https://example.com/a"), "type of attachment 'https://example.com/a' is not known"),
        (llm.Attachment(content=b"??"), "type of attachment 'content' is not known"),
        (llm.Attachment(path="no/such/file"), "cannot read attachment 'no/such/file': No such file"),
        (llm.Attachment(content=PNG, type="png"), "'png' is not a MIME type"),
    ],
)
def test_a_type_that_cannot_be_known_is_an_error(attachment, problem):
    """What nobody can know without the network has to be said."""
    with pytest.raises(llm.AttachmentError, match=problem):
        attachment.resolve_type()


@pytest.mark.parametrize("sources", [{}, {"path": "a", "url": "b"}])
def test_an_attachment_has_one_source(sources):
    """No source, or two, are refused at once."""
    with pytest.raises(llm.AttachmentError, match="exactly one source"):
        llm.Attachment(**sources)


def test_a_file_is_read_once(tmp_path):
    """A file that changes later does not change what was said."""
    path = tmp_path / "map.png"
    path.write_bytes(PNG)
    attachment = llm.Attachment(path=path)
    first = attachment.base64_content()
    path.write_bytes(b"other")
    assert attachment.base64_content() == first == base64.b64encode(PNG).decode()
    assert attachment.content_bytes() == PNG


def test_data_urls_have_their_bytes_with_them():
    """The bytes of a data URL are in it, as base64 or as text."""
    assert llm.Attachment(url="data:image/png;base64,aGk=").content_bytes() == b"hi"
    assert llm.Attachment(url="data:text/plain,h%69").content_bytes() == b"hi"


def test_bytes_behind_a_url_are_never_fetched():
    """Who needs the bytes behind a URL is told to download them."""
    with pytest.raises(llm.AttachmentError, match="URLs are not fetched"):
        llm.Attachment(url="https://example.com/a.wav").base64_content()


def test_attachments_go_out_with_the_prompt():
    """Images and PDF stand behind the text of the user's message; detail is the image's."""
    model, script = scripted(says("ok"))
    attachments = [
        llm.Attachment(url="https://example.com/a.jpg", detail="low"),
        llm.Attachment(content=PNG),
        llm.Attachment(content=b"%PDF-"),
    ]
    response = model.prompt("Look", attachments=attachments)
    response.text()
    text, link, image, pdf = script.messages[0][0]["content"]
    assert text == {"type": "text", "text": "Look"}
    assert link["image_url"] == {"url": "https://example.com/a.jpg", "detail": "low"}
    assert image["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert pdf["file"]["file_data"].startswith("data:application/pdf;base64,")
    assert response.prompt.attachments == tuple(attachments)


@pytest.mark.parametrize(
    "attachment",
    [llm.Attachment(url="https://example.com/a.jpg", type="image/jpeg"), llm.Attachment(content=PNG, detail="high")],
)
def test_attachments_survive_as_json(attachment):
    """to_dict and from_dict give an attachment that sends the same."""
    again = llm.Attachment.from_dict(attachment.to_dict())
    assert (again.resolve_type(), again.url, again.detail) == (
        attachment.resolve_type(),
        attachment.url,
        attachment.detail,
    )
    if attachment.url is None:
        assert again.content_bytes() == attachment.content_bytes()
