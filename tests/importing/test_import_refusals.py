"""Why something is not imported: each reason, from the smallest recording that has it."""

from __future__ import annotations

import json

import pytest
from recordings import asked, call, chat, exchange, reasons, replied, result, run, said, streamed, tool, user

A, B = user("A"), user("B")
SYSTEM = {"role": "system", "content": "Be brief."}
CUSTOM = {"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}}
CALLED = {"id": "c", "type": "custom", "custom": {"name": "sql", "input": "select"}}
TWO = replied(said("a")) | {"choices": [{"index": number, "message": said(str(number))} for number in (0, 1)]}
LEGACY = {"name": "f", "arguments": "{}"}
HALF = "a text that YAML cannot hold: half of a character: "
FIELD = "a field that convrun does not send: "

REFUSED = {
    "several choices asked for": (chat(asked(A, n=2), said("a")), "several choices: `/n` is 2"),
    "several choices given": (exchange(asked(A), TWO), "several choices: the answer has more than one"),
    "speech asked for": (chat(asked(A, modalities=["text", "audio"]), said("a")), "audio: the request asks for speech"),
    "speech": (
        chat(asked(A), said(None, audio={"id": "x", "data": "AA==", "transcript": "a"})), "audio: the answer is spoken",
    ),
    "speech before": (chat(asked(A, said(None, audio={"id": "x"}), B), said("b")), "audio: `/messages/1`"),
    "a custom tool": (chat(asked(A, tools=[tool("f"), CUSTOM]), said("a")), "custom tools: `/tools/1`"),
    "a custom call": (chat(asked(A), said(None, CALLED)), "custom tools: the answer calls one"),
    "a custom call before": (
        chat(asked(A, said(None, CALLED), result("1", "c"), B), said("b")), "custom tools: `/messages/1`",
    ),
    "functions": (chat(asked(A, functions=[{"name": "f"}]), said("a")), "legacy functions: `/functions`"),
    "a function call": (chat(asked(A), said(None, function_call=LEGACY)), "legacy functions: the answer calls one"),
    "a streamed function call": (
        exchange(asked(A, stream=True), streamed({"function_call": LEGACY})), "legacy functions: the answer calls one",
    ),
    "a function's result": (
        chat(asked(A, said("f?"), {"role": "function", "name": "f", "content": "1"}), said("b")),
        "legacy functions: `/messages/2`",
    ),
    "two system messages": (
        chat(asked(SYSTEM, SYSTEM, A), said("a")), "a system message that is not first: `/messages/1`",
    ),
    "a later system message": (
        chat(asked(A, said("a"), {"role": "developer", "content": "Now shout."}, B), said("b")),
        "a system message that is not first: `/messages/2`",
    ),
    "a call without result": (
        chat(asked(A, said(None, call("f")), B, tools=[tool("f")]), said("b")),
        "a history that the API would not accept: `/messages/2` stands where a call waits for its result",
    ),
    "a result without call": (
        chat(asked(A, said("a"), result("1"), B), said("b")),
        "a history that the API would not accept: `/messages/2` is a result without a call",
    ),
    "an open call at the end": (
        chat(asked(A, said(None, call("f", identity="a"), call("f", identity="b")), result("1", "a")), said("b")),
        "a history that the API would not accept: a call at its end has no result",
    ),
    "a role that there is not": (
        chat(asked({"role": "critic", "content": "A"}), said("b")),
        "a history that the API would not accept: `/messages/0` is of 'critic'",
    ),
    "no messages": (chat(asked(), said("a")), "a history that the API would not accept: there are no messages"),
    "no JSON": (
        exchange("A?", replied(said("a"))), "a history that the API would not accept: the request is no JSON object",
    ),
    "a message that is none": (
        chat({"model": "m", "messages": ["A"]}, said("a")),
        "a history that the API would not accept: a message is no object",
    ),
    "the user's name": (chat(asked(A | {"name": "Ada"}), said("a")), f"{FIELD}`/messages/0/name`"),
    "a name before": (chat(asked(A, said("a", name="Bot"), B), said("b")), f"{FIELD}`/messages/1/name`"),
    "two texts": (
        chat(asked({"role": "user", "content": [{"type": "text", "text": one} for one in "ab"]}), said("a")),
        f"{FIELD}`/messages/0/content`",
    ),
    "a part of another kind": (
        chat(asked({"role": "user", "content": [{"type": "video_url", "video_url": {"url": "x"}}]}), said("a")),
        f"{FIELD}`/messages/0/content`",
    ),
    "an image before": (
        chat(asked({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]},
                   said("a"), B), said("b")),
        f"{FIELD}`/messages/0/content`",
    ),
    "more of a tool": (
        chat(asked(A, tools=[tool("f") | {"cache_control": {"type": "ephemeral"}}]), said("a")),
        f"{FIELD}`/tools/0/cache_control`",
    ),
    "more of a function": (
        chat(asked(A, tools=[tool("f", defer=True)]), said("a")), f"{FIELD}`/tools/0/function/defer`",
    ),
    "a tool of the provider": (chat(asked(A, tools=[{"type": "web_search"}]), said("a")), f"{FIELD}`/tools/0`"),
    "two tools of one name": (
        chat(asked(A, tools=[tool("f"), tool("f")]), said("a")), f"{FIELD}`/tools/1/function/name`",
    ),
    "the model's own words at the end": (
        chat(asked(A, said("It is")), said("late")),
        f"{FIELD}`/messages/1` at the end of a first request, where the user speaks",
    ),
    "a request that begins with results": (
        chat(asked(A, said(None, call("f")), result("1"), tools=[tool("f")]), said("a")),
        f"{FIELD}`/messages/2` at the end of a first request, where the user speaks",
    ),
    "no model": (chat({"messages": [A]}, said("a")), f"{FIELD}`/model`, which the request leaves out"),
    "embeddings": (
        exchange({"model": "e", "input": "A"}, {"data": []}, url="https://api.openai.com/v1/embeddings"),
        "no chat completion in the answer: POST https://api.openai.com/v1/embeddings",
    ),
    "a GET": (
        exchange(None, {"data": []}, url="https://api.openai.com/v1/models?limit=1", method="GET"),
        "no chat completion in the answer: GET https://api.openai.com/v1/models",
    ),
    "no choices": (exchange(asked(A), {"object": "list"}), "no chat completion in the answer: "),
    "no choice": (exchange(asked(A), {"choices": []}), "no chat completion in the answer: "),
    "an empty body": (exchange(asked(A), ""), "no chat completion in the answer: "),
    "a page": (exchange(asked(A), "<html>Hi</html>"), "no chat completion in the answer: "),
    "half of a character": (chat(asked(user("\ud800")), said("a")), f"{HALF}`/messages/0/content`"),
    "half of one in a tool": (
        chat(asked(A, tools=[tool("f", description="\udfff")]), said("a")),
        f"{HALF}`/tools/0/function/description`",
    ),
    "half of one in a name": (chat(asked(A, metadata={"a/b": {"\ud800": 1}}), said("a")), f"{HALF}`/metadata/a~1b`"),
    "half of one in an earlier reply": (chat(asked(A, said("\ud800"), B), said("a")), f"{HALF}`/messages/1/content`"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name, project, imported):
    """It is told with its number and the reason, nothing is written for it, and what stands beside it is imported."""
    recorded, expected = REFUSED[name]
    outcome = imported(recorded, chat(asked(user("Fine?")), said("Fine.")))
    ((numbers, told),) = reasons(outcome)
    assert (numbers, told[: len(expected)]) == ((1,), expected)
    assert told == expected or expected.endswith(": ")
    (conversation,) = run(project)
    assert conversation.turns[0].reply == "Fine."


LOOK = call("look")
OFFER = {"tools": [tool("look")]}
GONE_ON = {
    "a field of the program's own": (
        [said(None, LOOK, reasoning="hm"), result("1")], OFFER, f"{FIELD}`/messages/1/reasoning`",
    ),
    "a name of the tool": ([said(None, LOOK), result("1") | {"name": "look"}], OFFER, f"{FIELD}`/messages/2/name`"),
    "an option that changes within a turn": ([said(None, LOOK), result("1")], OFFER | {"seed": 2}, f"{FIELD}`/seed`"),
    "a tool that is new within a turn": (
        [said(None, LOOK), result("1")], {"tools": [tool("look"), tool("see")]}, f"{FIELD}`/tools/1`",
    ),
    "a result in two parts": (
        [said(None, LOOK), result([{"type": "text", "text": one} for one in "ab"])], OFFER,
        f"{FIELD}`/messages/2/content`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GONE_ON)
def test_a_conversation_with_something_strange_in_it(name, imported):
    """A difference in a later request refuses what begins there, and is named by its place in the recording."""
    messages, more, expected = GONE_ON[name]
    outcome = imported(
        chat(asked(user("Go"), **OFFER), said(None, LOOK)), chat(asked(user("Go"), *messages, **more), said("ok"))
    )
    assert (len(outcome.written), reasons(outcome)) == (1, [((2,), expected)])


def test_a_tool_that_was_not_offered(imported):
    """A call of a tool that is not declared has no result that convrun would send."""
    strange = call("strange")
    outcome = imported(
        chat(asked(user("Go"), **OFFER), said(None, strange)),
        chat(asked(user("Go"), said(None, strange), result("no such tool"), **OFFER), said("ok")),
    )
    assert reasons(outcome) == [((2,), f"{FIELD}`/messages/2/content`")]


def test_others_are_listed_together(imported):
    """Requests to one other address are one line, however many they are."""
    get = exchange(None, {"data": []}, url="https://example.com/models", method="GET")
    outcome = imported(get, chat(asked(A), said("a")), get)
    assert reasons(outcome) == [((1, 3), "no chat completion in the answer: GET https://example.com/models")]


def test_bodies_that_are_no_text(imported):
    """What another API sent and got as bytes does not disturb."""
    sound = exchange(json.dumps({"input": "A"}), b"\x00\xff\xfe", url="https://api.openai.com/v1/audio/speech")
    outcome = imported(sound, chat(asked(A), said("a")))
    assert (len(outcome.written), len(outcome.refused)) == (1, 1)


def test_half_of_a_character_in_a_reply(project, imported):
    """A last reply is not part of the spec: the cassette holds it."""
    outcome = imported(chat(asked(A), said("x \ud800")))
    assert (len(outcome.written), reasons(outcome)) == (1, [])
    run(project)


def test_a_conversation_larger_than_a_spec(imported):
    """It is refused with both sizes before anything is tried."""
    outcome = imported(chat(asked(user("word " * 900_000)), said("a")))
    ((numbers, told),) = reasons(outcome)
    assert (numbers, told.partition(": ")[0]) == ((1,), "a spec larger than one may be")
    assert told.endswith(" characters, of 4,000,000")
