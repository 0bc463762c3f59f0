"""The JSON result: everything a run found out, for other programs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from convrun.report.counts import counts
from convrun.results import (
    BranchedOff,
    CheckResult,
    ConversationResult,
    Finding,
    Problem,
    RunResult,
    Samples,
    Staleness,
    ToolCallResult,
    TurnResult,
    UsageResult,
)
from convrun.source import Where

_Object: TypeAlias = dict[str, object]
# Lone surrogates, which no file takes, what would do something to a terminal or to the order of a line, and what would
# begin a command to GitHub's runner.
_ESCAPED = re.compile("#(?=#\\[)|[\ud800-\udfff\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def to_json(result: RunResult) -> str:
    """Return the result as JSON text, a line for each conversation; NaN is null, control characters are escaped."""
    head = _members(
        {
            "convrun": result.version,
            "started": result.started,
            "duration_s": result.duration_s,
            "exit_code": result.exit_code,
            "interrupted": result.interrupted,
            "summary": _summary(result),
            "findings": [_finding(finding) for finding in result.findings],
        }
    )
    conversations = ",\n".join(f"  {_text(_conversation(one))}" for one in result.conversations)
    listed = f"[\n{conversations}\n]" if conversations else "[]"
    return "{" + ",\n".join([*head, f' "conversations": {listed}']).lstrip() + "}"


def _members(values: _Object) -> list[str]:
    return [f" {json.dumps(key)}: {_text(value)}" for key, value in values.items()]


def _text(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        text = json.dumps(_jsonable(value), ensure_ascii=False, allow_nan=False)
    return escaped(text)


def escaped(text: str) -> str:
    """Return JSON text, equal as JSON, whose characters can be printed."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _jsonable(value: object) -> object:
    """The value with null for what is no number, and a text for what is no JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, str | int | float | bool | None):
        return value
    return [_jsonable(item) for item in value] if isinstance(value, Sequence) else repr(value)


def _summary(result: RunResult) -> _Object:
    total = counts(result)
    return {
        "conversations": total.conversations,
        **total.verdicts,
        "turns": total.turns,
        "checks": total.checks,
        "model_calls": total.model_calls,
        "live_calls": total.live_calls,
        "usage": _usage(total.usage),
        "cost_usd": total.cost_usd,
        "spent_usd": total.spent.total_usd,
    }


def _conversation(conversation: ConversationResult) -> _Object:
    return {
        "id": conversation.id,
        "spec": conversation.spec,
        "case": conversation.case,
        "model": conversation.model,
        "tags": list(conversation.tags),
        "vars": dict(conversation.vars),
        "verdict": conversation.verdict,
        "reason": conversation.reason,
        "where": where_value(conversation.where),
        "cassette": conversation.cassette,
        "model_calls": conversation.model_calls,
        "live_calls": conversation.live_calls,
        "usage": _usage(conversation.usage),
        "cost_usd": conversation.cost_usd,
        "spent_usd": conversation.spent.total_usd,
        "duration_s": conversation.duration_s,
        "error": problem_value(conversation.error),
        "stale": stale_value(conversation.stale),
        "ignored": [
            {"path": difference.path, "recorded": difference.recorded, "now": difference.now}
            for difference in conversation.ignored
        ],
        "turns": [_turn(turn) for turn in conversation.turns],
        "checks": [_check(check) for check in conversation.checks],
        "findings": [_finding(finding) for finding in conversation.findings],
        "samples": _samples(conversation.samples),
        "branch": _branch(conversation.branched),
    }


def _branch(off: BranchedOff | None) -> _Object | None:
    return None if off is None else {"trunk": off.trunk, "turn": off.turn}


def _samples(samples: Samples | None) -> _Object | None:
    if samples is None:
        return None
    return {
        "times": samples.times,
        "pass": samples.needed,
        "passed": samples.passed,
        "rate": samples.rate,
        "interval": None if samples.interval is None else list(samples.interval),
        "conversations": [_conversation(one) for one in samples.conversations],
    }


def _turn(turn: TurnResult) -> _Object:
    return {
        "index": turn.index,
        "id": turn.id,
        "verdict": turn.verdict,
        "reason": turn.reason,
        "where": where_value(turn.where),
        "user": turn.user,
        "reply": turn.reply,
        "refusal": turn.refusal,
        "model_calls": turn.model_calls,
        "finish_reason": turn.finish_reason,
        "usage": _usage(turn.usage),
        "error": problem_value(turn.error),
        "faults": list(turn.faults),
        "tool_calls": [_tool_call(call) for call in turn.tool_calls],
        "checks": [_check(check) for check in turn.checks],
    }


def _tool_call(call: ToolCallResult) -> _Object:
    return {
        "id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "result": call.result,
        "error": call.error,
    }


def _check(check: CheckResult) -> _Object:
    return {
        "kind": check.kind,
        "verdict": check.verdict,
        "info": check.info,
        "expected": check.expected,
        "actual": check.actual,
        "message": check.message,
        "comparison": list(check.comparison),
        "because": check.because,
        "where": where_value(check.where),
    }


def stale_value(stale: Staleness | None) -> _Object | None:
    """Return what differs as JSON values."""
    if stale is None:
        return None
    changes = [
        {
            "path": change.path,
            "part": change.part,
            "recorded": change.recorded,
            "now": change.now,
            "hint": change.hint,
        }
        for change in stale.changes
    ]
    return {
        "turn": stale.turn,
        "model_call": stale.model_call,
        "lane": stale.lane,
        "changes": changes,
        "breaks": list(stale.breaks),
    }


def problem_value(problem: Problem | None) -> _Object | None:
    """Return an error as JSON values."""
    if problem is None:
        return None
    return {"type": problem.type, "message": problem.message, "where": where_value(problem.where), "fix": problem.fix}


def _finding(finding: Finding) -> _Object:
    return {"kind": finding.kind, "message": finding.message, "where": where_value(finding.where), "fix": finding.fix}


def where_value(where: Where | None) -> _Object | None:
    """Return a place as JSON values."""
    return {"file": where.file, "line": where.line, "column": where.column} if where else None


def _usage(usage: UsageResult) -> _Object:
    return {"input": usage.input, "output": usage.output}
