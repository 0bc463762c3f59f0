"""The content of a user's message to a Responses API: a text, or a list of texts and attachments."""

from __future__ import annotations

from convrun.backends.content_parts import UNNAMED, attachment_part, content_of
from convrun.conversation.attachments import Attachment
from convrun.conversation.messages import Message
from convrun.values import Json, JsonObject


def encode_content(message: Message) -> Json:
    """Return the content of a message that the model did not make.

    Raises:
        AttachmentError: for an attachment that a Responses API cannot carry, or that cannot be read.
    """
    return content_of(message, text="input_text", attachment=_attachment)


def _attachment(attachment: Attachment) -> JsonObject:
    return attachment_part(attachment, image=_image, document=_document)


def _image(attachment: Attachment) -> JsonObject:
    detail: JsonObject = {"detail": attachment.detail} if attachment.detail else {}
    return {"type": "input_image", "image_url": attachment.as_url(), **detail}


def _document(attachment: Attachment) -> JsonObject:
    if attachment.is_link:
        return {"type": "input_file", "file_url": attachment.url}
    return {"type": "input_file", "filename": attachment.file_name or UNNAMED, "file_data": attachment.as_url()}
