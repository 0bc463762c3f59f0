"""The JSON Schema of specs, made of what their decoders say they take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from convrun.spec.decoder import Decoder, Key, Record
from convrun.spec.loading import SPEC
from convrun.values import Json, JsonObject

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def spec_schema(check: JsonObject) -> JsonObject:
    """Return the JSON Schema (2020-12) of a spec; `check` is that of one check, which only the checks know."""
    rendering = _Rendering({"check": check})
    body = rendering.record(SPEC)
    return {
        "$schema": _DIALECT,
        "description": "Who the model is, what the user says turn by turn, and what must hold.",
        **body,
        "$defs": dict(sorted(rendering.definitions.items())),
    }


class _Rendering:
    """Puts JSON Schemas in the place of decoders; those with a name are defined once."""

    def __init__(self, definitions: JsonObject) -> None:
        self.definitions = definitions

    def of(self, shape: object) -> Json:
        """The schema of a shape, or of anything within one."""
        if isinstance(shape, Decoder):
            return self._named(shape.name, shape.shape) if shape.name else self.of(shape.shape)
        if isinstance(shape, Record):
            return self._named(shape.name, shape) if shape.name else self.record(shape)
        if isinstance(shape, Key):
            return self._described(shape)
        if isinstance(shape, Mapping):
            return {str(key): self.of(value) for key, value in shape.items()}
        if isinstance(shape, list | tuple):
            return [self.of(item) for item in shape]
        return cast(Json, shape)

    def record(self, record: Record) -> JsonObject:
        """The schema of a mapping with known keys."""
        properties: JsonObject = {name: self.of(key) for name, key in record.keys.items()}
        required: list[Json] = [name for name, key in record.keys.items() if key.required and not key.inherited]
        needed: JsonObject = {"required": required} if required else {}
        title = record.form or record.of
        head: JsonObject = {"title": title[:1].upper() + title[1:], "type": "object"}
        return {**head, "properties": properties, **needed, "additionalProperties": False}

    def _described(self, key: Key) -> JsonObject:
        schema = self.of(key.decode)
        assert isinstance(schema, dict)
        return {**schema, "description": key.about}

    def _named(self, name: str, shape: object) -> JsonObject:
        if name not in self.definitions:
            self.definitions[name] = {}  # whatever it holds may refer to it
            self.definitions[name] = self.record(shape) if isinstance(shape, Record) else self.of(shape)
        return {"$ref": f"#/$defs/{name}"}
