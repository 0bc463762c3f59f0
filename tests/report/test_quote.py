"""What recording takes, in words: each cause once, then calls, tokens and dollars."""

from __future__ import annotations

from convrun.report.quote import compared_line, question, quote_lines
from convrun.results import Change, ConversationResult, Spending, Staleness
from convrun.transcript import Quote, RecordingState


def stale(name, part, turn=1, call=1, calls=3, **more):
    """A stale conversation of which so many calls go live."""
    changes = (Change(path="/messages/0/content", part=part, recorded="old", now="new"),)
    return RecordingState(
        id=name,
        spec=name,
        cassette=f"{name}.yaml",
        state="stale",
        stale=Staleness(turn=turn, model_call=call, changes=changes),
        quote=Quote(calls=calls, input=1000 * calls, output=10 * calls, usd=0.001 * calls),
        **more,
    )


def missing(name, **quote):
    """One without a cassette."""
    return RecordingState(id=name, spec=name, cassette=f"{name}.yaml", state="missing", quote=Quote(**quote))


def texts(*states):
    """The lines."""
    return [line.text for line in quote_lines(states)]


def test_each_cause_is_told_once_with_its_calls():
    """Those of one cause together, and what would have spared a tool's."""
    found = texts(
        stale("a", "system prompt"),
        stale("b", "tool result of 'now'", turn=2, call=2, saved=2),
        stale("c", "system prompt"),
        missing("d", calls=2, usd=None, at_least=True, unpriced=("m",)),
    )
    assert found == [
        "to record: 4 conversations",
        "  system prompt, turn 1, so that everything goes live: 6 model calls in 2 conversations (a, c)",
        (
            "  tool 'now' answered differently in turn 2: 3 model calls in 1 conversation (b); "
            "`policy: replay` would save 2 of 3 model calls"
        ),
        "  no cassette: at least 2 model calls in 1 conversation (d)",
        (
            "recording takes at least 11 model calls, about 9,000 input and 90 output tokens; "
            "no price is known for m; what was never recorded may take more"
        ),
    ]


def test_one_cause_in_different_turns_names_none():
    """Nor does everything go live in all of them."""
    found = texts(stale("a", "system prompt"), stale("b", "system prompt", turn=3))
    assert found[1] == "  system prompt, in different turns: 6 model calls in 2 conversations"


def test_dollars_are_told_where_they_are_known():
    """In the sum and in the question."""
    states = [stale("a", "user text", turn=2)]
    assert texts(*states)[-1] == "recording takes 3 model calls, about 3,000 input and 30 output tokens, $0.0030"
    assert question(states) == "record 1 conversation, 3 model calls, $0.0030?"
    took = ConversationResult(id="a", spec="a", verdict="passed", live_calls=3, spent=Spending(usd=0.0031, tokens=3100))
    line = compared_line(states[0].quote, [took]).text
    assert line == "quoted 3 model calls, 3,030 tokens, $0.0030; took 3 model calls, 3,100 tokens, $0.0031"


def test_what_needed_no_call_is_not_told_in_dollars():
    """Nor in tokens: for a model without a price they would say that it is known."""
    result = ConversationResult(id="a", spec="a", verdict="passed")
    line = compared_line(Quote(calls=1, usd=None, unpriced=("m",)), [result]).text
    assert line == "quoted 1 model call; took 0 model calls"


def test_what_costs_nothing_is_said_to():
    """As where all of it was answered by a recording that broke off."""
    one = RecordingState(id="a", spec="a", cassette="a.yaml", state="partial", kept=3)
    assert texts(one)[-1] == "recording takes no model call that goes live"
