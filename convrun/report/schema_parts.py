"""What the JSON Schemas of our reports are put together from."""

from __future__ import annotations

from typing import TypeAlias

from convrun.values import JsonObject

Fields: TypeAlias = dict[str, tuple[JsonObject, str]]
DIALECT = "https://json-schema.org/draft/2020-12/schema"

TEXT: JsonObject = {"type": "string"}
TEXT_OR_NULL: JsonObject = {"type": ["string", "null"]}
COUNT: JsonObject = {"type": "integer", "minimum": 0}
COUNT_OR_NULL: JsonObject = {"type": ["integer", "null"], "minimum": 0}
FROM_ONE: JsonObject = {"type": "integer", "minimum": 1}
SECONDS: JsonObject = {"type": "number", "minimum": 0}
DOLLARS: JsonObject = {"type": ["number", "null"], "minimum": 0}
ANYTHING: JsonObject = {}


def list_of(items: JsonObject) -> JsonObject:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def ref(name: str) -> JsonObject:
    """Return the schema of a definition."""
    return {"$ref": f"#/$defs/{name}"}


def or_null(name: str) -> JsonObject:
    """Return the schema of a definition, or null."""
    return {"anyOf": [ref(name), {"type": "null"}]}


def closed(fields: Fields) -> JsonObject:
    """Return the schema of a mapping with exactly these keys, each with what it is for."""
    properties: JsonObject = {name: {**schema, "description": about} for name, (schema, about) in fields.items()}
    return {"type": "object", "properties": properties, "required": [*fields], "additionalProperties": False}


WHERE = closed(
    {
        "file": (TEXT, "The file, below the root."),
        "line": ({"type": ["integer", "null"], "minimum": 1}, "The line; null: the whole file."),
        "column": ({"type": ["integer", "null"], "minimum": 1}, "The column."),
    }
)
PROBLEM = closed(
    {
        "type": (TEXT, "The class of the error."),
        "message": (TEXT, "What went wrong."),
        "where": (or_null("where"), "Where."),
        "fix": (TEXT_OR_NULL, "How to mend it."),
    }
)
