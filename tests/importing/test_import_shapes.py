"""Shapes of conversations, from small recordings: what the spec says, and that it passes."""

from __future__ import annotations

import json

import pytest
from recordings import (
    asked,
    call,
    chat,
    exchange,
    reasons,
    replied,
    result,
    run,
    said,
    spec_of,
    streamed,
    tool,
    user,
    write_recording,
)

from convrun.importing.files import import_file
from convrun.settings import load


def test_one_question(project, imported):
    """A question and its answer: the model's name, the text taken literally, the reply's beginning as a suggestion."""
    outcome = imported(chat(asked(user("What is {{ 1 }}?"), temperature=0), said("It is one.\nReally.")))
    assert reasons(outcome) == []
    assert spec_of(project.root) == {
        "description": "Imported from talk.yaml, interaction 1.",
        "model": "gpt-4o",
        "options": {"temperature": 0},
        "turns": [{"user": {"text": "What is {{ 1 }}?", "raw": True}, "expect": [{"contains": "It is one."}]}],
    }
    text = (project.root / "specs/talk.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=../spec.schema.json\n")
    assert "  # a suggestion: " in text
    (conversation,) = run(project)
    assert (conversation.turns[0].user, conversation.turns[0].reply) == ("What is {{ 1 }}?", "It is one.\nReally.")


def test_several_turns(project, imported):
    """Requests that extend one another are one conversation, with system prompt and stream."""
    system = {"role": "system", "content": "Be brief.\nBe kind.\n"}
    first, second = user("Hi\n\nthere\n"), user("  And now?")
    replies = [streamed({"content": "Hel"}, {"content": "lo"}), streamed({"content": "Bye"})]
    more = {"stream": True, "stream_options": {"include_usage": True}}
    imported(
        exchange(asked(system, first, **more), replies[0]),
        exchange(asked(system, first, said("Hello"), second, **more), replies[1]),
    )
    spec = spec_of(project.root)
    assert spec["model"] == {"name": "gpt-4o", "stream": True}
    assert [turn["user"]["text"] for turn in spec["turns"]] == ["Hi\n\nthere\n\n", "  And now?"]
    (conversation,) = run(project)
    assert [turn.user for turn in conversation.turns] == ["Hi\n\nthere\n", "  And now?"]
    assert [turn.reply for turn in conversation.turns] == ["Hello", "Bye"]


def test_tools_become_declarations(project, imported):
    """Tools are declared as they were sent, calls are checked with their arguments, results come from the recording."""
    offered = [tool("weather", description="The weather."), tool("never", description=None)]
    question = user("Weather in Rome and Oslo?")
    calls = [call("weather", {"city": "Rome", "days": 2}, "a"), call("weather", {"city": "{{ Oslo }}"}, "b")]
    imported(
        chat(asked(question, tools=offered), said(None, *calls)),
        chat(
            asked(question, said(None, *calls), result("sunny", "a"), result("rain", "b"), tools=offered),
            said("Sun, rain."),
        ),
    )
    spec = spec_of(project.root)
    assert [entry["declare"]["name"] for entry in spec["tools"]] == ["weather", "never"]
    assert {entry["policy"] for entry in spec["tools"]} == {"replay"}
    assert spec["tools"][0]["declare"] == {"name": "weather", "parameters": offered[0]["function"]["parameters"]} | {
        "description": "The weather."
    }
    (turn,) = spec["turns"]
    assert turn["expect"][0] == {
        "calls": {
            "exactly": [
                {"tool": "weather", "with": {"city": "Rome", "days": 2}},
                {"tool": "weather", "with": {"city": {"text": "{{ Oslo }}", "raw": True}}},
            ]
        }
    }
    assert spec["expect"] == [{"not_called": ["never"]}]
    (conversation,) = run(project)
    assert [one.result for one in conversation.turns[0].tool_calls] == ["sunny", "rain"]


def test_calls_that_are_never_answered(project, imported):
    """A conversation that ends with open calls has `chain: false` in its last turn."""
    imported(chat(asked(user("Go"), tools=[tool("f")]), said("Let me see.", call("f", {"x": [1, {"y": None}]}))))
    (turn,) = spec_of(project.root)["turns"]
    assert turn["chain"] is False
    (conversation,) = run(project)
    assert [(one.name, one.result) for one in conversation.turns[0].tool_calls] == [("f", None)]


