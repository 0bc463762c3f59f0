"""Files that are written whole or not at all: beside their place first, then moved there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path`, folders included; until it is on the disk, what is there stays.

    A file that gives way hands its rights on. A link gives way itself: what it leads to is not touched.

    Raises:
        OSError: where the folder or the disk does not let us; what was there is as it was.
    """
    with _staged(path, content, durable=True) as staged:
        staged.replace(path)


def replace_files(files: Mapping[Path, bytes]) -> None:
    """Put all contents at their paths, as `replace_file` does; none is moved before all are written.

    This does not wait for the disk, as that takes its time for each file: it is for what can be made anew.

    Raises:
        OSError: where one cannot be written: none is there then. A folder in a file's place is found out while moving.
    """
    with ExitStack() as stack:
        for staged, path in [(stack.enter_context(_staged(path, files[path], durable=False)), path) for path in files]:
            staged.replace(path)


def create_file(path: Path, content: bytes) -> None:
    """Put `content` at `path`, folders included, where nothing is; not even a link gives way.

    Raises:
        OSError: where the folder or the disk does not let us, FileExistsError where something is there.
    """
    with _staged(path, content, durable=True) as staged:
        try:
            os.link(staged, path)  # unlike a renaming, it refuses what somebody has written in the meantime
        except FileExistsError:
            raise
        except OSError as error:  # a file system without links
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
            staged.rename(path)


@contextmanager
def _staged(path: Path, content: bytes, *, durable: bool) -> Iterator[Path]:
    """Yield a file beside `path` that has the content, and the rights of what is at `path`; it does not stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.parent / f".{os.urandom(8).hex()}.writing"
    try:
        with staged.open("xb") as file:
            with suppress(FileNotFoundError):
                staged.chmod(path.stat().st_mode & 0o777)  # before anybody could read what the old file kept to itself
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        yield staged
    finally:
        with suppress(OSError):
            staged.unlink()
