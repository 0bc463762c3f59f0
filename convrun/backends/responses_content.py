"""The content of a user's message to a Responses API: a text, or a list of texts and attachments."""

from __future__ import annotations

from convrun.backends.chat_encoding import SOUNDS
from convrun.conversation.attachments import Attachment
from convrun.conversation.messages import AttachmentPart, Message, TextPart
from convrun.values import Json, JsonObject


def encode_content(message: Message) -> Json:
    """Return the content of a message that the model did not make.

    Raises:
        AttachmentError: for an attachment that a Responses API cannot carry, or that cannot be read.
    """
    if not any(isinstance(part, AttachmentPart) for part in message.parts):
        return message.text
    return [_part(part) for part in message.parts if isinstance(part, TextPart | AttachmentPart)]


def _part(part: TextPart | AttachmentPart) -> JsonObject:
    if isinstance(part, TextPart):
        return {"type": "input_text", "text": part.text}
    return encode_attachment(part.attachment)


def encode_attachment(attachment: Attachment) -> JsonObject:
    """Return the content part of an attachment.

    Raises:
        AttachmentError: where a Responses API takes no such thing, or it cannot be read.
    """
    kind = attachment.resolve_type()
    if kind.startswith("image/"):
        image: JsonObject = {"type": "input_image", "image_url": attachment.as_url()}
        return {**image, "detail": attachment.detail} if attachment.detail else image
    if kind == "application/pdf":
        if attachment.is_link:
            return {"type": "input_file", "file_url": attachment.url}
        name = attachment.file_name or "document.pdf"
        return {"type": "input_file", "filename": name, "file_data": attachment.as_url()}
    if kind in SOUNDS:
        sound: JsonObject = {"data": attachment.base64_content(), "format": SOUNDS[kind]}
        return {"type": "input_audio", "input_audio": sound}
    raise attachment.not_for_models()
