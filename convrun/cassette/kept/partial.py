"""The partial recording beside a cassette: what was answered of a conversation that is not finished.

Lines of JSON: a header, then a line for each interaction, in the stored form of a cassette, written to the disk as soon
as the call was answered. Each line ends in a digest that is chained to the one before, so that whoever reads knows how
far the file is whole.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from stat import S_IMODE, S_ISDIR, S_ISREG

from convrun.cassette.files import not_writable
from convrun.cassette.interaction import Interaction, lanes_last, parse_json
from convrun.cassette.stored.format import States, chained_digest, full_interaction, interaction_node
from convrun.document.limits import RECORDED_LIMIT
from convrun.errors import CassetteError, system_reason
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.source import Where
from convrun.values import Json, JsonObject

VERSION = "convrun.partial/1"
_KEYS = ("interaction", "timing", "cost")
_SUFFIX = ".partial"
_LONGEST = 240  # bytes of a file's name, with room for what is added to it
_OWN = 0o600  # rights, until there is a cassette to say others
_NAMES = 1000  # that are tried for what is put aside
_ITSELF = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)  # never what a link leads to; bytes as they are
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)  # a pipe would wait for somebody who writes


def partial_path(cassette: Path) -> Path:
    """Return where the partial recording of a cassette stands: beside it."""
    name = os.fsencode(cassette.name)
    stem = cassette.name if len(name) <= _LONGEST else sha256(name).hexdigest()[:32]
    return cassette.with_name(f"{stem}{_SUFFIX}")


def _staged_path(partial: Path) -> Path:
    """Where a partial recording is begun: always the same place, and what a crash has left there gives way."""
    return partial.with_name(f".{partial.name}")


def check_room(cassette: Path, *, shown_as: str) -> None:
    """Raise where no partial recording of a cassette can be begun: it would be found out when a call was paid for.

    Raises:
        CassetteError: where a folder is in the way.
    """
    staged = _staged_path(partial_path(cassette))
    with suppress(OSError):
        if S_ISDIR(staged.lstat().st_mode):
            shown = Path(shown_as).with_name(staged.name).as_posix()
            raise CassetteError(
                "what is recorded cannot be begun: it is a folder", where=Where(file=shown), fix="take it away"
            )


@frozen
class Partial:
    """A partial recording as it was found: what is whole of it, and the `mode` in which it was recorded.

    `note` says what of it cannot be used; `strange` that it is nothing we may replace, such as a folder, or the work of
    another version.
    """

    interactions: tuple[Interaction, ...] = ()
    mode: str = ""
    note: str | None = None
    strange: bool = False


def read_partial(path: Path) -> Partial:
    """Return the partial recording at `path`; an empty one where there is none. However damaged, it is no error."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _ITSELF | _AT_ONCE)
    except (FileNotFoundError, NotADirectoryError):
        return Partial()
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else system_reason(error)
        return Partial(note=f"cannot be read: {why}; it is put aside", strange=True)
    try:
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not S_ISREG(found.st_mode) or found.st_size > RECORDED_LIMIT:
                return Partial(note="is no file that a recording has written; it is put aside", strange=True)
            content = file.read(RECORDED_LIMIT)
    except OSError as error:  # a folder is one that opens, and does not read
        return Partial(note=f"cannot be read: {system_reason(error)}; it is put aside", strange=True)
    return _read(content.split(b"\n")[:-1])  # behind the last line break is what was being written


def _read(lines: list[bytes]) -> Partial:
    if not lines:
        return Partial()
    try:
        header, digest = _checked(lines[0], "")
        version, mode = header.get("version"), header.get("mode")
    except CassetteError:
        return Partial(note="does not begin as a partial recording does; it is put aside", strange=True)
    if version != VERSION or not isinstance(mode, str):
        return Partial(note=f"is of version {version!r}, which is not known; it is put aside", strange=True)
    states = States()
    found: list[Interaction] = []
    for number, line in enumerate(lines[1:], 2):
        try:
            value, digest = _checked(line, digest)
            node, timing, cost = (value.get(key) for key in _KEYS)
            found.append(full_interaction(node, timing, cost, states))
        except CassetteError:
            note = f"is damaged in line {number}: what was answered up to there is used"
            return Partial(interactions=lanes_last(found), mode=mode, note=note)
    return Partial(interactions=lanes_last(found), mode=mode)


def _checked(line: bytes, previous: str) -> tuple[JsonObject, str]:
    """The value of a line, and its digest, which follows from the value and the `previous` one."""
    try:
        value = parse_json(line)
    except ValueError as error:
        raise CassetteError("a line is no JSON") from error
    digest = value.pop("digest", None) if isinstance(value, dict) else None
    if not isinstance(value, dict) or digest != chained_digest(value, previous):
        raise CassetteError("a line is not what was written")
    return value, str(digest)


