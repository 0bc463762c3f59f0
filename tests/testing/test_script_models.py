"""`convrun.testing.script`: a model that says its lines in order."""

from __future__ import annotations

import pytest

from convrun import ConversationError, ProviderError, expect
from convrun.testing import script


def upper(text: str) -> str:
    """Return the text in capitals."""
    return text.upper()


def test_lines_are_said_in_order():
    """A call, calls at once, then a reply; each conversation begins with the first line."""
    model = script(
        [
            {"call": "upper", "with": {"text": "a"}},
            [{"call": "upper", "with": {"text": "b"}}, {"call": "upper", "with": {"text": "c"}}],
            {"reply": "Done."},
        ]
    )
    for _ in range(2):
        chain = model.conversation(tools=[upper]).chain("Go")
        expect(chain, [{"equals": "Done."}, {"calls": {"exactly": ["upper"] * 3}}])
        assert [result.output for result in chain.tool_results()] == ["A", "B", "C"]


def test_behind_the_last_line_there_is_an_error():
    """A model that is called once too often says so."""
    conversation = script([{"reply": "Once."}]).conversation()
    conversation.prompt("Hi").text()
    with pytest.raises(ProviderError, match="the script has 1 line, and the model is called for number 2"):
        conversation.prompt("Again").text()


def test_a_line_that_is_none_is_refused():
    """It is said when the model is made, with the fix."""
    with pytest.raises(ConversationError, match=r"did you mean 'reply'\?"):
        script([{"replly": "Hi"}])
