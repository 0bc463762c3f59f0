"""Which YAML files are specs, and the projects they belong to, each opened once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from convrun.errors import ConvrunError
from convrun.pytesting.items import ConversationItem, SpecFile
from convrun.pytesting.modes import meter, record_mode
from convrun.pytesting.projects import SpecProject
from convrun.run.planning.options import RunOptions
from convrun.settings import find_root


class SpecCollection:
    """The specs of a session."""

    def __init__(self, config: pytest.Config) -> None:
        self._options = RunOptions(
            record=record_mode(config),
            meter=meter(config),
            strict=bool(config.getoption("convrun_strict")),
            stale_is_fatal=config.getoption("on_stale") == "fail",
        )
        self._started_in = config.invocation_params.dir
        self._projects: dict[Path, SpecProject | ConvrunError | None] = {}  # by the folder of a file
        self._told: set[str] = set()

    def collector(self, file: Path, parent: pytest.Collector, *, named: bool) -> pytest.Collector | None:
        """Return the collector of a file that is a spec, else None; `named`: the user asked for just this file."""
        project = self._project(file)
        if project is None and named:
            project = self._project_without_settings(file)
        if isinstance(project, ConvrunError):
            # Which files are specs cannot be known then: the mistake is told once, not for each.
            known = str(project) in self._told
            self._told.add(str(project))
            return None if known else SpecFile.of(file, parent, error=project)
        if project is None or not (named or project.is_spec(file)):
            return None
        return SpecFile.of(file, parent, project=project)

    def is_spec(self, file: Path) -> bool:
        """Return whether a file would be a spec of a project with settings, by where it lies."""
        project = self._project(file)
        return isinstance(project, SpecProject) and project.is_spec(file)

    def keep_once(self, items: list[pytest.Item]) -> None:
        """Take out samples by themselves whose groups are there: each would run twice."""
        ours = [item for item in items if isinstance(item, ConversationItem)]
        grouped = {(item.path, one.planned.id) for item in ours for one in item.members if one.planned.sample}
        twice = {
            item for item in ours if not item.bound.planned.sample and (item.path, item.bound.planned.id) in grouped
        }
        if twice:
            items[:] = [item for item in items if item not in twice]

    def check_together(self, items: Iterable[pytest.Item]) -> None:
        """Give items the mistakes that no file makes by itself: two specs whose ids or cassettes are one."""
        by_project: dict[int, list[ConversationItem]] = {}
        for item in items:
            if isinstance(item, ConversationItem):
                by_project.setdefault(id(item.project), []).append(item)
        for members in by_project.values():
            for error in members[0].project.mistakes_of_all():
                for item in members:
                    if error.where is not None and error.where.file == item.bound.planned.spec.file:
                        item.mistakes.append(error)

    def _project(self, file: Path) -> SpecProject | ConvrunError | None:
        """The project with settings that holds the file; the mistake where its settings are wrong."""
        folder = file.parent
        if folder not in self._projects:
            try:
                root = find_root([file], file)  # the file itself where no folder has settings
                self._projects[folder] = self._opened(root) if root != file else None
            except ConvrunError as error:
                self._projects[folder] = error
        return self._projects[folder]

    def _opened(self, root: Path) -> SpecProject:
        for project in self._projects.values():
            if isinstance(project, SpecProject) and project.root == root:
                return project
        return SpecProject(root, self._options)

    def _project_without_settings(self, file: Path) -> SpecProject | ConvrunError:
        """As the command line has it: the present folder is the root, or that of the file if it lies elsewhere."""
        root = self._started_in if file.is_relative_to(self._started_in) else file.parent
        try:
            return SpecProject(root, self._options)
        except ConvrunError as error:
            return error