class PartialWriter:
    """Writes the partial recording of one conversation, line by line; each is on the disk when a method returns.

    What is at its place stays until the first call was answered, and gives way to a file that holds at least that.
    `count` is how many interactions it has.
    """

    def __init__(self, cassette: Path, *, mode: str, shown_as: str, redactor: Redactor) -> None:
        self.path = partial_path(cassette)
        self.mode = mode
        self.count = 0
        self._cassette = cassette
        self._shown_as = shown_as
        self._redactor = redactor
        self._file: int | None = None
        self._size = 0
        self._digest = ""
        self._states = States()

    def write(self, interactions: Sequence[Interaction]) -> None:
        """Make sure that the file holds these: the ones that it has, and what is new behind them.

        Raises:
            CassetteError: where that cannot be; the file holds whole lines, as many as before.
        """
        new = interactions[self.count :] if self._file is not None else interactions
        if not new:
            return
        try:
            if self._file is None:
                self._begin(interactions)
            else:
                self._append(b"".join(self._lines(new)))
        except OSError as error:
            self.rewrite()
            lost = "the call that was just answered could not be kept"
            raise not_writable(error, self._shown_as, lost=lost) from error
        except BaseException:
            self.rewrite()
            raise
        self.count = len(interactions)

    def rewrite(self) -> None:
        """Write the file anew with the next interactions, as those that it has are no longer right, or not known."""
        self.close()
        self._digest, self._states = "", States()

    def _begin(self, interactions: Sequence[Interaction]) -> None:
        """Put a file with a header and these in the place of what is there, once it is on the disk."""
        header = self._line({"version": VERSION, "mode": self.mode})
        text = b"".join([header, *self._lines(interactions)])
        staged = _staged_path(self.path)
        with suppress(FileNotFoundError):
            staged.unlink()
        try:
            rights = _OWN
            with suppress(OSError):
                rights = S_IMODE(self._cassette.stat().st_mode) & 0o666 | _OWN
            self._file = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _ITSELF, rights)
            self._size = 0
            self._append(text)
            os.close(self._file)  # an open file cannot be moved on every system
            self._file = None
            staged.replace(self.path)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | _ITSELF)
            settle(self.path.parent)
        finally:
            with suppress(OSError):
                staged.unlink()

    def _append(self, text: bytes) -> None:
        assert self._file is not None
        done = 0
        try:
            while done < len(text):  # a disk that is nearly full takes a part
                done += os.write(self._file, text[done:])
            os.fsync(self._file)
        except BaseException:
            os.ftruncate(self._file, self._size)
            raise
        self._size += done

    def _lines(self, interactions: Iterable[Interaction]) -> Iterable[bytes]:
        for item in interactions:
            node = interaction_node(item, self._states)
            timing: Json = item.elapsed_ms if item.first_ms is None else [item.first_ms, item.elapsed_ms]
            costs: JsonObject = {} if item.cost_usd is None else {"cost": item.cost_usd}
            yield self._line({"interaction": node, "timing": timing, **costs})

    def _line(self, value: JsonObject) -> bytes:
        self._digest = chained_digest(value, self._digest)
        line = json.dumps(value | {"digest": self._digest})
        if self._redactor.is_in(line):
            what = "a key value could not be taken out of what was answered; it is not kept"
            raise CassetteError(what, where=Where(file=self._shown_as), fix="keep the key out of prompts and replies")
        return f"{line}\n".encode()

    def close(self) -> None:
        """Let go of the file, which stays."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def remove(self) -> None:
        """Remove the file, now that the cassette holds what it had, and is on the disk itself.

        One that cannot be removed is no harm: the next recording finds nothing in it that is new.
        """
        self.close()
        settle(self.path.parent)
        with suppress(OSError):
            self.path.unlink()


def put_aside(path: Path, *, shown_as: str) -> Path:
    """Give what is at `path` another name beside it, and return that.

    Raises:
        CassetteError: where the folder does not let us.
    """
    stem = path.name.removesuffix(_SUFFIX)
    names = (path.with_name(f"{stem}.{number}{_SUFFIX}") for number in range(1, _NAMES))
    try:
        free = next(name for name in names if not os.path.lexists(name))
        path.rename(free)
    except (OSError, StopIteration) as error:
        reason = error if isinstance(error, OSError) else FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        raise not_writable(reason, shown_as) from error
    return free


def settle(folder: Path) -> None:
    """Wait until the names in a folder are on the disk as they are now, where the system has a way to."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
