"""A spec as a file of pytest, a conversation as an item of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from convrun.errors import ConvrunError, SpecErrors
from convrun.pytesting.modes import recording_option
from convrun.pytesting.projects import SpecProject, by_itself
from convrun.pytesting.tags import give_tags
from convrun.pytesting.teller import Told, told
from convrun.pytesting.visible import visible, visible_reason
from convrun.report.samples import sample_properties
from convrun.report.spending import spent_usd
from convrun.results import ConversationResult
from convrun.run.binding.bind import BoundConversation
from convrun.run.planning.options import RecordMode
from convrun.source import printable
from convrun.spec.ids import rest_of


class NotPassed(Exception):  # noqa: N818  # no error of convrun, but pytest's way to hear of a verdict
    """A conversation that did not pass."""


class SpecFile(pytest.File):
    """A spec; its items are its conversations. A mistake in it is told as it is by `convrun validate`."""

    project: SpecProject | None = None
    error: ConvrunError | None = None

    @classmethod
    def of(
        cls,
        file: Path,
        parent: pytest.Collector,
        *,
        project: SpecProject | None = None,
        error: ConvrunError | None = None,
    ) -> Self:
        """Return the collector of a spec in a project, or one that tells why there is none."""
        made = cls.from_parent(parent, path=file)
        if (shown := printable(made.nodeid)) != made.nodeid:  # what pytest writes as it is
            made = cls.from_parent(parent, path=file, name=printable(made.name), nodeid=shown)
        made.project, made.error = project, error
        return made

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for each conversation."""
        try:
            if self.error is not None:
                raise self.error
            assert self.project is not None  # one of the two is there
            found = self.project.conversations(self.path)
        except ConvrunError as error:
            raise self.CollectError(_lines(error)) from None
        named = self._named().difference(name_of(members[0].planned.group) for members in found)
        for members in found:
            yield ConversationItem.of(self, self.project, members)
            for one in members if named else ():
                alone = (one.planned.alone or "").removeprefix("/")
                if alone in named:
                    yield ConversationItem.of(self, self.project, (by_itself(one),), name=alone)

    def _named(self) -> set[str]:
        """What stands behind the `::` of arguments that name this file: it may be a sample, which is an item then."""
        folder = self.config.invocation_params.dir
        arguments = (argument.partition("::") for argument in self.config.args)
        return {rest for name, several, rest in arguments if several and folder / name == self.path}


class ConversationItem(pytest.Item):
    """A conversation, or a group of samples. Its node id is that of convrun where pytest's root is the project's."""

    project: SpecProject
    bound: BoundConversation
    members: tuple[BoundConversation, ...]
    mistakes: list[ConvrunError]
    convrun_told: str | None = None  # what reports say of it, once it has run

    @classmethod
    def of(
        cls,
        parent: SpecFile,
        project: SpecProject,
        members: tuple[BoundConversation, ...],
        *,
        name: str | None = None,
    ) -> Self:
        """Return the item of a conversation or a group; the only one of a spec without cases is called as its file.

        `name` is what a sample by itself is called, behind the `::`.
        """
        bound = members[0]
        rest = printable(name or name_of(bound.planned.group))
        nodeid = f"{parent.nodeid}::{rest}" if rest else parent.nodeid
        made = cls.from_parent(parent, name=rest or printable(parent.path.name), nodeid=nodeid)
        made.project, made.bound, made.members, made.mistakes = project, bound, members, []
        give_tags(made, bound.planned.spec.tags)
        made.extra_keyword_matches |= {bound.planned.group, bound.planned.spec.name, bound.model.name}
        return made

    def setup(self) -> None:
        """Refuse to run what could not be told from another spec."""
        if self.mistakes:
            pytest.fail(_lines(SpecErrors(self.mistakes)), pytrace=False)

    def runtest(self) -> None:
        """Run the conversation."""
        self.convrun_told = None  # it may have run before
        result = self.project.run(self.members)
        shown = self._shown(result)
        report = told(shown, self._command(result), full=self.config.get_verbosity() > 1, strict=self.project.strict)
        self.convrun_told = report.packed()
        self.user_properties[:] = _properties(result)  # one that runs again has one set of them
        if report.verdict in {"skipped", "unchecked"}:
            pytest.skip(visible_reason(report.headline))
        if report.verdict in {"stale", "missing"} and not self.project.options.stale_is_fatal:
            pytest.xfail(visible_reason(report.headline))  # does nothing with --runxfail, as it should
        if report.verdict != "passed":
            raise NotPassed(report.headline)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return what the console says; the traceback only of a bug of ours, without the values that pytest shows."""
        if self.convrun_told is not None:
            return Told.unpacked(self.convrun_told).text
        if isinstance(excinfo.value, pytest.fail.Exception):
            return super().repr_failure(excinfo, style)
        return "\n".join(map(visible, self.project.bug(self.bound, excinfo.value)))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the file, the line of the conversation in it (from 0), and its headline."""
        return Path(printable(str(self.path))), (self.bound.planned.where.line or 1) - 1, f"conversation {self.nodeid}"

    def _shown(self, result: ConversationResult) -> ConversationResult:
        """The result under the names by which a command line finds it from where pytest was started."""
        try:
            file = Path(os.path.relpath(self.path, self.config.invocation_params.dir)).as_posix()
        except ValueError:  # on another drive
            file = self.path.as_posix()
        samples = result.samples
        if samples is not None:
            samples = replace(samples, conversations=tuple(_named(one, file) for one in samples.conversations))
        return replace(_named(result, file), samples=samples)

    def _command(self, result: ConversationResult) -> str:
        """The start of the line that shows the same: what a recording ended in an error only recording shows again."""
        mode = self.project.options.record
        return "pytest" if result.verdict != "error" or mode is RecordMode.NONE else f"pytest {recording_option(mode)}"


def name_of(identity: str) -> str:
    """Return what an item is called behind the `::`: the rest of its conversation's id, without the `/` of a branch."""
    return rest_of(identity).removeprefix("/")


def _named(result: ConversationResult, file: str) -> ConversationResult:
    off = result.branched
    if off is not None:
        off = replace(off, trunk=_renamed(off.trunk, file), root=_renamed(off.root, file))
    return replace(result, id=_renamed(result.id, file), spec=file, branched=off)


def _renamed(identity: str, file: str) -> str:
    rest = name_of(identity)
    return f"{file}::{rest}" if rest else file


def _lines(error: ConvrunError) -> str:
    """A mistake as people read it; several with a blank line between them."""
    errors = error.errors if isinstance(error, SpecErrors) else (error,)
    return "\n\n".join("\n".join(map(visible, one.lines())) for one in errors)


def _properties(result: ConversationResult) -> list[tuple[str, object]]:
    """What the JUnit report of pytest says beside the verdict, under the names of our own."""
    place = result.where
    known: dict[str, object] = {
        "file": place.file if place else result.spec,
        "line": place.line if place else None,
        "verdict": result.verdict,
        "model": result.model,
        "tags": ", ".join(result.tags) or None,
        "model_calls": result.model_calls,
        "live_calls": result.live_calls,
        "spent_usd": spent_usd(result),
        "usage.input": result.usage.input,
        "usage.output": result.usage.output,
        **sample_properties(result.samples),
    }
    return [(name, _text(value)) for name, value in known.items() if value is not None]


def _text(value: object) -> object:
    return printable(value) if isinstance(value, str) else value
