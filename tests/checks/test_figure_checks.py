"""The checks tokens, cost, latency and model_calls: what the model calls took, as recorded."""

from __future__ import annotations

import pytest
from check_cases import figures, judged, message, mistakes

from convrun.checks.context import ErrorAnswer, TurnView, for_conversation, for_turn
from convrun.results import UsageResult

USAGE = UsageResult(input=100, output=20)
TURN = figures(usage=USAGE, cost_usd=0.0002, latency_s=1.25, model_calls=2, model="gpt-4.1-mini-2025")
TWO = [
    TurnView(index=1, usage=USAGE, cost_usd=0.0001, latency_s=0.5, model_calls=2),
    TurnView(index=2, model_calls=0),
    TurnView(index=3, usage=USAGE, cost_usd=0.0002, latency_s=0.1, model_calls=1),
]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("tokens", {"total": {"max": 120, "min": 120}}),
        ("tokens", {"input": {"min": 1}, "output": {"max": 20}}),
        ("cost", {"max": 0.0002}),
        ("cost", {"max": 1}),
        ("latency", {"max": "1250ms"}),
        ("latency", {"max": "0.5 m"}),
        ("model_calls", 2),
        ("model_calls", {"max": 2}),
    ],
)
def test_a_figure_holds(kind, value):
    """Bounds are met at their ends, too."""
    assert judged(kind, value, TURN).verdict == "passed"


@pytest.mark.parametrize(
    ("kind", "value", "expected", "actual"),
    [
        (
            "tokens",
            {"total": {"max": 119}},
            "expected the model calls to take at most 119 total tokens, got 120 total",
            {"total": 120},
        ),
        (
            "tokens",
            {"input": {"min": 1}, "output": {"min": 30, "max": 40}},
            "expected the model calls to take at least 1 input and 30 to 40 output tokens, got 100 input and 20 output",
            {"input": 100, "output": 20},
        ),
        ("cost", {"max": 0.00019}, "expected the model calls to cost at most $0.00019, it was $0.0002", 0.0002),
        ("cost", {"max": 0}, "expected the model calls to cost at most $0, it was $0.0002", 0.0002),
        ("latency", {"max": "1s"}, "expected the model to take at most 1 s, it took 1.25 s", 1.25),
        ("latency", {"max": "200ms"}, "expected the model to take at most 200 ms, it took 1.25 s", 1.25),
        ("model_calls", 1, "expected the model to be called exactly 1 time, it was called 2 times", 2),
        ("model_calls", {"min": 3}, "expected the model to be called at least 3 times, it was called 2 times", 2),
    ],
)
def test_a_figure_fails(kind, value, expected, actual):
    """The message has the figure as it was recorded, and so has the result."""
    result = judged(kind, value, TURN)
    assert (result.verdict, result.message, result.actual) == ("failed", expected, actual)


def test_a_conversation_adds_up():
    """A conversation's checks see the sums of all turns that ran, without the dust of adding dollars."""
    whole = for_conversation(TWO)
    assert message("tokens", {"total": {"min": 240, "max": 240}}, whole) == ""
    assert message("model_calls", 3, whole) == ""
    assert message("latency", {"max": "600ms"}, whole) == ""
    result = judged("cost", {"max": 0.0003}, whole)
    assert (result.verdict, result.actual) == ("passed", 0.0003)
    assert message("model_calls", 1, for_turn(TWO)) == ""


def test_a_refused_call_took_nothing():
    """A model call that the provider refused has no usage, cost or time of its own, and is counted as a call."""
    refused = TurnView(index=2, model_calls=1, error=ErrorAnswer(status=400), usage=UsageResult(input=0, output=0))
    refused = for_conversation([TWO[0], type(refused)(**{**_fields(refused), "latency_s": 0.0, "cost_usd": 0.0})])
    assert message("model_calls", 3, refused) == ""
    assert message("cost", {"max": 0.0001}, refused) == ""


def _fields(view):
    return {"index": view.index, "model_calls": view.model_calls, "error": view.error, "usage": view.usage}


@pytest.mark.parametrize(
    ("kind", "value", "view", "what"),
    [
        (
            "tokens",
            {"total": {"max": 9}},
            {"usage": UsageResult(input=3)},
            (
                "no total tokens are known: not every reply that was recorded has a usage "
                "(record it anew with a provider that tells it, or take the check out)"
            ),
        ),
        (
            "cost",
            {"max": 1},
            {"model": "gpt-x"},
            (
                "what it cost is not known: the recording has no cost of every model call "
                "(record it anew, which stores it; if no price of 'gpt-x' is known then, check tokens instead)"
            ),
        ),
        (
            "latency",
            {"max": "1s"},
            {},
            (
                "how long the model took is not known: the recording has no time of every model call "
                "(record it anew, which stores it)"
            ),
        ),
    ],
)
def test_a_figure_that_is_not_known_is_an_error(kind, value, view, what):
    """What was not recorded neither holds nor fails, also under not; the message says what to do."""
    for result in (judged(kind, value, figures(**view)), judged("not", {kind: value}, figures(**view))):
        assert (result.verdict, result.message) == ("error", what)


def test_the_part_of_the_tokens_that_is_known_is_judged():
    """Input tokens are judged where only those of the output are unknown."""
    assert message("tokens", {"input": {"max": 3}}, figures(usage=UsageResult(input=3))) == ""


@pytest.mark.parametrize(
    ("kind", "value", "path", "what", "fix"),
    [
        ("tokens", {"max": 5}, (), "tokens of which kind is not said", "write {total: {max: 2000}}"),
        ("tokens", {}, (), "neither input, output nor total", "write {total: {max: 2000}}"),
        ("tokens", {"totals": {"max": 5}}, ("totals",), "unknown key 'totals'", "did you mean 'total'?"),
        (
            "tokens",
            {"total": 2000},
            ("total",),
            "a mapping with min or max is wanted, not the number 2000",
            "write {max: 2000}, {min: 2000}, or both for exactly so many",
        ),
        ("cost", 0.002, (), "a mapping with max is wanted, not 0.002", "write {max: 0.002}"),
        ("cost", {}, (), "no max", "write {max: 0.002}"),
        ("cost", {"max": -1}, ("max",), "no call costs less than nothing, as -1", "write dollars, as 0.002"),
        ("cost", {"max": "$1"}, ("max",), "a number of dollars is wanted, not '$1'", "write 1"),
        ("cost", {"min": 1}, ("min",), "unknown key 'min'", None),
        ("latency", "2s", (), "a mapping with max is wanted, not '2s'", "write {max: 2s}"),
        ("latency", {"max": 2}, ("max",), "a duration is wanted, not the number 2", "write 2s"),
        (
            "latency",
            {"max": "2 sec"},
            ("max",),
            "'2 sec' is not a duration",
            "write a number with ms, s or m, as 30s",
        ),
        ("model_calls", 0, (), "no turn is without a model call", "write 1 or more"),
        ("model_calls", 1.5, (), "a whole number from 0 is wanted, not 1.5", None),
        (
            "model_calls",
            "one",
            (),
            "a number, or a mapping with min or max, is wanted, not the text 'one'",
            "write how many, as 2, or {max: 3}",
        ),
        ("model_calls", True, (), "a mapping with min or max is wanted, not true", None),
        ("model_calls", {"max": "a"}, ("max",), "a number is wanted, not the text 'a'", None),
    ],
)
def test_a_wrong_figure(kind, value, path, what, fix):
    """A figure that cannot be meant is refused with its place and, where there is one, its fix."""
    found = mistakes(kind, value)
    assert found[0][:2] == (path, what)
    assert fix is None or found[0][2] == fix
