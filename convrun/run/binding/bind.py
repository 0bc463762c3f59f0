"""Names become code: the one place where import paths, model names and check kinds are resolved."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from itertools import product
from pathlib import Path

from convrun.backends.identity import ModelIdentity, checked_url, identify
from convrun.backends.keys import key_for
from convrun.backends.rates import Rates, check_rates
from convrun.conversation.structured import SchemaLike
from convrun.errors import ConvrunError, SettingsError, SpecError, SpecErrors, UnknownModelError, UsageError
from convrun.frozen import frozen
from convrun.run.binding.bound_checks import BoundCheck, bind_checks, named_tools, untold_errors, without_reply
from convrun.run.binding.bound_models import asked_models, where_asked
from convrun.run.binding.bound_tools import BoundTool, bind_tools, tool_names
from convrun.run.binding.imports import imported
from convrun.run.binding.names import (
    axis_errors,
    given_to_all,
    mention,
    name_errors,
    row_errors,
    used_templates,
    variables_named,
)
from convrun.run.binding.own_kinds import OwnKinds, settings_errors
from convrun.run.binding.variable_rules import told_apart_errors, variable_errors
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import Plan, Planned, may_go_live
from convrun.run.playing.attachments import attachment_error
from convrun.settings import Settings
from convrun.source import Where
from convrun.spec.known_failures import cannot_fail
from convrun.spec.loading import Unfinished
from convrun.spec.model import CheckSpec, ImportPath, ModelSpec, ScriptLine, Spec, ToolFault, ToolUse, TurnSpec
from convrun.values import JsonObject

_FILES = 5  # named of those that lack one key


@frozen
class BoundTurn:
    """A turn with its checks: its own, then those of every turn; or the error it expects.

    `schema` is a JSON Schema or a pydantic model; `root` is the project's folder, which its attachments may not leave.
    """

    spec: TurnSpec
    root: Path
    checks: tuple[BoundCheck, ...] = ()
    schema: SchemaLike | None = None


@frozen
class BoundSpec:
    """A spec with its code; shared by the conversations that come from it.

    `variables` are those of the environment that its templates name; `wants_folder`: they may name `tmp`.
    """

    spec: Spec
    variables: tuple[str, ...] = ()
    wants_folder: bool = False
    tools: tuple[BoundTool, ...] = ()
    before_call: tuple[Callable[..., object], ...] = ()
    after_call: tuple[Callable[..., object], ...] = ()
    before_conversation: tuple[Callable[..., object], ...] = ()
    turns: tuple[BoundTurn, ...] = ()
    checks: tuple[BoundCheck, ...] = ()


@frozen
class BoundConversation:
    """A planned conversation with its code and its model; `trusted` are the base URLs a key may go to.

    `block_network`: on replay its code reaches nothing beyond this machine. `rpm`: how many requests a minute go out.
    `redact` are the settings' patterns of secrets. `asked` are the models that its checks ask, by lane and name.
    """

    planned: Planned
    spec: BoundSpec
    model: ModelIdentity
    trusted: tuple[str, ...] = ()
    block_network: bool = False
    rpm: Rates | None = None
    redact: tuple[str, ...] = ()
    asked: Mapping[tuple[str, str], ModelIdentity] = field(default_factory=dict)

    @property
    def models(self) -> tuple[ModelIdentity, ...]:
        """Its own model, then those that its checks ask."""
        return (self.model, *self.asked.values())

    @property
    def offline(self) -> bool:
        """Whether no provider is asked for anything, by its checks neither."""
        return self.model.offline is not None and not self.asked


def bind(
    plan: Plan, settings: Settings, options: RunOptions, *, environ: Mapping[str, str], imports: bool = True
) -> tuple[tuple[BoundConversation, ...], tuple[ConvrunError, ...]]:
    """Return the conversations with their code, and every mistake found; with mistakes the former are not complete.

    Raises:
        UsageError: for a `--base-url` that is no address.
        SettingsError: for an unknown provider in the setting `rpm`.
    """
    _refuse_wrong(settings, options)
    trusted = (*settings.addresses, *([options.base_url] if options.base_url else []))
    specs: dict[int, BoundSpec | None] = {}
    asked: dict[int, Mapping[tuple[str, str], ModelIdentity]] = {}
    own = OwnKinds(settings)
    names_seen: set[tuple[int, frozenset[str]]] = set()
    bound: list[BoundConversation] = []
    errors: list[ConvrunError] = [*settings_errors(settings)]
    keyless = _Keyless()
    for planned in plan.conversations:
        key = id(planned.spec)
        if key not in specs:
            try:
                specs[key] = bind_spec(planned.spec, settings, own, imports=imports)
            except SpecErrors as found:
                specs[key] = None
                errors += found.errors
            errors += cannot_fail(planned.spec)
            identified = partial(_identity, options=options, environ=environ)
            asked[key] = asked_models(planned.spec, planned.asked, identified, errors)
        names = frozenset(planned.vars)
        if (key, names) not in names_seen:
            names_seen.add((key, names))
            unknown = row_errors(planned.spec, planned.case) or name_errors(planned.spec, names)
            errors += unknown or axis_errors(planned.spec)  # an unknown name may be an axis, misspelt
        try:
            model = _identity(planned.model, options, environ)
            live = model if may_go_live(planned, options) else None
            bound_spec = specs[key]
            if bound_spec is None or bound_spec.variables:
                errors += variable_errors(planned.spec, environ, live, trusted)
                errors += told_apart_errors(planned.spec, planned.model, _with_code(bound_spec), environ)
            if live is not None:
                keyless.look(planned, live, asked[key], environ=environ, trusted=trusted)
        except ConvrunError as error:
            # A model of -m or of the settings stands nowhere in the spec.
            errors.append(error.at(planned.model.where))
            continue
        spec = specs[key]
        if spec is not None:
            bound.append(
                BoundConversation(
                    planned=planned,
                    spec=spec,
                    model=model,
                    trusted=trusted,
                    block_network=settings.block_network,
                    rpm=settings.rpm,
                    redact=settings.redact,
                    asked=asked[key],
                )
            )
    return tuple(bound), (*errors, *keyless.errors())


def live_errors(
    conversations: Iterable[BoundConversation], *, environ: Mapping[str, str], judged: Collection[str] = ()
) -> list[ConvrunError]:
    """Return what keeps these conversations from going live: keys and variables that are not set.

    Of those whose ids are `judged` only the checks go live.
    """
    keyless = _Keyless()
    errors: list[ConvrunError] = []
    for one in conversations:
        own = one.planned.id not in judged
        if own and not one.model.offline:
            errors += variable_errors(one.planned.spec, environ, one.model, one.trusted)
        keyless.look(one.planned, one.model if own else None, one.asked, environ=environ, trusted=one.trusted)
    return list({str(error): error for error in (*errors, *keyless.errors())}.values())


class _Keyless:
    """What keeps keys from live calls, each once with the files that it concerns."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[SettingsError, dict[str, Where | None]]] = {}

    def look(
        self,
        planned: Planned,
        model: ModelIdentity | None,
        asked: Mapping[tuple[str, str], ModelIdentity],
        *,
        environ: Mapping[str, str],
        trusted: Sequence[str],
    ) -> None:
        """Look whether a conversation's model, if it goes live, and those that its checks ask have their keys."""
        places = {call: where_asked(planned, call) for call in asked}
        models = [*([(model, planned.model.where)] if model else []), *((asked[call], places[call]) for call in asked)]
        for one, where in models:
            try:
                key_for(one, environ=environ, trusted_base_urls=trusted)
            except SettingsError as error:
                files = self._found.setdefault(str(error), (error, {}))[1]
                files.setdefault(planned.spec.file, where)

    def errors(self) -> Iterator[ConvrunError]:
        """Yield the mistakes, at the model of the first file; one of `-m` or of the settings stands nowhere."""
        for error, files in self._found.values():
            shown = [*list(files)[:_FILES], *([f"and {len(files) - _FILES} more"] if len(files) > _FILES else [])]
            if len(files) > 1:
                error.what += f"; it is needed for {', '.join(shown)}"
            yield error.at(next(iter(files.values())))


