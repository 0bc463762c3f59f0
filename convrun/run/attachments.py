"""Attachments of a turn: from a spec's words to the engine's, within the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from convrun.conversation.attachments import Attachment
from convrun.errors import AttachmentError, ConvrunError, SpecError, did_you_mean
from convrun.spec.model import AttachmentSpec
from convrun.templates import render_text


def attachment(spec: AttachmentSpec, names: Mapping[str, object], *, root: Path) -> Attachment:
    """Return what the spec names; paths begin at the folder of the file that names them and may not leave `root`.

    Nothing is read yet.

    Raises:
        TemplateError: where a template fails.
        AttachmentError: where the path leaves the root, or no file is there.
    """
    if spec.url is not None:
        return Attachment(url=render_text(spec.url, names), type=spec.type, detail=spec.detail)
    assert spec.path is not None  # the spec's reader has seen to one of them
    shown = render_text(spec.path, names)
    path = (root / spec.where.file).parent / shown
    if not path.resolve().is_relative_to(root.resolve()):
        raise AttachmentError(f"{shown!r} is outside of the project", where=spec.where, fix="keep it below the root")
    if path.exists() and not path.is_file():
        what = f"{shown!r} is no regular file"
        raise AttachmentError(what, where=spec.where, fix="attach a file, not a folder, pipe or device")
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        fix = did_you_mean(path.name, siblings) or "the path begins at the spec's folder"
        raise AttachmentError(f"no file {shown!r} to attach", where=spec.where, fix=fix)
    return Attachment(path=path, type=spec.type, detail=spec.detail)


def attachment_error(spec: AttachmentSpec, *, root: Path) -> ConvrunError | None:
    """Return what is wrong with an attachment, as far as it can be said before anything runs."""
    text = spec.url if spec.url is not None else spec.path
    if text is None or text.is_template:
        return None
    try:
        attachment(spec, {}, root=root).resolve_type()
    except AttachmentError as error:
        fix = "write its `type:`, as image/jpeg" if error.where is None else error.fix
        return SpecError(error.what, where=error.where or spec.where, fix=fix)
    return None
