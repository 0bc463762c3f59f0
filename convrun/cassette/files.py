"""Cassettes on disk: read whole, replaced at once."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from convrun.atomic import replace_file
from convrun.cassette.interaction import RECORD_ANEW, Recording
from convrun.cassette.stored.format import read
from convrun.document.limits import RECORDED_LIMIT
from convrun.errors import CassetteError, system_reason
from convrun.source import Where, read_bytes

if TYPE_CHECKING:
    from convrun.cassette.stored.attachments import Source

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_LARGEST = 4 * RECORDED_LIMIT  # a character has at most four bytes


def load(path: Path, shown_as: str, *, whole: bool = True) -> Recording:
    """Return the recording in the file at `path`; messages name it `shown_as`.

    Unless it is wanted `whole`, attachments beside it are not read, and only what the file says of them is known.

    Raises:
        CassetteError: where it cannot be read or is no cassette.
    """
    try:
        content = read_bytes(path, _LARGEST)
        if len(content) > _LARGEST:
            raise CassetteError(f"larger than {_LARGEST:,} bytes", where=Where(file=shown_as))
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise CassetteError(f"cannot be read: {system_reason(error)}", where=Where(file=shown_as)) from error
    except UnicodeDecodeError as error:
        fix = f"restore the file from version control, or {RECORD_ANEW}"
        raise CassetteError("the file is not UTF-8 text", where=Where(file=shown_as), fix=fix) from error
    if not text.strip():
        raise CassetteError("the file is empty", where=Where(file=shown_as), fix=RECORD_ANEW)
    return read(text.replace("\r\n", "\n"), shown_as, partial(_beside, path, shown_as) if whole else not_read)


def _beside(path: Path, shown_as: str) -> Source:
    from convrun.cassette.stored.beside import Beside  # most cassettes have no attachments

    return Beside(path, shown_as)


def not_read() -> Source:
    """Return the source of attachments of which nothing is read but what a cassette says of them."""
    from convrun.cassette.stored.attachments import unread  # so they do without this

    return unread


def replace_cassette(path: Path, text: str, aside: Mapping[str, bytes], *, shown_as: str) -> None:
    """Put a cassette in the place of the one at `path`, with the attachments that go beside it.

    They are written before it; those of the old one that it does not have are removed afterwards. Whatever fails, what
    was there stays.

    Raises:
        CassetteError: where the folder does not let us.
    """
    from convrun.cassette.stored.beside import put_beside, take_away, unreferenced  # only what is recorded is written

    try:
        new = put_beside(path, aside)
    except OSError as error:
        raise not_writable(error, shown_as) from error
    try:
        replace_text(path, text, shown_as=shown_as)
    except BaseException:
        take_away(new)
        raise
    take_away(list(unreferenced(path, aside)))


def replace_text(path: Path, text: str, *, shown_as: str) -> None:
    """Put `text` in the place of the file at `path`, whole or not at all.

    Raises:
        CassetteError: where the folder does not let us.
    """
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise not_writable(error, shown_as) from error


def not_writable(error: OSError, shown_as: str, *, lost: str = "") -> CassetteError:
    """Return the error of a cassette that could not be written, or could not be later; `lost`: what went with it."""
    what = f"cannot be written: {system_reason(error)}{lost and '; '}{lost}"
    first = "make room on the disk" if error.errno in _FULL else "make the folder writable"
    return CassetteError(what, where=Where(file=shown_as), fix=f"{first}, or record to another with --cassettes")
