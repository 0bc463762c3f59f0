"""Responses that are made in one place and read in another: they belong to the block in which they were made."""

from __future__ import annotations

import pytest

import convrun
from convrun import ConversationError
from convrun.testing import cassette

WAYS = {
    "a prompt": lambda model: model.prompt("lazy"),
    "a chain": lambda model: model.chain("lazy"),
    "a conversation's prompt": lambda model: model.conversation().prompt("lazy"),
}
REFUSED = r"behind the end of the block of 'late\.yaml'"


@pytest.mark.parametrize("made", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("record", ["none", "all"])
def test_a_response_that_is_read_behind_its_block_never_goes_live(folder, loopback, record, made):
    """Nothing is sent for it later, be the block played or recorded, and each reading says so."""
    loopback.says("Hello", "Hello again", "live")
    model = convrun.get_model("m", base_url=loopback.base_url)
    for mode in ("all", record):
        with cassette("late.yaml", mode):
            assert model.prompt("Hi").text().startswith("Hello")
            response = made(model)
    asked = len(loopback.requests)
    for _ in range(2):
        with pytest.raises(ConversationError, match=REFUSED):
            response.text()
    assert len(loopback.requests) == asked
    assert model.prompt("Hi").text()  # made in no block: it goes live
    assert len(loopback.requests) == asked + 1


def test_a_late_response_is_not_read_by_the_next_block(folder):
    """A conversation that goes on elsewhere has to read it first, and is refused; the other block is not touched."""
    conversation = convrun.get_model("echo").conversation()
    with cassette("late.yaml", "all"):
        conversation.prompt("read").text()
        conversation.prompt("lazy")
    with cassette("other.yaml", "all") as opened:
        with pytest.raises(ConversationError, match=REFUSED):
            conversation.prompt("Go on").text()
        assert convrun.get_model("echo").prompt("Hi").text() == "Hi"
    assert opened.model_calls == 1


def test_a_response_belongs_to_the_block_it_was_made_in(folder):
    """Read in a block within, it is the outer one's; one that was made in none is that of its reading."""
    model = convrun.get_model("echo")
    before = model.prompt("B")
    with cassette("outer.yaml", "all") as outer:
        response = model.prompt("A")
        with cassette("inner.yaml", "all") as inner:
            assert [response.text(), before.text()] == ["A", "B"]
    assert (outer.model_calls, inner.model_calls) == (1, 1)
