"""The bytes of a file, a place in it, and the excerpt that shows it."""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from pathlib import Path

from convrun.frozen import frozen

_WINDOW = 100  # longest piece of a source line shown, in characters


def read_bytes(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file; of one that is larger, some more than `most`, so that it shows.

    Raises:
        OSError: where it cannot be read, also for a pipe or a device: they may never end.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    with path.open("rb") as file:
        return file.read(min(found.st_size, most) + 1)


def is_below(path: Path, root: Path) -> bool:
    """Return whether a path leads to a place below `root`, links followed; one that leads nowhere does not."""
    try:
        return _plainly_below(path, root) or path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):  # a circle of links, a name that no system takes
        return False


def is_circle(path: Path) -> bool:
    """Return whether a path is a link that leads back to itself, by itself or over others."""
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    except ValueError:  # a name that no system takes
        pass
    return False


def is_special(path: Path) -> bool:
    """Return whether there is something that is neither a file nor a folder, as a pipe or a device."""
    try:
        return path.exists() and not path.is_file() and not path.is_dir()
    except (OSError, ValueError):
        return False


def _plainly_below(path: Path, root: Path) -> bool:
    """Whether a path goes on from `root` without a link or a step up: then it is below, wherever the two are."""
    if os.name == "nt" or not path.is_relative_to(root):  # there a folder can lead elsewhere and be no link
        return False
    at = str(root)
    for step in path.parts[len(root.parts) :]:
        at = os.path.join(at, step)
        try:
            if step == ".." or stat.S_ISLNK(os.lstat(at).st_mode):
                return False
        except OSError:
            return False
    return True


@frozen
class Where:
    """A position in a text file; it carries its own source line, so that reports read no files.

    `file` is the path as shown to people (relative to the root, with `/`); `line` and `column` count from 1, in
    characters; `text` is the source line without its end; `width` is how many characters the caret underlines.
    """

    file: str
    line: int | None = None
    column: int | None = None
    text: str | None = None
    width: int = 1

    def __str__(self) -> str:
        """`specs/greet.yaml:12:5`, as far as it is known."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


def excerpt(where: Where) -> list[str]:
    """Return the source line and a line with carets below it; an empty list where the line is not known."""
    if where.text is None or where.line is None:
        return []
    column = max((where.column or 1) - 1, 0)
    text = where.text.rstrip("\r\n")
    start = max(0, column - _WINDOW // 2) if len(text) > _WINDOW else 0
    shown = printable(text[start : start + _WINDOW])
    before = printable(text[start:column])
    under = printable(text[column : min(column + max(where.width, 1), start + _WINDOW)])
    gutter = f"{where.line:>5} | "
    carets = "^" * max(cells(under), 1)
    return [f"{gutter}{shown}".rstrip(), f"{' ' * (len(gutter) - 2)}| {' ' * cells(before)}{carets}"]


def printable(text: str) -> str:
    r"""Return `text` with control characters and the like made visible, as `\x1b` or `\u202e`; a tab is one blank."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character != "\u200d":
        code = ord(character)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character


def cells(text: str) -> int:
    """Return how many columns a terminal needs for `text`."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) != 0 for character in text)
