"""The reports of a run: their formats, where they go, and writing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from convrun.errors import ReportError, UsageError
from convrun.results import RunResult
from convrun.run.project import Project


def _json(result: RunResult) -> str:
    from convrun.report.json_result import to_json  # each format is loaded when it is asked for

    return to_json(result)


def _junit(result: RunResult) -> str:
    from convrun.report.junit import to_junit

    return to_junit(result)


# As many as parameters.REPORT_FORMATS.
_WRITERS: Mapping[str, Callable[[RunResult], str]] = {"json": _json, "junit": _junit}


def targets(reports: Mapping[str, str | None], project: Project) -> Mapping[str, Path | None]:
    """Return where the reports go, whatever folder a tool may change to; None is stdout.

    Raises:
        UsageError: where one would take the place of what it reports on.
    """
    if not reports:
        return {}
    settings = project.settings
    kept = {(settings.root / spec.file).resolve() for spec, _ in project.specs}
    kept |= {settings.file.resolve()} if settings.file else set()
    cassettes = (settings.root / settings.cassettes).resolve()
    found: dict[str, Path | None] = {}
    for name, file in reports.items():
        found[name] = Path.cwd() / file if file is not None else None
        target = found[name]
        if target is not None and (target.resolve() in kept or target.resolve().is_relative_to(cassettes)):
            what = f"--report {name}={file}: that is a spec, a cassette or the settings, not a place for a report"
            raise UsageError(what, fix="name another file")
    return found


def write_reports(
    result: RunResult, reports: Mapping[str, Path | None], given: Mapping[str, str | None], stdout: TextIO
) -> None:
    """Write every report to its file, or to stdout; `given` are the files as they were named.

    Raises:
        ReportError: where one cannot be written.
    """
    for name, file in reports.items():
        text = _WRITERS[name](result)
        if file is None:
            print(text, file=stdout)
            continue
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            what = f"the report {given[name]!r} cannot be written: {error.strerror}"
            raise ReportError(what, fix="name another file") from error
