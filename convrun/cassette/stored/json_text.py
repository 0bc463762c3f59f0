"""What YAML cannot hold stands in a cassette as JSON text below the key `$json`; this reads it back."""

from __future__ import annotations

from collections.abc import Callable

from convrun.cassette.interaction import parse_json
from convrun.errors import CassetteError
from convrun.values import Json, JsonObject

JSON_TEXT = "$json"
ATTACHMENT = "$attachment"  # begins a reference to bytes that lie beside the cassette
MARKS = (JSON_TEXT, ATTACHMENT)  # a mapping of anybody else's with such a key is written as JSON text


def unescaped(value: Json, attached: Callable[[JsonObject], str] | None = None) -> Json:
    """Return `value` with the JSON texts that `escaped` wrote read back, and `attached` in the place of references.

    Raises:
        CassetteError: where such a text is not JSON.
    """
    if isinstance(value, dict):
        if JSON_TEXT in value:
            try:
                return parse_json(str(value[JSON_TEXT]))
            except ValueError as error:
                raise CassetteError(f"{JSON_TEXT!r} does not hold JSON text: {error}") from error
        if attached is not None and ATTACHMENT in value:
            return attached(value)
        return {key: unescaped(item, attached) for key, item in value.items()}
    return [unescaped(item, attached) for item in value] if isinstance(value, list) else value
