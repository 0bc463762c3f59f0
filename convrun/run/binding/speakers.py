"""The models that play users: which are meant, and what such a turn may not ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from convrun.backends.identity import ModelIdentity
from convrun.checks.registry import asks_model
from convrun.errors import ConvrunError, SpecError
from convrun.results import USER_LANE
from convrun.run.planning.plan import Planned
from convrun.source import Where
from convrun.spec.model import ModelSpec, SimulateSpec, Spec


def speaker_name(simulate: SimulateSpec) -> str:
    """Return what tells the model of one simulated user from those of others in a conversation."""
    return str(simulate.where) if simulate.model is not None else ""


def simulated_users(spec: Spec) -> Iterator[SimulateSpec]:
    """Yield the simulated users of a spec that are not passed over."""
    return (turn.simulate for turn in spec.turns if turn.simulate is not None and turn.skip is None)


def speakers(
    planned: Planned, identified: Callable[[ModelSpec], ModelIdentity], errors: list[ConvrunError]
) -> dict[tuple[str, str], ModelIdentity]:
    """Return the models that play users in a conversation, as models that are asked; mistakes go to `errors`."""
    found: dict[tuple[str, str], ModelIdentity] = {}
    for one in simulated_users(planned.spec):
        model = one.model or planned.model
        try:
            identity = identified(model)
            if one.model is None and identity.offline is not None:
                raise SpecError(
                    f"no model is named that plays the user, and {identity.name!r} is the one that is tested",
                    fix="name one, as `model: gpt-4.1-mini`, or give it lines: `model: {script: [{reply: Hi}]}`",
                )
            if identity.offline == "echo":
                what = "'echo' repeats what it is told, and has nothing to say as a user"
                raise SpecError(what, fix="name another model, or give it lines: `model: {script: [{reply: Hi}]}`")
            found[USER_LANE, speaker_name(one)] = identity
        except ConvrunError as error:
            errors.append(error.at(model.where if one.model is not None else one.where))
    return found


def until_errors(spec: Spec) -> Iterator[SpecError]:
    """Yield a mistake for each check under `until` that asks a model: what ends a simulation is to be known at once."""
    for turn in spec.turns:
        for check in turn.simulate.until if turn.simulate is not None else ():
            if asks_model(check.kind, check.value):
                what = f"{check.kind!r} asks a model, and cannot say when a simulated user is to end"
                fix = "put it under `expect` of the turn; `until` takes checks that need no model"
                yield SpecError(what, where=check.where, fix=fix)


def where_spoken(spec: Spec, name: str) -> Where | None:
    """Return the place of the simulated user whose model is called so."""
    return next((one.where for one in simulated_users(spec) if speaker_name(one) == name), None)
