"""Attachments of a turn: from a spec's words to the engine's, within the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from convrun.conversation.attachments import Attachment
from convrun.errors import AttachmentError, ConvrunError, SpecError, did_you_mean, system_reason
from convrun.source import is_below
from convrun.spec.model import AttachmentSpec
from convrun.spec.named_files import NOT_FOR_SPECS, kept_back
from convrun.templates import render_text
from convrun.values import show


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
    if not is_below(path, root):
        raise AttachmentError(
            f"{show(shown)} is outside of the project", where=spec.where, fix="keep it below the root"
        )
    if (kept := kept_back(path.resolve(), root.resolve())) is not None:
        raise AttachmentError(kept, where=spec.where, fix=NOT_FOR_SPECS)
    try:
        fix = _fix(path)
    except OSError as error:
        what = f"{show(shown)} cannot be read: {system_reason(error)}"
        raise AttachmentError(what, where=spec.where, fix="give the path of a file below the root") from error
    if fix is not None:
        what = f"{shown!r} is no regular file" if path.exists() else f"no file {shown!r} to attach"
        raise AttachmentError(what, where=spec.where, fix=fix)
    return Attachment(path=path, type=spec.type, detail=spec.detail)


def _fix(path: Path) -> str | None:
    """What to do where no file is at this path; None where one is."""
    if path.is_file():
        return None
    if path.exists():
        return "attach a file, not a folder, pipe or device"
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    return did_you_mean(path.name, siblings) or "the path begins at the spec's folder"


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
