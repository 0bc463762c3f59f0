"""The reports of a run: their formats, where they go, and writing them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import TextIO, TypeAlias

from convrun.errors import ReportError, UsageError
from convrun.frozen import frozen
from convrun.report.stop_token import StopToken
from convrun.results import RunResult
from convrun.run.project import Project
from convrun.spec.ids import spec_of

_SUMMARY = 1024 * 1024  # bytes that GitHub takes as the summary of a step
_SPECS = frozenset({".yaml", ".yml"})
_OF_TOOLS = frozenset({".git", ".convrun"})  # folders that hold what git and convrun remember
_Writer: TypeAlias = Callable[[RunResult, str], str]


def _json(result: RunResult, _: str) -> str:
    from convrun.report.json_result import to_json  # each format is loaded when it is asked for

    return to_json(result)


def _junit(result: RunResult, _: str) -> str:
    from convrun.report.junit import to_junit

    return to_junit(result)


def _markdown(result: RunResult, _: str) -> str:
    from convrun.report.markdown import to_markdown

    return to_markdown(result)


def _github(result: RunResult, folder: str) -> str:
    from convrun.report.github import to_github

    return to_github(result, folder=folder)


# As many as parameters.REPORT_FORMATS.
_WRITERS: Mapping[str, _Writer] = {"json": _json, "junit": _junit, "markdown": _markdown, "github": _github}


@frozen
class Reports:
    """The reports that are wanted: each format with its file, None for stdout.

    `named` are the files as they were given. On GitHub `folder` leads from the root of the repository to that of the
    project, and `summary` is the file for the summary of the step.
    """

    files: Mapping[str, Path | None] = field(default_factory=dict)
    named: Mapping[str, str | None] = field(default_factory=dict)
    folder: str = ""
    summary: Path | None = None

    def take_stdout(self, token: StopToken) -> bool:
        """Return whether stdout is a report's alone, so that the console has to go elsewhere.

        Commands to GitHub's runner stand behind the console instead: it reads two streams in any order, and must have
        read the end of the token first.
        """
        printed = {name for name, file in self.files.items() if file is None}
        return bool(printed - {"github"} if token.word else printed)

    def clear(self) -> None:
        """Take away what an earlier run has left: where code ends the process, nothing is taken for its result.

        A link stays, and what it leads to is emptied; what cannot be taken away is told of when it is written.
        """
        for file in self.files.values():
            with suppress(OSError):
                if file is not None and file.is_symlink() and file.is_file():
                    file.write_bytes(b"")
                elif file is not None and file.is_file():
                    file.unlink()

    def write(self, result: RunResult, stdout: TextIO) -> None:
        """Write every report to its file, or to stdout.

        Raises:
            ReportError: where one cannot be written; all others are.
        """
        errors: list[ReportError] = []
        for name in self.files:
            errors += self.put(name, _WRITERS[name](result, self.folder), stdout)
        if "github" in self.files:
            from convrun.report.markdown import to_markdown

            errors += self.summarize(lambda most: to_markdown(result, most=most))
        if errors:
            raise errors[0]

    def put(self, name: str, text: str, stream: TextIO) -> list[ReportError]:
        """Write one report to its file, or to the stream; return what went wrong."""
        file = self.files[name]
        if file is None:
            print(text, file=stream, end="\n" if text else "", flush=True)
            return []
        try:
            write_text(file, f"{text}\n" if text else "", shown_as=str(self.named[name]))
        except ReportError as error:
            return [error]
        return []

    def summarize(self, written: Callable[[int], str]) -> list[ReportError]:
        """Add what is `written` in so many bytes to the summary of the step, as far as GitHub takes it."""
        file = self.summary
        if file is None:
            return []
        try:
            room = _SUMMARY - (file.stat().st_size if file.exists() else 0)
            text = f"\n{written(room - 2)}\n"
            if len(text.encode("utf-8")) <= room:
                with file.open("a", encoding="utf-8", newline="\n") as summary:
                    summary.write(text)
        except OSError as error:
            what = f"the summary of the step cannot be written to {str(file)!r}: {error.strerror}"
            return [ReportError(what, fix="leave GITHUB_STEP_SUMMARY as GitHub sets it, or unset it")]
        return []


def write_text(file: Path, text: str, *, shown_as: str) -> None:
    """Write a report to its file, with the folders that lack; what is no regular file is written into.

    Raises:
        ReportError: where it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        what = f"the report {shown_as!r} cannot be written: {error.strerror}"
        raise ReportError(what, fix="name another file") from error


def targets(reports: Mapping[str, str | None], project: Project, environ: Mapping[str, str]) -> Reports:
    """Return where the reports go, whatever folder a tool may change to.

    Raises:
        UsageError: where one would take the place of what it reports on, or of another one.
    """
    if not reports:
        return Reports()
    settings = project.settings
    files = {name: None if file is None else Path.cwd() / file for name, file in reports.items()}
    taken: dict[Path, str] = {}
    for name, file in files.items():
        if file is None:
            continue
        target = file.resolve()
        if is_kept(target, project):
            raise no_place(f"--report {name}={reports[name]}")
        if target in taken:
            raise UsageError(f"--report {taken[target]} and --report {name} name one file", fix="name another file")
        taken[target] = name
    summary = environ.get("GITHUB_STEP_SUMMARY")
    return Reports(
        files=files,
        named=reports,
        folder=way_to(settings.root, environ.get("GITHUB_WORKSPACE")),
        summary=Path(summary) if summary else None,
    )


def refuse_sources(target: Path, kept: Collection[Path], cassettes: Collection[Path], *, option: str) -> None:
    """Refuse a report that would take the place of what it reports on; every path is a resolved one.

    `kept` are the specs, recordings and settings, `cassettes` the folders of cassettes, and `option` is what was given.

    Raises:
        UsageError: where it would.
    """
    if target in kept or is_source(target) or any(target.is_relative_to(folder) for folder in cassettes):
        raise no_place(option)


def no_place(option: str, thing: str = "a report") -> UsageError:
    """Return the error for what would take the place of a file that must not be lost."""
    what = f"{option}: that is a spec, a cassette, settings, keys or code, not a place for {thing}"
    return UsageError(what, fix="name another file")


def is_source(target: Path) -> bool:
    """Return whether a file is, by its name, settings, keys or code, in a project or out of one."""
    return target.name.lower().startswith(".env") or target.suffix.lower() in {".py", ".toml"}


def is_kept(target: Path, project: Project) -> bool:
    """Return whether a resolved path is a spec, a cassette, settings, keys or code: no report takes its place."""
    settings, request = project.settings, project.request
    if is_source(target) or _OF_TOOLS & (set(target.parts) - set(settings.root.resolve().parts)):
        return True
    kept = {(settings.root / spec.file).resolve() for spec, _ in project.specs}
    kept |= {(settings.root / error.where.file).resolve() for error in project.errors if error.where}
    kept |= {settings.file.resolve()} if settings.file else set()
    if target in kept or target.is_relative_to((settings.root / settings.cassettes).resolve()):
        return True
    # Those that are not selected, or cannot be read, are specs all the same.
    given = [request.cwd / spec_of(path) for path in request.paths] if request else []
    places = [(settings.root / settings.specs), *given]
    return target.suffix.lower() in _SPECS and any(target.is_relative_to(place.resolve()) for place in places)


def way_to(root: Path, workspace: str | None) -> str:
    """Return the way from the root of the repository to that of the project; empty where there is none, or no way."""
    if not workspace:
        return ""
    try:
        found = root.resolve().relative_to(Path(workspace).resolve()).as_posix()
    except ValueError:
        return ""
    return "" if found == "." else found
