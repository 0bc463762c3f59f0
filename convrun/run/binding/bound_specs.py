"""Specs with their code: tools, hooks, checks and schemas, with every mistake found."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

from convrun.conversation.attachments import MAX_ATTACHMENT
from convrun.conversation.structured import SchemaLike
from convrun.errors import ConvrunError, SpecError, SpecErrors
from convrun.frozen import frozen
from convrun.run.binding.bound_checks import (
    BoundCheck,
    bind_checks,
    named_tools,
    strange_arguments,
    untold_errors,
    without_reply,
)
from convrun.run.binding.bound_tools import BoundTool, bind_tools, parameter_names, tool_names
from convrun.run.binding.imports import imported
from convrun.run.binding.names import given_to_all, mention, name_errors, used_templates, variables_named
from convrun.run.binding.own_kinds import OwnKinds
from convrun.run.playing.attachments import attachment_error
from convrun.settings import Settings
from convrun.spec.loading import Unfinished
from convrun.spec.model import CheckSpec, ImportPath, Spec, ToolFault, TurnSpec


@frozen
class BoundTurn:
    """A turn with its checks: its own, then those of every turn; or the error it expects.

    `schema` is a JSON Schema or a pydantic model; `root` is the project's folder, which its attachments may not leave;
    none of them has more than `max_attachment` bytes.
    `until` are the checks that end a simulated user.
    """

    spec: TurnSpec
    root: Path
    checks: tuple[BoundCheck, ...] = ()
    schema: SchemaLike | None = None
    max_attachment: int = MAX_ATTACHMENT
    until: tuple[BoundCheck, ...] = ()


@frozen
class BoundSpec:
    """A spec with its code; shared by the conversations that come from it.

    `variables` are those of the environment that its templates name; `wants_folder`: they may name `tmp`. No attachment
    has more than `max_attachment` bytes, those of tools neither.
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
    max_attachment: int = MAX_ATTACHMENT


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

    def checks_of(turn: TurnSpec) -> tuple[BoundCheck, ...]:
        return checks([turn.expect_error]) if turn.expect_error else (*checks(turn.expect), *each_turn)

    templates = used_templates(spec)
    each_turn = checks(spec.each_turn)
    at_most = settings.max_attachment or MAX_ATTACHMENT
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
                checks=() if number < spec.borrowed else checks_of(turn),
                schema=_schema(turn, errors, imports=imports),
                max_attachment=at_most,
                until=checks(turn.simulate.until) if turn.simulate else (),
            )
            for number, turn in enumerate(spec.turns)
        ),
        checks=checks(spec.expect),
        max_attachment=at_most,
    )
    for turn in bound.turns:
        found = [attachment_error(one, root=turn.root, at_most=at_most) for one in turn.spec.attachments]
        errors += [error for error in found if error is not None]
    played = [turn for turn in spec.turns if not turn.skip]
    if played and all(turn.expect_error for turn in played):
        errors += without_reply(spec.expect)
    every = [check for turn in spec.turns for check in turn.own_checks] + [*spec.each_turn, *spec.expect]
    if any(turn.simulate for turn in spec.turns):
        from convrun.run.binding.speakers import until_errors  # few specs have one

        errors += until_errors(spec)
    if known is not None:
        errors += named_tools(every, spec.faults, known)
    errors += strange_arguments(every, partial(parameter_names, tools))
    replayed = {name for tool in tools if tool.policy == "replay" for name in tool.names}
    failing = {fault.tool for fault in spec.faults if isinstance(fault, ToolFault)}
    errors += untold_errors(every, frozenset(replayed - failing))
    if errors:
        raise SpecErrors(errors)
    return bound


def further_errors(unfinished: Unfinished, settings: Settings, *, imports: bool = True) -> list[ConvrunError]:
    """Return the mistakes in what is left of a spec, but for those that may only follow from what is missing."""
    spec, broken = unfinished.spec, unfinished.broken
    errors: list[ConvrunError] = []
    if any(turn.branches for turn in spec.turns):
        from convrun.spec.branches import trunk_of, ways  # few specs have any

        for one in [trunk_of(spec), *(way.spec for way in ways(spec))]:
            alone = replace(one, turns=tuple(replace(turn, branches=()) for turn in one.turns))
            errors += further_errors(replace(unfinished, spec=alone), settings, imports=imports)
        return errors
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
