"""Which conversations did not pass when they last ran: one file below the root, for `--last-failed`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from convrun.atomic import create_file, replace_file
from convrun.errors import system_reason
from convrun.frozen import frozen
from convrun.results import ConversationResult
from convrun.run.verdicts import did_not_pass
from convrun.source import is_below, read_bytes

_FOLDER, _FILE = ".convrun", "last-failed.json"
_LARGEST = 16_000_000  # bytes


@frozen
class LastFailed:
    """The ids of those that did not pass; `damage` says that the file which should say so does not.

    `with_findings` are those that a strict run alone would not pass.
    """

    ids: frozenset[str] = frozenset()
    with_findings: frozenset[str] = frozenset()
    damage: str | None = None

    @classmethod
    def at(cls, root: Path) -> Self:
        """Read what is remembered in the project at `root`; where nothing is, none has failed."""
        shown = f"{_FOLDER}/{_FILE}"
        try:
            content = read_bytes(root / _FOLDER / _FILE, _LARGEST)
            known = json.loads(content) if len(content) <= _LARGEST else {}
            ids, findings = known["last_failed"], known.get("with_findings", [])
        except FileNotFoundError:
            return cls()
        except OSError as error:
            return cls(damage=f"{shown} cannot be read ({system_reason(error)})")
        except (ValueError, TypeError, KeyError, RecursionError):
            ids = findings = None
        if not _are_ids(ids) or not _are_ids(findings):
            return cls(damage=f"{shown} is damaged")
        return cls(ids=frozenset(ids), with_findings=frozenset(findings))

    def text(self) -> str:
        """Return what is written of it; empty where there is nothing to remember."""
        told = {"last_failed": sorted(self.ids)}
        if self.with_findings:
            told["with_findings"] = sorted(self.with_findings)
        return f"{json.dumps(told, indent=1)}\n" if self.ids or self.with_findings else ""


def _are_ids(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def remember(root: Path, results: Sequence[ConversationResult], *, strict: bool) -> None:
    """Note who did not pass, or would not in a strict run, and forget who did; `strict` says whether this one was.

    A folder that does not let us is no error. What did not run, or not to its end, stays as it was. Nothing is written
    where there is nothing new, nor by a run that was green: of which nothing is known, all are taken.
    """
    before = LastFailed.at(root)
    ran = [one for one in results if one.finished]
    ids = {one.id for one in ran} | {single.id for one in ran for single in one.singles}
    failed = {one.id for one in results if did_not_pass(one, strict=False)}
    found = {one.id for one in results if did_not_pass(one, strict=True)} - failed
    now = LastFailed(ids=(before.ids - ids) | failed, with_findings=(before.with_findings - ids) | found)
    if now == before or (before == LastFailed() and not failed and not strict):
        return
    folder = root / _FOLDER
    with suppress(OSError):
        if folder.exists() and not is_below(folder, root):
            return  # a link out of the project: nothing is written there
        if not now.text():
            (folder / _FILE).unlink()
            return
        if not folder.exists():  # as a cache's: git passes over it
            create_file(folder / ".gitignore", b"*\n")
        replace_file(folder / _FILE, now.text().encode())
