"""Playing: what counts as the same request, and what is said about one that is not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from cassette_conversations import (
    UPPER,
    call,
    completion,
    exchange,
    interaction,
    request,
    requests,
    text_of,
    tool_conversation,
)

from convrun.cassette.interaction import Recording
from convrun.cassette.playing import ENDED, Player
from convrun.cassette.stored.format import read
from convrun.cassette.stored.writing import write
from convrun.errors import StaleError
from convrun.redaction import Redactor


def played(recorded: Any, now: Any, **options: Any) -> bool:
    """Whether a request with the body `now` plays one with `recorded`."""
    player = Player(Recording(interactions=(interaction(recorded, completion("ok")),)), **options)
    return player.play(request(now)) is not None


def body(*messages: Any, **rest: Any) -> dict[str, Any]:
    """Return a request body."""
    return {"model": "m", "messages": list(messages)} | rest


HI = {"role": "user", "content": "Hi"}
WEATHER = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "1"}


def calling(**changes: Any) -> dict[str, Any]:
    """Return an assistant's message with one call, its function changed."""
    return {"role": "assistant", "content": None, "tool_calls": [WEATHER | {"function": WEATHER["function"] | changes}]}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        (body(HI, temperature=0), body(HI, temperature=0.0)),
        (body(HI), body(HI, tools=[], stop=None, user="", metadata={})),
        (body(HI), body({"role": "user", "content": "Hi", "name": None})),
        (body(HI), body({"content": [{"type": "text", "text": "Hi"}], "role": "user"})),
        (body(HI, stream=False), body(HI, stream=True, stream_options={"include_usage": True})),
        (body(HI, calling()), body(HI, calling(arguments='{"x":1.0}'))),
        (body(HI, calling(arguments="")), body(HI, calling(arguments="{}"))),
        (body(HI, calling(arguments=None)), body(HI, calling(arguments="{}"))),
        (
            body(HI, calling()),
            body(HI, {"role": "assistant", "tool_calls": [{k: v for k, v in WEATHER.items() if k != "type"}]}),
        ),
        (
            body(HI, calling(), RESULT),
            body(HI, {"role": "assistant", "tool_calls": [WEATHER | {"id": "b"}]}, RESULT | {"tool_call_id": "b"}),
        ),
        (body(HI, {"role": "assistant", "content": ""}, calling()), body(HI, calling())),
        (body(HI, {"role": "assistant", "content": "t"}, calling()), body(HI, calling() | {"content": "t"})),
        (
            body({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u", "detail": "auto"}}]}),
            body({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}),
        ),
        (
            body(HI, tools=[UPPER]),
            body(HI, tools=[{"function": UPPER["function"] | {"strict": None}, "type": "function"}]),
        ),
    ],
)
def test_requests_that_mean_the_same_are_the_same(recorded: Any, now: Any) -> None:
    """A spelling that means the same to a model plays the recording, in both directions."""
    assert played(recorded, now)
    assert played(now, recorded)


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        (body(HI, temperature=0), body(HI, temperature=1)),
        (body(HI, temperature=0), body(HI)),
        (body(HI, n=1), body(HI, n=True)),
        (body(HI), body({"role": "user", "content": "hi"})),
        (body(HI), body({"role": "user", "content": "Hi "})),
        (body(HI), body({"role": "system", "content": "Hi"})),
        (body(HI), body(HI, HI)),
        (body(HI, calling()), body(HI, calling(arguments='{"x": "1"}'))),
        (body(HI, calling(arguments="oops")), body(HI, calling(arguments='"oops"'))),
        (body(HI, calling(), RESULT), body(HI, calling(), RESULT | {"tool_call_id": "other"})),
        (
            body(HI, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}),
            body(HI, {"role": "assistant", "content": "ab"}),
        ),
        (body(HI, tools=[UPPER]), body(HI, tools=[UPPER, UPPER])),
        (body(HI, response_format={"schema": {"enum": []}}), body(HI, response_format={"schema": {}})),
        (body(HI, calling(arguments='{"x": null}')), body(HI, calling(arguments="{}"))),
        (
            body({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
            body({"role": "user", "content": "ab"}),
        ),
    ],
)
def test_requests_that_mean_something_else_do_not_play(recorded: Any, now: Any) -> None:
    """Nothing that a model could answer differently plays."""
    assert not played(recorded, now)
    assert not played(now, recorded)


