"""Streams as real providers send them: the table, and what each row comes to, live, recorded and in a conversation."""

from __future__ import annotations

import pytest
from servers import chunk, event_stream
from trapping import (
    Fails,
    Says,
    Trap,
    asked,
    call,
    failure,
    live,
    model,
    must_fail,
    must_say,
    recorded,
    rows,
    said,
    stored,
)

from convrun.conversation.messages import user
from convrun.errors import ProviderError, RateLimitError, ServerError

EMPTY = "`choices: []` chunks"
USAGE = "Usage in a final chunk"
SHAPES = "`delta` absent or `{}`"
DELTAS = "Tool-call deltas"
LATE = "An error inside an HTTP 200 stream"

COUNTS = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
NULLS = {"prompt_tokens": None, "completion_tokens": None}
HI = (chunk(role="assistant", content=""), chunk(content="Hi"), chunk(content="."))
STOP = chunk("stop")
HEARD = Says(text="Hi.")
COUNTED = Says(text="Hi.", usage=(5, 2))


def other(text, finish=None):
    """A chunk of another choice."""
    return {"choices": [{"index": 1, "delta": {"content": text}, "finish_reason": finish}]}


def deltas(*entries, finish="tool_calls"):
    """A stream of calls, an entry each."""
    return event_stream(*(chunk(tool_calls=[entry]) for entry in entries), chunk(finish))


def part(arguments, index=0, **more):
    """A continuation of a call."""
    return {"index": index, "function": {"arguments": arguments}, **more}


def wants(*calls, finish="tool_calls"):
    """What a reply of calls means."""
    return Says(calls=calls, finish=finish)


FIRST, SECOND = ("look", '{"at": 1}', "call_a1"), ("look", '{"at": 2}', "call_b2")
OPEN, OTHER = {"index": 0, **call("")}, {"index": 1, **call("", identifier="call_b2")}

