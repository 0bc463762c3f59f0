"""Structured output: the schema a reply has to follow, and the value in the reply."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, cast

from convrun.errors import ConversationError
from convrun.frozen import frozen
from convrun.values import JsonObject, show


class PydanticModel(Protocol):
    """The two methods of a pydantic model class that are used; pydantic itself is not imported for them."""

    __name__: str

    def model_json_schema(self) -> dict[str, Any]:
        """Return the model's JSON Schema."""
        ...

    def model_validate_json(self, text: str) -> object:
        """Return the instance that `text` says."""
        ...


SchemaLike: TypeAlias = Mapping[str, Any] | type[Any]
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@frozen
class OutputSchema:
    """A JSON Schema with its name; `model` is the pydantic class it came from, None for a plain schema."""

    schema: JsonObject
    name: str = "output"
    model: PydanticModel | None = None

    @classmethod
    def of(cls, given: SchemaLike, name: str | None = None) -> OutputSchema:
        """Return it for a JSON Schema or a pydantic model class.

        Raises:
            ConversationError: for anything else.
        """
        if isinstance(given, Mapping):
            schema = cast(JsonObject, given if isinstance(given, dict) else dict(given))
            return cls(schema=schema, name=name or _title(schema) or "output")
        if hasattr(given, "model_json_schema"):
            model = cast(PydanticModel, given)
            return cls(schema=model.model_json_schema(), name=name or model.__name__, model=model)
        raise ConversationError(
            f"{given!r} is no schema", fix="give a JSON Schema as a dict, or a pydantic model class"
        )

    def parsed(self, text: str) -> object:
        """Return the value in a reply: an instance of the pydantic model, else JSON.

        Raises:
            ConversationError: where the reply is not JSON, or not what the model allows.
        """
        if self.model is None:
            return parsed_json(text)
        try:
            return self.model.model_validate_json(text)
        except ValueError as error:
            told = "\n".join(line for line in str(error).splitlines() if "https://errors.pydantic.dev" not in line)
            raise ConversationError(f"the reply is no {self.name}: {told}") from error


def _title(schema: JsonObject) -> str | None:
    """The title of a schema, where providers take it as a name: that of a pydantic model's schema is the model's."""
    title = schema.get("title")
    return title if isinstance(title, str) and _NAME.fullmatch(title) else None


def parsed_json(text: str) -> object:
    """Return the JSON value in a reply.

    Raises:
        ConversationError: where there is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConversationError(f"the reply is not JSON: {show(text)}", fix="ask for JSON with schema=") from error
