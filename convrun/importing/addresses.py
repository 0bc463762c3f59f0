"""Which provider an address in a recording is of."""

from __future__ import annotations

import re

from convrun.backends.presets import AZURE, PRESETS, Preset, QuirkKind, quirks_of

_AT_AZURE = re.compile(r"https://[^/]+\.azure\.com(/|$)|https?://[^/]+/openai/deployments/[^/]+$")


def provider_at(address: str) -> str | None:
    """Return the name of the provider whose address is this one, whatever its variable holds; None: nobody's."""
    return next((one.name for one in PRESETS.values() if _is_at(one, address)), None)


def quirks_at(address: str) -> frozenset[QuirkKind]:
    """Return what encoding heeds at this address."""
    return quirks_of(provider_at(address), address, {})


def _is_at(preset: Preset, address: str) -> bool:
    if preset is AZURE:
        return _AT_AZURE.match(address) is not None
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(preset.base_url))
    return re.fullmatch(pattern, address) is not None
