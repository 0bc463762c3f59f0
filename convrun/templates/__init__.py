"""Texts that may be Jinja2 templates: found, judged before anything runs, and rendered."""

from convrun.templates.references import Reference, calls, problems, references
from convrun.templates.rendering import render, render_text, render_value
from convrun.templates.text import Text
from convrun.templates.turns import TurnList

__all__ = ["Reference", "Text", "TurnList", "calls", "problems", "references", "render", "render_text", "render_value"]
