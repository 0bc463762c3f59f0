"""Attachments of a turn: from a spec's words to the engine's, within the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from convrun.conversation.attachments import Attachment
from convrun.errors import AttachmentError, ConvrunError, SpecError, did_you_mean, system_reason
from convrun.source import is_below, is_circle
from convrun.spec.model import AttachmentSpec
from convrun.spec.named_files import NOT_FOR_SPECS, kept_back
from convrun.templates import render_text
from convrun.values import show

_LINK = "its link leads to no file: give the path of the file itself"


def attachment(spec: AttachmentSpec, names: Mapping[str, object], *, root: Path, at_most: int) -> Attachment:
    """Return what the spec names; paths begin at the folder of the file that names them and may not leave `root`.

    No more is read than the beginning of a file.

    Raises:
        TemplateError: where a template fails.
        AttachmentError: where the path leaves the root, no file is there, or it is none that may be sent: empty, larger
            than `at_most` bytes, or of a type that is not known.
    """
    path, shown = (None, "") if spec.url is not None else _path(spec, names, root)
    url = None if spec.url is None else render_text(spec.url, names)
    try:
        found = Attachment(path=path, url=url, type=spec.type, detail=spec.detail)
        found.check(at_most)
    except AttachmentError as error:
        what = error.what.replace(str(path), shown) if path is not None else error.what
        raise AttachmentError(what, where=spec.where, fix=error.fix) from error
    return found


def _path(spec: AttachmentSpec, names: Mapping[str, object], root: Path) -> tuple[Path, str]:
    """The place of a file below the root, and its path as the spec says it."""
    assert spec.path is not None  # the spec's reader has seen to one of them
    shown = render_text(spec.path, names)
    path = (root / spec.where.file).parent / shown
    if not is_below(path, root):
        if is_circle(path):
            raise AttachmentError(f"{show(shown)} is a link that leads back to itself", where=spec.where, fix=_LINK)
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
        fix = "an address stands at `url:`" if "://" in shown else fix
        raise AttachmentError(what, where=spec.where, fix=fix)
    return path, shown


def _fix(path: Path) -> str | None:
    """What to do where no file is at this path; None where one is."""
    if path.is_file():
        return None
    if path.exists():
        return "attach a file, not a folder, pipe or device"
    if path.is_symlink():
        return _LINK
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    return did_you_mean(path.name, siblings) or "the path begins at the spec's folder"


def attachment_error(spec: AttachmentSpec, *, root: Path, at_most: int) -> ConvrunError | None:
    """Return what is wrong with an attachment, as far as it can be said before anything runs."""
    text = spec.url if spec.url is not None else spec.path
    if text is None or text.is_template:
        return None
    try:
        attachment(spec, {}, root=root, at_most=at_most)
    except AttachmentError as error:
        return SpecError(error.what, where=error.where or spec.where, fix=error.fix)
    return None