def test_calls_that_are_never_answered_after_others_were(project, imported):
    """A turn whose last of several model calls leaves calls open says how many there are."""
    offered = {"tools": [tool("look"), tool("final_result")]}
    look, final = call("look", identity="a"), call("final_result", {"answer": 42}, "b")
    imported(
        chat(asked(user("Go"), **offered), said(None, look)),
        chat(asked(user("Go"), said(None, look), result("41", "a"), **offered), said(None, final)),
    )
    (turn,) = spec_of(project.root)["turns"]
    assert turn["chain"] == 2
    (conversation,) = run(project)
    assert [one.result for one in conversation.turns[0].tool_calls] == ["41", None]


def test_arguments_that_look_like_conditions_are_compared_literally(project, imported):
    """A mapping that a check would take for a condition, or for a literal text, is none in an imported check."""
    arguments = [{"filter": {"min": 1}}, {"filter": {"not_equals": "a"}}, {"note": {"text": "x", "raw": True}}]
    calls = [call("f", one, f"id{number}") for number, one in enumerate(arguments)]
    imported(chat(asked(user("Go"), tools=[tool("f")]), said(None, *calls)))
    (conversation,) = run(project)
    assert [one.arguments for one in conversation.turns[0].tool_calls] == arguments


def test_a_reply_that_was_not_carried_begins_another_conversation(project, imported):
    """Where the next request has other words for the reply, its earlier messages are the history of a new spec."""
    lookup = call("look", {"at": 1.5}, "l1")
    imported(
        chat(asked(user("One?"), tools=[tool("look")]), said("1")),
        chat(
            asked(user("One?"), said("one"), user("Look"), said(None, lookup), result("{{seen}}", "l1"), user("So?"),
                  tools=[tool("look")]),
            said("Two."),
        ),
    )  # fmt: skip
    spec = spec_of(project.root, "talk/2")
    assert spec["history"] == [
        {"user": "One?"},
        {"assistant": "one"},
        {"user": "Look"},
        {"tool_calls": [{"id": "l1", "name": "look", "arguments": {"at": 1.5}}]},
        {"tool": {"text": "{{seen}}", "raw": True}, "tool_call_id": "l1"},
    ]
    assert [one.turns[0].reply for one in run(project)] == ["1", "Two."]


def test_a_reply_without_the_thinking_is_not_carried(project, imported):
    """Where convrun would send the thinking back and the program did not, a new conversation begins."""
    url = "https://api.deepseek.com/chat/completions"
    imported(
        chat(asked(user("A")), said("a", reasoning_content="hm"), url=url),
        chat(asked(user("A"), said("a"), user("B")), said("b", reasoning_content="so"), url=url),
        chat(asked(user("A"), said("a"), user("B"), said("b", reasoning_content="so"), user("C")), said("c"), url=url),
    )
    assert [[turn.reply for turn in one.turns] for one in run(project)] == [["a"], ["b", "c"]]


def test_conversations_that_took_turns(project, imported):
    """Two conversations recorded at the same time are told apart."""
    imported(
        chat(asked(user("A1")), said("a1")),
        chat(asked(user("B1")), said("b1")),
        chat(asked(user("B1"), said("b1"), user("B2")), said("b2")),
        chat(asked(user("A1"), said("a1"), user("A2")), said("a2")),
    )
    replies = [[turn.reply for turn in one.turns] for one in run(project)]
    assert replies == [["a1", "a2"], ["b1", "b2"]]


def test_an_error_behind_a_tool_call(project, imported):
    """A turn that failed behind its tool calls is not in the history either."""
    offered = {"tools": [tool("f")]}
    a, made = user("A"), said(None, call("f"))
    imported(
        chat(asked(a, **offered), said("a")),
        chat(asked(a, said("a"), user("B"), **offered), made),
        exchange(
            asked(a, said("a"), user("B"), made, result("1"), **offered), {"error": {"message": "no"}}, status=400
        ),
        chat(asked(a, said("a"), user("C"), **offered), said("c")),
    )
    (conversation,) = run(project)
    assert [turn.reply for turn in conversation.turns] == ["a", None, "c"]


def test_a_conversation_that_went_two_ways(project, imported):
    """A second way on from the same reply is a conversation with the first part as its history."""
    imported(
        chat(asked(user("A")), said("a")),
        chat(asked(user("A"), said("a"), user("B")), said("b")),
        chat(asked(user("A"), said("a"), user("C")), said("c")),
    )
    assert [[turn.reply for turn in one.turns] for one in run(project)] == [["a", "b"], ["c"]]


def test_a_change_of_model_or_tools_begins_another_conversation(project, imported):
    """A spec has one model and one list of tools."""
    imported(
        chat(asked(user("A")), said("a")),
        chat(asked(user("A"), said("a"), user("B")) | {"model": "gpt-4o-mini"}, said("b")),
        chat(asked(user("A"), said("a"), user("B"), said("b"), user("C"), tools=[tool("f")]), said("c")),
    )
    assert [(one.model, len(one.turns)) for one in run(project)] == [("gpt-4o", 1), ("gpt-4o-mini", 1), ("gpt-4o", 1)]


