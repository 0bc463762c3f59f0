"""The setting `rpm`: whom a rate is for."""

from __future__ import annotations

from typing import Any

import pytest

from convrun.backends.rates import check_rates, rate_of
from convrun.errors import SettingsError

RATES = {"groq": 30.0, "llm.example.com": 10.0, "localhost:8000": 5.0}


@pytest.mark.parametrize(
    ("rates", "provider", "base_url", "rpm"),
    [
        (None, "groq", "https://api.groq.com/openai/v1", None),
        (20.0, "groq", "https://api.groq.com/openai/v1", 20.0),
        (20.0, None, "https://llm.example.com/v1", 20.0),
        (RATES, "groq", "https://api.groq.com/openai/v1", 30.0),
        (RATES, None, "https://api.groq.com/openai/v1", 30.0),
        (RATES, "openai", "https://api.openai.com/v1", None),
        (RATES, None, "https://llm.example.com/v1", 10.0),
        (RATES, "vllm", "http://localhost:8000/v1", 5.0),
    ],
)
def test_a_rate_is_for_all_or_for_a_provider(
    rates: Any, provider: str | None, base_url: str, rpm: float | None
) -> None:
    """One number holds for everybody, a table for those it names: by provider, else by host."""
    assert rate_of(rates, provider=provider, base_url=base_url, environ={}) == rpm
    check_rates(rates)


def test_an_unknown_provider_in_a_table_is_an_error() -> None:
    """A misspelt name would hold nobody's pace."""
    with pytest.raises(SettingsError, match=r"'rpm' names 'grok', which is no provider \(did you mean 'groq'"):
        check_rates({"grok": 30})
