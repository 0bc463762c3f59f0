"""Results built by hand, as the reports' tests show them."""

from __future__ import annotations

from convrun.results import (
    Change,
    CheckResult,
    ConversationResult,
    Finding,
    IgnoredDifference,
    Problem,
    RunResult,
    Staleness,
    ToolCallResult,
    TurnResult,
    UsageResult,
)
from convrun.source import Where

SPEC = "specs/crumpet.yaml"
CALL = ToolCallResult(id="call_1_1", name="lookup_population", arguments={"country": "Crumpet"}, result="123124")
CALLED = CheckResult(
    kind="called", verdict="passed", expected="lookup_population", where=Where(file=SPEC, line=9, column=9)
)
FIRST = TurnResult(
    index=1,
    verdict="passed",
    user="Can the country of Crumpet have dragons?",
    reply="YES",
    model_calls=2,
    finish_reason="stop",
    usage=UsageResult(input=100, output=10),
    tool_calls=(CALL,),
    checks=(CALLED,),
)
MATCHES = CheckResult(
    kind="matches",
    verdict="failed",
    expected="^(YES|NO)$",
    actual="Maybe.\nWho knows?",
    message="the pattern is not found in the reply",
    because="the next program reads one word",
    where=Where(file=SPEC, line=12, column=9, text="      - matches: '^(YES|NO)$'", width=7),
)
SECOND = TurnResult(
    index=2,
    id="second",
    verdict="failed",
    user="You said YES about Crumpet. Sure?",
    reply="Maybe.\nWho knows?",
    model_calls=1,
    finish_reason="stop",
    usage=UsageResult(input=50, output=5),
    checks=(MATCHES,),
)
PASSED = ConversationResult(
    id=f"{SPEC}::paris",
    spec=SPEC,
    case="paris",
    verdict="passed",
    model="gpt-4.1-mini",
    tags=("smoke",),
    vars={"city": "Paris"},
    cassette="cassettes/crumpet/paris.yaml",
    model_calls=2,
    usage=UsageResult(input=100, output=10),
    duration_s=0.0123,
    turns=(FIRST,),
    where=Where(file=SPEC, line=20, column=5),
)
FAILED = ConversationResult(
    id=f"{SPEC}::rome & co",
    spec=SPEC,
    case="rome & co",
    verdict="failed",
    model="gpt-4.1-mini",
    cassette="cassettes/crumpet/rome.yaml",
    model_calls=3,
    usage=UsageResult(input=150, output=15),
    duration_s=1.25,
    turns=(FIRST, SECOND, TurnResult(index=3, verdict="skipped", reason="turn 2 failed")),
    ignored=(IgnoredDifference(path="/metadata/run_id", recorded="a", now="b"),),
)
CRASH = Problem(
    type="ToolTimeoutError",
    message="the tool 'sleep' did not return within 1 s",
    where=Where(file="specs/slow.yaml", line=4, column=5, text="  - user: Sleep", width=4),
    fix="raise tool_timeout, or mend the tool",
    details="Traceback (most recent call last):\n  File ...",
)
ERROR = ConversationResult(
    id="specs/slow.yaml",
    spec="specs/slow.yaml",
    verdict="error",
    model="gpt-4.1-mini",
    model_calls=1,
    error=CRASH,
    turns=(TurnResult(index=1, verdict="error", user="Sleep", model_calls=1, error=CRASH),),
)
PROMPT = Change(
    path="/messages/0/content",
    part="system prompt",
    recorded="Answer with YES or NO.\nBe brief.",
    now="Answer with only YES or NO.\nBe brief.",
)
STALE = ConversationResult(
    id="specs/old.yaml::a",
    spec="specs/old.yaml",
    case="a",
    verdict="stale",
    cassette="cassettes/old/a.yaml",
    model_calls=1,
    usage=UsageResult(input=1, output=1),
    stale=Staleness(turn=1, model_call=1, changes=(PROMPT,), breaks=("turn 2, call 1: city is no longer a parameter",)),
    turns=(
        TurnResult(
            index=1,
            verdict="stale",
            user="Hi",
            reply="Hello",
            model_calls=1,
            checks=(
                CheckResult(kind="contains", verdict="failed", info=True, expected="Bye", actual="Hello"),
                CheckResult(kind="equals", verdict="passed", info=True, expected="Hello"),
            ),
        ),
    ),
)
STALE_TOO = ConversationResult(
    id="specs/old.yaml::b",
    spec="specs/old.yaml",
    case="b",
    verdict="stale",
    cassette="cassettes/old/b.yaml",
    stale=Staleness(turn=2, model_call=1, changes=(PROMPT,)),
)
MISSING = ConversationResult(
    id="specs/new.yaml", spec="specs/new.yaml", verdict="missing", cassette="cassettes/new.yaml"
)
SKIPPED = ConversationResult(id="specs/later.yaml", spec="specs/later.yaml", verdict="skipped", reason="no dragons yet")
UNCHECKED = ConversationResult(
    id="specs/free.yaml",
    spec="specs/free.yaml",
    verdict="unchecked",
    turns=(TurnResult(index=1, verdict="passed", user="Hi", reply="Hello"),),
    findings=(Finding(kind="unchecked", message="nothing is asserted", fix="add an `expect`"),),
)
EVERYTHING = (PASSED, FAILED, ERROR, STALE, STALE_TOO, MISSING, SKIPPED, UNCHECKED)


def run(*conversations: ConversationResult, exit_code: int = 0, interrupted: bool = False) -> RunResult:
    """Return a run of these conversations."""
    return RunResult(
        version="0.1.0",
        started="2026-11-23T01:02:03+00:00",
        duration_s=0.5,
        exit_code=exit_code,
        conversations=conversations,
        interrupted=interrupted,
        command="convrun run -D city=Rome",
    )


RUN = run(*EVERYTHING, exit_code=4)
