"""A project on disk: its root, its settings, the selected specs, read and bound, with all mistakes at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TypeAlias

from convrun import document
from convrun.backends.keys import known_keys
from convrun.environment import NAME as DOTENV
from convrun.environment import read_dotenv
from convrun.errors import ConvrunError, DocumentError, SettingsError, SpecError, SpecErrors, UsageError
from convrun.frozen import frozen
from convrun.results import ConversationResult
from convrun.run.binding.bind import BoundConversation, bind
from convrun.run.binding.bound_specs import further_errors
from convrun.run.binding.imports import put_first
from convrun.run.planning.narrowing import narrowed
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import Plan, plan
from convrun.run.spending import unpriced_errors
from convrun.settings import Settings, find_root, load
from convrun.source import Where
from convrun.spec.collecting import Selected, collect
from convrun.spec.defaults import default_errors
from convrun.spec.ids import spec_of
from convrun.spec.loading import Unfinished, load_spec
from convrun.spec.model import Spec

ReadSpec: TypeAlias = Callable[[Path, Path, document.Mapping | None], Spec]  # file, root, defaults: as load_spec


@frozen
class Request:
    """What a project was opened for: PATHs as they were given in the folder `cwd`, and settings of the command line."""

    paths: tuple[str, ...]
    cwd: Path
    overrides: Mapping[str, str | bool | None]


@frozen
class Project:
    """The settings and the selected specs, each with the `::rest` that selected one of its conversations.

    `errors` are the mistakes of the specs that could not be read, `unfinished` what is left of those. `dotenv` are the
    variables of its `.env`, for those that the environment lacks. `request` opens it again in another process.
    """

    settings: Settings
    specs: tuple[tuple[Spec, str | None], ...]
    errors: tuple[ConvrunError, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    dotenv: Mapping[str, str] = field(default_factory=dict)
    request: Request | None = None

    def environ(self, given: Mapping[str, str]) -> Mapping[str, str]:
        """Return the environment of a run: what is given goes before what the `.env` says, as in a shell."""
        return {**self.dotenv, **given} if self.dotenv else given


def open_project(
    paths: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    overrides: Mapping[str, str | bool | None],
    only: Collection[str] | None = None,
    read_spec: ReadSpec = load_spec,
) -> Project:
    """Find the root, read the settings and every selected spec; with `only`, none but those of these ids.

    Raises:
        UsageError: for PATHs that do not exist, are outside the root or stand under two roots.
        SettingsError: for settings that are wrong, and for a `.env` that is.
    """
    if "" in paths:
        raise UsageError("an empty PATH", fix="name a file or folder; a variable that is not set gives none")
    root = find_root([cwd / spec_of(path) for path in paths], cwd)
    project = settled(root, environ=environ, overrides=overrides)
    project = replace(project, request=Request(paths=tuple(paths), cwd=cwd, overrides=overrides))
    settings = project.settings
    selected = collect(paths, root, root / settings.specs, cassettes=root / settings.cassettes, cwd=cwd)
    if only is not None:
        wanted = {Path(os.path.abspath(root / spec_of(one))) for one in only}
        selected = tuple(one for one in selected if one.file in wanted)
    return with_specs(project, selected, read_spec)


def settled(root: Path, *, environ: Mapping[str, str], overrides: Mapping[str, str | bool | None]) -> Project:
    """Return the project at a root, of which no spec is read yet.

    Raises:
        SettingsError: for settings that are wrong, and for a `.env` that is.
    """
    dotenv = read_dotenv(root)
    settings = _settings(root, dotenv, environ, overrides)
    defaults = spec_defaults(settings)
    errors: list[ConvrunError] = []
    if defaults is not None and settings.file is not None:
        errors += default_errors(defaults, settings.file, root)
    return Project(settings=settings, specs=(), errors=tuple(errors), dotenv=dotenv)


def with_specs(project: Project, selected: Iterable[Selected], read_spec: ReadSpec = load_spec) -> Project:
    """Return the project with these specs, and with the mistakes of those that could not be read."""
    root, defaults = project.settings.root, spec_defaults(project.settings)
    specs: list[tuple[Spec, str | None]] = []
    errors = [*project.errors]
    unfinished: list[Unfinished] = []
    read: dict[Path, Spec | None] = {}
    for one in selected:
        if one.file not in read:
            try:
                read[one.file] = read_spec(one.file, root, defaults)
            except SpecErrors as found:
                read[one.file] = None
                errors += found.errors
                unfinished += [found.rest] if isinstance(found.rest, Unfinished) else []
        spec = read[one.file]
        if spec is not None:
            specs.append((spec, one.rest))
    return replace(project, specs=tuple(specs), errors=tuple(errors), unfinished=tuple(unfinished))


def _settings(
    root: Path, dotenv: Mapping[str, str], environ: Mapping[str, str], overrides: Mapping[str, str | bool | None]
) -> Settings:
    """The settings; those of the `.env` are judged by themselves first, so that a mistake is said to be there."""
    try:
        if dotenv:
            load(root, dotenv, {})
    except SettingsError as error:
        raise error.at(Where(file=DOTENV)) from error.__cause__
    return load(root, {**dotenv, **environ}, overrides)


def spec_defaults(settings: Settings) -> document.Mapping | None:
    """Return the defaults of all specs as if they stood in one; None where the project has none.

    Raises:
        SettingsError: where they are wrong.
    """
    given = settings.defaults
    if given is None:
        return None
    start = max(given.text.find("defaults"), 0)  # a key of the same name may stand before the table
    try:
        return document.nodes_of(given.values, given.text, given.file, start=start)
    except DocumentError as error:
        raise SettingsError(error.what, where=error.where, fix=error.fix) from error


@frozen
class Prepared:
    """Everything that can be known before the first turn: the plan, and its conversations bound to code.

    `known` are results, by id, of samples among them that are not to be played: they count in their groups.
    """

    project: Project
    plan: Plan
    conversations: tuple[BoundConversation, ...]
    known: Mapping[str, ConversationResult] = field(default_factory=dict)

    @property
    def tests(self) -> Mapping[str, tuple[BoundConversation, ...]]:
        """The conversations by the id of their test: a group of samples is one, any other conversation as well."""
        found: dict[str, list[BoundConversation]] = {}
        for one in self.conversations:
            found.setdefault(one.planned.group, []).append(one)
        return {name: tuple(members) for name, members in found.items()}


def planned(project: Project, options: RunOptions, *, cassettes: str | None = None) -> Plan:
    """Return the plan of a project's specs.

    Raises:
        SpecErrors: with every mistake of every selected spec that can be said without importing.
        UsageError: where the options fit no spec.
    """
    made = plan(project.specs, project.settings, options, cassettes=cassettes)
    errors = [*project.errors, *made.errors, *_named_by_secrets(made, project, os.environ)]
    if errors:
        raise _refused(errors, project, os.environ)
    return narrowed(made, options, project.settings)


def prepare(
    project: Project,
    options: RunOptions,
    *,
    cassettes: str | None = None,
    environ: Mapping[str, str],
    imports: bool = True,
) -> Prepared:
    """Plan, import and bind what is selected. Where code is imported, its path and the `.env` are this process's, too.

    Raises:
        SpecErrors: with every mistake of every selected spec, those that only importing shows included.
        UsageError: where the options fit no spec, or not what is selected.
    """
    settings = project.settings
    made = narrowed(plan(project.specs, settings, options, cassettes=cassettes), options, settings)
    if imports:
        put_first([settings.root, *(settings.root / folder for folder in settings.pythonpath)])
        for name, value in project.dotenv.items():
            os.environ.setdefault(name, value)
    bound, errors = bind(made, settings, options, environ=project.environ(environ), imports=imports)
    every = [*project.errors, *made.errors, *errors, *_named_by_secrets(made, project, environ)]
    every += unpriced_errors(bound, options, environ=project.environ(environ))
    for unfinished in project.unfinished:
        every += further_errors(unfinished, settings, imports=imports)
    if every:
        raise _refused(every, project, environ)
    if options.from_turn is not None:
        from convrun.run.playing.from_turn import check_from_turn  # other runs do without

        check_from_turn(options.from_turn, bound)
    return Prepared(project=project, plan=made, conversations=bound)


def _named_by_secrets(made: Plan, project: Project, environ: Mapping[str, str]) -> list[ConvrunError]:
    """Mistakes of specs, cases and values whose names are secrets: they name cassettes, and are told everywhere."""
    thorough = known_keys(project.environ(environ), project.settings.redact).thorough
    cases = [one.case.id for one in made.conversations if one.case is not None]
    specs = {one.spec.file: one.spec for one in made.conversations}
    values = [value for spec in specs.values() for axis in spec.matrix for value in axis.values]
    branches = {(name, one.where): one for one in made.conversations for name in one.branches[-1:]}
    named = [*cases, *specs, *(value.text for value in values), *(name for name, _ in branches)]
    if not thorough.found_in(named):
        return []
    found: list[ConvrunError] = []
    for one in made.conversations:
        if thorough.found_in([one.spec.file]):
            what, fix = "there is a secret in the path of this spec", "rename it: all may read where it is"
            found.append(SpecError(what, where=Where(file=one.spec.file), fix=fix))
        elif one.case is not None and thorough.found_in([one.case.id]):
            what, fix = "the id of this case is a secret", "give each case an `id` that all may read"
            found.append(SpecError(what, where=one.where, fix=fix))
    for name, where in branches:
        if thorough.found_in([name]):
            what, fix = "the name of this branch is a secret", "give it one that all may read"
            found.append(SpecError(what, where=where, fix=fix))
    for value in values:
        if thorough.found_in([value.text]):
            what, fix = "the name of this value is a secret", "write it as a mapping with an `id` that all may read"
            found.append(SpecError(what, where=value.where, fix=fix))
    return found


def _refused(errors: Sequence[ConvrunError], project: Project, environ: Mapping[str, str]) -> SpecErrors:
    from convrun.run.said import told_without_secrets  # what is right says nothing

    told_without_secrets(errors, {**os.environ, **project.environ(environ)}, project.settings.redact)
    return SpecErrors(_in_order(errors))


def _in_order(errors: Sequence[ConvrunError]) -> list[ConvrunError]:
    """By file and line, each text once: conversations of one spec share its mistakes."""
    unique = {str(error): error for error in errors}
    return sorted(unique.values(), key=_place)


def _place(error: ConvrunError) -> tuple[str, int, int]:
    where = error.where
    return (where.file, where.line or 0, where.column or 0) if where else ("", 0, 0)
