"""What the tests of checks share: a turn to judge, and judging in one word."""

from __future__ import annotations

from typing import Any

from convrun.checks.context import CheckContext, TurnView, for_turn
from convrun.checks.evaluation import judge
from convrun.checks.explaining import paths, texts, trajectory
from convrun.checks.registry import parse
from convrun.results import CheckResult, ToolCallResult

EXPLAINING = (paths, texts, trajectory)  # loaded late elsewhere: examples of a property test have little time
LOOKUP = ToolCallResult(
    id="1",
    name="lookup",
    arguments={"country": "Crumpet", "limit": 3, "deep": {"a": 1, "b": [1, 2]}},
    result='{"p": 5}',
)
SECOND_LOOKUP = ToolCallResult(id="2", name="lookup", arguments={"country": "Scone"}, result="sunny")
BROKEN = ToolCallResult(id="3", name="add", arguments={}, result="Error: KeyError: 'x'", error="KeyError: 'x'")
CALLS = (LOOKUP, SECOND_LOOKUP, BROKEN)
LISTED = "the calls were lookup(country='Crumpet', limit=3, deep={'a': 1, 'b': [1, 2]}), lookup(country='Scone'), add()"
WITH_RESULTS = (  # where it matters what came of a call
    "the calls were lookup(country='Crumpet', limit=3, deep={'a': 1, 'b': [1, 2]}) returning '{\"p\": 5}', "
    "lookup(country='Scone') returning 'sunny', add() returning \"Error: KeyError: 'x'\""
)


def turn(
    reply: str = "NO", calls: tuple[ToolCallResult, ...] = CALLS, finish_reason: str | None = "stop"
) -> CheckContext:
    """Return what the checks of a turn see."""
    return for_turn([TurnView(index=1, reply=reply, tool_calls=calls, finish_reason=finish_reason)])


def figures(**view: Any) -> CheckContext:
    """Return what the checks of a turn see whose view has these fields."""
    return for_turn([TurnView(index=1, **view)])


def judged(kind: str, value: object, context: CheckContext | None = None, **names: object) -> CheckResult:
    """Return the result of a check."""
    return judge(kind, value, names, context or turn())


def message(kind: str, value: object, context: CheckContext | None = None) -> str:
    """Return a check's message: empty where it passes; a check that cannot be judged is a mistake of the test."""
    result = judged(kind, value, context)
    assert result.verdict == ("failed" if result.message else "passed")
    return result.message


def mistakes(kind: str, value: object) -> list[tuple[tuple[str | int, ...], str, str | None]]:
    """Return path, text and fix of every mistake in a check's value."""
    parsed = parse(kind, value)
    assert isinstance(parsed, tuple), f"{kind} takes {value!r}"
    return [(problem.path, problem.what, problem.fix) for problem in parsed]


def assert_is_yes(context: CheckContext) -> None:
    """Assert without words."""
    assert context.reply == "YES"


def assert_with_words(context: CheckContext) -> None:
    """Assert with words."""
    assert context.reply == "YES", "not polite"
