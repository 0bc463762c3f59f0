"""The files that a conversation depends on: an edit of one of them can change what comes of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from convrun import document
from convrun.checks.registry import code_paths, leaves
from convrun.environment import NAME as DOTENV
from convrun.errors import ConvrunError, SpecErrors
from convrun.frozen import frozen
from convrun.run.binding.bound_checks import value_at
from convrun.run.planning.plan import Planned
from convrun.settings import Settings
from convrun.source import is_below
from convrun.spec.loading import load_spec
from convrun.spec.model import AttachmentSpec, CheckSpec, ImportPath, Spec, ToolUse
from convrun.templates import render_text
from convrun.watching.marks import Mark, Marks
from convrun.watching.module_files import ModuleFiles, import_folders


@frozen
class _Reading:
    """What came of reading a spec, the files that it is made of, and the marks of all that it hangs on."""

    found: Spec | SpecErrors
    files: frozenset[Path]
    marks: Mapping[Path, Mark]


class SpecReader:
    """Reads specs as `load_spec` does, and again only where the spec, a file it names or the settings have changed."""

    def __init__(self) -> None:
        self.broken: set[Path] = set()  # the specs with mistakes, of those read since the beginning
        self._marks = Marks()
        self._known: dict[Path, _Reading] = {}

    def begin(self) -> Marks:
        """Look at all files anew from here on; return the marks that are found."""
        self._marks, self.broken = Marks(), set()
        return self._marks

    def read(self, path: Path, root: Path, defaults: document.Mapping | None) -> Spec:
        """Return the spec in `path`.

        Raises:
            SpecErrors: with every mistake of the file.
        """
        known = self._known.get(path)
        if known is None or any(self._marks.of(file) != mark for file, mark in known.marks.items()):
            known = self._known[path] = self._reading(path, root, defaults)
        if isinstance(known.found, SpecErrors):
            self.broken.add(path)
            raise known.found.with_traceback(None)
        return known.found

    def files(self, path: Path) -> frozenset[Path]:
        """Return the files that a spec was found to be made of when it was read last, right or wrong."""
        return self._known[path].files if path in self._known else frozenset({path})

    def _reading(self, path: Path, root: Path, defaults: document.Mapping | None) -> _Reading:
        named: set[Path] = set()
        marks = {file: self._marks.of(file) for file in (path, *settings_files(root))}  # before anything is read
        found: Spec | SpecErrors
        try:
            found = load_spec(path, root, defaults, named=named)
        except SpecErrors as errors:
            found = errors.with_traceback(None)
        marks |= {file: self._marks.of(file) for file in named}
        return _Reading(found=found, files=frozenset({path, *named}), marks=marks)


def settings_files(root: Path) -> tuple[Path, ...]:
    """Return the files that may hold the settings of all conversations below a root."""
    return root / "convrun.toml", root / "pyproject.toml", root / DOTENV


class Dependencies:
    """Tells the files of conversations in one project, beside those that their specs are read from."""

    def __init__(self, settings: Settings, modules: ModuleFiles, marks: Marks) -> None:
        self._root = settings.root
        self._own = settings.checks
        self._folders = import_folders(settings.root, settings.pythonpath)
        self._modules = modules
        self._marks = marks
        self._code: dict[str, frozenset[Path]] = {}  # by module

    def of(self, planned: Planned) -> frozenset[Path]:
        """Return the cassettes, the attachments and the modules of a conversation, there or not.

        Where an attachment's path depends on what is said, its folder stands for it.
        """
        attached = (one for turn in planned.spec.turns for one in turn.attachments)
        cassettes = [planned.cassette, *(trunk.cassette for trunk in planned.trunks)]
        recorded = {*cassettes, *(path for cassette in cassettes for path in _beside(cassette))}
        return self._code_of(planned.spec) | recorded.union(self._attached(attached, planned))

    def _code_of(self, spec: Spec) -> frozenset[Path]:
        names = {path.partition(":")[0] for path in (*_import_paths(spec), *self._judges(spec))}
        for name in names - self._code.keys():
            self._code[name] = self._modules.behind(name, self._folders, self._marks)
        return frozenset[Path]().union(*(self._code[name] for name in names))

    def _judges(self, spec: Spec) -> Iterator[str]:
        """The import paths of what judges kinds of the project's own."""
        for check in _checks(spec):
            for _, kind, _ in leaves(check.kind, check.value):
                if kind in self._own:
                    yield self._own[kind].path

    def _attached(self, attachments: Iterable[AttachmentSpec], planned: Planned) -> Iterator[Path]:
        names = {**planned.vars, "vars": planned.vars}
        for one in attachments:
            if one.path is None:
                continue
            try:
                name = render_text(one.path, names) if one.path.is_template else one.path.source
            except ConvrunError:
                name = one.path.source.partition("{")[0].rpartition("/")[0]
                if not name:
                    continue
            path = Path(os.path.abspath((self._root / one.where.file).parent / name))
            if is_below(path, self._root):
                yield path


def _import_paths(spec: Spec) -> Iterator[str]:
    """Every import path in a spec."""
    hooks = spec.hooks
    named: list[ImportPath] = [*hooks.before_call, *hooks.after_call, *hooks.before_conversation]
    named += [tool.path for tool in spec.tools if isinstance(tool, ToolUse)]
    named += [turn.schema.path for turn in spec.turns if turn.schema and turn.schema.path]
    yield from (path.text for path in named)
    for check in _checks(spec):
        for path in code_paths(check.kind, check.value):
            yield str(value_at(check.value, path))


def _checks(spec: Spec) -> Iterator[CheckSpec]:
    yield from (*spec.each_turn, *spec.expect, *(check for turn in spec.turns for check in turn.own_checks))


def _beside(cassette: Path) -> Iterator[Path]:
    """The attachments that lie beside a cassette."""
    with suppress(OSError):
        yield from cassette.with_name(f"{cassette.name}.d").iterdir()