def test_swapped_results_are_noticed() -> None:
    """Ids may be spelled differently, but each result must answer the same call."""
    made = {"role": "assistant", "tool_calls": [call("a", "x"), call("b", "y")]}
    results = [
        {"role": "tool", "tool_call_id": "a", "content": "X"},
        {"role": "tool", "tool_call_id": "b", "content": "Y"},
    ]
    swapped = [results[0] | {"tool_call_id": "b"}, results[1] | {"tool_call_id": "a"}]
    assert played(body(HI, made, *results), body(HI, made, *copy.deepcopy(results)))
    assert not played(body(HI, made, *results), body(HI, made, *swapped))


def test_repeated_ids_are_links_too() -> None:
    """A provider that calls every call `0` plays against ids that are unique."""
    again = [
        {"role": "assistant", "tool_calls": [call("0", "x")]},
        {"role": "tool", "tool_call_id": "0", "content": "X"},
    ]
    unique: list[Any] = []
    for identifier in ("c1", "c2"):
        unique += [
            {"role": "assistant", "tool_calls": [call(identifier, "x")]},
            {"role": "tool", "tool_call_id": identifier, "content": "X"},
        ]
    assert played(body(HI, *again, *again), body(HI, *unique))


def test_host_and_query_are_not_compared_but_the_endpoint_is() -> None:
    """A recording made through Azure plays for any address that ends in the same endpoint."""
    url = "https://x.azure.com/openai/deployments/d/chat/completions?api-version=2024"
    recording = Recording(interactions=(interaction(body(HI), completion("ok"), url=url),))
    assert Player(recording).play(request(body(HI), base_url="http://localhost:1/v1")) is not None
    other = Recording(interactions=(interaction(body(HI), completion("ok"), url="https://x/v1/responses"),))
    player = Player(other)
    assert player.play(request(body(HI))) is None
    assert player.difference is not None
    assert player.difference.changes[0].part == "endpoint"


def test_providers_and_headers_are_compared_where_they_are_known() -> None:
    """A recording that knows its provider and headers plays for no others; one that does not plays for all."""
    known = interaction(body(HI), completion("ok"), provider="groq", sent={"x-title": "a"})
    unknown = Recording(interactions=(interaction(body(HI), completion("ok")),))
    assert Player(unknown).play(request(body(HI), provider="openai", headers={"X-Title": "b"})) is not None
    assert (
        Player(Recording(interactions=(known,))).play(request(body(HI), provider="groq", headers={"X-Title": "a"}))
        is not None
    )
    player = Player(Recording(interactions=(known,)))
    assert player.play(request(body(HI), provider="openai", headers={"X-Title": "b"})) is None
    assert player.difference is not None
    assert [change.part for change in player.difference.changes] == ["provider", "headers"]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_conversation_plays_from_its_file(streamed: bool) -> None:
    """All requests of a recording play in order, with replies that are already parsed and the recorded time."""
    recording = exchange([("Hi", "Hello there"), ("Bye", "Good bye")], streamed=streamed)
    player = Player(read(write(recording), "x"))
    answers = [player.send(found) for found in requests(recording)]
    assert [text_of(reply) for reply in answers] == ["Hello there", "Good bye"]
    assert [reply.elapsed_ms for reply in answers] == [812, 812]
    assert answers[0].headers["content-type"] == ("text/event-stream" if streamed else "application/json")
    assert player.unplayed == ()
    assert player.difference is None


def test_equal_requests_play_in_file_order_each_once() -> None:
    """The same question asked twice gets the first answer first, and a third time none."""
    recording = Recording(interactions=(interaction(body(HI), completion("1")), interaction(body(HI), completion("2"))))
    player = Player(recording)
    assert [text_of(player.send(request(body(HI)))) for _ in range(2)] == ["1", "2"]
    with pytest.raises(StaleError, match="the recording ended after 2 model calls"):
        player.send(request(body(HI)))
    assert player.difference is not None
    assert player.difference.changes[0].part == ENDED


def test_ignored_places_are_listed() -> None:
    """What `cassette.ignore` names does not count and is told, once for each place."""
    recorded = body({"role": "system", "content": "Today is 2024-01-01"}, HI, metadata={"run_id": 1, "kept": 1})
    now = body({"role": "system", "content": "Today is 2025-02-02"}, HI, metadata={"run_id": 2, "kept": 1})
    pointers = ("/metadata/run_id", "/messages/0/content", "/seed")
    player = Player(Recording(interactions=(interaction(recorded, completion("ok")),)), ignore=pointers)
    assert player.play(request(now)) is not None
    assert [(found.path, found.recorded, found.now) for found in player.ignored] == [
        ("/metadata/run_id", 1, 2),
        ("/messages/0/content", "Today is 2024-01-01", "Today is 2025-02-02"),
    ]
    assert not played(recorded, now | {"metadata": {"run_id": 1, "kept": 2}}, ignore=pointers)


