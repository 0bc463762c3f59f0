"""The content of a message that the model did not make: a text, or a list of texts and attachments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from convrun.conversation.attachments import Attachment
from convrun.conversation.messages import AttachmentPart, Message, TextPart
from convrun.values import Json, JsonObject

Encode: TypeAlias = Callable[[Attachment], JsonObject]
UNNAMED = "document.pdf"  # what a document without a name is called
_SOUNDS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def content_of(message: Message, *, text: str, attachment: Encode) -> Json:
    """Return the content of a message; `text` is what an API calls its parts of text, `attachment` makes the others.

    Raises:
        AttachmentError: for an attachment that cannot be sent.
    """
    if not any(isinstance(part, AttachmentPart) for part in message.parts):
        return message.text
    parts: list[Json] = []
    for part in message.parts:
        if isinstance(part, TextPart):
            parts.append({"type": text, "text": part.text})
        elif isinstance(part, AttachmentPart):
            parts.append(attachment(part.attachment))
    return parts


def attachment_part(attachment: Attachment, *, image: Encode, document: Encode) -> JsonObject:
    """Return the part of an attachment; `image` and `document` make what APIs write in their own ways.

    Raises:
        AttachmentError: where no API takes such a thing, or it cannot be read.
    """
    kind = attachment.resolve_type()
    if kind.startswith("image/"):
        return image(attachment)
    if kind == "application/pdf":
        return document(attachment)
    if kind in _SOUNDS:
        sound: JsonObject = {"data": attachment.base64_content(), "format": _SOUNDS[kind]}
        return {"type": "input_audio", "input_audio": sound}
    raise attachment.not_for_models()
