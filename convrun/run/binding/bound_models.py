"""The models of a conversation, its own and those that its checks ask: which are meant, and whether keys are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from convrun.backends.identity import ModelIdentity, checked_url, identify
from convrun.backends.keys import key_for
from convrun.checks.registry import KINDS, leaves
from convrun.errors import ConvrunError, SettingsError, SpecError, UnknownModelError
from convrun.frozen import frozen
from convrun.results import USER_LANE
from convrun.run.binding.bound_checks import place
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import Planned
from convrun.source import Where
from convrun.spec.model import CheckSpec, ModelSpec, ScriptLine, Spec
from convrun.templates import Text
from convrun.values import JsonObject

SETTINGS = {"judge": "judge", "means": "embeddings"}  # the setting that names a lane's model, by lane
_EXAMPLES = {"judge": "gpt-4.1", "means": "text-embedding-3-small"}
_KEYS = {"judge": "rubric", "means": "like"}
_FILES = 5  # named of those that lack one key


def identity_of(model: ModelSpec, options: RunOptions, environ: Mapping[str, str]) -> ModelIdentity:
    """Return the model as it is replayed; `--base-url` says where live calls go, not which model is meant.

    Raises:
        UnknownModelError: for a provider that is not known.
        ConvrunError: for a base URL that is none.
    """

    def identified(base_url: str | None) -> ModelIdentity:
        return identify(
            model.name,
            environ=environ,
            base_url=base_url,
            provider=model.provider,
            api_key_env=model.api_key_env,
            headers=model.headers,
            system_role=model.system_role,
            api=model.api,
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


@frozen
class Asking:
    """A check that asks a model: its `lane`, the `name` of the model where it says one, and what it asks about."""

    lane: str
    name: str | None
    where: Where
    about: str = ""


def asking(spec: Spec) -> Iterator[Asking]:
    """Yield each check of a spec that asks a model, once for all turns that have it."""
    own = (check for turn in spec.turns for check in turn.own_checks)
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
    if lane == USER_LANE:
        from convrun.run.binding.speakers import where_spoken  # few specs have one

        return where_spoken(planned.spec, name)
    default = planned.asked.get(lane)
    found = (one.where for one in asking(planned.spec) if one.lane == lane and (one.name or default) == name)
    return next(found, None)


class Keyless:
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


def _nameless(one: Asking) -> SpecError:
    key, example, setting = _KEYS[one.lane], _EXAMPLES[one.lane], SETTINGS[one.lane]
    fix = f"write {one.lane}: {{{key}: …, model: {example}}}, or name one for all with the setting {setting!r}"
    return SpecError(f"no model is named that {one.lane!r} could ask", where=one.where, fix=fix)


def _checked(model: ModelIdentity, lane: str) -> ModelIdentity:
    if model.offline:
        what = "makes no embeddings" if lane == "means" else "repeats what it is asked, and gives no grade"
        raise SpecError(f"{model.name!r} {what}", fix=f"name a model that does, as {_EXAMPLES[lane]}")
    return model
