"""The kinds of checks that are not made of others: what reads each one's value, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Literal, TypeAlias, cast

from convrun.checks import shapes
from convrun.checks.check import Check, Path
from convrun.checks.reader import Reader
from convrun.frozen import frozen
from convrun.values import JsonObject

Read: TypeAlias = Callable[[Reader, object, Path], Check]
Family: TypeAlias = Literal["text", "calls", "figure", "code", "model", "combined"]


@frozen
class Kind:
    """A kind of check: what reads its value, what it looks like as JSON Schema, and when it holds, in a sentence.

    Without a `shape` it is the key of a turn, never one of a list nor within another: the spec says what it looks like.
    `family` is what it looks at: the reply, the calls, a figure; or it runs a user's `code`, asks a `model`, or is
    `combined` of others. `literal`: no text in its value is a template; `code`: an import path in it names code.
    """

    read: Read
    about: str
    family: Family = "text"
    shape: JsonObject | None = None
    literal: bool = False
    code: bool = False


def _late(place: str) -> Read:
    """What reads a value by a `module:function` of the catalogue: only what a spec needs is loaded."""

    def read(reader: Reader, value: object, path: Path) -> Check:
        return _function(place)(reader, value, path)

    return read


@cache
def _function(place: str) -> Read:
    module, _, name = place.partition(":")
    return cast(Read, getattr(import_module(f"{__package__}.catalogue.{module}"), name))


LEAVES: dict[str, Kind] = {
    "equals": Kind(
        read=_late("text:read_equals"),
        shape=shapes.TEXT,
        about="The reply is this text; white space at both ends does not count.",
    ),
    "contains": Kind(read=_late("text:read_contains"), shape=shapes.TEXT, about="The reply has this text in it."),
    "icontains": Kind(
        read=_late("containing:read_icontains"),
        shape=shapes.TEXT,
        about="The reply has this text in it, in upper or lower case.",
    ),
    "starts_with": Kind(
        read=_late("ends:read_starts_with"),
        shape=shapes.TEXT,
        about="The reply begins with this text.",
    ),
    "ends_with": Kind(
        read=_late("ends:read_ends_with"),
        shape=shapes.TEXT,
        about="The reply ends with this text.",
    ),
    "contains_all": Kind(
        read=_late("containing:read_contains_all"),
        shape=shapes.TEXTS,
        about="The reply has each of these texts in it.",
    ),
    "contains_any": Kind(
        read=_late("containing:read_contains_any"),
        shape=shapes.TEXTS,
        about="The reply has at least one of these texts in it.",
    ),
    "one_of": Kind(
        read=_late("text:read_one_of"),
        shape=shapes.TEXTS,
        about="The reply is one of these; white space at both ends does not count.",
    ),
    "matches": Kind(
        read=_late("text:read_matches"), shape=shapes.TEXT, about="This regular expression is found in the reply."
    ),
    "words": Kind(
        family="figure",
        read=_late("lengths:read_words"),
        shape=shapes.WORDS,
        about="The reply has so many words: runs between white space.",
    ),
    "chars": Kind(
        family="figure",
        read=_late("lengths:read_chars"),
        shape=shapes.CHARS,
        about="The reply has so many characters: code points.",
    ),
    "similar": Kind(
        read=_late("similarity:read_similar"),
        shape=shapes.SIMILAR,
        about="The reply is much like this text, whatever the order of the words.",
    ),
    "refusal": Kind(
        family="figure",
        read=_late("refusal:read_refusal"),
        shape=shapes.REFUSAL,
        about="The model refused, as the provider says, or did not; with phrases also where the reply has one of them.",
    ),
    "json": Kind(
        read=_late("json_path:read_json_check"),
        shape=shapes.JSON,
        about="The reply is JSON; with a path: something is there, and all of it meets the conditions.",
    ),
    "json_schema": Kind(
        read=_late("json_schema:read_json_schema"),
        shape=shapes.SCHEMA,
        about="The reply is JSON that validates: against a schema, {file: …}, or a pydantic model's import path.",
        literal=True,
        code=True,
    ),
    "called": Kind(
        family="calls",
        read=_late("calls:read_called"),
        shape=shapes.CALLED,
        about="A tool was called, so often, with such arguments and result.",
    ),
    "not_called": Kind(
        family="calls",
        read=_late("calls:read_not_called"),
        shape=shapes.TEXT_OR_TEXTS,
        about="These tools were not called; any: no tool was.",
    ),
    "calls": Kind(
        family="calls", read=_late("calls:read_calls"), shape=shapes.CALLS, about="The tool calls as a whole."
    ),
    "finish_reason": Kind(
        family="figure",
        read=_late("finish_reason:read_finish_reason"),
        shape=shapes.TEXT_OR_TEXTS,
        about="Why the last model call ended: stop, length, tool_calls, content_filter.",
    ),
    "tokens": Kind(
        family="figure",
        read=_late("figures:read_tokens"),
        shape=shapes.TOKENS,
        about="The model calls took so many tokens, as recorded.",
    ),
    "cost": Kind(
        family="figure",
        read=_late("figures:read_cost"),
        shape=shapes.COST,
        about="The model calls cost so many US dollars at most, by the prices at the time of the recording.",
    ),
    "latency": Kind(
        family="figure",
        read=_late("figures:read_latency"),
        shape=shapes.LATENCY,
        about="The model took so long at most for all calls together, as recorded.",
    ),
    "model_calls": Kind(
        family="figure",
        read=_late("figures:read_model_calls"),
        shape=shapes.MODEL_CALLS,
        about="The model was called so often.",
    ),
    "prefix_stable": Kind(
        family="figure",
        read=_late("prefix_stable:read_prefix_stable"),
        shape=shapes.TRUE,
        about="Each request extends the one before: the provider's prompt cache stays warm.",
    ),
    "that": Kind(
        read=_late("that:read_that"),
        shape=shapes.EXPRESSION,
        about="This Jinja2 expression is true, as usage.output < 100 and 'Oslo' in reply; it is no template.",
        literal=True,
    ),
    "judge": Kind(
        family="model",
        read=_late("judge:read_judge"),
        shape=shapes.JUDGE,
        about="A model gives the reply, or the whole conversation, at least this score by a rubric.",
    ),
    "means": Kind(
        family="model",
        read=_late("means:read_means"),
        shape=shapes.MEANS,
        about="The reply means about the same as this text, by the embeddings of both.",
    ),
    "python": Kind(
        family="code",
        read=_late("python:read_python"),
        shape=shapes.IMPORT_PATH,
        about="A function agrees; it is given the context, and returns true, false or a text that says why not.",
        literal=True,
        code=True,
    ),
}
EXPECT_ERROR = Kind(
    family="figure",
    read=_late("expected_error:read_expected_error"),
    about="The provider refuses, with this status and message.",
)
