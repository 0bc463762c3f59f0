"""Who records a cassette: one recorder of a user at a time on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from stat import S_ISDIR
from threading import RLock
from typing import IO
from weakref import WeakSet

from convrun.cassette.files import not_writable
from convrun.errors import CassetteError
from convrun.source import Where

_BUSY = "wait until it has finished, or record to another folder with --cassettes"
_claims: WeakSet[Claim] = WeakSet()  # a registry: those of this process, in whatever thread
_registry = RLock()  # for it, and for the folders that claims create and remove again
_NAMES = 100  # of folders for locks that are tried


class Claim:
    """The right to record one cassette, held by one recorder of a user at a time on this machine.

    The lock lies in a folder of the user's own in the temporary one, and ends with its process, however that ends.
    Taking it creates the cassette's folder and makes sure that a file can be written there; folders that stay empty are
    removed again. `given_up` says that it is over for good.
    """

    def __init__(self, path: Path, *, shown_as: str) -> None:
        self._path = path
        self._shown_as = shown_as
        self._lock: IO[bytes] | None = None
        self._created: list[Path] = []
        self.given_up = False
        self._writing = RLock()
        with _registry:
            _claims.add(self)

    def take(self) -> None:
        """Take the right to record.

        Raises:
            CassetteError: where another recorder has it, or the folder does not let us write.
            KeyboardInterrupt: where it was given up.
        """
        with _registry:
            if self.given_up:
                raise KeyboardInterrupt
            if self._lock is not None:
                return
            self._lock = self._locked()
            try:
                self._make_folder()
                if self._path.is_dir():
                    raise IsADirectoryError(21, "is a folder")
            except OSError as error:
                self.release()
                raise not_writable(error, self._shown_as) from error

    def _make_folder(self) -> None:
        """Create the cassette's folder, and a file in it that does not stay."""
        import tempfile  # recording only

        parent = self._path.parent
        self._created = [folder for folder in (parent, *parent.parents) if not folder.exists()]
        parent.mkdir(parents=True, exist_ok=True)
        descriptor, probe = tempfile.mkstemp(prefix=".", suffix=".writing", dir=parent)
        os.close(descriptor)
        Path(probe).unlink()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write the cassette in this block: the right is not given up meanwhile.

        Raises:
            KeyboardInterrupt: where it was before.
        """
        with self._writing:
            if self.given_up:
                raise KeyboardInterrupt
            yield

    def give_up(self) -> None:
        """Release it for whoever holds it, and for good: who goes on is interrupted before asking or writing."""
        with self._writing, _registry:
            self.given_up = True
            self.release()

    def release(self) -> None:
        """Give the right back; without having it, nothing happens."""
        with _registry:
            for folder in sorted(self._created, key=lambda folder: len(folder.parts), reverse=True):
                if not any(other is not self and other.inherits(folder) for other in _claims):
                    with suppress(OSError):  # what holds a cassette by now stays
                        folder.rmdir()
            self._created = []
            if self._lock is not None:
                lock, self._lock = self._lock, None
                with suppress(OSError):  # an open file cannot be removed on every system; it is empty then
                    Path(lock.name).unlink()
                lock.close()

    def inherits(self, folder: Path) -> bool:
        """Return whether its cassette will be below a folder that another created: then this one removes it again."""
        needed = self._lock is not None and folder in self._path.parents
        self._created += [folder] if needed else []
        return needed

    def _locked(self) -> IO[bytes]:
        name = sha256(os.fsencode(self._path.resolve())).hexdigest()[:32]
        while True:
            try:
                place = _own_folder() / f"{name}.lock"
                file = open(place, "ab", opener=_opened_itself)  # noqa: SIM115  (stays open as long as the claim)
            except OSError as error:
                raise not_writable(error, self._shown_as) from error
            if not _lock(file):
                file.close()
                what = "another process is recording this cassette"
                raise CassetteError(what, where=Where(file=self._shown_as), fix=_BUSY)
            with suppress(OSError):
                if os.path.samestat(os.fstat(file.fileno()), place.lstat()):
                    return file
            file.close()  # its last owner removed it in between


def give_up_all() -> None:
    """Give up the claims of all threads: the run is over, and who still waits for a reply may wait for long."""
    with _registry:
        claims = tuple(_claims)
    for claim in claims:
        claim.give_up()


def _own_folder() -> Path:
    """A folder in the temporary one that no other user can write to; a name that another has taken is passed over."""
    import tempfile

    user = os.getuid() if hasattr(os, "getuid") else None  # elsewhere the temporary folder is the user's own
    for name in (f"convrun-{user}", *(f"convrun-{user}-{number}" for number in range(1, _NAMES))):
        folder = Path(tempfile.gettempdir()) / name
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if S_ISDIR(found.st_mode) and (user is None or found.st_uid == user):
            if user is not None and found.st_mode & 0o077:
                folder.chmod(0o700)
            return folder
    raise FileExistsError(17, f"{_NAMES} folders convrun-{user} of other users in {tempfile.gettempdir()}")


def _opened_itself(path: str, flags: int) -> int:
    """Open a file, never what a link at its place leads to."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _lock(file: IO[bytes]) -> bool:
    """Lock a file for as long as it is open; False where someone else has it."""
    try:
        if os.name == "nt":
            import msvcrt  # there is no such module elsewhere

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]  # only on Windows
        else:
            import fcntl  # nor this one on Windows

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
