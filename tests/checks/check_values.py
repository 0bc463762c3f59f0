"""Values for every kind of check, made from what the registry says that they look like, and replies of every sort."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from hypothesis import strategies as st

from convrun.backends.identity import ModelIdentity
from convrun.backends.offline import reply_with
from convrun.backends.resolving import backend_for
from convrun.checks.code import Code
from convrun.checks.context import CheckContext, ErrorAnswer, Prompted, TurnView, for_conversation
from convrun.checks.registry import LISTED, check_schema, parse
from convrun.conversation.model import Model
from convrun.results import ToolCallResult, UsageResult
from convrun.spec.schema import spec_schema
from convrun.wire import Reply, Request

_DEFINITIONS = cast("Mapping[str, Any]", spec_schema(check_schema())["$defs"])
_TEXTS = st.sampled_from(["a", "NO", "2s", "$.a", "lookup", "stop", "\u00e9", "b c", "900ms", "reply == 'NO'"])
_JSON = st.sampled_from([None, True, 0, 2.5, "a", [1], {"a": 1}])
_OBJECTS = st.sampled_from([{}, {"type": "object"}, {"a": 1}, {"country": "Crumpet"}])
_CHECKS = st.sampled_from([{"contains": "a"}, {"equals": "NO"}, {"finish_reason": "stop"}, {"called": "lookup"}])


def _agrees(context: CheckContext) -> bool:
    return "a" in context.reply


def _explains(context: CheckContext) -> str | None:
    return None if context.reply else "it is empty"


def _crashes(context: CheckContext) -> None:
    raise KeyError(len(context.reply))


_CODE = st.sampled_from([Code(path=f"rules:{one.__name__}", target=one) for one in (_agrees, _explains, _crashes)])
_KNOWN = {"template": _TEXTS, "import_path": _CODE, "check": _CHECKS}


def values(kind: str) -> st.SearchStrategy[Any]:
    """Return values that a kind takes."""
    return _of(LISTED[kind]).filter(lambda value: not isinstance(parse(kind, value), tuple))


def _of(schema: Any) -> st.SearchStrategy[Any]:
    """What a schema of the registry describes; a new word in one is a mistake here, not a gap."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return _KNOWN[name] if name in _KNOWN else _of(_DEFINITIONS[name])
    if "anyOf" in schema:
        return st.one_of(*map(_of, schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    if "type" not in schema:
        return _JSON
    return _typed(schema)


def _typed(schema: Any) -> st.SearchStrategy[Any]:
    match schema["type"]:
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", 0), 12)
        case "number":
            return st.sampled_from([0, 0.5, 1, 3])
        case "string":  # a whole expression: there are no templates here
            return st.nothing() if "pattern" in schema else _TEXTS
        case "array":
            return st.lists(_of(schema["items"]), min_size=schema.get("minItems", 0), max_size=3)
        case "object":
            return _mappings(schema) if "properties" in schema else _OBJECTS
    raise AssertionError(f"no values for {schema}")


def _mappings(schema: Any) -> st.SearchStrategy[Any]:
    fields = {key: _of(inner) for key, inner in schema["properties"].items()}
    needed = {key: fields.pop(key) for key in schema.get("required", [])}
    least, most = schema.get("minProperties", 0), schema.get("maxProperties", 99)
    made = st.fixed_dictionaries(needed, optional=fields)
    if most == 1:
        return st.one_of(*(st.fixed_dictionaries({key: one}) for key, one in {**needed, **fields}.items()))
    return made.filter(lambda value: least <= len(value) <= most)


ODD = [
    "",
    "NO",
    "a" * 1_000_000,
    "word \u00e9 " * 140_000,
    "".join(map(chr, range(32))) + "\x7f\x9f",
    "\u202e\u05d0\u05d1\u0627\u200f a",
    "\ud800 a \udfff",
    '{"a": "\ud83d"}',
    "[" * 5000,
]
REPLIES = st.one_of(st.sampled_from(ODD), st.text(max_size=40))


class Grader:
    """Models that checks may ask: a judge to whom a reply with NO is right, embeddings that count some letters.

    It implements `checks.lanes.Lanes`.
    """

    def model(self, lane: str, name: str | None) -> Model:
        """Return the judge, who answers over a transport of its own."""
        identity = ModelIdentity(name=name or lane, model=name or lane, base_url="https://grader.invalid/v1")
        return Model(backend_for(identity, self, environ={}), stream=False)

    def vector(self, lane: str, name: str | None, text: str, *, part: str) -> Sequence[float]:  # noqa: ARG002  # as the seam has it
        """Return how often some letters are in a text."""
        return [float(text.count(letter)) for letter in "aNO2b\u00e9"]

    def send(self, request: Request) -> Reply:
        """Return the grade of the last turn that a judge is given."""
        *_, turn, _rubric = cast("list[Mapping[str, str]]", request.body["messages"])
        score = 1 if "NO" in json.loads(turn["content"])["reply"] else 0.2
        return reply_with(request, text=json.dumps({"reason": "its words", "score": score}))


def seen(reply: str, figures: bool) -> CheckContext:
    """Return what a conversation's checks see whose last turn has this reply, with or without known `figures`."""
    call = ToolCallResult(id="1", name="lookup", arguments={"country": "Crumpet"}, result="sunny")
    sent = [Prompted(tools=[], messages=[{"role": "user", "content": text}]) for text in ("Hi", "Hi" + reply[:1])]
    known: dict[str, Any] = {"prompted": lambda: sent, "latency_s": 0.5, "cost_usd": 0.5} if figures else {}
    usage = UsageResult(input=2, output=3) if figures else UsageResult()
    first = TurnView(index=1, reply="A", tool_calls=(call,), usage=usage, finish_reason="tool_calls", **known)
    refused = TurnView(index=2, error=ErrorAnswer(status=400, message="no"), usage=usage, **known)
    refusal = reply if figures and reply.startswith("N") else None
    last = TurnView(index=3, reply=reply, usage=usage, finish_reason="stop", refusal=refusal, **known)
    return for_conversation([first, refused, last], lanes=Grader())
