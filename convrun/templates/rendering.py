"""Rendering: from Text to JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from convrun.errors import TemplateError
from convrun.templates.text import Text
from convrun.values import Json


def render(text: Text, names: Mapping[str, object]) -> Json:
    """Return the rendered text; a text that is exactly one `{{ expr }}` gives its value with its type.

    Raises:
        TemplateError: where the text is no template, or a value is missing.
    """
    if not text.is_template:
        return text.source
    from convrun.templates.sandbox import Program  # jinja2 loads with the first template

    try:
        return Program.of(text.source).run(names)
    except TemplateError as error:
        error.at(text.where)
        raise


def render_text(text: Text, names: Mapping[str, object]) -> str:
    """Return the rendered text; what is no text prints as JSON.

    Raises:
        TemplateError: as `render`.
    """
    value = render(text, names)
    if isinstance(value, str):
        return value
    from convrun.templates.sandbox import printed

    return printed(value)


def render_value(value: object, names: Mapping[str, object]) -> Json:
    """Return a value of lists and mappings with every Text in it rendered.

    Raises:
        TemplateError: as `render`.
    """
    if isinstance(value, Text):
        return render(value, names)
    if isinstance(value, Mapping):
        return {key: render_value(item, names) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [render_value(item, names) for item in value]
    return cast(Json, value)
