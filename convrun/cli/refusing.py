"""What the reports say of a run that did not begin: its mistakes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from convrun.cli.ending import exit_code_of, say
from convrun.cli.reporting import Reports, is_kept, is_source, way_to
from convrun.errors import ConvrunError, SpecErrors
from convrun.frozen import frozen
from convrun.report.stop_token import StopToken
from convrun.results import Finding, Problem, RunResult
from convrun.run.project import Project
from convrun.settings import find_root
from convrun.spec.ids import spec_of
from convrun.version import VERSION

_MAY_BE_OURS = frozenset({".yaml", ".yml"})  # specs, cassettes


@frozen
class Refusal:
    """The reports that a run was asked for in the folder `cwd`, and its project where that could be opened."""

    reports: Mapping[str, str | None]
    paths: Sequence[str]
    cwd: Path
    project: Project | None

    def tell(self, error: ConvrunError, stdout: TextIO, token: StopToken) -> None:
        """Write the mistakes into every report; where one cannot be written, that is said on stderr.

        In a job the annotations are on stderr, where the token was begun, behind its end.
        """
        every = error.errors if isinstance(error, SpecErrors) else (error,)
        mistakes = [Problem(type=type(one).__name__, message=one.what, where=one.where, fix=one.fix) for one in every]
        reports = self._spared()
        errors: list[ConvrunError] = []
        for name in reports.files:
            stream = stdout
            if name == "github" and token.word:
                stream = sys.stderr
                print(token.end, file=stream)
            errors += reports.put(name, _written(name, mistakes, exit_code_of(error), reports.folder), stream)
        if "github" in reports.files:
            from convrun.report.markdown import mistakes_to_markdown

            errors += reports.summarize(lambda most: mistakes_to_markdown(mistakes, most=most))
        for wrong in errors:
            say(wrong.lines())

    def _spared(self) -> Reports:
        """The reports that take the place of nothing but reports; of two in one file the first."""
        files: dict[str, Path | None] = {}
        taken: set[Path] = set()
        for name, given in self.reports.items():
            file = None if given is None else self.cwd / given
            if file is not None:
                target = file.resolve()
                if target in taken or self._is_kept(target):
                    continue
                taken.add(target)
            files[name] = file
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        folder = way_to(self._root(), os.environ.get("GITHUB_WORKSPACE"))
        return Reports(files=files, named=self.reports, folder=folder, summary=Path(summary) if summary else None)

    def _is_kept(self, target: Path) -> bool:
        """Whether something else stands there; where the settings do not say what, it is what may be ours."""
        if self.project is not None:
            return is_kept(target, self.project)
        return target.suffix.lower() in _MAY_BE_OURS or is_source(target)

    def _root(self) -> Path:
        if self.project is not None:
            return self.project.settings.root
        with suppress(ConvrunError):
            return find_root([self.cwd / spec_of(path) for path in self.paths], self.cwd)
        return self.cwd


def _written(name: str, mistakes: Sequence[Problem], exit_code: int, folder: str) -> str:
    """The mistakes in the format of this name."""
    if name == "github":
        from convrun.report.github import mistakes_to_github

        return mistakes_to_github(mistakes, folder=folder)
    if name == "markdown":
        from convrun.report.markdown import mistakes_to_markdown

        return mistakes_to_markdown(mistakes)
    moment = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    if name == "junit":
        from convrun.report.junit import mistakes_to_junit

        return mistakes_to_junit(mistakes, started=moment)
    from convrun.report.json_result import to_json

    findings = [Finding(kind="mistake", message=one.message, where=one.where, fix=one.fix) for one in mistakes]
    return to_json(
        RunResult(version=VERSION, started=moment, duration_s=0.0, exit_code=exit_code, findings=tuple(findings))
    )