CHUNKS = {
    (EMPTY, "usage last"): ((*HI, STOP, {"choices": [], "usage": COUNTS}), COUNTED),
    (EMPTY, "filter results first"): (
        ({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}, *HI, STOP),
        HEARD,
    ),
    (EMPTY, "moderation after usage"): (
        (*HI, STOP, {"choices": [], "usage": COUNTS}, {"choices": [], "moderation": {"flagged": False}}),
        COUNTED,
    ),
    (USAGE, "in the finish chunk"): ((*HI, STOP | {"usage": COUNTS}), COUNTED),
    (USAGE, "in every chunk with nulls"): (
        (*(one | {"usage": NULLS} for one in HI), STOP | {"usage": NULLS}, {"choices": [], "usage": COUNTS}),
        COUNTED,
    ),
    (USAGE, "null until the end"): ((*(one | {"usage": None} for one in HI), STOP | {"usage": COUNTS}), COUNTED),
    (USAGE, "of Groq"): ((*HI, STOP | {"x_groq": {"id": "r", "usage": COUNTS}}), COUNTED),
    (USAGE, "nowhere"): ((*HI, STOP), HEARD),
    (SHAPES, "delta absent"): ((*HI, {"choices": [{"index": 0, "finish_reason": "stop"}]}), HEARD),
    (SHAPES, "delta empty"): ((chunk(), *HI, chunk(), STOP), HEARD),
    (SHAPES, "role in each chunk"): (
        (chunk(role="assistant", content="Hi"), chunk(role="assistant", content="."), chunk("stop", role="assistant")),
        HEARD,
    ),
    (SHAPES, "text in the finish chunk"): ((chunk(content="Hi"), chunk("stop", content=".")), HEARD),
    (SHAPES, "choices interleaved"): (
        (other("N"), *HI[:2], other("o"), HI[2], other("", "length"), STOP, other("x")),
        HEARD,
    ),
}
SAID = [
    Trap(line=line, case=case, bodies=(event_stream(*chunks),), means=means)
    for (line, case), (chunks, means) in CHUNKS.items()
] + [
    Trap(
        line=SHAPES,
        case="comments",
        bodies=(
            b": OPENROUTER PROCESSING\n\n"
            + event_stream(*HI, done=False)
            + b": OPENROUTER PROCESSING\n\n"
            + event_stream(STOP),
        ),
        means=HEARD,
    ),
    Trap(line=SHAPES, case="no end mark", bodies=(event_stream(*HI, STOP, done=False),), means=HEARD),
    Trap(line=SHAPES, case="only the end mark", bodies=(event_stream(*HI),), means=Says(text="Hi.", finish=None)),
    Trap(
        line=SHAPES,
        case="line ends of Windows",
        bodies=(event_stream(*HI, STOP).replace(b"\n", b"\r\n"),),
        means=HEARD,
    ),
    Trap(
        line=DELTAS,
        case="by index",
        bodies=(deltas(OPEN, part('{"at"'), part(": 1}"), OTHER, part('{"at": 2}', 1)),),
        means=wants(FIRST, SECOND),
    ),
    Trap(
        line=DELTAS,
        case="interleaved",
        bodies=(deltas(OPEN, OTHER, part('{"at"'), part('{"at": 2}', 1), part(": 1}")),),
        means=wants(FIRST, SECOND),
    ),
    Trap(
        line=DELTAS,
        case="name and id repeated",
        bodies=(deltas({"index": 0, **call('{"at"')}, {"index": 0, **call(": 1}")}),),
        means=wants(FIRST),
    ),
    Trap(
        line=DELTAS,
        case="name and id null on continuations",
        bodies=(deltas(OPEN, {"index": 0, "id": None, "function": {"name": None, "arguments": '{"at": 1}'}}),),
        means=wants(FIRST),
    ),
    Trap(
        line=DELTAS, case="whole in one delta", bodies=(deltas({"index": 0, **call('{"at": 1}')}),), means=wants(FIRST)
    ),
    Trap(
        line=DELTAS,
        case="two whole calls in one delta",
        bodies=(
            event_stream(
                chunk(
                    tool_calls=[
                        {"index": 0, **call('{"at": 1}')},
                        {"index": 1, **call('{"at": 2}', identifier="call_b2")},
                    ]
                ),
                chunk("tool_calls"),
            ),
        ),
        means=wants(FIRST, SECOND),
    ),
    Trap(
        line=DELTAS,
        case="two calls at index 0",
        bodies=(deltas({"index": 0, **call('{"at": 1}')}, {"index": 0, **call('{"at": 2}', identifier="call_b2")}),),
        means=wants(FIRST, SECOND),
    ),
    Trap(
        line=DELTAS,
        case="no arguments at all",
        bodies=(deltas({"index": 0, **call(...)}),),
        means=wants(("look", "", "call_a1")),
    ),
    Trap(
        line=DELTAS,
        case="no ids",
        bodies=(
            deltas({"index": 0, **call('{"at": 1}', identifier="")}, {"index": 1, **call('{"at": 2}', identifier="")}),
        ),
        means=wants((*FIRST[:2], "call_1_1"), (*SECOND[:2], "call_1_2")),
    ),
    Trap(
        line=DELTAS,
        case="text and then a call",
        bodies=(event_stream(*HI, chunk(tool_calls=[{"index": 0, **call('{"at": 1}')}]), STOP),),
        means=Says(text="Hi.", calls=(FIRST,)),
    ),
]
LATE_ERRORS = [
    Trap(
        line=LATE,
        case="Groq",
        bodies=(
            event_stream(*HI, {"error": {"message": "Over capacity", "type": "internal_server_error", "code": 498}}),
            event_stream(*HI, done=False) + b'event: error\ndata: {"message": "Over capacity", "code": "498"}\n\n',
        ),
        means=Fails(
            kind=ServerError,
            status=498,
            told="Over capacity",
            words="broke its stream off with an error",
            retryable=True,
            after="Hi.",
        ),
    ),
    Trap(
        line=LATE,
        case="without a code",
        bodies=(event_stream(*HI, {"error": {"message": "It failed"}}), event_stream(*HI, {"error": "It failed"})),
        means=Fails(
            kind=ServerError, told="It failed", words="broke its stream off with an error", retryable=True, after="Hi."
        ),
    ),
    Trap(
        line=LATE,
        case="OpenRouter",
        bodies=(
            event_stream(
                *HI,
                {
                    "error": {"code": 502, "message": "Token limit reached"},
                    "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
                },
            ),
        ),
        means=Fails(
            kind=ServerError,
            status=502,
            told="Token limit reached",
            words="broke its stream off",
            retryable=True,
            after="Hi.",
        ),
    ),
    Trap(
        line=LATE,
        case="in the choice",
        bodies=(
            event_stream(*HI, {"choices": [{"index": 0, "delta": {}, "error": {"code": 429, "message": "Slow down"}}]}),
        ),
        means=Fails(
            kind=RateLimitError, status=429, told="Slow down", words="broke its stream off", retryable=True, after="Hi."
        ),
    ),
]


