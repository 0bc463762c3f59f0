"""What live calls cost, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_samples import PASSED, RUN

from convrun.report.console import summary
from convrun.report.markdown import to_markdown
from convrun.report.spending import dollars
from convrun.results import Spending


def told(spent, live=4):
    """The line of a run that spent this."""
    one = replace(PASSED, live_calls=live, spent=spent)
    text = summary(replace(RUN, conversations=(one,)))
    return text.partition("\n")[2]


@pytest.mark.parametrize(
    ("spent", "line"),
    [
        (Spending(usd=0.01234, tokens=3210), "spent $0.0123 (4 live calls, 3,210 tokens)"),
        (Spending(usd=0.000001, tokens=1), "spent less than $0.0001 (4 live calls, 1 token)"),
        (Spending(usd=1234.5678, tokens=9), "spent $1,234.57 (4 live calls, 9 tokens)"),
        (Spending(tokens=9), "spent $0.0000 (4 live calls, 9 tokens)"),
        (
            Spending(tokens=9, unpriced=4),
            "spent: not known, there is no price for the model (4 live calls, 9 tokens)",
        ),
        (
            Spending(usd=0.5, tokens=9, unpriced=1),
            "spent $0.5000 and more (4 live calls, 9 tokens, no price is known for 1 of them)",
        ),
        (
            Spending(usd=0.5, more_usd=0.25, tokens=9, untold=1),
            "spent at most $0.7500 (4 live calls, 9 tokens, 1 reply told no usage and is counted by length)",
        ),
        (
            Spending(more_usd=0.25, untold=2),
            "spent at most $0.2500 (4 live calls, 0 tokens, 2 replies told no usage and are counted by length)",
        ),
    ],
)
def test_what_was_spent_stands_behind_the_counts(spent, line):
    """The dollars, live calls and tokens, and what of it is not known."""
    assert told(spent) == line


def test_a_replay_says_nothing_of_money():
    """Where nothing went live there is no such line."""
    assert told(Spending(), live=0) == ""


def test_what_an_interrupted_run_spent_is_said():
    """The run knows of calls whose conversation was not finished."""
    run = replace(RUN, conversations=(PASSED,), interrupted=True, spent=Spending(calls=2, usd=0.25, tokens=7))
    assert summary(run).endswith("\nspent $0.2500 (2 live calls, 7 tokens)")


def test_markdown_says_what_was_spent():
    """A comment on a pull request that recorded tells the same line."""
    one = replace(PASSED, live_calls=1, spent=Spending(usd=0.25, tokens=7))
    assert "spent $0.2500 (1 live call, 7 tokens)" in to_markdown(replace(RUN, conversations=(one,)))


def test_amounts_are_never_less_than_nothing_where_something_was_paid():
    """Nothing is `$0.0000`, the least of something is said to be less than a hundredth of a cent."""
    assert [dollars(amount) for amount in (0.0, 0.00004, 0.00006, 99.99994, 100)] == [
        "$0.0000",
        "less than $0.0001",
        "$0.0001",
        "$99.9999",
        "$100.00",
    ]
