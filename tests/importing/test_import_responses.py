"""Recordings of a Responses API: imported with the API they speak, or refused with what stands in the way."""

from __future__ import annotations

import json

import pytest
from recordings import asked as asked_in_a_chat
from recordings import call, chat, exchange, import_exchanges, reasons, run, spec_of, tool, user
from recordings import said as said_in_a_chat

URL = "https://api.openai.com/v1/responses"
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
THOUGHT = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAAAABq"}


def asked(*items, **more):
    """The body of a request."""
    return {"model": "gpt-4o", "input": list(items), **more}


def said(text, number=1, **more):
    """What a model says, as an item of the output."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "id": f"msg_{number}",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part],
        **more,
    }


def called(name, number=1, **arguments):
    """A call, as an item of the output."""
    ids = {"id": f"fc_{number}", "call_id": f"call_{number}"}
    return {"type": "function_call", "status": "completed", "name": name, "arguments": json.dumps(arguments), **ids}


def result(text, number=1):
    """What a tool gave back."""
    return {"type": "function_call_output", "call_id": f"call_{number}", "output": text}


def replied(*output, number=1, **more):
    """The body of a response."""
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    head = {"id": f"resp_{number}", "object": "response", "created_at": 1700000000, "model": "gpt-4o-2024-08-06"}
    return {**head, "status": "completed", "output": list(output), "usage": usage, **more}


def talk(request, *output, number=1, url=URL, **more):
    """One interaction that went well."""
    return exchange(request, replied(*output, number=number, **more), url=url)


def test_turns_that_carry_all_that_was_said_are_one_conversation(project):
    """A tool is called and the user speaks again: items come back as they came, also with their thoughts."""
    first = user("What do you see?")
    history = [first, THOUGHT, called("look"), result("a hat"), said("A hat.")]
    outcome = import_exchanges(
        project.root,
        [
            talk(asked(first, instructions="Be brief.", tools=[LOOK], temperature=0), THOUGHT, called("look")),
            talk(asked(*history[:4], instructions="Be brief.", tools=[LOOK], temperature=0), said("A hat."), number=2),
            talk(asked(*history, user("And now?"), instructions="Be brief.", tools=[LOOK]), said("No hat."), number=3),
        ],
    )
    assert reasons(outcome) == []
    spec = spec_of(project.root)
    assert spec["model"] == {"name": "gpt-4o", "api": "responses"}
    assert spec["system"] == "Be brief."
    assert spec["tools"] == [{"declare": {key: LOOK[key] for key in ("name", "parameters")}, "policy": "replay"}]
    assert [turn.get("options") for turn in spec["turns"]] == [{"temperature": 0}, None]
    (found,) = run(project)
    assert [turn.reply for turn in found.turns] == ["A hat.", "No hat."]
    assert [turn.result for turn in found.turns[0].tool_calls] == ["a hat"]


def by_id(*steps, before=None):
    """Interactions of these steps, an item and the output, each naming the response before; `before`: the first's."""
    found = []
    for number, (item, output) in enumerate(steps, start=1):
        named = f"resp_{number - 1}" if number > 1 else before
        request = asked(item, tools=[LOOK], **({"previous_response_id": named} if named else {}))
        found.append(talk(request, output, number=number))
    return found


SEEN = (user("What do you see?"), called("look")), (result("a hat"), said("A hat.")), (user("Now?"), said("No hat.", 2))


def test_a_request_goes_on_with_the_response_that_it_names(project):
    """Requests with the id of the last response are one conversation, also in the middle of a turn."""
    outcome = import_exchanges(project.root, by_id(*SEEN))
    assert reasons(outcome) == []
    spec = spec_of(project.root)
    assert spec["options"] == {"previous_response_id": "auto"}
    assert [turn.get("options") for turn in spec["turns"]] == [None, None]
    (found,) = run(project)
    assert [turn.reply for turn in found.turns] == ["A hat.", "No hat."]
    assert [turn.result for turn in found.turns[0].tool_calls] == ["a hat"]


def test_a_response_that_was_not_recorded_is_named_as_it_was(project):
    """A first request that goes on with another response says its id; the turns behind it go on with the replies."""
    steps = [(user(text), said(text, number)) for number, text in enumerate("ABC")]
    outcome = import_exchanges(project.root, by_id(*steps, before="resp_of_yesterday"))
    assert reasons(outcome) == []
    options = [turn["options"]["previous_response_id"] for turn in spec_of(project.root)["turns"]]
    assert options == ["resp_of_yesterday", "auto", "auto"]
    run(project)


