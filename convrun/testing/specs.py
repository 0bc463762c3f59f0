"""Specs run by tests: from a text or a file to the result of the run."""

from __future__ import annotations

import inspect
import os
import textwrap
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from convrun.errors import SpecErrors, UsageError
from convrun.frozen import frozen
from convrun.report.console import FULL, NORMAL, closing
from convrun.results import RunResult
from convrun.run.planning.options import RecordMode, RunOptions
from convrun.run.project import Project, prepare, spec_defaults
from convrun.settings import find_root, load
from convrun.spec.ids import rest_of, spec_of
from convrun.spec.loading import Unfinished, load_spec
from convrun.suite.run import run_all
from convrun.testing.imports import own_modules, same_path

_SUFFIXES = (".yaml", ".yml")


@frozen
class _Source:
    """A spec to be run: its file below `root`, its `text` if there is no such file, the `::rest` of its path.

    `folder` is where import paths begin, beside the root.
    """

    file: Path
    root: Path
    text: str | None = None
    rest: str | None = None
    folder: Path | None = None


def run_spec(
    spec: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    name: str = "spec",
    record: str = "none",
    define: Mapping[str, str] | None = None,
    keep_going: bool = False,
    strict: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> RunResult:
    """Run a spec, given as YAML text or as a path, and return what `convrun run` would report.

    A path is one line that ends in .yaml or .yml (`::case` may follow), or a Path. A text is dedented and run as the
    file `name` below `root`: there are its cassettes, its settings and the files it names. Without a root it has a
    temporary one, and import paths begin at the caller's folder. `record` is a record mode, `define` what `-D` gives.
    sys.path is left as it was; what was imported stays so, but for modules that stood in for others of the same name.

    Raises:
        SpecErrors: with every mistake of the spec at its place in the text; nothing ran.
        UsageError: for an unknown record mode or var, and where a recording would be lost.
        SettingsError: for settings that are wrong, and for a key that is not set.
    """
    __tracebackhide__ = True  # pytest shows the line of the test, and none of ours with the environment in it
    mode = RecordMode.named(record)
    options = RunOptions(record=mode, defines=dict(define or {}), keep_going=keep_going, strict=strict)
    frame = inspect.currentframe()
    caller = frame.f_back.f_globals.get("__file__") if frame is not None and frame.f_back is not None else None
    with TemporaryDirectory(prefix="convrun-", ignore_cleanup_errors=True) as temporary, same_path():
        if isinstance(spec, str) and not _is_path(spec):
            if root is None and mode is not RecordMode.NONE:
                raise UsageError(f"record={record!r} without a root: the cassette would be lost", fix="give root=")
            source = _Source(
                file=_below(Path(root or temporary).resolve(), name),
                root=Path(root or temporary).resolve(),
                text=textwrap.dedent(spec),
                folder=Path(caller).resolve().parent if root is None and caller is not None else None,
            )
        else:
            source = _at(os.fspath(spec), None if root is None else Path(root))
        return _run(source, options, environ)


def explained(result: RunResult, *, full: bool = False) -> str:
    """Return what the console says of a run: failures, stale and missing recordings, findings; `full` as with -vv."""
    text = closing(result, verbosity=FULL if full else NORMAL)
    return f"{text}\n{result.bug.message}\n{result.bug.details or ''}" if result.bug is not None else text


def _is_path(spec: str) -> bool:
    return "\n" not in spec and spec_of(spec).lower().endswith(_SUFFIXES)


def _below(root: Path, name: str) -> Path:
    """The file that a text is run as."""
    path = Path(os.path.normpath(root / f"{name}.yaml"))
    if not name or not path.is_relative_to(root):
        raise UsageError(f"{name!r} is no name below the root", fix="give a name as of a file, without its suffix")
    return path


def _at(path: str, root: Path | None) -> _Source:
    """The source at a path; its root is given, or the nearest folder with settings, or the present one."""
    name, rest = spec_of(path), rest_of(path)
    file = Path(os.path.normpath(Path(name).absolute()))
    if root is None:
        here = Path.cwd()
        root = find_root([file], here if file.is_relative_to(here) else file.parent)
    if not file.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{name!r} is outside of the project {str(root)!r}", fix="give a root that it is below")
    return _Source(file=file, root=Path(os.path.normpath(root.absolute())), rest=rest or None)


def _run(source: _Source, options: RunOptions, environ: Mapping[str, str]) -> RunResult:
    __tracebackhide__ = True
    started = time.perf_counter()
    project = _project(source, environ)
    folders = [source.root, *(source.root / folder for folder in project.settings.pythonpath)]
    command = "convrun run" if source.text is None else ""
    with own_modules(folders):
        try:
            prepared = prepare(project, options, environ=environ)
        except SpecErrors as error:
            error.add_note("\n".join(error.lines()))  # its text is their number
            raise error.with_traceback(None) from None
        result = run_all(prepared, options, environ=environ, command=command, on_result=lambda _: None, started=started)
    if result.interrupted:
        raise KeyboardInterrupt
    return result


def _project(source: _Source, environ: Mapping[str, str]) -> Project:
    settings = load(source.root, environ, {})
    if source.folder is not None:
        settings = replace(settings, pythonpath=(*settings.pythonpath, str(source.folder)))
    try:
        spec = load_spec(source.file, source.root, spec_defaults(settings), text=source.text)
    except SpecErrors as found:
        unfinished = (found.rest,) if isinstance(found.rest, Unfinished) else ()
        return Project(settings=settings, specs=(), errors=found.errors, unfinished=unfinished)
    return Project(settings=settings, specs=((spec, source.rest),))
