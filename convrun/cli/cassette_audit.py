"""`convrun cassette audit`: are there secrets in what is committed?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convrun.cli.ending import counted, named_errors
from convrun.cli.parameters import Cassettes
from convrun.errors import UsageError, did_you_mean_file
from convrun.source import printable

if TYPE_CHECKING:
    from convrun.review.audit import Leak, Unread

_FOUND = 1
_MEND = (
    "a secret that was committed is known: rotate it where it was issued. Then record anew, which leaves it out: "
    "convrun record --all; what is no recording is mended by hand"
)


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
        found = [one for file in files for one in audited(file, _shown(file), keys)]
        for one in found:
            print(printable(_line(one)))
        secrets = [one for one in found if isinstance(one, Leak)]
        print(_summary(len(secrets), len({one.file for one in secrets}), len(files)))
        if secrets:
            print(f"  {_MEND}")
        raise typer.Exit(_FOUND if found else 0)


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
