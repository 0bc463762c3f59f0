"""What YAML cannot hold stands in a cassette as JSON text below the key `$json`; this reads it back."""

from __future__ import annotations

from convrun.cassette.interaction import parse_json
from convrun.errors import CassetteError
from convrun.values import Json

JSON_TEXT = "$json"


def unescaped(value: Json) -> Json:
    """Return `value` with the JSON texts that `escaped` wrote read back.

    Raises:
        CassetteError: where such a text is not JSON.
    """
    if isinstance(value, dict):
        if JSON_TEXT in value:
            try:
                return parse_json(str(value[JSON_TEXT]))
            except ValueError as error:
                raise CassetteError(f"{JSON_TEXT!r} does not hold JSON text: {error}") from error
        return {key: unescaped(item) for key, item in value.items()}
    return [unescaped(item) for item in value] if isinstance(value, list) else value
