"""The ways in which one case of a spec is run: one for each combination of its matrix, and for each model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import product
from math import prod
from typing import Any, TypeAlias

from convrun.errors import SpecError
from convrun.frozen import frozen
from convrun.run.planning.options import RunOptions
from convrun.settings import Settings
from convrun.spec.ids import model_part
from convrun.spec.model import Axis, ModelSpec, Spec
from convrun.values import Json

MOST = 10_000  # conversations of one spec with a matrix

Choice: TypeAlias = tuple[str | None, Any]  # what a value adds to the id, and the value


@frozen
class Variant:
    """One way in which a spec is run: as `spec` says it then, with this model and these vars.

    `names` are what it adds to the id. Its model stands here only: `spec.model` is what the file says.
    """

    spec: Spec
    model: ModelSpec
    names: tuple[str, ...] = ()
    vars: Mapping[str, Json] = field(default_factory=dict)


def variants(spec: Spec, settings: Settings, options: RunOptions) -> Iterator[Variant]:
    """Yield the variants of a spec: of its matrix the last axis changes first, and a model of `-m` after all.

    Raises:
        SpecError: where no model is named, and where the matrix has more combinations than anybody can mean.
    """
    asked = tuple(dict.fromkeys(options.models))
    choices = {axis.name: _choices(axis, spec.model, asked) for axis in spec.matrix}
    if "model" not in choices:
        choices["model"] = list(_models(spec, settings, asked))
    if spec.matrix:
        _refuse_many(spec, choices)
    given = [axis.name for axis in spec.matrix if axis.is_var]
    specs: dict[tuple[str | None, ...], Spec] = {}
    for chosen in product(*choices.values()):
        taken = dict(zip(choices, chosen, strict=True))
        key = tuple(taken[name][0] for name in ("system", "options") if name in taken)
        if key not in specs:
            specs[key] = _as_taken(spec, taken)
        yield Variant(
            spec=specs[key],
            model=taken["model"][1],
            names=tuple(name for name, _ in chosen if name),
            vars={name: taken[name][1] for name in given},
        )


def _as_taken(spec: Spec, taken: Mapping[str, Choice]) -> Spec:
    """What the file says with the system prompt and the options of a combination; shared by all that have them."""
    if "system" in taken:
        spec = replace(spec, system=taken["system"][1])
    if "options" in taken:
        merged = {**spec.options, **taken["options"][1]}
        spec = replace(spec, options={key: value for key, value in merged.items() if value is not None})
    return spec


def _choices(axis: Axis, own: ModelSpec | None, asked: Sequence[str]) -> list[Choice]:
    """The values of an axis; in the place of its models those of `-m`, where there are any."""
    if axis.name != "model":
        return [(value.name, value.value) for value in axis.values]
    models = {value.name: _as_own(own, value.value) for value in axis.values}
    if not asked:
        return list(models.items())
    found: dict[str, ModelSpec] = {}
    for name in asked:
        meant = {key: model for key, model in models.items() if name in (key, model.name)}
        found |= meant or {model_part(name): _as_own(own, ModelSpec(name=name))}
    return list(found.items())


def _as_own(own: ModelSpec | None, model: ModelSpec) -> ModelSpec:
    """A model of the matrix; a plain name means what it means behind `-m`."""
    if replace(model, where=None) != ModelSpec(name=model.name):
        return model
    if own is not None and own.name == model.name and own.script is None:
        return own
    return replace(_renamed(own, model.name), where=model.where)


def _refuse_many(spec: Spec, choices: Mapping[str, Sequence[Choice]]) -> None:
    sizes = {"cases": len(spec.cases or ())} if spec.cases else {}
    sizes |= {name: len(found) for name, found in choices.items()}
    sizes |= {"samples": spec.samples.times} if spec.samples else {}
    total = prod(sizes.values())
    if total > MOST:
        parts = " x ".join(f"{size:,} of {name}" for name, size in sizes.items() if size > 1)
        what = f"the matrix makes {total:,} conversations, {parts}: more than {MOST:,}"
        raise SpecError(what, where=spec.matrix[0].where, fix="take values out, or write several specs")


def _models(spec: Spec, settings: Settings, asked: Sequence[str]) -> Iterator[Choice]:
    """The models to run with, each with what it adds to the id: nothing for the spec's own."""
    own = spec.model
    for name in asked:
        if own is not None and own.name == name and own.script is None:
            yield None, own
        else:
            yield model_part(name), _renamed(own, name)
    if asked:
        return
    if own is None and settings.model is None:
        raise SpecError(
            "no model is named",
            where=spec.where,
            fix="write `model: gpt-4.1-mini` in the spec or the settings, or give one with -m",
        )
    yield None, own or ModelSpec(name=settings.model or "")


def _renamed(own: ModelSpec | None, name: str) -> ModelSpec:
    """The model of `-m`: the spec's endpoint and headers belong to its own; how it answers (stream, time-out) stays."""
    if own is None:
        return ModelSpec(name=name)
    return ModelSpec(
        name=name,
        stream=own.stream,
        api=None if name == "echo" else own.api,  # it has one API
        system_role=own.system_role,
        timeout=own.timeout,
        max_retries=own.max_retries,
    )
