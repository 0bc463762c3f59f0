"""Which conversations did not pass when they last ran: one file below the root, for `--last-failed`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from convrun.atomic import create_file, replace_file
from convrun.errors import system_reason
from convrun.frozen import frozen
from convrun.results import ConversationResult
from convrun.run.verdicts import DID_NOT_PASS, is_not_begun
from convrun.source import is_below, read_bytes

_FOLDER, _FILE = ".convrun", "last-failed.json"
_LARGEST = 16_000_000  # bytes


@frozen
class LastFailed:
    """The ids of those that did not pass; `damage` says that the file which should say so does not."""

    ids: frozenset[str] = frozenset()
    damage: str | None = None

    @classmethod
    def at(cls, root: Path) -> Self:
        """Read what is remembered in the project at `root`; where nothing is, none has failed."""
        shown = f"{_FOLDER}/{_FILE}"
        try:
            content = read_bytes(root / _FOLDER / _FILE, _LARGEST)
            ids = json.loads(content)["last_failed"] if len(content) <= _LARGEST else None
        except FileNotFoundError:
            return cls()
        except OSError as error:
            return cls(damage=f"{shown} cannot be read ({system_reason(error)})")
        except (ValueError, TypeError, KeyError, RecursionError):
            ids = None
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            return cls(damage=f"{shown} is damaged")
        return cls(ids=frozenset(ids))


def remember(root: Path, results: Iterable[ConversationResult]) -> None:
    """Note who did not pass, and forget who did; a folder that does not let us is no error.

    What did not run stays as it was. Nothing is written where there is nothing new.
    """
    before = LastFailed.at(root)
    ran = [one for one in results if not is_not_begun(one)]
    failed = {one.id for one in ran if one.verdict in DID_NOT_PASS}
    ids = (before.ids - {one.id for one in ran}) | failed
    if ids == before.ids and before.damage is None:
        return
    folder = root / _FOLDER
    with suppress(OSError):
        if folder.exists() and not is_below(folder, root):
            return  # a link out of the project: nothing is written there
        if not ids:
            (folder / _FILE).unlink()
            return
        if not folder.exists():  # as a cache's: git passes over it
            create_file(folder / ".gitignore", b"*\n")
        replace_file(folder / _FILE, f"{json.dumps({'last_failed': sorted(ids)}, indent=1)}\n".encode())
