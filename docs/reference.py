"""Write docs/reference.md, the reference of specs, from the JSON Schema that the code gives.

python docs/reference.py > docs/reference.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from convrun.schemas import spec_schema

HEAD = """# Spec reference

Every key of a spec, from its JSON Schema (`convrun schema`); written by `make schemas`, not by hand. [Specs](specs.md)
explains them with examples.

A *text* is a template, in which `{{ … }}` is rendered, or its [long form](#a-text). A key in bold is needed.
"""
_PLAIN = {
    "string": "plain text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "null": "null",
    "object": "mapping",
}
_SAID = {"template": "text", "duration": "duration", "import_path": "import path"}


class Reference:
    """The sections of the reference: one for each mapping with known keys, in the order they are met."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.definitions = schema["$defs"]
        self.sections: dict[str, list[str]] = {}
        self.section(schema)
        self.value(self.definitions["template"])

    def section(self, schema: dict[str, Any]) -> str:
        """Return the link to a mapping's section, which is written if it is not there yet."""
        title = schema["title"]
        if title not in self.sections:
            lines = self.sections[title] = [f"## {title}", ""]
            lines += ["| key | value | |", "|---|---|---|"]
            needed = schema.get("required", [])
            for key, value in schema["properties"].items():
                name = f"**`{key}`**" if key in needed else f"`{key}`"
                lines.append(f"| {name} | {self.value(value)} | {_escaped(value.get('description', ''))} |")
        anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        return f"[{title[:1].lower()}{title[1:]}](#{anchor})"

    def value(self, schema: Any) -> str:
        """Return in a few words what a schema takes."""
        reference = schema.get("$ref", "").removeprefix("#/$defs/")
        if reference in _SAID:
            return _SAID[reference]
        if reference:
            return self.value(self.definitions[reference])
        if "anyOf" in schema:
            return " or ".join(dict.fromkeys(self.value(one) for one in schema["anyOf"] if not _is_expression(one)))
        if "enum" in schema or "const" in schema:
            return ", ".join(f"`{_shown(one)}`" for one in schema.get("enum", [schema.get("const")]))
        if schema.get("type") == "array":
            return f"list: {self.value(schema['items'])}"
        if "title" in schema:
            return self.section(schema)
        kinds = schema.get("type", [])
        return " or ".join(_PLAIN[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)) or "any value"

    def lines(self) -> Iterator[str]:
        """The lines of all sections."""
        for section in self.sections.values():
            yield from ("", *section)


def _is_expression(schema: dict[str, Any]) -> bool:
    """Whether it is the template that may stand in place of any type."""
    return r"\{\{" in schema.get("pattern", "")


def _shown(value: object) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(HEAD + "\n".join(Reference(spec_schema()).lines()))
