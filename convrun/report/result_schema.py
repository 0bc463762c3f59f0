"""The JSON Schema of the JSON result: what `json_result` writes, key by key."""

from __future__ import annotations

from typing import get_args

from convrun.report.schema_parts import ANYTHING as _ANYTHING
from convrun.report.schema_parts import COUNT as _COUNT
from convrun.report.schema_parts import COUNT_OR_NULL as _COUNT_OR_NULL
from convrun.report.schema_parts import DIALECT as _DIALECT
from convrun.report.schema_parts import DOLLARS as _DOLLARS
from convrun.report.schema_parts import FROM_ONE as _FROM_ONE
from convrun.report.schema_parts import PROBLEM as _PROBLEM
from convrun.report.schema_parts import SECONDS as _SECONDS
from convrun.report.schema_parts import TEXT as _TEXT
from convrun.report.schema_parts import TEXT_OR_NULL as _TEXT_OR_NULL
from convrun.report.schema_parts import WHERE as _WHERE
from convrun.report.schema_parts import closed as _closed
from convrun.report.schema_parts import list_of as _list_of
from convrun.report.schema_parts import or_null as _or_null
from convrun.report.schema_parts import ref as _ref
from convrun.results import CheckVerdict, Verdict
from convrun.values import Json, JsonObject

