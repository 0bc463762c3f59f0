"""The `.env` beside the settings: variables for those that the environment lacks."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from convrun.errors import SettingsError, system_reason
from convrun.source import Where, read_bytes

NAME = ".env"
_LARGEST = 1_000_000  # bytes


def read_dotenv(folder: Path) -> dict[str, str]:
    """Return the variables of the folder's `.env`; none where there is no such file. A `$` is nothing special.

    Raises:
        SettingsError: for a file that cannot be read and for a line that is no assignment; neither shows a value.
    """
    try:
        content = read_bytes(folder / NAME, _LARGEST)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):  # a folder of the name is somebody's venv
        return {}
    except OSError as error:
        raise _refused(f"it cannot be read: {system_reason(error)}") from error
    if len(content) > _LARGEST:
        raise _refused(f"it is larger than {_LARGEST:,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused("it is not UTF-8", line) from None  # the cause would show the bytes
    return _parsed(text)


def _parsed(text: str) -> dict[str, str]:
    from dotenv.parser import parse_stream  # only where there is such a file

    found: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        written = binding.original.string
        line = binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
        if binding.error or "=" in (binding.key or "") or "\0" in written:
            raise _refused("this line is no NAME=value", line, "write NAME=value, NAME='a value', or # a comment")
        if binding.key is not None and binding.value is not None:
            found[binding.key] = binding.value
    return found


def _refused(what: str, line: int | None = None, fix: str | None = None) -> SettingsError:
    """The error, without the text of the line: there may be a secret in it."""
    return SettingsError(what, where=Where(file=NAME, line=line), fix=fix)
