"""Providers known by name: where they are and which variable holds their key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A provider. `key_variable` None: it takes no key."""

    name: str
    base_url: str
    key_variable: str | None = None


OPENAI = Preset(name="openai", base_url="https://api.openai.com/v1", key_variable="OPENAI_API_KEY")
OLLAMA = Preset(name="ollama", base_url="http://localhost:11434/v1")

PRESETS = {preset.name: preset for preset in (OPENAI, OLLAMA)}
