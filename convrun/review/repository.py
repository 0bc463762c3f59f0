"""A git repository, asked through the program `git`: what a revision holds, and what changed between two."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from convrun.errors import UsageError
from convrun.frozen import frozen
from convrun.values import show

_LINK, _FILES = "120000", frozenset({"100644", "100755"})
_SHALLOW = "the clone is shallow: `git fetch --unshallow`, or `fetch-depth: 0` in a workflow, brings what is missing"


@frozen
class Entry:
    """A file of a revision: the id of its content, and its size in bytes."""

    id: str
    size: int


@frozen
class Changed:
    """A file that differs; None on the side that lacks it. Paths begin at the top of the repository."""

    old: str | None
    new: str | None


class Repository:
    """The repository around a folder; `top` is the folder of its working tree.

    Raises:
        UsageError: where there is none, or no git.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.top = Path(os.fsdecode(self._said("rev-parse", "--show-toplevel").rstrip(b"\r\n"))).resolve()

    def commit(self, revision: str) -> str:
        """Return the id of the commit that a revision names.

        Raises:
            UsageError: where there is none, or the text is an option.
        """
        if not revision or revision.startswith("-") or "\0" in revision:
            raise UsageError(f"{show(revision)} is no revision", fix="name a commit, branch or tag, as main or HEAD~1")
        found = self._run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        if found.returncode:
            fix = _SHALLOW if self._shallow() else "`git log` and `git branch -a` list what there is"
            raise UsageError(f"git knows no revision {show(revision)}", fix=fix)
        return found.stdout.decode().strip()

    def fork(self, one: str, other: str) -> str:
        """Return the id of the commit at which two commits parted.

        Raises:
            UsageError: where they have none in common.
        """
        found = self._run("merge-base", one, other)
        if found.returncode:
            fix = _SHALLOW if self._shallow() else "compare them with two dots, as A..B"
            raise UsageError("the two revisions have no commit in common", fix=fix)
        return found.stdout.decode().split()[0]

    def entries(self, commit: str, below: str = "") -> dict[str, Entry]:
        """Return the files of a commit, or those at and below a path, by path; links and submodules are none."""
        listed = self._said("ls-tree", "-r", "-z", "-l", "--full-tree", commit, *(["--", below] if below else []))
        found: dict[str, Entry] = {}
        for line in listed.split(b"\0"):
            about, _, path = line.partition(b"\t")
            if path:
                mode, _, name, size = about.decode().split()
                if mode in _FILES:
                    found[os.fsdecode(path)] = Entry(id=name, size=int(size))
        return found

    def contents(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Yield the contents of files."""
        if not entries:
            return
        asked = "".join(f"{entry.id}\n" for entry in entries).encode()
        answer = self._said("cat-file", "--batch", given=asked)
        at = 0
        for _ in entries:
            head = answer.index(b"\n", at)
            size = int(answer[at:head].split()[2])
            yield answer[head + 1 : head + 1 + size]
            at = head + 2 + size

    def changes(self, old: str, new: str | None, below: Sequence[str]) -> list[Changed]:
        """Return the files below these paths that differ between two commits, or from a commit to the working tree."""
        options = ("--name-status", "-z", "--find-renames", "--no-ext-diff", "--no-textconv", "--no-relative")
        words = iter(self._said("diff", *options, old, *([new] if new else []), "--", *below).split(b"\0"))
        found: list[Changed] = []
        for status in words:
            if not status:
                continue
            path = os.fsdecode(next(words))
            letter = status[:1]
            if letter in (b"R", b"C"):
                found.append(Changed(old=path if letter == b"R" else None, new=os.fsdecode(next(words))))
            else:
                found.append(Changed(old=None if letter == b"A" else path, new=None if letter == b"D" else path))
        if new is None:
            others = self._said("ls-files", "-z", "--others", "--exclude-standard", "--", *below).split(b"\0")
            found += [Changed(old=None, new=os.fsdecode(path)) for path in others if path]
        return found

    def last_commits(self, below: str) -> dict[str, str]:
        """Return the day of the last commit of each file below a path of the folder, by its path from there.

        Raises:
            UsageError: where git cannot say it, as before the first commit.
        """
        options = ("--format=%x01%cs", "--name-only", "-z", "--no-renames", "--no-show-signature", "--relative")
        said = self._said("log", *options, "--", below, folder=self._folder)
        days: dict[str, str] = {}
        day = ""
        for word in said.split(b"\0"):
            text = os.fsdecode(word).lstrip("\n")
            if text.startswith("\x01"):
                day = text[1:]
            elif text:
                days.setdefault(text, day)
        return days

    def unsaved(self, below: str) -> set[str]:
        """Return the files below a path of the folder that are not in HEAD as they are, by their paths from there.

        Raises:
            UsageError: where git cannot say it.
        """
        options = ("--porcelain", "-z", "--untracked-files=all", "--ignored=traditional", "--no-renames")
        said = self._said("status", *options, "--", below, folder=self._folder)
        prefix = os.fsdecode(self._said("rev-parse", "--show-prefix", folder=self._folder).rstrip(b"\r\n"))
        paths = (os.fsdecode(word)[3:] for word in said.split(b"\0") if word)  # behind two letters and a space
        return {path.removeprefix(prefix) for path in paths if path.startswith(prefix)}

    def _shallow(self) -> bool:
        return self._run("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"

    def _said(self, *words: str, given: bytes | None = None, folder: Path | None = None) -> bytes:
        """What git says.

        Raises:
            UsageError: where it fails.
        """
        done = self._run(*words, given=given, folder=folder)
        if done.returncode == 0:
            return done.stdout
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        if "not a git repository" in "".join(said):
            raise UsageError(f"{str(self._folder)!r} is in no git repository", fix="compare two files, or two in one")
        raise UsageError(f"git says: {said[0] if said else f'exit code {done.returncode}'}")

    def _run(
        self, *words: str, given: bytes | None = None, folder: Path | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run git in a folder, else at the top once that is known; it asks nobody anything, and writes nothing."""
        folder = folder or getattr(self, "top", self._folder)
        command = ["git", "--no-pager", "-c", "core.fsmonitor=false", "-C", str(folder), *words]
        quiet = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_LITERAL_PATHSPECS": "1"}
        try:
            # An empty input is given, too: git must not read the user's.
            return subprocess.run(
                command, input=given or b"", capture_output=True, env={**os.environ, **quiet}, check=False
            )
        except FileNotFoundError as error:
            fix = "install git, or compare two files"
            raise UsageError("revisions are read by git, which is not installed", fix=fix) from error