def _with_code(spec: BoundSpec | None) -> Iterator[str]:
    """The names of the tools with code, as far as they are known."""
    for tool in spec.tools if spec else ():
        yield from tool.names if isinstance(tool.spec, ToolUse) else ()


def _refuse_wrong(settings: Settings, options: RunOptions) -> None:
    """Raise for an address and for rates that are none."""
    check_rates(settings.rpm)
    try:
        checked_url(options.base_url or "http://localhost")
    except ConvrunError as error:
        raise UsageError(f"--base-url: {error.what}", fix=error.fix) from error


def further_errors(unfinished: Unfinished, settings: Settings, *, imports: bool = True) -> list[ConvrunError]:
    """Return the mistakes in what is left of a spec, but for those that may only follow from what is missing."""
    spec, broken = unfinished.spec, unfinished.broken
    errors: list[ConvrunError] = []
    try:
        bind_spec(spec, settings, OwnKinds(settings), imports=imports, all_tools="tools" not in broken)
    except SpecErrors as found:
        errors += found.errors
    if broken.isdisjoint({"vars", "cases", "matrix", "freeze"}):
        prompts = [value.value for axis in spec.matrix if axis.name == "system" for value in axis.values]
        known = {frozenset({*given_to_all(spec), *(case.values if case else ())}) for case in spec.cases or (None,)}
        for names, prompt in product(known, prompts or (spec.system,)):
            errors += name_errors(replace(spec, system=prompt), names, all_turns="turns" not in broken)
    return errors


