"""From a model's name to a model that answers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from convrun.backends.chat_format import ChatFormat
from convrun.backends.echo import EchoTransport
from convrun.backends.identity import DEFAULT_MODEL, ModelIdentity, identify
from convrun.backends.keys import is_withheld, key_for, key_variable
from convrun.backends.model_backend import ModelBackend
from convrun.backends.presets import quirks_of
from convrun.backends.rates import Rates, rate_of
from convrun.backends.script import ScriptLines, ScriptTransport
from convrun.errors import SettingsError
from convrun.wire import Transport

if TYPE_CHECKING:
    from convrun.backends.formats import WireFormat
    from convrun.backends.pacing import Heard


def resolve(  # noqa: PLR0913  # one for each thing that may be said about a model
    name: str | None = None,
    *,
    base_url: str | None = None,
    provider: str | None = None,
    api_key_env: str | None = None,
    headers: Mapping[str, str] | None = None,
    system_role: str | None = None,
    api: str | None = None,
    script: ScriptLines | None = None,
    timeout: float | None = None,
    max_retries: int | None = None,
    rpm: float | None = None,
    transport: Transport | None = None,
    environ: Mapping[str, str] = os.environ,
    trusted_base_urls: Iterable[str] = (),
) -> ModelBackend:
    """Return the model that a name means (None: the default), over `transport` or live. Needs no key yet.

    For programs: the address that the caller's own code names may have the key it names. For specs, which may be
    somebody else's, use `identify`, `live_transport` and `backend_for`.

    Raises:
        UnknownModelError: for a provider that is not known.
        ConvrunError: for a base URL that is none, and an API that is not known or not spoken there.
    """
    identity = identify(
        name,
        environ=environ,
        base_url=base_url,
        provider=provider,
        api_key_env=api_key_env,
        headers=headers,
        system_role=system_role,
        api=api,
        script=script,
    )
    trusted = (*trusted_base_urls, identity.base_url)  # the program's own code says which key goes there
    settings = (base_url, provider, api_key_env, headers, system_role, script, transport)
    by_name = all(setting is None for setting in settings)
    if transport is None:
        transport = live_transport(
            identity,
            script=script or (),
            timeout=timeout,
            max_retries=max_retries,
            rpm=rpm,
            environ=environ,
            trusted_base_urls=trusted,
        )
    backend = backend_for(identity, transport, environ=environ, trusted_base_urls=trusted)
    backend.by_name = by_name
    return backend


def backend_for(
    identity: ModelIdentity,
    transport: Transport,
    *,
    environ: Mapping[str, str] = os.environ,
    trusted_base_urls: Iterable[str] = (),
) -> ModelBackend:
    """Return a model over any transport: a provider, a cassette's player, a recorder."""
    try:
        variable = key_variable(identity, environ=environ, trusted_base_urls=trusted_base_urls)
    except SettingsError:
        variable = None  # a key that may not go out is no hindrance to a replay; a live call raises this again
    return ModelBackend(
        name=identity.name,
        format=_format_of(identity, environ),
        transport=transport,
        base_url=identity.base_url,
        provider=identity.provider,
        headers=identity.headers,
        key_variable=variable,
        key_withheld=is_withheld(identity, environ=environ, trusted_base_urls=trusted_base_urls),
    )


def _format_of(identity: ModelIdentity, environ: Mapping[str, str]) -> WireFormat:
    """How the model's API is spoken."""
    if identity.api == "responses":
        from convrun.backends.responses_format import ResponsesFormat  # most specs do without

        return ResponsesFormat(model=identity.model)
    quirks = quirks_of(identity.provider, identity.base_url, environ)
    return ChatFormat(model=identity.model, system_role=identity.system_role, quirks=quirks)


def live_transport(  # noqa: PLR0913  # one for each thing that may be said about live calls
    identity: ModelIdentity,
    *,
    script: ScriptLines = (),
    history_replies: int = 0,
    timeout: float | None = None,
    max_retries: int | None = None,
    rpm: Rates | None = None,
    heard: Heard | None = None,
    environ: Mapping[str, str] = os.environ,
    trusted_base_urls: Iterable[str] = (),
) -> Transport:
    """Return what answers for real. Cheap: the key is looked up, and the SDK imported, when something is sent.

    `history_replies` is how many assistant messages a scripted conversation begins with. `rpm` is how many requests a
    minute a provider gets at most, all or by name; `heard` hears of waits.
    """
    if identity.offline == "echo":
        return EchoTransport()
    if identity.offline == "script":
        return ScriptTransport(script, history_replies=history_replies)
    from convrun.backends.openai import OpenAITransport  # a replay does without

    key = partial(key_for, identity, environ=environ, trusted_base_urls=tuple(trusted_base_urls))
    return OpenAITransport(
        base_url=identity.base_url,
        key=key,
        timeout=timeout,
        max_retries=max_retries,
        provider=identity.provider,
        rpm=rate_of(rpm, provider=identity.provider, base_url=identity.base_url, environ=environ),
        heard=heard,
    )


def model_names() -> tuple[str, ...]:
    """Return the names of models that can be had without a word about where they are."""
    return (DEFAULT_MODEL, "echo")
