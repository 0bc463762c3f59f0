"""The JSON result: the documented keys, valid JSON whatever was said."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from report_samples import EVERYTHING, FIRST, PASSED, RUN, SECOND, STALE, run

from convrun.report.json_result import to_json
from convrun.results import CheckResult, Finding, Spending, UsageResult
from convrun.source import Where


def test_the_keys_are_the_documented_ones():
    """Every key of the documented result is there, at its place."""
    result = json.loads(to_json(RUN))
    assert result.keys() >= {
        "convrun", "started", "duration_s", "exit_code", "summary", "findings", "conversations",
    }  # fmt: skip
    assert result["summary"].keys() == {
        "conversations", "passed", "failed", "stale", "missing", "error", "skipped", "unchecked", "turns", "checks",
        "model_calls", "live_calls", "usage", "cost_usd", "spent_usd",
    }  # fmt: skip
    conversation = result["conversations"][0]
    assert conversation.keys() >= {
        "id", "spec", "case", "model", "tags", "vars", "verdict", "cassette", "model_calls", "live_calls", "usage",
        "cost_usd", "spent_usd", "duration_s", "error", "stale", "turns", "checks", "findings", "samples",
    }  # fmt: skip
    turn = conversation["turns"][0]
    assert turn.keys() >= {
        "index", "id", "verdict", "user", "reply", "model_calls", "finish_reason", "usage", "error", "tool_calls",
        "checks",
    }  # fmt: skip
    assert turn["tool_calls"] == [
        {
            "id": "call_1_1",
            "name": "lookup_population",
            "arguments": {"country": "Crumpet"},
            "result": "123124",
            "error": None,
        }
    ]
    assert turn["checks"][0].keys() == {
        "kind", "verdict", "info", "expected", "actual", "message", "comparison", "because", "where",
    }  # fmt: skip
    assert turn["checks"][0]["where"] == {"file": "specs/crumpet.yaml", "line": 9, "column": 9}


def test_the_summary_is_computed_from_the_conversations():
    """Verdicts, turns that ran, checks by standing, calls and usage add up."""
    summary = json.loads(to_json(RUN))["summary"]
    assert summary == {
        "conversations": 8, "passed": 1, "failed": 1, "stale": 2, "missing": 1, "error": 1, "skipped": 1,
        "unchecked": 1, "turns": 6, "checks": {"passed": 2, "failed": 1, "error": 0, "stale": 0, "info": 2},
        "model_calls": 7, "live_calls": 0, "usage": {"input": None, "output": None}, "cost_usd": None, "spent_usd": 0.0,
    }  # fmt: skip


def test_usage_is_a_sum_only_where_all_of_it_is_known():
    """Recorded tokens add up; one unknown makes the sum unknown; what made no calls does not matter."""
    known = replace(PASSED, model_calls=1, usage=UsageResult(input=7, output=None))
    idle = replace(PASSED, model_calls=0, usage=UsageResult())
    usage = json.loads(to_json(run(PASSED, known, idle)))["summary"]["usage"]
    assert usage == {"input": 107, "output": None}


def test_money_is_null_where_it_is_not_known():
    """Offline nothing was spent; what live calls cost is not known."""
    assert json.loads(to_json(run(PASSED)))["summary"]["spent_usd"] == 0.0
    known = json.loads(to_json(run(replace(PASSED, live_calls=2, spent=Spending(usd=0.25, tokens=5)), PASSED)))
    assert known["summary"]["spent_usd"] == 0.25
    assert [one["spent_usd"] for one in known["conversations"]] == [0.25, 0.0]
    for spent in (Spending(usd=0.25, unpriced=1), Spending(usd=0.25, untold=1, more_usd=0.5)):
        result = json.loads(to_json(run(replace(PASSED, live_calls=2, spent=spent), PASSED)))
        assert (result["summary"]["spent_usd"], result["conversations"][0]["spent_usd"]) == (None, None)


def test_stale_and_errors_are_told_in_full():
    """The change with its hint and what it breaks, and where an error stands, are in the result."""
    by_id = {conversation["id"]: conversation for conversation in json.loads(to_json(RUN))["conversations"]}
    assert by_id[STALE.id]["stale"] == {
        "turn": 1,
        "model_call": 1,
        "lane": None,
        "changes": [
            {
                "path": "/messages/0/content",
                "part": "system prompt",
                "recorded": "Answer with YES or NO.\nBe brief.",
                "now": "Answer with only YES or NO.\nBe brief.",
                "hint": None,
            }
        ],
        "breaks": ["turn 2, call 1: city is no longer a parameter"],
    }
    error = by_id["specs/slow.yaml"]["error"]
    assert error["type"] == "ToolTimeoutError"
    assert error["where"] == {"file": "specs/slow.yaml", "line": 4, "column": 5}
    assert by_id["specs/later.yaml"]["turns"] == []
    assert by_id["specs/later.yaml"]["reason"] == "no dragons yet"


def test_what_is_no_json_becomes_json():
    """NaN and infinities become null, lone surrogates are escaped, all else is kept in UTF-8."""
    check = CheckResult(kind="json", verdict="failed", expected=[math.nan, {"x": math.inf}], actual="Grüße \ud83d 😀")
    text = to_json(run(replace(PASSED, turns=(replace(FIRST, reply="\udc80", checks=(check,)),))))
    assert "NaN" not in text
    assert "Grüße \\ud83d 😀" in text
    text.encode("utf-8")
    turn = json.loads(text)["conversations"][0]["turns"][0]
    assert turn["checks"][0]["expected"] == [None, {"x": None}]
    assert turn["reply"] == "\udc80"


def test_a_line_is_a_conversation():
    """Each conversation is one line, so that results can be read and compared line by line."""
    lines = to_json(RUN).splitlines()
    assert sum(line.startswith('  {"id": ') for line in lines) == len(EVERYTHING)
    assert to_json(run()).endswith('"conversations": []}')


def test_findings_stand_on_both_levels():
    """A finding of a conversation stands with it, any other at the top."""
    finding = Finding(kind="unplayed", message="m", where=Where(file="f", line=1), fix="prune")
    result = json.loads(to_json(replace(run(replace(PASSED, findings=(finding,))), findings=(finding,))))
    wanted = {"kind": "unplayed", "message": "m", "where": {"file": "f", "line": 1, "column": None}, "fix": "prune"}
    assert result["findings"] == result["conversations"][0]["findings"] == [wanted]


def test_a_check_of_a_stale_turn_is_never_counted_as_passed():
    """Even a check without the info mark counts as stale where its turn is."""
    turn = replace(SECOND, verdict="stale", checks=(CheckResult(kind="equals", verdict="passed"),))
    checks = json.loads(to_json(run(replace(STALE, turns=(turn,)))))["summary"]["checks"]
    assert checks == {"passed": 0, "failed": 0, "error": 0, "stale": 1, "info": 0}