def bind_spec(
    spec: Spec, settings: Settings, own: OwnKinds, *, imports: bool = True, all_tools: bool = True
) -> BoundSpec:
    """Return a spec with its code. Without `imports` nothing of it can run, and only mistakes in its text are found.

    `own` are the kinds of checks that are not convrun's. `all_tools` says that no other tool is declared than those in
    the spec.

    Raises:
        SpecErrors: with every mistake.
    """
    errors: list[ConvrunError] = []
    tools = bind_tools(spec, settings, errors, imports=imports, all_tools=all_tools)
    # Where a tool could not be bound, what it is called is not known either.
    known = tool_names(tools) if imports and all_tools and not errors else None

    def functions(paths: Sequence[ImportPath]) -> tuple[Callable[..., object], ...]:
        return tuple(_functions(paths, errors)) if imports else ()

    def checks(specs: Sequence[CheckSpec]) -> tuple[BoundCheck, ...]:
        return bind_checks(specs, errors, own, imports=imports)

    templates = used_templates(spec)
    each_turn = checks(spec.each_turn)
    bound = BoundSpec(
        spec=spec,
        variables=tuple(variables_named(templates)),
        wants_folder=mention(templates, "tmp"),
        tools=tools,
        before_call=functions(spec.hooks.before_call),
        after_call=functions(spec.hooks.after_call),
        before_conversation=_in_step(functions(spec.hooks.before_conversation), spec, errors),
        turns=tuple(
            BoundTurn(
                spec=turn,
                root=settings.root,
                checks=checks([turn.expect_error]) if turn.expect_error else (*checks(turn.expect), *each_turn),
                schema=_schema(turn, errors, imports=imports),
            )
            for turn in spec.turns
        ),
        checks=checks(spec.expect),
    )
    for turn in bound.turns:
        found = [attachment_error(one, root=turn.root) for one in turn.spec.attachments]
        errors += [error for error in found if error is not None]
    played = [turn for turn in spec.turns if not turn.skip]
    if played and all(turn.expect_error for turn in played):
        errors += without_reply(spec.expect)
    every = [check for turn in spec.turns for check in turn.expect] + [*spec.each_turn, *spec.expect]
    if known is not None:
        errors += named_tools(every, spec.faults, known)
    replayed = {name for tool in tools if tool.policy == "replay" for name in tool.names}
    failing = {fault.tool for fault in spec.faults if isinstance(fault, ToolFault)}
    errors += untold_errors(every, frozenset(replayed - failing))
    if errors:
        raise SpecErrors(errors)
    return bound


def _functions(paths: Sequence[ImportPath], errors: list[ConvrunError]) -> Iterator[Callable[..., object]]:
    for path in paths:
        try:
            found = imported(path)
        except SpecError as error:
            errors.append(error)
            continue
        if callable(found):
            yield found
        else:
            errors.append(SpecError(f"{path.text!r} cannot be called", where=path.where, fix="name a function"))


def _in_step(
    hooks: tuple[Callable[..., object], ...], spec: Spec, errors: list[ConvrunError]
) -> tuple[Callable[..., object], ...]:
    """The hooks; one that would have to be awaited never runs, and is a mistake."""
    for hook in hooks:
        if inspect.iscoroutinefunction(hook) or inspect.isasyncgenfunction(hook):
            where = spec.hooks.before_conversation[0].where
            what = f"the hook {getattr(hook, '__name__', repr(hook))!r} is async"
            errors.append(
                SpecError(what, where=where, fix="write it with `def`; what follows its yield runs at the end")
            )
    return hooks


def _schema(turn: TurnSpec, errors: list[ConvrunError], *, imports: bool) -> SchemaLike | None:
    if turn.schema is None or turn.schema.path is None or not imports:
        return turn.schema.schema if turn.schema else None
    try:
        found = imported(turn.schema.path)
        if isinstance(found, type) and hasattr(found, "model_json_schema"):
            return found
        what = f"{turn.schema.path.text!r} is no pydantic model"
        raise SpecError(what, where=turn.schema.where, fix="name a subclass of pydantic.BaseModel")
    except SpecError as error:
        errors.append(error)
        return None


def _identity(model: ModelSpec, options: RunOptions, environ: Mapping[str, str]) -> ModelIdentity:
    """The model as it is replayed. `--base-url` says where live calls go, not which model is meant."""

    def identified(base_url: str | None) -> ModelIdentity:
        return identify(
            model.name,
            environ=environ,
            base_url=base_url,
            provider=model.provider,
            api_key_env=model.api_key_env,
            headers=model.headers,
            system_role=model.system_role,
            script=script_lines(model.script),
        )

    try:
        found = identified(model.base_url)
    except UnknownModelError:
        if options.base_url is None:
            raise
        found = identified(options.base_url)
    if options.base_url is None or found.offline:
        return found
    return replace(found, base_url=checked_url(options.base_url))


def script_lines(script: Sequence[ScriptLine] | None) -> list[JsonObject | list[JsonObject]] | None:
    """Return a spec's script in the form that backends take; None where there is none."""
    if script is None:
        return None
    return [
        {"reply": line.reply}
        if line.reply is not None
        else [{"call": call.name, "with": call.arguments} for call in line.calls]
        for line in script
    ]
