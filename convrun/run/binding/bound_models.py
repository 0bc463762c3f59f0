"""The models that checks ask: each check names one, or the settings do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from convrun.backends.identity import ModelIdentity
from convrun.checks.registry import KINDS, leaves
from convrun.errors import ConvrunError, SpecError
from convrun.frozen import frozen
from convrun.run.binding.bound_checks import place
from convrun.run.planning.plan import Planned
from convrun.source import Where
from convrun.spec.model import CheckSpec, ModelSpec, Spec
from convrun.templates import Text

SETTINGS = {"judge": "judge", "means": "embeddings"}  # the setting that names a lane's model, by lane
_EXAMPLES = {"judge": "gpt-4.1", "means": "text-embedding-3-small"}
_KEYS = {"judge": "rubric", "means": "like"}


@frozen
class Asking:
    """A check that asks a model: its `lane`, the `name` of the model where it says one, and what it asks about."""

    lane: str
    name: str | None
    where: Where
    about: str = ""


def asking(spec: Spec) -> Iterator[Asking]:
    """Yield each check of a spec that asks a model, once for all turns that have it."""
    own = (check for turn in spec.turns for check in turn.expect)
    yield from asked_by((*own, *spec.each_turn, *spec.expect))


def asked_by(checks: Iterable[CheckSpec]) -> Iterator[Asking]:
    """Yield those of these checks, and of what is combined in them, that ask a model."""
    for check in checks:
        for path, kind, value in leaves(check.kind, check.value):
            if kind in SETTINGS and KINDS[kind].family == "model":
                given = value.get("model") if isinstance(value, Mapping) else None
                name = given.source if isinstance(given, Text) else given
                where = place(check.places, (*path, "model")) or check.where
                about = value.get(_KEYS[kind]) if isinstance(value, Mapping) else value
                yield Asking(
                    lane=kind,
                    name=name if isinstance(name, str) and name else None,
                    where=where,
                    about=about.source if isinstance(about, Text) else str(about),
                )


def asked_models(
    spec: Spec,
    defaults: Mapping[str, str],
    identified: Callable[[ModelSpec], ModelIdentity],
    errors: list[ConvrunError],
) -> Mapping[tuple[str, str], ModelIdentity]:
    """Return the models that the checks of a spec ask, by lane and name; mistakes are appended to `errors`.

    `defaults` are those of the settings, by lane.
    """
    found: dict[tuple[str, str], ModelIdentity] = {}
    for one in asking(spec):
        name = one.name or defaults.get(one.lane)
        try:
            if name is None:
                raise _nameless(one)
            if (one.lane, name) not in found:
                found[one.lane, name] = _checked(identified(ModelSpec(name=name)), one.lane)
        except ConvrunError as error:
            errors.append(error.at(one.where))
    return found


def where_asked(planned: Planned, call: tuple[str, str]) -> Where | None:
    """Return the place of the first check that asks this model in this lane."""
    lane, name = call
    default = planned.asked.get(lane)
    found = (one.where for one in asking(planned.spec) if one.lane == lane and (one.name or default) == name)
    return next(found, None)


def _nameless(one: Asking) -> SpecError:
    key, example, setting = _KEYS[one.lane], _EXAMPLES[one.lane], SETTINGS[one.lane]
    fix = f"write {one.lane}: {{{key}: …, model: {example}}}, or name one for all with the setting {setting!r}"
    return SpecError(f"no model is named that {one.lane!r} could ask", where=one.where, fix=fix)


def _checked(model: ModelIdentity, lane: str) -> ModelIdentity:
    if model.offline:
        what = "makes no embeddings" if lane == "means" else "repeats what it is asked, and gives no grade"
        raise SpecError(f"{model.name!r} {what}", fix=f"name a model that does, as {_EXAMPLES[lane]}")
    return model
