"""What a user hands over beside the text, and where models are: what the spec says of them, and that it passes."""

from __future__ import annotations

import base64
import hashlib

import pytest
from recordings import asked, call, chat, reasons, result, run, said, spec_of, tool, user

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\nsmall").decode()
PDF = base64.b64encode(b"%PDF-1.4 small").decode()
WAV = base64.b64encode(b"RIFF\x00\x00\x00\x00WAVEfmt ").decode()


def mark(data):
    """What names the file of these bytes."""
    return hashlib.sha256(base64.b64decode(data)).hexdigest()[:12]


def image(url, **more):
    """A content part with an image."""
    return {"type": "image_url", "image_url": {"url": url, **more}}


ATTACHMENTS = {
    "a link": (image("https://example.com/a.png", detail="low"), {"url": "https://example.com/a.png", "detail": "low"}),
    "a link without a name": (
        image("https://example.com/pictures?id={{7}}", detail="auto"),
        {"url": {"text": "https://example.com/pictures?id={{7}}", "raw": True}, "type": "image/jpeg"},
    ),
    "bytes": (image(f"data:image/png;base64,{PNG}"), {"path": f"_attachments/{mark(PNG)}.png"}),
    "bytes of a rare kind": (image(f"data:image/x-odd;base64,{PNG}"), {"url": f"data:image/x-odd;base64,{PNG}"}),
    "a document": (
        {"type": "file", "file": {"filename": "a b.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
        {"path": f"_attachments/{mark(PDF)}/a b.pdf"},
    ),
    "a sound": (
        {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}},
        {"path": f"_attachments/{mark(WAV)}.wav"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACHMENTS)
def test_attachments(name, project, imported):
    """Links stay links, bytes become files named by what is in them, and both are sent as they were."""
    part, expected = ATTACHMENTS[name]
    message = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, part]}
    assert reasons(imported(chat(asked(message), said("A thing.")))) == []
    assert spec_of(project.root)["turns"][0]["attachments"] == [expected]
    run(project)


def test_an_attachment_without_a_text(project, imported):
    """Nothing but an image is said with an empty text."""
    message = {"role": "user", "content": [image("https://example.com/a.png"), image(f"data:image/png;base64,{PNG}")]}
    imported(chat(asked(message), said("Two.")))
    assert spec_of(project.root)["turns"][0]["user"] == {"text": "", "raw": True}
    run(project)


def test_an_image_that_a_tool_gave(project, imported):
    """What was sent behind the results of tools, without a text, is part of the turn."""
    shot = {"role": "user", "content": [image(f"data:image/png;base64,{PNG}")]}
    calls = call("shoot")
    imported(
        chat(asked(user("Go"), tools=[tool("shoot")]), said(None, calls)),
        chat(asked(user("Go"), said(None, calls), result("taken"), shot, tools=[tool("shoot")]), said("A cat.")),
    )
    (conversation,) = run(project)
    assert [turn.reply for turn in conversation.turns] == ["A cat."]


ADDRESSES = {
    "a provider": ("https://api.groq.com/openai/v1", "llama", {"name": "llama", "provider": "groq"}),
    "openai, with a slash": ("https://api.openai.com/v1", "ft/x", {"name": "ft/x", "provider": "openai"}),
    "an account in it": (
        "https://api.cloudflare.com/client/v4/accounts/1a/ai/v1", "@cf/x", {"name": "@cf/x", "provider": "cloudflare"},
    ),
    "anywhere": ("http://127.0.0.1:9/v1", "x", {"name": "x", "base_url": "http://127.0.0.1:9/v1"}),
    "a deployment": ("https://r.openai.azure.com/openai/deployments/d", None, {"name": "d", "provider": "azure"}),
    "a deployment with a model": (
        "https://r.openai.azure.com/openai/deployments/d", "m", {"name": "m", "provider": "azure"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ADDRESSES)
def test_addresses(name, project, imported):
    """The model is named by its provider, or by its address; on Azure the deployment may be the model."""
    base_url, model, expected = ADDRESSES[name]
    body = {key: value for key, value in (asked(user("A")) | {"model": model}).items() if value is not None}
    assert reasons(imported(chat(body, said("a"), url=f"{base_url}/chat/completions?api-version=1"))) == []
    assert spec_of(project.root)["model"] == expected
    run(project)