def test_options_and_system_prompts_that_change(project, imported):
    """What every turn has stands once; another system prompt, or none, stands with its turn."""
    one, other = ({"role": "system", "content": text} for text in ("One.", "Two."))
    a, b, c = user("A"), user("B"), user("C")
    imported(
        chat(asked(one, a, seed=1, temperature=0), said("a")),
        chat(asked(other, a, said("a"), b, seed=1, temperature=1), said("b")),
        chat(asked(a, said("a"), b, said("b"), c, seed=1, temperature=None), said("c")),
    )
    spec = spec_of(project.root)
    assert spec["options"] == {"seed": 1}
    assert [turn.get("options") for turn in spec["turns"]] == [{"temperature": 0}, {"temperature": 1}, None]
    assert [turn.get("system") for turn in spec["turns"]] == [None, "Two.", ""]
    assert len(run(project)[0].turns) == 3


def test_retries_are_passed_over(project, imported):
    """An answer that made the client send the same again is in neither spec nor cassette."""
    busy = {"error": {"message": "slow down", "type": "rate_limit"}}
    imported(
        exchange(asked(user("A")), busy, status=429),
        exchange(asked(user("A")), busy, status=503),
        chat(asked(user("A")), said("a")),
    )
    (conversation,) = run(project)
    assert [turn.reply for turn in conversation.turns] == ["a"]
    assert "slow down" not in (project.root / "cassettes/talk.yaml").read_text("utf-8")


ERRORS = {
    "refused": (exchange(asked(user("B")), {"error": {"message": "Too long (by 5).", "code": "x"}}, status=400), 400),
    "a page": (exchange(asked(user("B")), "<html><title>502 Bad Gateway</title></html>", status=502), 502),
    "an empty body": (exchange(asked(user("B")), "", status=500), 500),
    "within 200": (exchange(asked(user("B")), {"error": {"message": "no model", "code": 404}}), 404),
    "within a stream": (
        exchange(asked(user("B"), stream=True), 'data: {"error": {"message": "gone [x]"}}\n\n'), None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_answer_is_expected(name, project, imported):
    """What the provider refused becomes `expect_error`, wherever the provider says it."""
    recorded, status = ERRORS[name]
    assert reasons(imported(recorded)) == []
    (turn,) = spec_of(project.root)["turns"]
    assert turn["expect_error"].get("status") == status
    (conversation,) = run(project)
    assert (conversation.turns[0].reply, conversation.turns[0].verdict) == (None, "passed")


def test_a_conversation_goes_on_behind_an_error(project, imported):
    """A turn that failed is in the conversation, and not in its history."""
    a, b, c = user("A"), user("B"), user("C")
    imported(
        chat(asked(a), said("a")),
        exchange(asked(a, said("a"), b), {"error": {"message": "no"}}, status=400),
        chat(asked(a, said("a"), c), said("c")),
        chat(asked(a, said("a"), c, said("c"), b), said("b")),
    )
    (conversation,) = run(project)
    assert [turn.reply for turn in conversation.turns] == ["a", None, "c", "b"]


SPELLINGS = {
    "nulls and empty lists": said("a", refusal=None, annotations=[], audio=None, function_call=None, tool_calls=[]),
    "a list of one part": {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
    "two messages": said("a"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spelling_makes_no_difference(name, project, imported):
    """Absent, null and empty fields and a list of one part carry a reply as well."""
    carried = [said(""), said("a")] if name == "two messages" else [SPELLINGS[name]]
    part = {"role": "user", "content": [{"type": "text", "text": "A"}]}
    outcome = imported(
        chat(asked(part, stop=[], user=""), said("a")),
        chat(asked(part, *carried, user("B"), tools=None), said("b")),
    )
    assert reasons(outcome) == []
    assert len(run(project)[0].turns) == 2


def test_a_long_chain(project, imported):
    """A turn of more model calls than usual gets its limit."""
    messages, recorded = [user("Go")], []
    for number in range(12):
        made = call("f", {"n": number}, f"c{number}")
        recorded.append(chat(asked(*messages, tools=[tool("f")]), said(None, made)))
        messages += [said(None, made), result(str(number), f"c{number}")]
    imported(*recorded, chat(asked(*messages, tools=[tool("f")]), said("done")))
    assert spec_of(project.root)["chain_limit"] == 13
    (conversation,) = run(project)
    assert conversation.turns[0].model_calls == 13


def test_structured_output(project, imported):
    """What was asked for stands among the options as it was sent."""
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}}}
    imported(chat(asked(user("A"), response_format=wanted), said('{"a": 1}')))
    assert spec_of(project.root)["options"] == {"response_format": wanted}
    run(project)


def test_replies_of_other_shapes(project, imported):
    """A refusal, a reply of nothing, one that a filter took, and a list of parts are replies as well."""
    thought = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "ok"}]
    filtered = replied({}, "content_filter")
    del filtered["choices"][0]["message"]
    outcome = imported(
        chat(asked(user("A")), said(None, refusal="No.")),
        chat(asked(user("B")), said("")),
        exchange(asked(user("C")), filtered),
        chat(asked(user("D")), {"role": "assistant", "content": thought}),
    )
    assert reasons(outcome) == []
    assert [one.turns[0].reply for one in run(project)] == ["", "", "", "ok"]


