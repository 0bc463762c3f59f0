"""`convrun cassette export`: recordings as stock vcrpy has them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convrun.atomic import create_file, replace_file
from convrun.cli.ending import counted, named_errors, say
from convrun.errors import CassetteError, ConvrunError, UsageError, did_you_mean_file, system_reason
from convrun.source import Where, is_special, printable

if TYPE_CHECKING:
    from convrun.cassette.interaction import Recording

_NOT_ALL = 1
_NAMED = 3  # cassettes of a spec


def export(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Cassettes.")],
    to: Annotated[str, typer.Option("--to", metavar="STOCK", help="The file to write; of several FILEs the folder.")],
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write cassettes as stock vcrpy YAML, which plays to the openai SDK without convrun: whole, attachments too.

    Secrets are taken out. Several keep their paths below the folder that they have in common. Exit codes: 0, 1 where
    one was not written, 2 for what does not exist.
    """
    with named_errors():
        pairs = list(_pairs(files, to))
        _refuse_kept([target for source, target in pairs if not _is_same(source, target)], to)
        written = sum(_written(source, target, force=force) for source, target in pairs)
        print(f"{counted(written, 'cassette')} exported")
        if written < len(pairs):
            raise typer.Exit(_NOT_ALL)


def _pairs(files: Sequence[str], to: str) -> Iterator[tuple[Path, Path]]:
    """Each file with the one that is to be written.

    Raises:
        UsageError: for what is not there, and for a STOCK that cannot take them.
    """
    if not to:
        raise UsageError("--to is empty", fix="name a file or folder; a variable that is not set gives none")
    sources = [Path(file) for file in dict.fromkeys(files)]
    for source in sources:
        _refuse_missing(source)
    stock = Path(to)
    if len(sources) == 1 and not stock.is_dir() and not to.endswith(("/", os.sep)):
        yield sources[0], stock
        return
    if stock.exists() and not stock.is_dir():
        raise UsageError(f"--to {to!r} is a file, and there are {len(sources)} FILEs", fix="name a folder")
    common = os.path.commonpath([os.path.abspath(source.parent) for source in sources])
    for source in sources:
        yield source, stock / os.path.relpath(os.path.abspath(source), common)


def _refuse_kept(targets: Sequence[Path], to: str) -> None:
    """Refuse what no report replaces either: `--force` is no reason to lose a spec.

    Raises:
        UsageError: where one of the files would be a spec, a cassette, settings, keys or code.
    """
    from convrun.cli.reporting import is_kept, no_place
    from convrun.run.project import settled
    from convrun.settings import find_root

    roots = dict.fromkeys(find_root(paths, Path.cwd()) for paths in ([], targets[:1]))
    projects = [settled(root, environ=os.environ, overrides={}) for root in roots]
    for target in targets:
        if any(is_kept(target.resolve(), project) for project in projects):
            raise no_place(f"--to {to} ({target})" if str(target) != to else f"--to {to}", "a stock cassette")


def _refuse_missing(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{str(path)!r} is a folder", fix="name its files")
    if not path.exists():
        raise UsageError(f"{str(path)!r} does not exist", fix=did_you_mean_file(str(path), path))


def _loaded(source: Path) -> Recording:
    """The recording in a file.

    Raises:
        CassetteError: where it is none; of a spec the cassettes are named.
    """
    from convrun.cassette.files import load

    try:
        return load(source, str(source))
    except CassetteError as error:
        from convrun.review.recognising import is_spec

        if not is_spec(source, os.environ):
            raise
        names = list(_cassettes_of(source))
        fix = f"name its cassette: {', '.join(names[:_NAMED])}" if names else "name a cassette"
        raise CassetteError("a spec is no cassette", where=error.where, fix=fix) from error


def _cassettes_of(spec: Path) -> Iterator[str]:
    """The cassettes of a spec, from here on."""
    from convrun.run.planning.options import RunOptions
    from convrun.run.project import open_project, planned

    with suppress(ConvrunError):
        project = open_project([str(spec)], cwd=Path.cwd(), environ=os.environ, overrides={})
        for one in planned(project, RunOptions()).conversations:
            yield os.path.relpath(one.cassette)


def _is_same(source: Path, target: Path) -> bool:
    return target.exists() and target.samefile(source)


def _written(source: Path, target: Path, *, force: bool) -> bool:
    """Write one; whether that was possible is said."""
    from convrun.cassette.stored.exporting import stock_text  # other commands, and --help, do without
    from convrun.run.secrets import secrets_of
    from convrun.settings import find_root

    try:
        if _is_same(source, target):
            raise CassetteError(
                "it would be written over itself", where=Where(file=str(source)), fix="name another file"
            )
        if is_special(target):
            raise CassetteError(
                "it would replace what is no regular file", where=Where(file=str(target)), fix="name another file"
            )
        recording = _loaded(source)
        roots = [find_root(places, Path.cwd()) for places in ([], [source])]
        content = stock_text(recording, secrets_of(roots, os.environ)).encode()
        (replace_file if force else create_file)(target, content)
    except CassetteError as error:
        say(error.lines())
        return False
    except FileExistsError:
        say([f"{str(target)!r} is there already", "  --force replaces it"])
        return False
    except OSError as error:
        say([f"{str(target)!r} cannot be written: {system_reason(error)}"])
        return False
    print(printable(f"{target}: {counted(len(recording.interactions), 'interaction')} of {source}"))
    return True
