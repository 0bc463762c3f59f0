"""The check prefix_stable: each request extends the one before."""

from __future__ import annotations

import pytest
from check_cases import judged, mistakes

from convrun.checks.context import ErrorAnswer, Prompted, TurnView, for_conversation, for_turn

SYSTEM = {"role": "system", "content": "Be kind."}
HI, HELLO = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}
MORE = {"role": "user", "content": "More"}
TOOL = {"type": "function", "function": {"name": "lookup", "description": "Look it up."}}
OTHER = {"type": "function", "function": {"name": "add"}}
FIRST = Prompted(tools=[TOOL], messages=[SYSTEM, HI])
NEXT = Prompted(tools=[TOOL], messages=[SYSTEM, HI, HELLO, MORE])


def view(index, *sent, error=None):
    """A turn with these requests."""
    return TurnView(index=index, model_calls=len(sent), prompted=lambda: sent, error=error)


def broken(*turns):
    """What the check says of a whole conversation: empty where it holds."""
    result = judged("prefix_stable", True, for_conversation(turns))
    assert result.verdict != "error"
    return result.message.removeprefix("expected each request to extend the one before, ")


def test_requests_that_extend_one_another_hold():
    """Within a turn and from turn to turn, a request may go on where the one before ended."""
    assert broken(view(1, FIRST, NEXT)) == ""
    assert broken(view(1, FIRST), view(2), view(3, NEXT)) == ""
    assert broken(view(1, FIRST)) == ""


@pytest.mark.parametrize(
    ("now", "part"),
    [
        (([TOOL], [{**SYSTEM, "content": "Be curt."}, HI, HELLO, MORE]), "the system prompt is another"),
        (([TOOL], [HI, HELLO, MORE]), "the system prompt is another"),
        (([TOOL], [SYSTEM, {"role": "user", "content": "Hey"}, HELLO, MORE]), "message 2 (user) is another"),
        (([TOOL], [SYSTEM]), "message 2 (user) is gone"),
        (([{**TOOL, "function": {"name": "lookup"}}], NEXT.messages), "the tool 'lookup' is another"),
        (([], NEXT.messages), "the tool 'lookup' is gone"),
        (([TOOL, OTHER], NEXT.messages), "the tool 'add' is new"),
    ],
)
def test_what_is_not_as_it_was_is_named(now, part):
    """The failure names the turn, the model call, and the first part that changed."""
    changed = Prompted(tools=now[0], messages=now[1])
    assert broken(view(1, FIRST), view(2, changed)) == f"that of turn 2, model call 1 does not: {part}"
    assert broken(view(1, FIRST, changed)) == f"that of turn 1, model call 2 does not: {part}"
    result = judged("prefix_stable", True, for_conversation([view(1, FIRST), view(2, changed)]))
    assert result.actual == {"turn": 2, "model_call": 1, "changed": part}


def test_what_holds_and_should_not_says_how_much_was_compared():
    """One request, one that follows another, or several."""
    turns = [view(1, FIRST), view(2, NEXT), view(3, NEXT)]
    told = [judged("not", {"prefix_stable": True}, for_conversation(turns[:most])).message for most in (1, 2, 3)]
    ends = ["there is one request only", "the one that follows another does", "all 2 that follow another do"]
    assert [one.removeprefix("expected each request not to extend the one before, ") for one in told] == ends


def test_the_order_of_tools_matters():
    """A cache sees the tools in their order."""
    swapped = view(2, Prompted(tools=[OTHER, TOOL], messages=NEXT.messages))
    before = view(1, Prompted(tools=[TOOL, OTHER], messages=FIRST.messages))
    assert broken(before, swapped) == "that of turn 2, model call 1 does not: the tools stand in another order"


def test_a_turn_sees_its_own_requests():
    """A turn's check compares its first request with the last one before it, and nothing that was earlier."""
    bad = view(2, Prompted(tools=[], messages=NEXT.messages))
    assert judged("prefix_stable", True, for_turn([view(1, FIRST), bad])).verdict == "failed"
    good = view(3, Prompted(tools=[], messages=[*NEXT.messages, HELLO, MORE]))
    assert judged("prefix_stable", True, for_turn([view(1, FIRST), bad, good])).verdict == "passed"


def test_a_refused_turn_is_not_in_the_history():
    """What follows a refused turn extends what was before it."""
    refused = view(2, Prompted(tools=[TOOL], messages=[SYSTEM, HI, HELLO, HI]), error=ErrorAnswer(status=400))
    assert broken(view(1, FIRST), refused, view(3, NEXT)) == ""


def test_what_was_sent_has_to_be_known():
    """Where nobody knows what was sent, the check is an error."""
    result = judged("prefix_stable", True, for_turn([TurnView(index=1)]))
    assert (result.verdict, result.message) == ("error", "what was sent to the model is not known (take the check out)")


def test_only_true_is_a_value():
    """The other way round it is written with not."""
    fix = "where it is to break write not: {prefix_stable: true}"
    assert mistakes("prefix_stable", False) == [((), "prefix_stable is true", fix)]
    assert mistakes("prefix_stable", "yes") == [((), "true is wanted", "write prefix_stable: true")]
