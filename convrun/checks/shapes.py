"""What the values of checks look like, as JSON Schema; one whole expression of a template may stand for any type."""

from __future__ import annotations

from convrun.values import Json, JsonObject

TEXT: JsonObject = {"$ref": "#/$defs/template"}
EXPRESSION: JsonObject = {"type": "string", "minLength": 1}
_EXPRESSION: JsonObject = {"type": "string", "pattern": r"^\{\{[\s\S]*\}\}$"}
TEXTS: JsonObject = {"anyOf": [{"type": "array", "items": TEXT, "minItems": 1}, _EXPRESSION]}
TEXT_OR_TEXTS: JsonObject = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]}
CHECK: JsonObject = {"$ref": "#/$defs/check"}
CHECKS: JsonObject = {"type": "array", "items": CHECK, "minItems": 1}
IMPORT_PATH: JsonObject = {"$ref": "#/$defs/import_path"}
SCHEMA: JsonObject = {"anyOf": [{"type": "object"}, IMPORT_PATH]}
NUMBER: JsonObject = {"anyOf": [{"type": "number"}, _EXPRESSION]}
COUNT: JsonObject = {"anyOf": [{"type": "integer", "minimum": 0}, _EXPRESSION]}
FLAG: JsonObject = {"anyOf": [{"type": "boolean"}, _EXPRESSION]}


def keys(title: str, properties: JsonObject, *, required: tuple[str, ...] = ()) -> JsonObject:
    """Return the schema of a mapping with these keys and no others; `title` says what it is."""
    needed: list[Json] = [*required]
    made: JsonObject = {"title": title, "type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": needed} if needed else {})


def either(*schemas: JsonObject) -> JsonObject:
    """Return the schema of what fits one of these."""
    return {"anyOf": [*schemas]}


_ARGUMENTS: JsonObject = {"type": "object", "description": "Arguments: at every depth, those named here."}
_CALL: JsonObject = {
    "tool": {**TEXT, "description": "The tool's name."},
    "with": _ARGUMENTS,
    "with_exactly": {"type": "object", "description": "Arguments: these and no others."},
    "returns": {"description": "The result that the model got, its text or its JSON value."},
    "error": {"description": "true: the tool raised; a text: it raised an error with this in it."},
}
CALL: JsonObject = either(TEXT, keys("One of the calls", _CALL, required=("tool",)))
CALLED: JsonObject = either(
    TEXT,
    keys(
        "A called tool",
        {**_CALL, "times": {**COUNT, "description": "How often; at least once by default."}},
        required=("tool",),
    ),
)
CALLS: JsonObject = keys(
    "The calls",
    {
        mode: {"type": "array", "items": CALL, "description": about}
        for mode, about in (
            ("exactly", "These calls in this order and no others."),
            ("in_order", "These calls in this order; others may be between."),
            ("any_order", "These calls; others may be there."),
            ("only", "No calls but such."),
        )
    },
) | {"minProperties": 1, "maxProperties": 1}
JSON: JsonObject = either(
    {"const": True},
    _EXPRESSION,
    keys(
        "A value in the reply",
        {
            "path": {**TEXT, "description": "A JSONPath (RFC 9535), as $.items[0].name."},
            "equals": {"description": "The value there."},
            "contains": {"description": "A part of the text, an item of the list, a subset of the mapping there."},
            "matches": {**TEXT, "description": "A regular expression found in the text there."},
            "min": {**NUMBER, "description": "The least number there."},
            "max": {**NUMBER, "description": "The greatest number there."},
        },
        required=("path",),
    ),
)


def bounds(title: str) -> JsonObject:
    """Return the schema of a mapping with min and max, of which one at least is there."""
    least: JsonObject = {**COUNT, "description": "The least number."}
    most: JsonObject = {**COUNT, "description": "The greatest number."}
    return keys(title, {"min": least, "max": most}) | {"minProperties": 1}


WORDS: JsonObject = either(bounds("Words of the reply"), _EXPRESSION)
CHARS: JsonObject = either(bounds("Characters of the reply"), _EXPRESSION)
MODEL_CALLS: JsonObject = either(COUNT, bounds("Model calls"))
TOKENS: JsonObject = either(
    keys(
        "Tokens",
        {
            "input": {**bounds("Tokens of the input"), "description": "What was sent."},
            "output": {**bounds("Tokens of the output"), "description": "What was answered."},
            "total": {**bounds("Tokens in total"), "description": "Both together."},
        },
    )
    | {"minProperties": 1},
    _EXPRESSION,
)
COST: JsonObject = either(
    keys("The cost", {"max": {**NUMBER, "description": "US dollars, as 0.002."}}, required=("max",)), _EXPRESSION
)
LATENCY: JsonObject = either(
    keys("The time", {"max": {**TEXT, "description": "A duration, as 2s."}}, required=("max",)), _EXPRESSION
)
SIMILAR: JsonObject = either(
    keys(
        "A similar text",
        {
            "to": {**TEXT, "description": "The text that the reply is to be like."},
            "at_least": {**NUMBER, "description": "From 0 to 1, which is for the same words; 0.8 by default."},
        },
        required=("to",),
    ),
    _EXPRESSION,
)
REFUSAL: JsonObject = either(
    FLAG,
    keys("A refusal", {"phrases": {**TEXTS, "description": "What is a refusal, too."}}, required=("phrases",)),
)
TRUE: JsonObject = either({"const": True}, _EXPRESSION)
_MODEL: JsonObject = {"type": "string", "minLength": 1, "description": "The model that is asked; that of the settings."}


def _asked(title: str, key: str, about: str, least: str) -> JsonObject:
    """A text that a model is asked about, or a mapping of it, the model and the least score."""
    properties: JsonObject = {
        key: {**TEXT, "description": about},
        "model": _MODEL,
        "at_least": {**NUMBER, "description": least},
    }
    return either(TEXT, keys(title, properties, required=(key,)))


JUDGE: JsonObject = _asked(
    "A judge", "rubric", "What makes a good reply.", "The least score, above 0 and at most 1; 0.7 by default."
)
MEANS: JsonObject = _asked(
    "A meaning", "like", "A reply that would do.", "The least cosine, above 0 and at most 1; 0.8 by default."
)