@pytest.mark.parametrize(("trap", "body"), rows(SAID))
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "byte-by-byte"])
def test_a_stream_says_what_it_means(trap, body, cut):
    """Text, calls, finish reason and usage are those of the row, however the bytes are cut."""
    text, found = asked(live(trap, body, cut=cut))
    must_say(found, trap.means)
    assert text == found.message.text


@pytest.mark.parametrize(("trap", "body"), rows(SAID))
def test_a_stream_is_replayed_as_it_was_recorded(trap, body, tmp_path):
    """What a cassette gives back is the same, and so is the request that sends the reply back."""
    first, player = recorded(tmp_path / "a.yaml", trap, body)
    must_say(first, trap.means)
    text, again = asked(player)
    assert said(again) == said(first)
    assert (again.message, again.usage) == (first.message, first.usage)
    assert text == again.message.text
    _, last = asked(player, user("Hi"), again.message, user("More"))
    assert last.message.text == "And on."
    assert (player.difference, player.unplayed) == (None, ())


@pytest.mark.parametrize(("trap", "body"), rows(SAID))
def test_a_conversation_hears_a_stream(trap, body, loopback):
    """Over HTTP, a response of a conversation has the same text, calls, finish reason and usage."""
    response = model(loopback, trap, body).conversation().prompt("Hi")
    means = trap.means
    assert "".join(response) == means.text
    assert [(one.name, one.tool_call_id) for one in response.tool_calls()] == [
        (name, identifier) for name, _, identifier in means.calls
    ]
    assert (response.finish_reason, (response.usage().input, response.usage().output)) == (means.finish, means.usage)


@pytest.mark.parametrize(("trap", "body"), rows(LATE_ERRORS))
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "byte-by-byte"])
def test_an_error_comes_after_the_text_before_it(trap, body, cut):
    """What came before the error was delivered; then the error is raised, with the provider's words."""
    text, error = failure(live(trap, body, cut=cut))
    assert text == trap.means.after
    must_fail(error, trap.means)


@pytest.mark.parametrize(("trap", "body"), rows(LATE_ERRORS))
def test_a_stored_error_comes_after_the_text_before_it(trap, body, tmp_path):
    """From a cassette the text comes first and the same error then."""
    text, error = failure(stored(tmp_path / "a.yaml", trap, body))
    assert text == trap.means.after
    must_fail(error, trap.means)


@pytest.mark.parametrize(("trap", "body"), rows(LATE_ERRORS))
def test_a_conversation_forgets_a_stream_that_failed(trap, body, loopback):
    """Over HTTP the text is delivered, the error raised, and the turn is not in the history."""
    conversation = model(loopback, trap, body).conversation()
    heard = []
    with pytest.raises(ProviderError) as caught:
        heard += conversation.prompt("Hi")
    must_fail(caught.value, trap.means)
    assert conversation.history == ()


def test_the_text_before_an_error_is_heard(loopback):
    """Who listens piece by piece hears what came before the error."""
    (body, *_) = LATE_ERRORS[0].bodies
    pieces = iter(model(loopback, LATE_ERRORS[0], body).conversation().prompt("Hi"))
    assert [next(pieces), next(pieces)] == ["Hi", "."]
    with pytest.raises(ProviderError, match="Over capacity"):
        next(pieces)
