"""The ways in which one case of a spec is run: with one model or several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from convrun.errors import SpecError
from convrun.frozen import frozen
from convrun.run.planning.options import RunOptions
from convrun.settings import Settings
from convrun.spec.ids import model_part
from convrun.spec.model import ModelSpec, Spec
from convrun.values import Json


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
    """Yield the variants of a spec: one for each model.

    Raises:
        SpecError: where no model is named.
    """
    for model, name in _models(spec, settings, options):
        yield Variant(spec=spec, model=model, names=(name,) if name else ())


def _models(spec: Spec, settings: Settings, options: RunOptions) -> Iterator[tuple[ModelSpec, str | None]]:
    """The models to run with, each with what it adds to the id: nothing for the spec's own."""
    own = spec.model
    for name in options.models:
        if own is not None and own.name == name and own.script is None:
            yield own, None
        else:
            yield _renamed(own, name), model_part(name)
    if options.models:
        return
    if own is None and settings.model is None:
        raise SpecError(
            "no model is named",
            where=spec.where,
            fix="write `model: gpt-4.1-mini` in the spec or the settings, or give one with -m",
        )
    yield own or ModelSpec(name=settings.model or ""), None


def _renamed(own: ModelSpec | None, name: str) -> ModelSpec:
    """The model of `-m`: the spec's endpoint and headers belong to its own; how it answers (stream, time-out) stays."""
    if own is None:
        return ModelSpec(name=name)
    return ModelSpec(
        name=name,
        stream=own.stream,
        system_role=own.system_role,
        timeout=own.timeout,
        max_retries=own.max_retries,
    )
