"""`convrun cassette audit`: are there secrets in what is committed?"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convrun.cli.ending import counted, named_errors
from convrun.cli.parameters import Cassettes
from convrun.errors import CassetteError, UsageError, did_you_mean_file
from convrun.source import printable

if TYPE_CHECKING:
    from convrun.review.audit import Leak, Unread
    from convrun.review.owners import Owners
    from convrun.settings import Settings

_FOUND = 1
_KNOWN = "a secret that was committed is known: rotate it where it was issued"
_MOST = 3  # conversations on one command line, and files that are named


def audit(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Files and folders. [default: the cassettes folder]")
    ] = None,
    cassettes: Cassettes = None,
) -> None:
    """Look for secrets in recordings, their attachments, and any other files: keys, tokens and passwords.

    Nothing is imported or changed. Exit codes: 0 none was found, 1 some were, 2 a PATH that does not exist.
    """
    from convrun.review.audit import Leak, audited, files_below, secret_variables  # other commands do without
    from convrun.run.project import settled
    from convrun.settings import find_root

    with named_errors():
        named = [Path(path) for path in dict.fromkeys(paths or ())]
        _refuse_missing(named)
        project = settled(find_root(named[:1], Path.cwd()), environ=os.environ, overrides={"cassettes": cassettes})
        keys = secret_variables(project.environ(os.environ), project.settings.redact)
        folder = project.settings.root / project.settings.cassettes
        files = dict.fromkeys(
            file for place in named or [folder] for file in files_below(place) if os.path.lexists(file)
        )
        found = [(file, one) for file in files for one in audited(file, _shown(file), keys)]
        for _, one in found:
            print(printable(_line(one)))
        secrets = [file for file, one in found if isinstance(one, Leak)]
        print(_summary(len(secrets), len({*secrets}), len(files)))
        if secrets:
            for line in _mending(dict.fromkeys(secrets), project.settings):
                print(printable(f"  {keys.thorough.text(line)}"))  # a name may hold one
        raise typer.Exit(_FOUND if found else 0)


def _mending(files: Iterable[Path], settings: Settings) -> Iterator[str]:
    """What is to be done about secrets in these files."""
    from convrun.review.owners import Owners
    from convrun.review.trees import WorkingTree

    owners = Owners(WorkingTree(settings))
    ids: dict[str, None] = {}
    others: list[str] = []
    for file in files:
        owner = _conversation(file, settings, owners)
        if owner is None:
            others.append(_shown(file))
        else:
            ids[owner] = None
    yield _KNOWN
    names = list(ids)
    for first in range(0, len(names), _MOST):
        command = shlex.join(["convrun", "record", "--all", *names[first : first + _MOST]])
        yield f"record anew, which leaves it out: {command}"
    if others:
        more = f" and {len(others) - _MOST} more" if len(others) > _MOST else ""
        named = ", ".join(others[:_MOST])
        yield f"no spec here records these: mend them by hand, or where they were made: {named}{more}"


def _conversation(file: Path, settings: Settings, owners: Owners) -> str | None:
    """The id of the conversation whose recording a file is; None where it is nobody's, or cannot be read."""
    from convrun.cassette.files import load

    path, root = Path(os.path.abspath(file)), Path(os.path.abspath(settings.root))
    if path.suffix != ".yaml" or not path.is_relative_to(root):
        return None
    shown = path.relative_to(root).as_posix()
    try:
        judge = owners.of(shown, load(file, shown, whole=False)).judge
    except CassetteError:
        return None
    return judge.planned.id if judge is not None else None


def _refuse_missing(paths: Sequence[Path]) -> None:
    for path in paths:
        if not str(path) or not os.path.lexists(path):
            raise UsageError(f"{str(path)!r} does not exist", fix=did_you_mean_file(str(path), path))


def _shown(file: Path) -> str:
    path = Path(os.path.abspath(file))
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else str(file)


def _line(one: Leak | Unread) -> str:
    return ": ".join(_parts(one))


def _parts(one: Leak | Unread) -> Iterator[str]:
    from convrun.review.audit import Leak

    if not isinstance(one, Leak):
        yield one.file
        yield f"cannot be searched: {one.why}"
        return
    yield one.file if one.line is None else f"{one.file}:{one.line}"
    if one.interaction is not None:
        yield f"interaction {one.interaction}"
    yield f"{one.about}, {one.begins}…" if one.begins else one.about


def _summary(secrets: int, files: int, searched: int) -> str:
    if not secrets:
        return f"no secret in {counted(searched, 'file')}"
    return f"{counted(secrets, 'secret')} in {files} of {counted(searched, 'file')}"
