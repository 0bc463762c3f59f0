"""Replies as real providers send them: the table, and what each row comes to, live, recorded and in a conversation."""

from __future__ import annotations

import pytest
from servers import event_stream
from trapping import (
    Fails,
    Says,
    Trap,
    asked,
    both,
    call,
    failure,
    history,
    is_stream,
    live,
    model,
    must_fail,
    must_say,
    plain,
    recorded,
    rows,
    said,
    stored,
    stream,
)

from convrun.conversation.messages import user
from convrun.errors import BrokenReplyError, ProviderError, ServerError

WANTS = (("look", "{}", "call_a1"),)
THOUGHTS = {"reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "index": 0}]}
DETAILS = {"prompt_tokens_details": None, "completion_tokens_details": {"reasoning_tokens": 2}}
PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Four."}]

NULL = "`content` is null whenever"
NO_CALL = "`content` null with no tool call"
LIST = "`content` as a LIST"
NAMES = "Reasoning under two names"
CALLS = "Tool calls: `arguments` missing"
BRANCH = "Branch on the presence"
NOTHING = "HTTP 200 without `choices`"
FIGURES = "The reply's `model` differs"

WITH_CALLS = [
    Trap(
        line=NULL,
        case=case,
        bodies=both({**content, "tool_calls": [call()]}, "tool_calls"),
        means=Says(text=content.get("content") or "", calls=WANTS, finish="tool_calls"),
    )
    for case, content in {
        "null with calls": {"content": None},
        "absent with calls": {},
        "empty with calls": {"content": ""},
        "text with calls": {"content": "Let me look."},
    }.items()
]
WITHOUT_CALLS = [
    Trap(
        line=NO_CALL,
        case="refusal",
        bodies=both({"content": None, "refusal": "I will not."}),
        means=Says(refusal="I will not."),
    ),
    Trap(
        line=NO_CALL,
        case="refusal in pieces",
        bodies=(stream({"role": "assistant", "content": None}, {"refusal": "I will "}, {"refusal": "not."}),),
        means=Says(refusal="I will not."),
    ),
    Trap(
        line=NO_CALL,
        case="audio",
        bodies=both({"content": None, "audio": {"id": "a1", "data": "UklGRg==", "transcript": "Hello."}}),
        means=Says(text="Hello."),
    ),
    Trap(
        line=NO_CALL,
        case="legacy function call",
        bodies=both({"content": None, "function_call": {"name": "look", "arguments": '{"at":1}'}}, "function_call"),
        means=Says(calls=(("look", '{"at":1}', "call_1_1"),), finish="tool_calls"),
    ),
    Trap(
        line=NO_CALL,
        case="output filter",
        bodies=(
            b'{"choices":[{"index":0,"finish_reason":"content_filter","content_filter_results":{"hate":{}}}]}',
            event_stream({"choices": [{"index": 0, "finish_reason": "content_filter"}]}),
        ),
        means=Says(finish="content_filter"),
    ),
]
REASONING = [
    Trap(
        line=LIST, case="content is a list", bodies=both({"content": PARTS}), means=Says(text="Four.", reasoning="Hm.")
    ),
    Trap(
        line=LIST,
        case="content is a list in pieces",
        bodies=(stream({"content": PARTS[:1]}, {"content": [{"type": "text", "text": "Fo"}]}, {"content": "ur."}),),
        means=Says(text="Four.", reasoning="Hm."),
    ),
    Trap(
        line=NAMES,
        case="reasoning_content",
        bodies=both({"content": "4", "reasoning_content": "Hm."}),
        means=Says(text="4", reasoning="Hm."),
    ),
    Trap(
        line=NAMES,
        case="reasoning",
        bodies=both({"content": "4", "reasoning": "Hm."}),
        means=Says(text="4", reasoning="Hm."),
    ),
    Trap(line=NAMES, case="details", bodies=both({"content": "4", **THOUGHTS}), means=Says(text="4", reasoning="Hm.")),
    Trap(
        line=NAMES,
        case="both names",
        bodies=both({"content": "4", "reasoning_content": "Hm.", **THOUGHTS}),
        means=Says(text="4", reasoning="Hm."),
    ),
    Trap(
        line=NAMES,
        case="reasoning before calls",
        bodies=both({"content": "", "reasoning_content": "Hm.", "tool_calls": [call()]}, "tool_calls"),
        means=Says(reasoning="Hm.", calls=WANTS, finish="tool_calls"),
    ),
]
TOOL_CALLS = [
    *(
        Trap(
            line=CALLS,
            case=f"arguments {case}",
            bodies=both({"content": None, "tool_calls": [call(arguments)]}, "tool_calls"),
            means=Says(calls=(("look", "", "call_a1"),), finish="tool_calls"),
        )
        for case, arguments in {"missing": ..., "empty": "", "null": None}.items()
    ),
    *(
        Trap(
            line=CALLS,
            case=f"id {case}",
            bodies=both({"content": None, "tool_calls": [call(identifier=given)]}, "tool_calls"),
            means=Says(calls=(("look", "{}", becomes),), finish="tool_calls"),
            used=used,
        )
        for case, given, becomes, used in (
            ("empty", "", "call_1_1", ()),
            ("absent", ..., "call_1_1", ()),
            ("null", None, "call_1_1", ()),
            ("repeated every turn", "0", "call_1_1", ("0",)),
            ("counted from 0", "call_0", "call_1_1", ("call_0",)),
            ("invented and taken", "", "call_1_2", ("call_1_1",)),
            ("short", "aB3dE5gH7", "aB3dE5gH7", ()),
            ("of a function", "functions.look:0", "functions.look:0", ()),
            ("uuid", "5f3a0c1e-9d0b-4a53-8f0c-1c2d3e4f5a6b", "5f3a0c1e-9d0b-4a53-8f0c-1c2d3e4f5a6b", ()),
            ("toolu", "toolu_01AbC", "toolu_01AbC", ()),
        )
    ),
    Trap(
        line=CALLS,
        case="type absent",
        bodies=both({"tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": "{}"}}]}, "tool_calls"),
        means=Says(calls=(("look", "{}", "c1"),), finish="tool_calls"),
    ),
    Trap(
        line=CALLS,
        case="custom",
        bodies=both(
            {"tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}]},
            "tool_calls",
        ),
        means=Says(calls=(("sql", "SELECT 1", "c1"),), finish="tool_calls"),
    ),
    Trap(
        line=CALLS,
        case="two calls of one id",
        bodies=both({"tool_calls": [call(identifier=""), call('{"at": 2}', identifier="")]}, "tool_calls"),
        means=Says(calls=(("look", "{}", "call_1_1"), ("look", '{"at": 2}', "call_1_2")), finish="tool_calls"),
    ),
]
REASONS = [
    Trap(
        line=BRANCH,
        case=f"calls with {reason!r}",
        bodies=both({"content": "", "tool_calls": [call()]}, reason),
        means=Says(calls=WANTS, finish=normal),
    )
    for reason, normal in (("stop", "stop"), ("", None), ("tool_calls", "tool_calls"), ("eos", "stop"))
] + [
    Trap(line=BRANCH, case="eos", bodies=both({"content": "Hi."}, "eos"), means=Says(text="Hi.")),
    Trap(
        line=BRANCH,
        case="a call in words",
        bodies=both({"content": '<tool_call>{"name": "look"}</tool_call>'}, "tool_calls"),
        means=Says(text='<tool_call>{"name": "look"}</tool_call>', finish="tool_calls"),
    ),
]
FIGURED = [
    Trap(
        line=FIGURES,
        case="another model",
        bodies=both({"content": "Hi."}, model="m-2025-01-01"),
        means=Says(text="Hi.", model="m-2025-01-01"),
    ),
    Trap(line=FIGURES, case="no usage", bodies=both({"content": "Hi."}), means=Says(text="Hi.")),
    Trap(
        line=FIGURES,
        case="null details",
        bodies=both(
            {"content": "Hi."}, usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, **DETAILS}
        ),
        means=Says(text="Hi.", usage=(3, 2)),
    ),
    Trap(
        line=FIGURES,
        case="a total that does not add up",
        bodies=both({"content": "Hi."}, usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 57}),
        means=Says(text="Hi.", usage=(3, 2)),
    ),
]
REPLIES = [*WITH_CALLS, *WITHOUT_CALLS, *REASONING, *TOOL_CALLS, *REASONS, *FIGURED]

