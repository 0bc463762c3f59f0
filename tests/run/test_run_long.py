"""Runs of many turns: what they cost grows with the turns, not with their square. Counted, not timed."""

from __future__ import annotations

import sys
import tracemalloc
from itertools import pairwise

import pytest
from projects import Project

from convrun import get_model
from convrun.backends.chat_format import ChatFormat
from convrun.backends.echo import EchoTransport
from convrun.backends.model_backend import ModelBackend
from convrun.conversation.model import Model
from convrun.wire import goes_on

CALL = '{"tool_calls": [{"name": "weather", "arguments": {"city": "Rome"}}]}'
GUIDE = '''
    def weather(city: str) -> str:
        """Return the weather."""
        return f"{city}: 21 degrees"

    def right(context):
        """Whether the reply is there."""
        return bool(context.turns[-1].reply)
'''


class Listening:
    """An echo that keeps the messages of each request."""

    def __init__(self):
        self.heard = []
        self._echo = EchoTransport()

    def send(self, request):
        """Keep what was sent, and repeat it."""
        self.heard.append(request.body["messages"])
        return self._echo.send(request)


def conversation_of(turns, model):
    """A conversation that has had so many turns."""
    conversation = model.conversation(system="Be kind.")
    for number in range(turns):
        conversation.prompt(f"Question {number}, a little longer than it has to be").text()
    return conversation


def test_a_thousand_turns_share_their_messages():
    """The messages of all prompts are in one list, and each is right."""
    conversation = conversation_of(1000, get_model("echo"))
    prompts = [response.prompt for response in conversation.responses]
    assert len({id(prompt.messages.log) for prompt in prompts}) == 1
    assert [len(prompt.messages) for prompt in prompts] == [2 * number for number in range(1, 1001)]
    assert conversation.history[:-1] == prompts[-1].messages
    assert prompts[499].messages == conversation.history[:1000]


def test_memory_grows_with_the_turns():
    """Twice as many turns take at most 2.3 times the memory."""

    def held(turns):
        tracemalloc.start()
        try:
            conversation = conversation_of(turns, get_model("echo"))
            assert conversation.unread is False
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    held(1)  # what is loaded once is not counted
    assert held(400) <= 2.3 * held(200)


def test_each_message_is_encoded_once():
    """All requests of a conversation hold the same objects, each message one, and each goes on from the one before."""
    transport = Listening()
    backend = ModelBackend(
        name="m", format=ChatFormat(model="m"), transport=transport, base_url="http://127.0.0.1:1/v1"
    )
    conversation_of(300, Model(backend))
    assert len({id(message) for heard in transport.heard for message in heard}) == 1 + 299 * 2 + 1
    assert all(goes_on(now, before) for before, now in pairwise(transport.heard))
    assert transport.heard[-1].origin is transport.heard[0].origin  # nobody has to compare them


@pytest.mark.parametrize(
    ("turn", "settings"),
    [
        ("{user: 'Question N', expect: [{contains: Question}, {matches: 'Q.*'}]}", ""),
        ("{user: 'Question {{ turns|length }}', expect: [{contains: 'Question {{ turns|length - 1 }}'}]}", ""),
        ("{user: 'Question N', expect: [{that: \"turns[-1].reply == turn.reply and 'Q' in reply\"}]}", ""),
        ("{user: 'Question N', expect: [{python: guide:right}, {prefix_stable: true}]}", ""),
        (f"{{user: '{CALL}', expect: [{{called: weather}}]}}", "tools: [guide:weather]\n"),
    ],
    ids=["plain", "templates", "expressions", "code", "tools"],
)
def test_a_run_does_as_much_for_each_turn(tmp_path, turn, settings):
    """For twice the turns a run calls twice as many functions, whatever its turns have and are checked by."""
    project = Project(tmp_path)
    project.write("guide.py", GUIDE)

    def called(turns):
        said = "".join(f"  - {turn.replace('N', str(number))}\n" for number in range(turns))
        project.write("specs/long.yaml", f"model: echo\n{settings}turns:\n{said}")
        calls = 0

        def count(frame, event, argument):
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count)
        try:
            result = project.one()
        finally:
            sys.setprofile(None)
        assert result.verdict == "passed"
        return calls

    called(10)
    once, twice, four_times = map(called, (15, 30, 60))
    assert four_times - twice <= 2.3 * (twice - once)
