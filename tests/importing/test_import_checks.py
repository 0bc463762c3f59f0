"""The checks of an imported spec: what is said of tools that nobody called."""

from __future__ import annotations

import pytest

from convrun.importing.checking import Detail, with_checks
from convrun.results import ConversationResult, ToolCallResult, TurnResult


@pytest.mark.parametrize(
    ("called", "expected"),
    [(["a"], {"calls": {"only": ["a"]}}), ([], {"not_called": "any"})],
)
def test_the_least_that_is_checked_rules_on_tools_that_nobody_called(called, expected):
    """A strict run asks what they are for; where that passes as well, they are named."""
    spec = {"tools": [{"declare": {"name": name}} for name in "ab"], "turns": [{"user": "Go"}]}
    calls = tuple(ToolCallResult(id="1", name=name, arguments={}) for name in called)
    turn = TurnResult(index=1, verdict="passed", reply="Gone", finish_reason="stop", tool_calls=calls)
    happened = ConversationResult(id="a", spec="a", verdict="passed", turns=(turn,))
    assert with_checks(spec, happened, Detail.LEAST)["expect"] == [expected]
    unused = [name for name in "ab" if name not in called]
    assert with_checks(spec, happened, Detail.ALL)["expect"] == [{"not_called": unused}]
    assert "expect" not in with_checks(spec, happened, Detail.BARE)
