"""What is wrong with the environment variables that a spec names: too short, not set, or not for everybody to see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from convrun.backends.identity import ModelIdentity
from convrun.backends.keys import KEY_VARIABLES, may_receive
from convrun.errors import SettingsError
from convrun.redaction import SHORTEST
from convrun.run.binding.names import used_templates, variables_in_addresses, variables_named, variables_sent
from convrun.run.playing.surroundings import variables
from convrun.spec.model import ModelSpec, Spec


def variable_errors(
    spec: Spec,
    environ: Mapping[str, str],
    live: ModelIdentity | None = None,
    trusted_base_urls: tuple[str, ...] = (),
) -> list[SettingsError]:
    """Return what is wrong with the environment variables that a spec names; `live` is a model that may be asked.

    A replay does without them: it compares what they are replaced by.
    """
    texts = variables_named(used_templates(spec))
    found = variables(texts, environ)
    errors = [_too_short(name).at(texts[name].where) for name, value in found.items() if value and _short(value)]
    errors += [_is_key(name).at(text.where) for name, text in variables_sent(spec).items() if name in KEY_VARIABLES]
    errors += [_fetched(name).at(text.where) for name, text in variables_in_addresses(spec).items()]
    if live is None:
        return errors
    errors += [_not_set(name).at(texts[name].where) for name, value in found.items() if value is None]
    errors += [_same(*names).at(texts[names[1]].where) for names in _pairs(found)]
    if found and not may_receive(live, environ=environ, trusted_base_urls=trusted_base_urls):
        first = next(iter(found))
        errors.append(_not_there(first, live.base_url).at(texts[first].where))
    return errors


def told_apart_errors(
    spec: Spec, model: ModelSpec, tools: Iterable[str], environ: Mapping[str, str]
) -> Iterator[SettingsError]:
    """Yield a mistake for each variable that a spec names whose value it also says itself, for all to read.

    `tools` are the names of the tools with code. A placeholder would stand there, too, but not on a replay without it.
    """
    given = {name: value for name, value in variables(variables_named(used_templates(spec)), environ).items() if value}
    if given:
        from convrun.run.playing.own_texts import own_texts  # few specs name a variable

        said = list(own_texts(spec, model, tools))
        for name, value in given.items():
            found = next((one for one in said if value in one.text), None)
            if found is not None:
                place = replace(found.where, text=None) if found.where else None  # the line would show the value
                yield _said_itself(name, found.part).at(place)


def _short(value: str) -> bool:
    return len(value) < SHORTEST


def _pairs(values: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Variables that could not be told apart once they are replaced."""
    first: dict[str, str] = {}
    pairs = [(first.setdefault(value, name), name) for name, value in values.items() if value is not None]
    return [(one, other) for one, other in pairs if one != other]


def _too_short(name: str) -> SettingsError:
    var = name.lower()
    return SettingsError(
        f"the environment variable {name} is too short to be redacted: {SHORTEST} characters are the least",
        fix=f"what is no secret is a var: `vars: {{{var}: …}}`, `{{{{ {var} }}}}` and -D {var}=…",
    )


def _is_key(name: str) -> SettingsError:
    return SettingsError(
        f"env.{name} is a provider's key, and no key is told to a model",
        fix="it goes to its provider by itself, in a header; under a tool's `with:` it may stand",
    )


def _fetched(name: str) -> SettingsError:
    return SettingsError(
        f"env.{name} would be part of an address that the provider asks for: whoever answers there would see it",
        fix="attach the file itself, with `path:`",
    )


def _not_set(name: str) -> SettingsError:
    return SettingsError(
        f"the environment variable {name} is not set",
        fix=f"set {name}, in the environment or in a .env beside the settings; a replay from a cassette does without",
    )


def _same(one: str, other: str) -> SettingsError:
    return SettingsError(
        f"the environment variables {one} and {other} have one value: a recording could not tell them apart",
        fix="name one of them in the templates",
    )


def _said_itself(name: str, part: str) -> SettingsError:
    return SettingsError(
        f"the value of {name} stands in the spec itself, in {part}: a recording could not tell them apart",
        fix="take it out there; what is no secret is a var, as `vars:` and -D",
    )


def _not_there(name: str, base_url: str) -> SettingsError:
    return SettingsError(
        f"env.{name} may not go to {base_url!r}: only a spec names this address",
        fix="a spec alone sends nothing of the environment away: name the whole address in the settings' base_urls, in "
        "OPENAI_BASE_URL or with --base-url",
    )