REFUSED = [
    Trap(
        line=NOTHING,
        case="an error in a 200",
        bodies=(
            b'{"error": {"message": "Overloaded", "code": 503}}',
            event_stream({"error": {"message": "Overloaded", "code": 503}}),
        ),
        means=Fails(
            kind=ServerError, status=503, told="Overloaded", words="answered 200 with an error", retryable=True
        ),
    ),
    Trap(
        line=NOTHING,
        case="choices null",
        bodies=(b'{"id": "x", "choices": null}', event_stream({"id": "x", "choices": None})),
        means=Fails(kind=BrokenReplyError, words="without a choice"),
    ),
    Trap(
        line=NOTHING,
        case="no JSON",
        bodies=(b"upstream gone",),
        means=Fails(kind=BrokenReplyError, told="upstream gone", words="text that is not JSON"),
    ),
    Trap(
        line=NOTHING,
        case="a web page",
        bodies=(b"<!DOCTYPE html><title>Not here</title>",),
        means=Fails(kind=BrokenReplyError, told="Not here", words="web page"),
    ),
    Trap(
        line=NOTHING,
        case="half of JSON",
        bodies=(b'{"choices": [{"mess',),
        means=Fails(kind=BrokenReplyError, words="broke off", retryable=True),
    ),
    Trap(
        line=NOTHING,
        case="an empty body",
        bodies=(b"",),
        means=Fails(kind=BrokenReplyError, words="empty body", retryable=True),
    ),
]


