"""A text of a spec, which may be a template."""

from __future__ import annotations

from convrun.errors import TemplateError
from convrun.frozen import frozen
from convrun.source import Where


@frozen
class Text:
    """A text of a spec; unless it is `raw`, `{{` and `{%` make it a template. `where` is where it starts."""

    source: str
    raw: bool = False
    where: Where | None = None

    @property
    def is_template(self) -> bool:
        """Whether the text has to be rendered; one with `{#` counts, so that it is refused instead of passed on."""
        return not self.raw and "{" in self.source and any(mark in self.source for mark in ("{{", "{%", "{#"))

    @property
    def whole(self) -> bool:
        """Whether the text is exactly one `{{ expr }}`, whose value keeps its type."""
        if self.raw or not (self.source.startswith("{{") and self.source.endswith("}}")):
            return False
        from convrun.templates.sandbox import Program  # jinja2 loads with the first template

        try:
            return Program.of(self.source).whole
        except TemplateError:
            return False