def test_a_turn_that_names_two_kinds_of_responses_is_parted(project):
    """No turn says that its first call names one response, and its second the reply: the first call is imported."""
    outcome = import_exchanges(project.root, by_id(*SEEN, before="resp_of_yesterday"))
    assert [numbers for numbers, _ in reasons(outcome)] == [(2, 3)]
    assert [written.conversation.numbers for written in outcome.written] == [(1,)]
    run(project)


def test_two_answers_to_one_response_are_two_conversations(project):
    """A second request that names a response begins a conversation that goes on from there."""
    first = talk(asked(user("Hi")), said("Hello."))
    others = [
        talk(asked(user(text), previous_response_id="resp_1"), said(text, number), number=number)
        for number, text in ((2, "One"), (3, "Two"))
    ]
    outcome = import_exchanges(project.root, [first, *others])
    assert reasons(outcome) == []
    specs = [spec_of(project.root, f"talk/{number}") for number in (1, 2)]
    assert [spec.get("options") for spec in specs] == [
        {"previous_response_id": "auto"},
        {"previous_response_id": "resp_1"},
    ]
    assert "history" not in specs[1]
    assert [[turn.reply for turn in one.turns] for one in run(project)] == [["Hello.", "One"], ["Two"]]


def test_what_the_last_reply_is_not_in_begins_anew(project):
    """Where a client leaves the thoughts out, the next request is a conversation with what stands in it as history."""
    items = [user("Hi"), {"role": "assistant", "content": "Hello."}, user("Bye")]
    outcome = import_exchanges(
        project.root,
        [talk(asked(items[0]), THOUGHT, said("Hello.")), talk(asked(*items), said("Bye.", 2), number=2)],
    )
    assert reasons(outcome) == []
    assert spec_of(project.root, "talk/2")["history"] == [{"user": "Hi"}, {"assistant": "Hello."}]
    assert [len(one.turns) for one in run(project)] == [1, 1]


