"""Texts that may be Jinja2 templates: found, judged before anything runs, and rendered."""

from convrun.templates.references import Reference, calls, expression_problems, problems, references
from convrun.templates.rendering import render, render_text, render_value
from convrun.templates.text import Text
from convrun.templates.turns import TurnList

__all__ = [
    "Reference",
    "Text",
    "TurnList",
    "calls",
    "expression_problems",
    "problems",
    "references",
    "render",
    "render_text",
    "render_value",
]
