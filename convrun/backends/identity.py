"""Which model is meant: all that a name and its settings say, before any key, network or SDK is needed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from convrun.backends.presets import OPENAI, PRESETS, Preset
from convrun.backends.script import script_model_name
from convrun.errors import ConvrunError, UnknownModelError, did_you_mean
from convrun.frozen import frozen
from convrun.values import JsonObject, show

DEFAULT_MODEL = "gpt-4.1-mini"
Api: TypeAlias = Literal["chat", "responses"]


@frozen
class ModelIdentity:
    """A model and where it is; enough to replay it.

    `name` is as the user wrote it, `model` as it goes out. `provider` is a preset's name, `echo` or `script`; None for
    a base URL without one. `offline` says which model of our own answers; None: one at `base_url`. `api_key_env` is the
    key variable the user named. `api` is what is spoken there: chat completions or the Responses API.
    """

    name: str
    model: str
    base_url: str
    provider: str | None = None
    api_key_env: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    system_role: str = "system"
    offline: Literal["echo", "script"] | None = None
    api: Api = "chat"


def identify(  # noqa: PLR0913  # one for each thing that may be said about a model
    name: str | None = None,
    *,
    environ: Mapping[str, str],
    base_url: str | None = None,
    provider: str | None = None,
    api_key_env: str | None = None,
    headers: Mapping[str, str] | None = None,
    system_role: str | None = None,
    api: str | None = None,
    script: Sequence[JsonObject | list[JsonObject]] | None = None,
) -> ModelIdentity:
    """Return the model that a name means; `provider` and `base_url` are as the user gave them. Reads no key.

    Raises:
        UnknownModelError: for a provider or an API that is not known, and an API that is not spoken there.
        ConvrunError: for a base URL that is none, and a key variable that is none.
    """
    name = name or (DEFAULT_MODEL if script is None else "script")
    model = name
    offline: Literal["echo", "script"] | None = None
    if script is not None:
        offline, provider, model = "script", "script", script_model_name(script)
        url = "https://script.invalid/v1"  # reserved: no such host will ever exist
    elif name == "echo" and base_url is None and provider is None:
        offline, provider, url = "echo", "echo", "https://echo.invalid/v1"
    elif provider is not None:
        preset = _preset(provider)
        url = base_url if base_url is not None else _address(preset, environ)
    elif base_url is not None:
        url = base_url
    elif environ.get("OPENAI_BASE_URL"):
        provider, url = OPENAI.name, environ["OPENAI_BASE_URL"]
    else:
        provider, model = _split(name)
        url = _address(PRESETS[provider], environ)
    spoken = _api(api, name=name, offline=offline is not None, system_role=system_role)
    _refuse_variable(api_key_env)
    return ModelIdentity(
        name=name,
        model=model,
        base_url=checked_url(url),
        provider=provider,
        api_key_env=api_key_env,
        headers=_checked_headers(headers or {}),
        system_role=system_role or "system",
        offline=offline,
        api=spoken,
    )


def _refuse_variable(name: str | None) -> None:
    """Raise for what names no environment variable, without showing it: it may be the key itself."""
    if name is None:
        return
    from convrun.redaction import Redactor  # most models have no variable of their own

    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or Redactor().thorough.finds(name):
        raise ConvrunError(
            "api_key_env is not the name of an environment variable",
            fix="name the variable that holds the key, as OPENAI_API_KEY; the key itself is written nowhere",
        )


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, unless one cannot be sent; its value, which may be a secret, is not shown."""
    for name, value in headers.items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise ConvrunError(f"{show(name, 60)} is not the name of a header", fix="use letters, digits and dashes")
        if not isinstance(value, str) or not (value.isascii() and value.isprintable()):
            raise ConvrunError(f"no header can carry the value of {name!r}", fix="give a text of one line, plain ASCII")
    return dict(headers)


def checked_url(url: str) -> str:
    """Return a base URL without its last slash.

    Raises:
        ConvrunError: where it is no plain http address; what the eye and the network would read differently is none.
    """
    text = url.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    plain = text.isascii() and text.isprintable() and not set(text) & set("\\@?# ")
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not plain:
        raise ConvrunError(
            f"{_without_password(url)!r} is not a base URL",
            fix="write it as https://host/v1: http or https, no user, query or fragment",
        )
    return text.rstrip("/")


def _api(api: str | None, *, name: str, offline: bool, system_role: str | None) -> Api:
    """Return the API that is meant, unless there is none, or it does not go with what else is said about a model."""
    if api is None or api == "chat":
        return "chat"
    if api != "responses":
        known = get_args(Api)
        fix = did_you_mean(str(api), known) or f"known are {', '.join(known)}"
        raise UnknownModelError(f"unknown api {show(api, 60)}", fix=fix)
    if offline:
        raise UnknownModelError(f"{name!r} speaks chat completions, and no other API", fix="leave 'api' out")
    if system_role is not None:
        what = "'system_role' is for chat completions: the Responses API has no message for the system prompt"
        raise UnknownModelError(what, fix="leave 'system_role' out: the prompt goes out as 'instructions'")
    return "responses"


def _without_password(url: str) -> str:
    """The address as it may be shown: what stands before an @, or behind a ? or #, may be a password or a key."""
    shown = re.sub(r"[?#].*", "…", url, flags=re.DOTALL)
    scheme, separator, rest = shown.rpartition("://")
    return f"{scheme}{separator}…@{rest.rpartition('@')[2]}" if "@" in rest else shown


def _preset(provider: str) -> Preset:
    if provider not in PRESETS:
        known = f"known are {', '.join(PRESETS)}; any other needs a base_url and no provider"
        raise UnknownModelError(f"unknown provider {provider!r}", fix=did_you_mean(provider, PRESETS) or known)
    return PRESETS[provider]


def _address(preset: Preset, environ: Mapping[str, str]) -> str:
    """Where a preset is; a variable that holds no address is named."""
    try:
        return checked_url(preset.url(environ))
    except ConvrunError as error:
        fix = "set it to the address of your resource, as https://host"
        raise ConvrunError(f"{preset.address_variable}: {error.what}", fix=fix) from error


def _split(name: str) -> tuple[str, str]:
    """The provider and the model of a name, where nothing else says where it is."""
    first, slash, rest = name.partition("/")
    if not slash:
        return OPENAI.name, name
    if first in PRESETS and rest:
        return first, rest
    if first in PRESETS:
        raise UnknownModelError(f"{name!r} names no model", fix=f"write the model behind the slash: {first}/model")
    near = did_you_mean(first, PRESETS) or f"known are {', '.join(PRESETS)};"
    raise UnknownModelError(
        f"unknown model {name!r}: {first!r} is no provider",
        fix=f"{near} a model elsewhere needs its base_url",
    )
