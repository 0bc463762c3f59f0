"""Names become code: the one place where import paths, model names and check kinds are resolved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import field
from functools import partial

from convrun.backends.identity import ModelIdentity, checked_url
from convrun.backends.rates import Rates, check_rates
from convrun.errors import ConvrunError, SpecErrors, UsageError
from convrun.frozen import frozen
from convrun.run.binding.bound_models import Keyless, asked_models, identity_of
from convrun.run.binding.bound_specs import BoundSpec, bind_spec
from convrun.run.binding.names import axis_errors, name_errors, row_errors
from convrun.run.binding.own_kinds import OwnKinds, settings_errors
from convrun.run.binding.variable_rules import told_apart_errors, variable_errors
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import Plan, Planned, may_go_live
from convrun.settings import Settings
from convrun.spec.known_failures import cannot_fail
from convrun.spec.model import ModelSpec, Spec, ToolUse


@frozen
class BoundConversation:
    """A planned conversation with its code and its model; `trusted` are the base URLs a key may go to.

    `block_network`: on replay its code reaches nothing beyond this machine. `rpm`: how many requests a minute go out.
    `redact` are the settings' patterns of secrets. `asked` are the models that its checks ask, by lane and name, and
    those that play the user.
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
        """Its own model, then those that are asked beside it."""
        return (self.model, *self.asked.values())

    @property
    def offline(self) -> bool:
        """Whether no provider is asked for anything, by its checks neither."""
        return all(model.offline is not None for model in self.models)


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
    keyless = Keyless()
    identified = partial(identity_of, options=options, environ=environ)
    for planned in plan.conversations:
        key = id(planned.spec)
        if key not in specs:
            try:
                specs[key] = bind_spec(planned.spec, settings, own, imports=imports)
            except SpecErrors as found:
                specs[key] = None
                errors += found.errors
            errors += cannot_fail(planned.spec)
            asked[key] = asked_models(planned.spec, planned.asked, identified, errors)
        names = frozenset(planned.vars)
        if (key, names) not in names_seen:
            names_seen.add((key, names))
            unknown = row_errors(planned.spec, planned.case) or name_errors(planned.spec, names)
            errors += unknown or axis_errors(planned.spec)  # an unknown name may be an axis, misspelt
        others = _with_speakers(planned, asked[key], identified, errors)
        try:
            model = identity_of(planned.model, options, environ)
            errors += (*_misplaced(planned.spec, model, options), *_alone(planned.spec, model, options))
            live = model if may_go_live(planned, options) else None
            bound_spec = specs[key]
            if bound_spec is None or bound_spec.variables:
                errors += [
                    *variable_errors(planned.spec, environ, live, trusted),
                    *told_apart_errors(planned.spec, planned.model, _with_code(bound_spec), environ),
                ]
            if live is not None:
                keyless.look(planned, live, others, environ=environ, trusted=trusted)
        except ConvrunError as error:
            # A model of -m or of the settings stands nowhere in the spec.
            errors.append(error.at(planned.model.where))
            continue
        if bound_spec is not None:
            bound.append(
                BoundConversation(
                    planned=planned,
                    spec=bound_spec,
                    model=model,
                    trusted=trusted,
                    block_network=settings.block_network,
                    rpm=settings.rpm,
                    redact=settings.redact,
                    asked=others,
                )
            )
    return tuple(bound), (*errors, *keyless.errors())


def _misplaced(spec: Spec, model: ModelIdentity, options: RunOptions) -> Iterable[ConvrunError]:
    """The pointers of `cassette.ignore` into the requests of another API; a model of `-m` may have another."""
    if not spec.ignored or options.models:
        return ()
    from convrun.run.binding.ignored_places import misplaced  # few specs ignore anything

    return misplaced(spec, model)


def _alone(spec: Spec, model: ModelIdentity, options: RunOptions) -> Iterable[ConvrunError]:
    """The first turn that is to go on from a reply which the provider does not keep; a model of `-m` may be another."""
    asked = [(turn, {**spec.options, **turn.options}) for turn in spec.turns]
    if options.models or not any("previous_response_id" in said for _, said in asked):
        return ()
    from convrun.backends.previous import refuse_auto

    for turn, said in asked:
        try:
            refuse_auto(said, api=model.api)
        except ConvrunError as error:
            return (error.at(turn.where),)
    return ()


def _with_speakers(
    planned: Planned,
    asked: Mapping[tuple[str, str], ModelIdentity],
    identified: Callable[[ModelSpec], ModelIdentity],
    errors: list[ConvrunError],
) -> Mapping[tuple[str, str], ModelIdentity]:
    """The models that the checks of a conversation ask, and those that play its user."""
    if all(turn.simulate is None for turn in planned.spec.turns):
        return asked
    from convrun.run.binding.speakers import speakers  # few specs have one

    return {**asked, **speakers(planned, identified, errors)}


def live_errors(
    conversations: Iterable[BoundConversation], *, environ: Mapping[str, str], judged: Collection[str] = ()
) -> list[ConvrunError]:
    """Return what keeps these conversations from going live: keys and variables that are not set.

    Of those whose ids are `judged` only the checks go live.
    """
    keyless = Keyless()
    errors: list[ConvrunError] = []
    for one in conversations:
        own = one.planned.id not in judged
        if own and not one.model.offline:
            errors += variable_errors(one.planned.spec, environ, one.model, one.trusted)
        keyless.look(one.planned, one.model if own else None, one.asked, environ=environ, trusted=one.trusted)
    return list({str(error): error for error in (*errors, *keyless.errors())}.values())


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
