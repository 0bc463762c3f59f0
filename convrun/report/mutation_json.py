"""What mutating recordings found out, as JSON, and the schema of that."""

from __future__ import annotations

import json

from convrun.mutation import FAMILIES, Gap, MutationResult, Score, Scores, Survivor
from convrun.report.json_result import escaped, problem_value, where_value
from convrun.report.schema_parts import (
    ANYTHING,
    COUNT,
    DIALECT,
    FROM_ONE,
    PROBLEM,
    TEXT,
    TEXT_OR_NULL,
    WHERE,
    closed,
    list_of,
    or_null,
    ref,
)
from convrun.values import Json, JsonObject

_RATE: JsonObject = {"type": ["number", "null"], "minimum": 0, "maximum": 1}


def mutation_json(found: MutationResult, *, version: str, exit_code: int, least: float | None) -> str:
    """Return all of it as JSON text; `version` is convrun's, `least` the score that is wanted."""
    value = {
        "convrun": version,
        "exit_code": exit_code,
        "min_score": least,
        "score": _score(found.total),
        "families": _scores(found.scores),
        "conversations": [
            {"id": one.id, "spec": one.spec, "families": _scores(one.scores)} for one in found.conversations
        ],
        "gaps": [_gap(gap) for gap in found.gaps],
        "not_mutated": [
            {"id": one.id, "why": one.why, "where": where_value(one.where), "error": problem_value(one.problem)}
            for one in found.passed_over
        ],
        "known_failures": [where_value(where) for where in found.known_failures],
        "simulated": [where_value(where) for where in found.simulated],
        "not_asked": [{"kind": one.kind, "why": one.why, "where": where_value(one.where)} for one in found.unjudged],
    }
    return escaped(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def _scores(scores: Scores) -> dict[str, object]:
    return {family: _score(scores[family]) for family in FAMILIES if family in scores}


def _score(score: Score) -> dict[str, object]:
    return {"killed": score.killed, "all": score.all, "rate": score.rate}


def _gap(gap: Gap) -> dict[str, object]:
    return {
        "spec": gap.spec,
        "where": where_value(gap.where),
        "turns": list(gap.turns),
        "check": gap.check,
        "under": "each_turn" if gap.each_turn else "expect",
        "survivors": [_survivor(one) for one in gap.survivors],
    }


def _survivor(one: Survivor) -> dict[str, object]:
    return {
        "conversation": one.conversation,
        "turn": one.turn,
        "family": one.family,
        "operator": one.operator,
        "part": one.difference.part,
        "recorded": one.difference.old,
        "mutant": one.difference.new,
    }


_SCORE = closed(
    {
        "killed": (COUNT, "Changes that a check notices."),
        "all": (COUNT, "Changes that were made."),
        "rate": (_RATE, "The part that is noticed; null where nothing was changed."),
    }
)
_SCORES: JsonObject = {
    "type": "object",
    "properties": {family: {"$ref": "#/$defs/score", "description": f"Changes: {family}."} for family in FAMILIES},
    "additionalProperties": False,
}
_SURVIVOR = closed(
    {
        "conversation": (TEXT, "The id of the conversation."),
        "turn": (FROM_ONE, "The turn's number."),
        "family": ({"enum": [*FAMILIES]}, "What was changed."),
        "operator": (TEXT, "How it was changed, as call dropped."),
        "part": (TEXT, "Where it was changed."),
        "recorded": (ANYTHING, "What was recorded there; null: nothing."),
        "mutant": (ANYTHING, "What was put in its place; null: nothing."),
    }
)
_GAP = closed(
    {
        "spec": (TEXT, "The spec's path below the root."),
        "where": (or_null("where"), "The first of its turns."),
        "turns": (list_of(FROM_ONE), "The numbers of its turns."),
        "check": (TEXT_OR_NULL, "A check, as YAML, that notices all of these; null: none was found."),
        "under": ({"enum": ["expect", "each_turn"]}, "Where it goes: into the turn, or into the spec."),
        "survivors": (list_of(_SURVIVOR), "Changes that no check notices."),
    }
)
_PASSED_OVER = closed(
    {
        "id": (TEXT, "The id of the conversation."),
        "why": (TEXT, "Why it was left as it is."),
        "where": (or_null("where"), "Its line in the spec."),
        "error": (or_null("problem"), "What keeps its cassette from being read."),
    }
)
_NOT_ASKED = closed(
    {
        "kind": (TEXT_OR_NULL, "The kind of check; null: all of the conversation's own."),
        "why": (TEXT, "Why it cannot be asked."),
        "where": (or_null("where"), "Where it is written."),
    }
)


def mutation_schema() -> JsonObject:
    """Return the JSON Schema (2020-12) of what `convrun mutate` writes."""
    body = closed(
        {
            "convrun": (TEXT, "The version of convrun."),
            "exit_code": (COUNT, "What the process ended with."),
            "min_score": (_RATE, "The score that was wanted."),
            "score": (ref("score"), "All changes."),
            "families": (_SCORES, "The same by what was changed."),
            "conversations": (
                list_of(
                    closed(
                        {
                            "id": (TEXT, "The conversation's id."),
                            "spec": (TEXT, "The spec's path below the root."),
                            "families": (_SCORES, "Its changes, by what was changed."),
                        }
                    )
                ),
                "The conversations that were mutated, in order.",
            ),
            "gaps": (list_of(_GAP), "What no check notices, by the check that would; the largest first."),
            "not_mutated": (list_of(_PASSED_OVER), "Conversations that were left as they are."),
            "known_failures": (list_of(ref("where")), "Turns that were left as they are: they are known to fail."),
            "simulated": (
                list_of(ref("where")),
                "Simulated users: but for their last, their turns were left as they are.",
            ),
            "not_asked": (list_of(_NOT_ASKED), "Checks that may notice more."),
        }
    )
    about: Json = "What `convrun mutate --report json` writes. Every number that counts begins at 1."
    definitions: JsonObject = {"problem": PROBLEM, "score": _SCORE, "where": WHERE}
    return {"$schema": DIALECT, "title": "A convrun mutation score", "description": about, **body, "$defs": definitions}
