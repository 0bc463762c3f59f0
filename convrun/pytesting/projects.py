"""A project whose specs are collected file by file, and run one by one, in a session that is not only ours."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from traceback import format_exception

from convrun.errors import ConvrunError, UsageError, named
from convrun.results import ConversationResult, Problem
from convrun.run.binding.bind import BoundConversation
from convrun.run.binding.imports import put_first
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import plan
from convrun.run.playing.conversation import run_conversation
from convrun.run.project import Project, prepare, settled, with_specs
from convrun.run.samples import group_result
from convrun.run.secrets import redactor_for, without_secrets
from convrun.spec.collecting import Selected
from convrun.spec.model import Spec
from convrun.testing.imports import own_modules, same_path


class SpecProject:
    """The settings of a root, and the specs of it that were read so far.

    Raises:
        SettingsError: for settings that are wrong.
    """

    def __init__(self, root: Path, options: RunOptions) -> None:
        self.root = root
        self.options = options
        self._project = settled(root, environ=os.environ, overrides={})
        self._settings = self._project.settings
        self._read: list[tuple[Spec, str | None]] = []

    @property
    def strict(self) -> bool:
        """Whether findings fail."""
        return self.options.strict or self._settings.strict

    def is_spec(self, file: Path) -> bool:
        """Return whether a YAML file is a spec: below the specs folder, where no part begins with `_` or `.`."""
        specs, cassettes = (self.root / folder for folder in (self._settings.specs, self._settings.cassettes))
        if not file.is_relative_to(specs) or (cassettes != specs and file.is_relative_to(cassettes)):
            return False
        return all(part[0] not in "_." for part in file.relative_to(specs).parts)

    def conversations(self, file: Path) -> Sequence[tuple[BoundConversation, ...]]:
        """Return the conversations of a spec with their code, which is imported; the samples of a group together.

        Raises:
            SpecErrors: with every mistake of it, and the first time with those of the settings' defaults.
            UsageError: for a name that pytest takes for something else.
        """
        if "::" in file.name:
            raise UsageError(f"{file.name!r} has '::' in its name", fix="rename it: :: stands before a conversation")
        project = with_specs(self._project, [Selected(file=file)])
        self._project = replace(self._project, errors=())
        with self._surroundings(), own_modules(self._folders):
            prepared = prepare(_without_dotenv(project), self.options, environ=os.environ)
        self._read += project.specs
        return [*prepared.tests.values()]

    def mistakes_of_all(self) -> Sequence[ConvrunError]:
        """Return the mistakes that the specs make together."""
        return plan(self._read, self._settings, self.options).errors

    def run(self, members: Sequence[BoundConversation]) -> ConversationResult:
        """Run a conversation, or the samples of a group; whatever goes wrong in it is in the result."""
        with self._surroundings():
            results = [run_conversation(one, self.options, environ=os.environ) for one in members]
            return results[0] if members[0].planned.sample is None else group_result(members, results)

    def bug(self, conversation: BoundConversation, error: BaseException) -> Sequence[str]:
        """Return the lines that tell of a bug of ours, which ended a conversation; secrets are taken out."""
        told = Problem(type="bug", message=named(error), details="".join(format_exception(error)))
        with self._surroundings():
            told = without_secrets(told, redactor_for(conversation, os.environ))
        head = [f"a bug in convrun: {told.message}", "  please report it with this traceback", ""]
        return [*head, *(told.details or "").splitlines()]

    @property
    def _folders(self) -> list[Path]:
        return [self.root, *(self.root / folder for folder in self._settings.pythonpath)]

    @contextmanager
    def _surroundings(self) -> Iterator[None]:
        """The import path and the `.env` as a run of convrun has them; other tests of the session do without."""
        missing = {name: value for name, value in self._project.dotenv.items() if name not in os.environ}
        os.environ.update(missing)
        try:
            with same_path():
                put_first(self._folders)
                yield
        finally:
            for name in missing:
                os.environ.pop(name, None)


def by_itself(sample: BoundConversation) -> BoundConversation:
    """Return a sample as a conversation that is in no group."""
    return replace(sample, planned=sample.planned.by_itself)


def _without_dotenv(project: Project) -> Project:
    """The project for a preparation that leaves the environment of the process alone."""
    return replace(project, dotenv={})