_VERDICT: JsonObject = {"enum": [*get_args(Verdict)]}
_USAGE = _closed(
    {
        "input": (_COUNT_OR_NULL, "Tokens that were sent; null where a provider said nothing."),
        "output": (_COUNT_OR_NULL, "Tokens that came back; null where a provider said nothing."),
    }
)
_FINDING = _closed(
    {
        "kind": (
            _TEXT,
            "unchecked, unplayed, secret, uncalled, unfired, weak or orphaned; mistake where nothing ran.",
        ),
        "message": (_TEXT, "The same in words."),
        "where": (_or_null("where"), "Where."),
        "fix": (_TEXT_OR_NULL, "How to mend it."),
    }
)
_CHECK = _closed(
    {
        "kind": (_TEXT, "The kind of check."),
        "verdict": ({"enum": [*get_args(CheckVerdict)]}, "Whether it held."),
        "info": ({"type": "boolean"}, "true: it does not count."),
        "expected": (_ANYTHING, "The check's value, rendered."),
        "actual": (_ANYTHING, "What it looked at."),
        "message": (_TEXT, "What was expected and what was there; empty where it held."),
        "comparison": (_list_of(_TEXT), "Lines that set expected against actual, where a failure needs more."),
        "because": (_TEXT_OR_NULL, "The spec's own words on why it matters."),
        "where": (_or_null("where"), "Where it is written."),
    }
)
_CALL = _closed(
    {
        "id": (_TEXT, "The id of the call."),
        "name": (_TEXT, "The tool."),
        "arguments": (_ANYTHING, "The arguments; a text where they are no JSON object."),
        "result": (_TEXT_OR_NULL, "What the model was told; null where the tool did not run."),
        "error": (_TEXT_OR_NULL, "What the tool raised."),
    }
)
_CHANGE = _closed(
    {
        "path": (_TEXT, "A JSON pointer into the request."),
        "part": (_TEXT, "The same for people, as system prompt."),
        "recorded": (_ANYTHING, "What was recorded."),
        "now": (_ANYTHING, "What would be sent now."),
        "hint": (_TEXT_OR_NULL, "What would settle it."),
    }
)
_STALE = _closed(
    {
        "turn": (_FROM_ONE, "The first turn that is not the recorded one."),
        "model_call": (_FROM_ONE, "The model call in it."),
        "lane": (
            _TEXT_OR_NULL,
            "The kind of the check that asks it; user: a simulated user is asked it; null: the conversation itself.",
        ),
        "changes": (_list_of(_CHANGE), "The parts that differ."),
        "breaks": (_list_of(_TEXT), "Recorded tool calls that today's signatures no longer take."),
    }
)
_IGNORED = _closed(
    {
        "path": (_TEXT, "A JSON pointer of cassette.ignore."),
        "recorded": (_ANYTHING, "What was recorded."),
        "now": (_ANYTHING, "What is sent now."),
    }
)
_TURN = _closed(
    {
        "index": (_FROM_ONE, "The turn's number."),
        "id": (_TEXT_OR_NULL, "The turn's id in the spec."),
        "verdict": (_VERDICT, "The turn's verdict."),
        "reason": (_TEXT_OR_NULL, "Why it was skipped."),
        "where": (_or_null("where"), "Where it is written."),
        "user": (_TEXT, "What the user said."),
        "reply": (_TEXT_OR_NULL, "The text of the last model call."),
        "refusal": (_TEXT_OR_NULL, "The model's own words for refusing."),
        "model_calls": (_COUNT, "Model calls of the turn."),
        "finish_reason": (_TEXT_OR_NULL, "Why the last model call ended."),
        "usage": (_ref("usage"), "Tokens of the turn."),
        "error": (_or_null("problem"), "What ended it, or the error it expected."),
        "faults": (_list_of(_TEXT), "The faults of the spec that were injected in it, in words."),
        "tool_calls": (_list_of(_CALL), "The tool calls, in order."),
        "checks": (_list_of(_ref("check")), "The checks of the turn."),
    }
)
_BRANCH = _closed(
    {
        "trunk": (_TEXT, "The id of the conversation that it branched off, whose recording holds its beginning."),
        "turn": (_FROM_ONE, "The last turn that both have."),
    }
)
_PART: JsonObject = {"type": "number", "minimum": 0, "maximum": 1}
_SAMPLES = _closed(
    {
        "times": (_FROM_ONE, "How many samples there are."),
        "pass": (_FROM_ONE, "How many of them must pass."),
        "passed": (_COUNT_OR_NULL, "How many passed; null where not all were judged, as where one is stale."),
        "rate": ({**_PART, "type": ["number", "null"]}, "The part that passed; null as `passed` is."),
        "interval": (
            {"type": ["array", "null"], "items": _PART, "minItems": 2, "maxItems": 2},
            "The 95 % confidence interval of the rate (Wilson's), its bounds; null where there is no rate.",
        ),
        "conversations": (
            _list_of(_ref("conversation")),
            "The samples, in order, each as a conversation by itself; of an interrupted run those that are over.",
        ),
    }
)
_CONVERSATION = _closed(
    {
        "id": (_TEXT, "The conversation's id; a group of samples has that of the first."),
        "spec": (_TEXT, "The spec's path below the root."),
        "case": (_TEXT_OR_NULL, "The case's id."),
        "model": (_TEXT_OR_NULL, "The model's name."),
        "tags": (_list_of(_TEXT), "The spec's tags."),
        "vars": ({"type": "object"}, "The values that templates had."),
        "verdict": (
            _VERDICT,
            "The worst of its turns and checks; of a group the worst of error, stale and missing, else by `pass`.",
        ),
        "reason": (_TEXT_OR_NULL, "Why it was skipped; of a missing branch, what of its beginning is missing."),
        "where": (_or_null("where"), "Its line in the spec."),
        "cassette": (_TEXT_OR_NULL, "Where its recording is or would be; of a group that of sample 1."),
        "model_calls": (_COUNT, "Model calls of all turns; of a group those of all samples, as all figures here."),
        "live_calls": (_COUNT, "Those that went to a provider."),
        "usage": (_ref("usage"), "Tokens of all turns."),
        "cost_usd": (_DOLLARS, "What the model calls cost when they were recorded; null where one is unknown."),
        "spent_usd": (_DOLLARS, "What its live calls cost in this run; null where it is unknown."),
        "duration_s": (_SECONDS, "How long it ran, in seconds."),
        "error": (_or_null("problem"), "What ended it; of a group the first sample that ended so."),
        "stale": (
            {"anyOf": [_STALE, {"type": "null"}]},
            "Where the recording stopped matching; of a group the first.",
        ),
        "ignored": (_list_of(_IGNORED), "Differences that cassette.ignore let pass; of a group each once."),
        "turns": (_list_of(_ref("turn")), "The turns that were reached; none of a group: they stand in its samples."),
        "checks": (_list_of(_ref("check")), "The conversation's own checks; those of a group stand in its samples."),
        "findings": (
            _list_of(_ref("finding")),
            "What keeps it from being trusted, and is not wrong yet; of a group each once.",
        ),
        "samples": (
            {"anyOf": [_SAMPLES, {"type": "null"}]},
            "The samples of a group; null for a conversation that is none.",
        ),
        "branch": (
            {"anyOf": [_BRANCH, {"type": "null"}]},
            "What a branch goes on from: `turns` are those behind it; null for a conversation that is none.",
        ),
    }
)
_SUMMARY = _closed(
    {
        "conversations": (_COUNT, "How many there are."),
        **{verdict: (_COUNT, f"Conversations whose verdict is {verdict}.") for verdict in get_args(Verdict)},
        "turns": (_COUNT, "Turns that ran."),
        "checks": (
            _closed({name: (_COUNT, f"Checks: {name}.") for name in ("passed", "failed", "error", "stale", "info")}),
            "Checks by what they count as.",
        ),
        "model_calls": (_COUNT, "Model calls."),
        "live_calls": (_COUNT, "Those that went to a provider."),
        "usage": (_ref("usage"), "Tokens of all conversations."),
        "cost_usd": (_DOLLARS, "What the model calls cost when they were recorded; null where one is unknown."),
        "spent_usd": (_DOLLARS, "What this run cost; null where it is unknown."),
    }
)


def result_schema() -> JsonObject:
    """Return the JSON Schema (2020-12) of the JSON result."""
    definitions: JsonObject = {
        "check": _CHECK,
        "conversation": _CONVERSATION,
        "finding": _FINDING,
        "problem": _PROBLEM,
        "turn": _TURN,
        "usage": _USAGE,
        "where": _WHERE,
    }
    body = _closed(
        {
            "convrun": (_TEXT, "The version of convrun."),
            "started": ({"type": "string", "format": "date-time"}, "When the run began (ISO 8601)."),
            "duration_s": (_SECONDS, "How long it took, in seconds."),
            "exit_code": (_COUNT, "What the process ended with."),
            "interrupted": ({"type": "boolean"}, "Whether it was interrupted."),
            "summary": (_SUMMARY, "The sums."),
            "findings": (_list_of(_ref("finding")), "Findings that belong to no single conversation."),
            "conversations": (
                _list_of(_ref("conversation")),
                "The conversations, in order; a group is one.",
            ),
        }
    )
    about: Json = "What `convrun run --report json` writes. Every number that counts begins at 1."
    return {"$schema": _DIALECT, "title": "A convrun result", "description": about, **body, "$defs": definitions}