def test_redacted_forms_are_compared() -> None:
    """A recording made with a key plays with it and, as its placeholder, without; another text does not."""
    recorded = body({"role": "user", "content": "my key is <OPENAI_API_KEY>"})
    now = body({"role": "user", "content": "my key is sk-secret"})
    assert played(recorded, now, redactor=Redactor({"OPENAI_API_KEY": "sk-secret"}))
    assert not played(recorded, now, redactor=Redactor({"OPENAI_API_KEY": "sk-another"}))


def test_a_long_history_is_read_once() -> None:
    """A request that extends the last one by the same objects is told apart without reading the old messages again."""
    recording = exchange([(f"q{number}", f"a{number}") for number in range(30)])
    player = Player(recording)
    for found in requests(recording):
        assert text_of(player.send(found)).startswith("a")
    messages = requests(recording)[-1].body["messages"]
    assert isinstance(messages, list)
    assert played(recording.interactions[-1].request.body, body(*copy.deepcopy(messages), model="gpt-4.1-mini"))


def test_an_early_message_that_changed_is_noticed() -> None:
    """A history is not taken for the old one because its last messages are the same objects."""
    first, second, third = (found.body for found in requests(exchange([("a", "1"), ("b", "2"), ("c", "3")])))
    spoken: Any = third["messages"]
    forged: Any = [spoken[0], {"role": "user", "content": "A"}, *spoken[2:]]
    player = Player(exchange([("a", "1"), ("b", "2"), ("c", "3")]))
    assert all(player.play(request(found)) for found in (first, second))
    assert player.play(request(third | {"messages": forged})) is None
    assert player.difference is not None
    assert [change.path for change in player.difference.changes] == ["/messages/1/content"]


def changed(**changes: Any) -> tuple[Player, list[Any]]:
    """Return a player whose second request had changed values, and what it says changed."""
    recording = tool_conversation()
    player = Player(recording)
    first, second = requests(recording)[:2]
    player.send(first)
    assert player.play(request(second.body | changes)) is None
    assert player.difference is not None
    return player, list(player.difference.changes)


def test_the_changed_part_is_named() -> None:
    """Model, options, a tool's description and schema are told by name, with old and new."""
    _, (model,) = changed(model="gpt-5")
    assert (model.part, model.path, model.recorded, model.now) == ("model", "/model", "gpt-4.1-mini", "gpt-5")
    _, (option,) = changed(temperature=1)
    assert (option.part, option.path) == ("option 'temperature'", "/temperature")
    tool = copy.deepcopy(UPPER)
    tool["function"]["description"] = "Shout."
    _, (described,) = changed(tools=[tool])
    assert (described.part, described.path, described.now) == (
        "tool 'upper': description",
        "/tools/0/function/description",
        "Shout.",
    )
    _, (gone,) = changed(tools=[])
    assert (gone.part, gone.now) == ("tool 'upper'", None)


def test_changed_messages_are_named_by_who_spoke() -> None:
    """System prompt, user text and the result of a tool are told apart."""
    messages = copy.deepcopy(requests(tool_conversation())[1].body["messages"])
    assert isinstance(messages, list)
    spoken: list[Any] = messages
    spoken[0]["content"], spoken[1]["content"], spoken[3]["content"] = "Use no tools.", "Shout bear", "BEAR"
    _, found = changed(messages=spoken)
    assert [(change.part, change.path) for change in found] == [
        ("system prompt", "/messages/0/content"),
        ("user text", "/messages/1/content"),
        ("tool result of 'upper'", "/messages/3/content"),
    ]


def test_one_changed_key_of_a_message_is_told_alone() -> None:
    """Where a reply was sent back with a field more, that field is named and shown, not the whole message."""
    messages = copy.deepcopy(requests(tool_conversation())[1].body["messages"])
    assert isinstance(messages, list)
    spoken: list[Any] = messages
    spoken[2]["reasoning"] = "Upper case."
    _, (change,) = changed(messages=spoken)
    told = (change.path, change.part, change.recorded, change.now)
    assert told == ("/messages/2/reasoning", "reply in the history", None, "Upper case.")