def test_a_text_as_input_a_link_and_a_file(project):
    """An input that is a text is a turn; links and bytes beside a text are attachments."""
    parts = [
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"},
        {"type": "input_file", "filename": "menu.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        {"type": "input_file", "file_url": "https://example.com/menu"},
    ]
    outcome = import_exchanges(
        project.root,
        [
            talk({"model": "gpt-4o", "input": "Hi"}, said("Hello.")),
            talk(asked({"role": "user", "content": parts}), said("Food.", 2), number=2),
        ],
    )
    assert reasons(outcome) == []
    assert spec_of(project.root, "talk/2")["turns"][0]["attachments"] == [
        {"url": "https://example.com/a.png", "detail": "low"},
        {"path": "_attachments/315d429b7714/menu.pdf"},
        {"url": "https://example.com/menu", "type": "application/pdf"},
    ]
    assert [one.turns[0].reply for one in run(project)] == ["Hello.", "Food."]


def test_an_error_is_expected(project):
    """An error answer becomes `expect_error`; the next turn does not know of the one that failed."""
    refused = {"error": {"message": "Billing hard limit has been reached", "type": "invalid_request_error"}}
    outcome = import_exchanges(
        project.root,
        [
            exchange(asked(user("Hi")), refused, status=400, url=URL),
            talk(asked(user("Hi again")), said("Hello.")),
        ],
    )
    assert reasons(outcome) == []
    assert spec_of(project.root, "talk/1")["turns"][0]["expect_error"]["status"] == 400
    run(project)


def test_a_chat_beside_it_is_a_conversation_of_its_own(project):
    """A recording may speak both; where a project's models speak Responses, an imported chat says what it speaks."""
    (project.root / "convrun.toml").write_text('[defaults]\nmodel = {api = "responses", name = "gpt-4o"}\n')
    outcome = import_exchanges(
        project.root,
        [
            talk(asked(user("Hi")), said("Hello.")),
            chat(
                asked_in_a_chat(user("Hi"), {"role": "assistant", "content": "Hello."}, user("Bye")),
                said_in_a_chat("Bye."),
            ),
        ],
    )
    assert reasons(outcome) == []
    assert [spec_of(project.root, f"talk/{number}")["model"]["api"] for number in (1, 2)] == ["responses", "chat"]
    run(project)


IMAGE = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "aGk="}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "hats"}}
CUSTOM = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "code", "input": "print()"}
SPOKEN = said("") | {"content": [{"type": "output_audio", "data": "aGk=", "transcript": "Hi"}]}
REFUSED = {
    "a search is offered": (
        asked(user("Hi"), tools=[{"type": "web_search"}]),
        [said("Hi")],
        "tools of the provider's own: `/tools/0`",
    ),
    "a search in the answer": (
        asked(user("Hi")),
        [SEARCH, said("Hi")],
        "tools of the provider's own: the answer has 'web_search_call'",
    ),
    "a search before": (
        asked(user("Hi"), SEARCH, said("Hi"), user("Ho")),
        [said("Hi")],
        "tools of the provider's own: `/input/1` has 'web_search_call'",
    ),
    "an image": (asked(user("Hi")), [IMAGE], "images in the answer: the answer"),
    "speech": (asked(user("Hi")), [SPOKEN], "audio: the answer is spoken"),
    "a custom tool": (
        asked(user("Hi"), tools=[{"type": "custom", "name": "code"}]),
        [said("Hi")],
        "custom tools: `/tools/0`",
    ),
    "a call of one": (asked(user("Hi")), [CUSTOM], "custom tools: the answer"),
    "a reference": (
        asked(user("Hi"), {"type": "item_reference", "id": "msg_1"}, user("Ho")),
        [said("Hi")],
        "a field that convrun does not send: `/input/1`",
    ),
    "a system message among the items": (
        asked({"role": "developer", "content": "Be brief."}, user("Hi")),
        [said("Hi")],
        "a field that convrun does not send: `/input/0`, where `instructions` is the system prompt",
    ),
    "thoughts in the history": (
        asked(user("Hi"), THOUGHT, said("Hi"), user("Ho")),
        [said("Hi")],
        "a field that convrun does not send: `/input/1`",
    ),
    "a result without its call": (
        asked(result("a hat")),
        [said("Hi")],
        "a history that the API would not accept: `/input/0` is a result without a call",
    ),
    "an input that is none": (asked(), [said("Hi")], "a history that the API would not accept: there is no input"),
    "an item that is none": (
        asked("Hi"),
        [said("Hi")],
        "a history that the API would not accept: an item is no object",
    ),
    "a strict tool with more": (
        asked(user("Hi"), tools=[LOOK | {"defer_loading": True}]),
        [said("Hi")],
        "a field that convrun does not send: `/tools/0/defer_loading`",
    ),
    "no model": (
        {"input": [user("Hi")]},
        [said("Hi")],
        "a field that convrun does not send: `/model`, which the request leaves out",
    ),
    "half a character": (
        asked(user("Hi \ud800")),
        [said("Hi")],
        "a text that YAML cannot hold: half of a character: `/input/0/content`",
    ),
}


@pytest.mark.parametrize(("request_body", "output", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_told_is_refused_with_its_place(project, request_body, output, words):
    """Tools of the provider's own, sound, images and what convrun does not send are said, as the request has them."""
    outcome = import_exchanges(project.root, [talk(request_body, *output)])
    assert reasons(outcome) == [((1,), words)]
    assert outcome.written == ()


def test_a_failed_response_is_an_error_or_no_answer(project):
    """A response that failed in its stream is what the provider said; one that is still queued is none."""
    failed = replied(status="failed", error={"code": "server_error", "message": "The server had an error"})
    stream = f"data: {json.dumps({'type': 'response.failed', 'response': failed})}\n\n"
    outcome = import_exchanges(project.root, [exchange(asked(user("Hi"), stream=True), stream, url=URL)])
    assert reasons(outcome) == []
    assert spec_of(project.root)["turns"][0]["expect_error"] == {"matches": "The server had an error"}
    run(project)


def test_an_unused_name(project):
    """Calls of a chat are no items."""
    outcome = import_exchanges(
        project.root,
        [chat(asked_in_a_chat(user("Hi"), tools=[tool("look")]), said_in_a_chat(None, call("look")), url=URL)],
    )
    assert reasons(outcome) == [((1,), "a history that the API would not accept: there is no input")]
