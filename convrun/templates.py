"""Texts that may be Jinja2 templates: found, checked before anything runs, and rendered."""

from __future__ import annotations

from dataclasses import dataclass

from convrun.source import Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text of a spec; unless it is `raw`, `{{` and `{%` make it a template. `where` is where it starts."""

    source: str
    raw: bool = False
    where: Where | None = None