@pytest.mark.parametrize(
    ("old", "new", "looks"),
    [
        ("Today is 2024-01-01.", "Today is 2025-12-31.", "'2025-12-31' looks like a date"),
        ("It is 12:30 now", "It is 9:05 now", "'9:05' looks like a time"),
        ("See /home/ann/notes.txt", "See /home/bob/notes.txt", "'/home/bob/notes.txt' looks like a path"),
        ("Run 7f9c24e8-3b12-4fef-91e0-f3a1c1a2b3c4", "Run 1a2b3c4d-3b12-4fef-91e0-f3a1c1a2b3c5", "looks like an id"),
        ("On Monday", "On Tuesday", "'Tuesday' looks like a date"),
    ],
)
def test_the_usual_suspects_are_pointed_out(old: str, new: str, looks: str) -> None:
    """What looks like a date, a time, a path or an id comes with the line that would settle it."""
    player = Player(
        Recording(interactions=(interaction(body({"role": "system", "content": old}, HI), completion("ok")),))
    )
    assert player.play(request(body({"role": "system", "content": new}, HI))) is None
    assert player.difference is not None
    hint = str(player.difference.changes[0].hint)
    assert looks in hint
    assert "cassette: {ignore: [/messages/0/content]}" in hint


def test_behind_a_difference_the_rest_plays_while_its_shape_fits() -> None:
    """A changed system prompt goes on playing for information; another user text does not."""
    recording = exchange([("a", "1"), ("b", "2"), ("c", "3")])
    player = Player(recording)
    bodies: list[Any] = [copy.deepcopy(found.body) for found in requests(recording)]
    for changed_body in bodies:
        changed_body["messages"][0]["content"] = "Be long."
    assert [text_of(player.send(request(found))) for found in bodies[:2]] == ["1", "2"]
    assert player.difference is not None
    assert player.difference.interaction == 0
    bodies[2]["messages"][-1]["content"] = "d"
    with pytest.raises(StaleError, match="the request is not the recorded one: system prompt"):
        player.send(request(bodies[2]))
    assert player.unplayed == (2,)


def test_recorded_calls_are_checked_against_todays_tools() -> None:
    """A recorded argument that is no longer a parameter, or a new required one, is told with its turn and call."""
    tool = copy.deepcopy(UPPER)
    tool["function"]["parameters"] = {
        "type": "object",
        "properties": {"loud": {"type": "string"}},
        "required": ["loud"],
    }
    player, _ = changed(tools=[tool])
    assert player.difference is not None
    assert player.difference.breaks == (
        "turn 1, call 1: text is no longer a parameter",
        "turn 1, call 1: loud is required now",
    )
    tool["function"]["parameters"] = {"type": "object", "properties": {"text": {"type": "integer"}}}
    player, _ = changed(tools=[tool])
    assert player.difference is not None
    assert player.difference.breaks == ("turn 1, call 1: text no longer takes a text",)


def test_recorded_results_are_found_by_their_call() -> None:
    """The result of a recorded call is that of the next request, whatever id the engine gave the call."""
    recording = tool_conversation()
    player = Player(recording)
    assert player.recorded_result("call_7", "upper", {"text": "panda"}) is None
    player.send(requests(recording)[0])
    assert player.recorded_result("call_1_1", "upper", '{"text":"panda"}') == "PANDA"
    assert player.recorded_result("call_1_1", "upper", {"text": "panda"}) == "PANDA"
    assert player.recorded_result("call_1_2", "upper", {"text": "panda"}) is None
    assert player.results_by_call("upper", {"text": "panda"}) == "PANDA"
    assert player.results_by_call("upper", {"text": "bear"}) is None


def test_results_of_calls_without_ids_follow_the_order() -> None:
    """Two equal calls without ids get their results one after the other."""
    made = {"role": "assistant", "tool_calls": [call("", "x"), call("", "x")]}
    results = [{"role": "tool", "tool_call_id": "", "content": text} for text in ("first", "second")]
    first = interaction(body(HI), completion(None, [call("", "x"), call("", "x")]))
    recording = Recording(interactions=(first, interaction(body(HI, made, *results), completion("done"))))
    player = Player(recording)
    player.send(request(body(HI)))
    found = [player.recorded_result(identifier, "upper", {"text": "x"}) for identifier in ("call_1_1", "call_1_2")]
    assert found == ["first", "second"]
