"""Where a key comes from, and where it may go.

A spec may be somebody else's. So a preset's key goes only to the preset's own host, and any variable only to a base URL
that the user named outside of specs: in the settings, in the environment, on the command line. Where every user has a
host (Azure), it is the one in the environment: anybody can have another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from convrun.backends.identity import ModelIdentity
from convrun.backends.presets import OPENAI, PRESETS, Preset, preset_at
from convrun.errors import SettingsError
from convrun.frozen import frozen
from convrun.redaction import Redactor

KEY_VARIABLES = frozenset(preset.key_variable for preset in PRESETS.values() if preset.key_variable)


@frozen
class Key:
    """A key, the variable that holds it, and the header that carries it; the value is not shown."""

    variable: str
    value: str = field(repr=False)
    header: str = "Authorization"


def known_keys(environ: Mapping[str, str], patterns: Iterable[str] = ()) -> Redactor:
    """Return what takes out the keys of every known provider, as far as they are set; `patterns` are the settings'."""
    secrets = {name: environ[name] for name in KEY_VARIABLES if environ.get(name)}
    return Redactor(secrets, patterns=patterns, names=KEY_VARIABLES)


def key_for(
    identity: ModelIdentity, *, environ: Mapping[str, str], trusted_base_urls: Iterable[str] = ()
) -> Key | None:
    """Return the key for a live call; None where the model needs none, or none may go there. Sends nothing.

    `trusted_base_urls` are those of the settings and the command line; OPENAI_BASE_URL is one by itself.

    Raises:
        SettingsError: where a needed variable is not set, or only a spec wants its key to go there.
    """
    _refuse_nowhere(identity)
    variable = key_variable(identity, environ=environ, trusted_base_urls=trusted_base_urls)
    if variable is None:
        return None
    value = environ.get(variable, "").strip()
    if not value:
        if identity.api_key_env or _preset_at(identity.base_url, environ):
            raise SettingsError(
                f"no key for {identity.name!r}: the environment variable {variable} is not set",
                fix=f"set {variable}, in the environment or in the `.env` of the project, or replay from a cassette, "
                "which needs no key",
            )
        return None
    if not (value.isascii() and value.isprintable()):
        raise SettingsError(
            f"the value of {variable} cannot be a key: it holds characters that no HTTP header can carry",
            fix=f"set {variable} anew, without line breaks and quotation marks from a text processor",
        )
    return Key(variable=variable, value=value, header=_preset(identity, environ).key_header)


def key_variable(
    identity: ModelIdentity, *, environ: Mapping[str, str], trusted_base_urls: Iterable[str] = ()
) -> str | None:
    """Return the variable whose key goes to this model; None where none does.

    Raises:
        SettingsError: where the user named a variable, and its key may not go there.
    """
    if identity.offline:
        return None
    at = _preset_at(identity.base_url, environ)
    variable = identity.api_key_env or _preset(identity, environ).key_variable
    if variable is None:
        return None
    if identity.base_url in _trusted(environ, trusted_base_urls) or (at is not None and at.key_variable == variable):
        return variable
    if identity.api_key_env is None:
        return None
    only = "this address" if at is None else "this variable for it"
    raise SettingsError(
        f"the key in {variable} may not go to {identity.base_url!r}: only a spec names {only}",
        fix="a spec alone sends no key away: name the whole address in the settings' base_urls, in OPENAI_BASE_URL or "
        "with --base-url",
    )


def is_withheld(identity: ModelIdentity, *, environ: Mapping[str, str], trusted_base_urls: Iterable[str] = ()) -> bool:
    """Return whether no key goes there only because nothing but a spec names the address."""
    if identity.offline or identity.api_key_env is not None or _preset(identity, environ).key_variable is None:
        return False
    return key_variable(identity, environ=environ, trusted_base_urls=trusted_base_urls) is None


def may_receive(identity: ModelIdentity, *, environ: Mapping[str, str], trusted_base_urls: Iterable[str] = ()) -> bool:
    """Return whether what is the user's own may go there: to a preset's host, or where they said outside of specs."""
    if identity.offline or identity.base_url in _trusted(environ, trusted_base_urls):
        return True
    return preset_at(identity.base_url, environ) is not None


def _trusted(environ: Mapping[str, str], trusted_base_urls: Iterable[str]) -> set[str]:
    return {url.strip().rstrip("/") for url in (*trusted_base_urls, environ.get("OPENAI_BASE_URL", ""))}


def _refuse_nowhere(identity: ModelIdentity) -> None:
    """Raise where the address is not known: it stands in a variable that is not set."""
    preset = PRESETS.get(identity.provider or "")
    if preset is not None and identity.base_url == preset.nowhere:
        variable = preset.address_variable
        raise SettingsError(
            f"no address for {identity.name!r}: the environment variable {variable} is not set",
            fix=f"set {variable}, give --base-url, or replay from a cassette, which needs no address",
        )


def _preset(identity: ModelIdentity, environ: Mapping[str, str]) -> Preset:
    """The preset that says which key is meant: the one named, the one at the address, else OpenAI's."""
    return PRESETS.get(identity.provider or "") or _preset_at(identity.base_url, environ) or OPENAI


def _preset_at(base_url: str, environ: Mapping[str, str]) -> Preset | None:
    """The preset with a key whose host this is."""
    found = preset_at(base_url, environ)
    return found if found is not None and found.key_variable else None
