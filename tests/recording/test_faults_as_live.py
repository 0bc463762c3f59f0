"""What an injected fault comes to is what comes of the same fault live: the openai SDK meets a server that has it."""

from __future__ import annotations

import json
import re

import pytest
from live_specs import SPEC, echo
from servers import Answer, chunk, event_stream, reply

from convrun.run.playing.fault_replies import refusing
from convrun.run.playing.faults import MAX_RETRIES

STREAM = {"content-type": "text/event-stream"}
SOON = {"retry-after-ms": "1"}
HALF = reply("one")
BROKEN = Answer(body=json.dumps(HALF)[:40].encode(), cut=True)
BROKEN_STREAM = Answer(
    body=event_stream(chunk(role="assistant"), chunk(content="on"), done=False), headers=STREAM, cut=True
)


def refused(name):
    """The server's answer in the words of the injected one."""
    injected = refusing(name)
    return Answer(status=injected.status, body=injected.payloads[0], headers=SOON)


# The fault, the model, and what a server says that has it; the last answer for ever.
CASES = {
    "429": ({"inject": 429}, {"max_retries": 0}, [refused("429")]),
    "429, retried in vain": ({"inject": 429, "times": 2}, {"max_retries": 1}, [refused("429")]),
    "429, retried": ({"inject": 429}, {"max_retries": 1}, [refused("429"), echo]),
    "500": ({"inject": 500}, {"max_retries": 0}, [refused("500")]),
    "500, retried by default": ({"inject": 500, "times": 2}, {}, [refused("500"), refused("500"), echo]),
    "500, streamed": ({"inject": 500}, {"max_retries": 0, "stream": True}, [refused("500")]),
    "context length": ({"inject": "context_length"}, {}, [refused("context_length")]),
    "time-out": ({"inject": "timeout"}, {"max_retries": 0, "timeout": "200ms"}, [Answer(delay=1)]),
    "cut": ({"inject": "cut_stream"}, {"max_retries": 0}, [BROKEN]),
    "cut, retried": ({"inject": "cut_stream"}, {"max_retries": 1}, [BROKEN, echo]),
    "stream cut": ({"inject": "cut_stream"}, {"stream": True}, [BROKEN_STREAM]),
}


def outcome(result):
    """What came of the only turn; how many bytes there were is a server's affair."""
    (turn,) = result.turns
    error = turn.error and (
        turn.error.type,
        re.sub(r" \((received|incomplete) .*?\)", "", turn.error.message),
        turn.error.fix,
    )
    return turn.verdict, turn.reply, error, turn.model_calls, [check.actual for check in turn.checks]


@pytest.mark.parametrize("expected", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_a_fault_ends_as_it_does_live(project, loopback, name, expected):
    """The same verdict, class of error, status, words and advice, whether the turn expects an error or not."""
    fault, model, answers = CASES[name]
    no_answer = fault["inject"] in ("timeout", "cut_stream") and echo not in answers
    model = {"name": "m", "base_url": loopback.base_url, "timeout": "5s", **model}
    turn = {"user": "one", "expect": [{"equals": "one"}]}

    def written(turn, faults=()):
        project.write(SPEC, json.dumps({"model": model, "turns": [turn], "faults": [*faults]}))

    loopback.says(echo)
    written(turn)
    project.record()
    if expected and not no_answer:  # that no answer comes is expected only where it is injected
        turn = {"user": "one", "expect_error": {"status": 418}}
    written(turn, [{"turn": 1, **fault}])
    injected = outcome(project.one())
    written(turn)
    loopback.answers.clear()
    loopback.says(*answers)
    (live,) = project.run(record="all").conversations
    assert injected == outcome(live)


def test_a_client_tries_again_as_often_as_the_sdk():
    """Where a spec does not say how often."""
    import openai

    assert MAX_RETRIES == openai.DEFAULT_MAX_RETRIES
