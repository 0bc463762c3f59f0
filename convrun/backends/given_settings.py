"""What a program gives `get_model`: values of another kind are refused there, not when the model is first asked."""

from __future__ import annotations

from collections.abc import Mapping

from convrun.errors import ConvrunError
from convrun.values import is_amount, show

_TEXTS = frozenset({"name", "base_url", "provider", "api_key_env", "system_role", "api"})


def check_settings(settings: Mapping[str, object]) -> None:
    """Look through the settings of a model, as far as they are given.

    Raises:
        ConvrunError: for a value of another kind than a setting takes.
    """
    for name, value in settings.items():
        fix = None if value is None else _fix(name, value)
        if fix is not None:
            shown = "no such table" if name == "headers" else show(value, 60)
            raise ConvrunError(f"{name} is {shown}", fix=fix)


def _fix(name: str, value: object) -> str | None:
    """What to give instead; None where a value will do."""
    if name in _TEXTS:
        return None if isinstance(value, str) else "give a text"
    if name == "timeout":
        return None if is_amount(value) and value else "give a number of seconds, as 60"
    if name == "rpm":
        return None if is_amount(value) and value else "give a number of requests a minute, as 30"
    if name == "max_retries":
        return None if is_amount(value) and isinstance(value, int) else "give a whole number of 0 or more"
    if name == "headers" and not _is_of_texts(value):
        return 'give a dict of texts, as {"X-Team": "search"}'
    return None


def _is_of_texts(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)