def test_ids_that_a_provider_gives_not_or_twice(project, imported):
    """Calls without ids, and the same id in every turn, are linked to their results all the same."""
    offered = {"tools": [tool("f")]}
    one, other = call("f", {"n": 1}, ""), call("f", {"n": 2}, "call_0")
    messages = [user("A"), said(None, one), result("1", ""), said("a"), user("B"), said(None, other)]
    messages += [result("2", "call_0"), said("b"), user("C"), said(None, call("f", {"n": 3}, "call_0"))]
    messages += [result("3", "call_0")]
    imported(
        *(chat(asked(*messages[:end], **offered), messages[end]) for end in (1, 3, 5, 7, 9)),
        chat(asked(*messages, **offered), said("c")),
    )
    (conversation,) = run(project)
    results = [one.result for turn in conversation.turns for one in turn.tool_calls]
    assert (results, [turn.reply for turn in conversation.turns]) == (["1", "2", "3"], ["a", "b", "c"])


def test_what_a_text_may_hold(project, imported):
    """Marks of templates, comments, quotes, blanks at the ends and control characters arrive as they were."""
    texts = ["# no comment", "a: b #c", " \n lead", "{{ x }}\n", "{# c #}", "'\"", "tab\there\n\tx", "a\r\nb", "\x07",
             "---\nx", "é e\u0301", "\u2028", "1e3", "null", "", "🤖\n\n\n"]  # fmt: skip
    recorded = []
    messages = [{"role": "system", "content": texts[0]}]
    for number, text in enumerate(texts):
        messages.append(user(text))
        recorded.append(chat(asked(*messages), said(f"{number}: {text}")))
        messages.append(said(f"{number}: {text}"))
    assert reasons(imported(*recorded)) == []
    (conversation,) = run(project)
    assert [turn.user for turn in conversation.turns] == texts


def test_other_shapes_of_files(project):
    """JSON cassettes, parsed bodies and the shape of old httpx recordings are read as well."""
    plain = chat(asked(user("A")), said("a"))
    parsed = json.loads(json.dumps(plain))
    parsed["request"] = {"method": "POST", "uri": plain["request"]["uri"], "parsed_body": asked(user("A"))}
    parsed["response"] = {"status": {"code": 200}, "headers": {}, "parsed_body": replied(said("a"))}
    old = json.loads(json.dumps(plain))
    old["response"] = {"status_code": 200, "content": json.dumps(replied(said("a"))), "http_version": "HTTP/1.1"}
    settings = load(project.root, {}, {})
    for name, one in (("json", plain), ("parsed", parsed), ("old", old)):
        path = write_recording(project.root, [one], f"{name}.yaml")
        if name == "json":
            path.write_text(json.dumps({"version": 1, "interactions": [one]}), "utf-8")
        outcome = import_file(path, name, settings, environ={}, force=False)
        assert (len(outcome.written), reasons(outcome)) == (1, [])
    assert [one.turns[0].reply for one in run(project)] == ["a", "a", "a"]


def test_nothing_of_an_account_is_written(project, imported):
    """Headers, ids and dates of a recording are in nothing that is written; the value of a key in use neither."""
    key = "sk-proj-abcdefghijklmnop"
    recorded = chat(asked(user(f"My key is {key}.")), said(f"{key}? Keep it."))
    assert reasons(imported(recorded, environ={"OPENAI_API_KEY": key})) == []
    written = "".join(
        path.read_text("utf-8") for folder in ("specs", "cassettes") for path in (project.root / folder).rglob("*.yaml")
    )
    assert all(word not in written for word in (key, "somebody", "chatcmpl", "1700000000"))
    assert "<OPENAI_API_KEY>" in written
    run(project)
