"""The setting `rpm`: how many requests a minute each provider gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from convrun.backends.presets import PRESETS, origin, preset_at
from convrun.errors import SettingsError, did_you_mean

Rates: TypeAlias = float | Mapping[str, float]


def rate_of(rates: Rates | None, *, provider: str | None, base_url: str, environ: Mapping[str, str]) -> float | None:
    """Return how many requests a minute may go to a model; None: as many as there are.

    `rates` is one number for all, or a table by provider, or by host where that is nobody's.
    """
    if not isinstance(rates, Mapping):
        return rates
    at = preset_at(base_url, environ)
    _, host, port = origin(base_url)
    names = (provider, at.name if at else None, f"{host}:{port}", host)
    return next((rates[name] for name in names if name and name in rates), None)


def check_rates(rates: Rates | None) -> None:
    """Look through the names of a table.

    Raises:
        SettingsError: for a name that is neither a provider's nor a host's.
    """
    for name in rates if isinstance(rates, Mapping) else ():
        if name not in PRESETS and "." not in name and ":" not in name and name != "localhost":
            known = f"known are {', '.join(PRESETS)}; any other is named by its host"
            raise SettingsError(f"'rpm' names {name!r}, which is no provider", fix=did_you_mean(name, PRESETS) or known)
