"""Cassettes on disk: read whole, replaced at once."""

from __future__ import annotations

from pathlib import Path

from convrun.atomic import replace_file
from convrun.cassette.format import read
from convrun.cassette.interaction import RECORD_ANEW, Recording
from convrun.document.limits import RECORDED_LIMIT
from convrun.errors import CassetteError, system_reason
from convrun.source import Where, read_bytes

_LARGEST = 4 * RECORDED_LIMIT  # a character has at most four bytes


def load(path: Path, shown_as: str) -> Recording:
    """Return the recording in the file at `path`; messages name it `shown_as`.

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
    return read(text.replace("\r\n", "\n"), shown_as)


def replace_text(path: Path, text: str, *, shown_as: str) -> None:
    """Put `text` in the place of the file at `path`, whole or not at all.

    Raises:
        CassetteError: where the folder does not let us.
    """
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise not_writable(error, shown_as) from error


def not_writable(error: OSError, shown_as: str) -> CassetteError:
    """Return the error of a cassette that could not be written, or could not be later."""
    what = f"cannot be written: {system_reason(error)}"
    return CassetteError(
        what, where=Where(file=shown_as), fix="make the folder writable, or record to another with --cassettes"
    )
