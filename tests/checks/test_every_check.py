"""What holds of every kind of check in the registry, whatever its value and the reply."""

from __future__ import annotations

import pytest
from check_cases import judged
from check_values import ODD, REPLIES, seen, values
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from convrun.checks.registry import KINDS, LISTED, parse
from convrun.checks.weak import NEVER
from convrun.checks.weak import REPLIES as ANY_REPLIES

FEW = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
MANY = settings(FEW, max_examples=500, phases=[Phase.generate], database=None)
OPPOSITE = {"passed": "failed", "failed": "passed", "error": "error"}


@pytest.mark.parametrize("kind", LISTED)
@given(data=st.data(), reply=REPLIES, figures=st.booleans())
@FEW
def test_not_says_the_opposite_and_so_does_asking_twice_say_the_same(kind, data, reply, figures):
    """A check that holds fails under not, one that fails holds, an error stays one; judged again it says the same."""
    value, context = data.draw(values(kind)), seen(reply, figures)
    result = judged(kind, value, context)
    assert judged(kind, value, context) == result
    assert (result.verdict == "passed") is (result.message == "")
    assert judged("not", {kind: value}, context).verdict == OPPOSITE[result.verdict]


@pytest.mark.parametrize("kind", [kind for kind in LISTED if not KINDS[kind].code])  # a user's code may crash
@given(data=st.data())
@settings(FEW, max_examples=3)
def test_no_reply_makes_a_check_crash(kind, data):
    """Empty, huge, unprintable or no Unicode: a check of ours says that it holds, or that it does not.

    A model is asked whatever the reply is, and its answer counts; an expression may find that there is nothing to see.
    """
    value = data.draw(values(kind))
    for reply in ODD:
        result = judged(kind, value, seen(reply, figures=True))
        assert result.details is None, result.message
        assert result.verdict in ({"passed", "failed"} if KINDS[kind].family == "model" else OPPOSITE), result.message


@pytest.mark.parametrize("kind", sorted(NEVER))
@given(data=st.data())
@FEW
def test_kinds_that_are_not_tried_hold_never_for_every_reply(kind, data):
    """Whatever the value, one of the replies that tell a check that says nothing fails it."""
    value = data.draw(values(kind))
    assert not isinstance(parse(kind, value), tuple)
    assert any(judged(kind, value, seen(reply, figures=True)).verdict != "passed" for reply in ANY_REPLIES)


@pytest.mark.parametrize("kind", LISTED)
@pytest.mark.parametrize("verdict", ["passed", "failed"])
def test_a_check_can_hold_and_can_fail(kind, verdict):
    """Of the values that the properties are tried with, some are met by a reply, and some are not."""
    tried = st.tuples(values(kind), st.sampled_from(["", "NO", '{"a": 1}', "a b"]))
    found = find(tried, lambda one: judged(kind, one[0], seen(one[1], figures=True)).verdict == verdict, settings=MANY)
    assert found is not None