@pytest.mark.parametrize(("trap", "body"), rows(REPLIES))
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "byte-by-byte"])
def test_a_reply_says_what_it_means(trap, body, cut):
    """Text, reasoning, refusal, calls, finish reason and usage are those of the row, however the bytes are cut."""
    text, found = asked(live(trap, body, cut=cut), *history(trap))
    must_say(found, trap.means)
    assert text == found.message.text


@pytest.mark.parametrize(("trap", "body"), rows(REPLIES))
def test_a_reply_is_replayed_as_it_was_recorded(trap, body, tmp_path):
    """What a cassette gives back is the same, and so is the request that sends the reply back."""
    first, player = recorded(tmp_path / "a.yaml", trap, body)
    must_say(first, trap.means)
    text, again = asked(player, *history(trap))
    assert said(again) == said(first)
    assert (again.message, again.usage) == (first.message, first.usage)
    assert text == again.message.text
    _, last = asked(player, *history(trap), again.message, user("More"))
    assert last.message.text == "And on."
    assert (player.difference, player.unplayed) == (None, ())


@pytest.mark.parametrize(("trap", "body"), rows([trap for trap in REPLIES if not trap.used]))
def test_a_conversation_hears_it(trap, body, loopback):
    """Over HTTP, a response of a conversation has the same text, calls, refusal, finish reason and usage."""
    response = model(loopback, trap, body).conversation(stream=is_stream(body)).prompt("Hi")
    means = trap.means
    assert "".join(response) == response.text() == means.text
    assert [(one.name, one.tool_call_id) for one in response.tool_calls()] == [
        (name, identifier) for name, _, identifier in means.calls
    ]
    assert (response.refusal, response.finish_reason) == (means.refusal or None, means.finish)
    assert (response.usage().input, response.usage().output) == means.usage


@pytest.mark.parametrize(("trap", "body"), rows(REFUSED))
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "byte-by-byte"])
def test_what_is_no_reply_is_an_error(trap, body, cut):
    """A good status without a reply is an error with the provider's words, and nothing was delivered."""
    text, error = failure(live(trap, body, cut=cut))
    must_fail(error, trap.means)
    assert text == ""


@pytest.mark.parametrize(("trap", "body"), rows(REFUSED))
def test_what_is_no_reply_is_the_same_error_on_replay(trap, body, tmp_path):
    """From a cassette it is the error that it was."""
    _, error = failure(stored(tmp_path / "a.yaml", trap, body))
    must_fail(error, trap.means)


@pytest.mark.parametrize(("trap", "body"), rows(REFUSED))
def test_a_conversation_is_told_of_it(trap, body, loopback):
    """Over HTTP it is that error too, and the turn is not in the history."""
    conversation = model(loopback, trap, body).conversation(stream=is_stream(body))
    with pytest.raises(ProviderError) as caught:
        conversation.prompt("Hi").text()
    must_fail(caught.value, trap.means)
    assert conversation.history == ()


@pytest.mark.parametrize("body", both({"content": "4", "reasoning_content": "Hm."}), ids=["plain", "stream"])
def test_reasoning_content_is_sent_back(body, loopback):
    """Who calls it `reasoning_content` finds it in the next request; `reasoning` is not sent."""
    trap = REPLIES[0]
    conversation = model(loopback, trap, body).conversation(stream=is_stream(body))
    conversation.prompt("Two and two?").text()
    conversation.prompt("Sure?").text()
    assert loopback.requests[1].body["messages"][1] == {
        "role": "assistant",
        "content": "4",
        "reasoning_content": "Hm.",
    }
    loopback.answers[:] = []
    other = model(loopback, trap, plain({"content": "4", **THOUGHTS})).conversation(stream=False)
    other.prompt("Two and two?").text()
    other.prompt("Sure?").text()
    assert loopback.requests[3].body["messages"][1] == {"role": "assistant", "content": "4"}
