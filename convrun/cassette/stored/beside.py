"""What lies beside a cassette: the bytes of its attachments, each once, in `<cassette>.d/<sha256>`."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path, PurePosixPath

from convrun.atomic import replace_file
from convrun.cassette.interaction import RECORD_ANEW
from convrun.cassette.stored.attachments import LARGEST, NAME, Reference, whole_text
from convrun.errors import CassetteError, system_reason

SUFFIX = ".d"
_MOST = 5_000  # folders that are looked through for what is missing
_LEFT = re.compile(r"\.[0-9a-f]{16}\.writing")  # by a process that was killed while it wrote
_RESTORE = f"restore it from version control, or {RECORD_ANEW}"


def folder_of(path: Path) -> Path:
    """Return the folder beside the cassette at `path`."""
    return path.with_name(f"{path.name}{SUFFIX}")


class Beside:
    """Reads the attachments of one cassette; an instance is a `Source`. Messages name the cassette `shown_as`."""

    def __init__(self, path: Path, shown_as: str) -> None:
        self._folder = folder_of(Path(os.path.realpath(path)) if path.is_symlink() else path)
        self._shown = f"{shown_as}{SUFFIX}"
        self._texts: dict[Reference, str] = {}
        self._total = 0

    def __call__(self, reference: Reference) -> str:
        """Return the text of an attachment.

        Raises:
            CassetteError: where its file is missing, another one than was recorded, or no plain file.
        """
        if reference not in self._texts:
            self._total += reference.size
            if self._total > LARGEST:
                raise CassetteError(f"the attachments have more than {LARGEST:,} bytes", fix=RECORD_ANEW)
            self._texts[reference] = whole_text(reference, self._content(reference))
        return self._texts[reference]

    def _content(self, reference: Reference) -> bytes:
        file = self._folder / reference.name
        shown = f"{self._shown}/{reference.name}"
        try:
            odd = _oddity(self._folder, stat.S_IFDIR) or _oddity(file, stat.S_IFREG)
            if odd is not None:
                raise CassetteError(f"attachment {shown!r} {odd}", fix=f"put the file in its place: {_RESTORE}")
            with open(file, "rb", opener=_opened_itself) as opened:
                content = opened.read(reference.size + 1)
        except FileNotFoundError as error:
            fix = self._elsewhere(reference) or _RESTORE
            raise CassetteError(f"attachment {shown!r} is missing", fix=fix) from error
        except OSError as error:
            what = f"attachment {shown!r} cannot be read: {system_reason(error)}"
            raise CassetteError(what, fix=_RESTORE) from error
        if len(content) != reference.size or sha256(content).hexdigest() != reference.name:
            raise CassetteError(f"attachment {shown!r} is not what was recorded: its content has changed", fix=_RESTORE)
        return content

    def _elsewhere(self, reference: Reference) -> str | None:
        """How to get an attachment that lies beside another cassette, as one that was renamed; None where none does."""
        here = PurePosixPath(self._shown)
        if here.is_absolute() or ".." in here.parts:
            return None
        root = self._folder.absolute().parents[len(here.parts) - 1]
        for folder, _, files in islice(os.walk(root / here.parts[0]), _MOST):
            found = Path(folder, reference.name)
            if not folder.endswith(f".yaml{SUFFIX}") or reference.name not in files or not _is_it(found, reference):
                continue
            old, new = found.parent.relative_to(root).as_posix(), here.as_posix()
            if os.path.lexists(folder.removesuffix(SUFFIX)) or os.path.lexists(self._folder):
                what = f"{shlex.quote(f'{old}/{reference.name}')} {shlex.quote(f'{new}/')}"
                return f"{old!r} has it: mkdir -p {shlex.quote(new)} && cp {what}"
            return f"{old!r} has it, whose cassette is gone: {moving(root)} {shlex.quote(old)} {shlex.quote(new)}"
        return None


def _is_it(file: Path, reference: Reference) -> bool:
    try:
        return _oddity(file, stat.S_IFREG) is None and file.lstat().st_size == reference.size
    except OSError:
        return False


def moving(folder: Path) -> str:
    """Return the command that gives a file below a folder another name: git's, where it is git's."""
    places = (folder.resolve(), *folder.resolve().parents)
    return "git mv" if any((place / ".git").exists() for place in places) else "mv"


def _oddity(path: Path, wanted: int) -> str | None:
    """What is wrong with the kind of a file or folder; None where it is as wanted.

    Raises:
        OSError: where there is none.
    """
    kind = stat.S_IFMT(path.lstat().st_mode)
    if kind == wanted:
        return None
    found = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFREG: "a file"}.get(kind, "no regular file")
    return f"is {found}" if wanted == stat.S_IFREG else f"lies in what is {found}, no folder"


def _opened_itself(path: str, flags: int) -> int:
    """Open a file, never what a link that took its place leads to, and without waiting for a pipe."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def put_beside(path: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write contents beside the cassette at `path`, each whole or not at all; return the files that are new.

    Raises:
        OSError: where one cannot be written, or a link is in the folder's place: no new file stays.
    """
    folder = folder_of(path)
    if contents and folder.is_symlink():
        raise OSError(None, f"{folder.name} is a link")
    new: list[Path] = []
    try:
        for name, content in contents.items():
            file = folder / name
            if not _holds(file, content):
                if not os.path.lexists(file):
                    new.append(file)
                replace_file(file, content)
    except BaseException:
        take_away(new)
        raise
    return new


def _holds(file: Path, content: bytes) -> bool:
    try:
        plain = _oddity(file, stat.S_IFREG) is None and file.lstat().st_size == len(content)
        return plain and file.read_bytes() == content
    except OSError:
        return False


def take_away(files: Collection[Path]) -> None:
    """Remove files beside a cassette, and their folder once it is empty."""
    for file in files:
        with suppress(OSError):
            file.unlink()
    for folder in {file.parent for file in files}:
        with suppress(OSError):
            folder.rmdir()


def is_own_name(name: str) -> bool:
    """Return whether a file beside a cassette is called as those that we write."""
    return bool(NAME.fullmatch(name) or _LEFT.fullmatch(name))


def unreferenced(path: Path, names: Collection[str]) -> Iterator[Path]:
    """Yield the attachments beside the cassette at `path` whose names are not among these, and what is left of them.

    Other files are not ours. Whoever asks has the right to record the cassette: nobody else writes there.
    """
    folder = folder_of(path)
    try:
        if _oddity(folder, stat.S_IFDIR) is not None:
            return
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for file in entries:
        if file.name not in names and is_own_name(file.name):
            with suppress(OSError):
                if _oddity(file, stat.S_IFREG) is None:
                    yield file
