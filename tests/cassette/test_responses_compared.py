"""Requests to a Responses API compared with recorded ones: by what they mean, and told by their parts."""

from __future__ import annotations

from typing import Any

import pytest
from response_conversations import (
    BASE,
    UPPER,
    asked,
    called,
    conversation,
    response,
    result,
    said,
    sent,
    thought,
    tools_called,
    user,
)

from convrun.cassette.interaction import Recording
from convrun.cassette.playing import Player
from convrun.errors import CassetteError, StaleError
from convrun.wire import Request

CALL = called("upper", text="panda")
PIXEL = "data:image/png;base64,iVBORw0KGgo="
HISTORY = [user("Shout panda"), CALL, result("PANDA"), said("PANDA!"), user("Thanks")]


def body(*items: Any, **more: Any) -> dict[str, Any]:
    """Return the body of a request."""
    return {
        "model": "gpt-5-mini",
        "instructions": "Be brief.",
        "input": list(items or HISTORY),
        "tools": [UPPER],
    } | more


def player_of(recorded: dict[str, Any], **more: Any) -> Player:
    """Return a player of a recording with this one request."""
    return Player(Recording(interactions=(asked(recorded, response(said("Hi"))),)), **more)


def looks_at(url: str) -> dict[str, Any]:
    """Return what the user says of an image."""
    return {
        "role": "user",
        "content": [{"type": "input_text", "text": "Look"}, {"type": "input_image", "image_url": url}],
    }


def request(now: dict[str, Any]) -> Request:
    """Return a request on its way."""
    return Request(endpoint="responses", body=now, base_url=BASE)


def without(item: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return an item without some keys."""
    return {key: value for key, value in item.items() if key not in keys}


SAME: dict[str, Any] = {
    "streamed": body(stream=True, stream_options={"include_obfuscation": False}),
    "nulls and empty values": body(metadata={}, temperature=None, include=[]),
    "ids and states of what the model said": body(
        HISTORY[0],
        without(CALL, "id", "status"),
        HISTORY[2] | {"id": "fco_1", "status": "completed"},
        {"role": "assistant", "content": "PANDA!"},
        HISTORY[4],
    ),
    "other ids that link the same": body(
        HISTORY[0], CALL | {"call_id": "call_other"}, HISTORY[2] | {"call_id": "call_other"}, *HISTORY[3:]
    ),
    "a list of one text": body(*HISTORY[:4], {"role": "user", "content": [{"type": "input_text", "text": "Thanks"}]}),
    "a message that says that it is one": body(*HISTORY[:4], user("Thanks") | {"type": "message"}),
    "arguments with other spaces": body(HISTORY[0], CALL | {"arguments": '{"text":"panda"}'}, *HISTORY[2:]),
}


@pytest.mark.parametrize("now", SAME.values(), ids=SAME)
def test_requests_that_mean_the_same_play(now: dict[str, Any]) -> None:
    """What a model cannot tell apart is the recorded request."""
    assert player_of(body()).play(request(now)) is not None
    assert player_of(now).play(request(body())) is not None


def test_an_input_that_is_a_text_is_what_the_user_says() -> None:
    """A text and a list of one message are the same."""
    assert player_of(body(user("Hi"))).play(request(body() | {"input": "Hi"})) is not None


def test_the_detail_of_an_image_is_auto() -> None:
    """An image with the detail auto is one without; another detail is another request."""
    image = {"type": "input_image", "image_url": PIXEL}
    seen: list[dict[str, Any]] = [
        {"role": "user", "content": [image | more]} for more in ({}, {"detail": "auto"}, {"detail": "low"})
    ]
    assert player_of(body(seen[0])).play(request(body(seen[1]))) is not None
    assert player_of(body(seen[0])).play(request(body(seen[2]))) is None


OTHER: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "system prompt": (body(), body(instructions="Be long."), "/instructions", "system prompt"),
    "what the user says": (body(user("Hi")), body(user("Ho")), "/input/0/content", "user text"),
    "the history": (
        body(),
        body(user("Shout koala"), *HISTORY[1:]),
        "/input/0/content",
        "user text in the history",
    ),
    "a result": (
        body(*HISTORY[:3]),
        body(*HISTORY[:2], result("Panda")),
        "/input/2/output",
        "tool result of 'upper'",
    ),
    "the arguments of a call": (
        body(*HISTORY[:3]),
        body(HISTORY[0], called("upper", text="koala"), HISTORY[2]),
        "/input/1",
        "reply in the history",
    ),
    "what a tool is for": (
        body(),
        body(tools=[UPPER | {"description": "Shout."}]),
        "/tools/0/description",
        "tool 'upper': description",
    ),
    "what a tool takes": (
        body(),
        body(tools=[UPPER | {"parameters": {"type": "object"}}]),
        "/tools/0/parameters",
        "tool 'upper': schema",
    ),
    "the name of a tool": (
        body(),
        body(tools=[UPPER | {"name": "shout"}]),
        "/tools/0/name",
        "tool 'upper': name",
    ),
    "another tool": (
        body(),
        body(tools=[UPPER, UPPER | {"name": "low", "description": "", "parameters": {}}]),
        "/tools/1",
        "tool 'low'",
    ),
    "an option": (body(), body(temperature=1), "/temperature", "option 'temperature'"),
    "the model": (body(), body(model="gpt-5"), "/model", "model"),
    "the schema of the reply": (
        body(text={"verbosity": "low", "format": {"type": "text"}}),
        body(text={"verbosity": "low", "format": {"type": "json_schema", "name": "a", "schema": {}}}),
        "/text/format",
        "schema of the reply",
    ),
    "how much is said": (body(text={"verbosity": "low"}), body(text={"verbosity": "high"}), "/text", "option 'text'"),
    "an image": (body(looks_at(PIXEL)), body(looks_at("https://a/b")), "/input/0/content/1", "attachment"),
    "another thought": (
        body(user("Hi"), thought("So."), said("Hi"), user("Ho")),
        body(user("Hi"), thought("So.", number=2), said("Hi"), user("Ho")),
        "/input/1",
        "reply in the history",
    ),
    "another response before": (
        body(user("Hi"), previous_response_id="resp_8"),
        body(user("Hi"), previous_response_id="resp_9"),
        "/previous_response_id",
        "option 'previous_response_id'",
    ),
}


@pytest.mark.parametrize(("recorded", "now", "path", "part"), OTHER.values(), ids=OTHER)
def test_another_request_is_told_by_its_part(
    recorded: dict[str, Any], now: dict[str, Any], path: str, part: str
) -> None:
    """A request that differs plays nothing; what differs is named, at its place in the request itself."""
    player = player_of(recorded)
    assert player.play(request(now)) is None
    assert player.difference is not None
    (change,) = player.difference.changes
    assert (change.path, change.part) == (path, part)
    assert change.recorded != change.now


IGNORED = {
    "/input/0/content": (body(user("Today is Monday")), body(user("Today is Friday"))),
    "/instructions": (body(), body(instructions="It is Friday.")),
    "/tools/0/description": (body(), body(tools=[UPPER | {"description": "Shout."}])),
    "/text/format": (body(text={"format": {"type": "text"}}), body(text={"format": {"type": "json_object"}})),
}


@pytest.mark.parametrize(("pointer", "bodies"), IGNORED.items(), ids=IGNORED)
def test_a_place_can_be_ignored(pointer: str, bodies: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """What `ignore` names is the request's own place; beside it nothing else may differ, and that alone is told."""
    recorded, now = bodies
    player = player_of(recorded, ignore=[pointer])
    assert player.play(request(now)) is not None
    assert [one.path for one in player.ignored] == [pointer]
    strict = player_of(recorded, ignore=[pointer])
    assert strict.play(request(now | {"temperature": 2})) is None
    assert strict.difference is not None
    assert [one.path for one in strict.difference.changes] == ["/temperature"]


@pytest.mark.parametrize("pointer", ["/messages/0", "/messages/1/content", "/input/1/content"])
def test_what_is_ignored_elsewhere_hides_no_change(pointer: str) -> None:
    """A place that these requests do not have, as one of a chat, takes nothing out of what is told."""
    player = player_of(body(user("Hi")), ignore=[pointer])
    assert player.play(request(body(user("Ho"), instructions="Be long."))) is None
    assert player.difference is not None
    assert [(one.path, one.part) for one in player.difference.changes] == [
        ("/instructions", "system prompt"),
        ("/input/0/content", "user text"),
    ]


def test_what_is_no_item_is_compared_as_it_is() -> None:
    """Types that are no texts, and entries that are no objects, are the recorded ones or others."""
    odd: list[Any] = [7, {"type": ["message"]}, {"role": "user", "content": [{"type": {}}, "Hi"]}, {"type": 3}]
    recorded = body() | {"input": odd}
    assert player_of(recorded).play(request(recorded)) is not None
    assert player_of(recorded).play(request(recorded | {"input": [*odd[:3], {"type": 4}]})) is None


def test_not_everything_can_be_ignored() -> None:
    """All items cannot be left out: any question would play any answer."""
    with pytest.raises(CassetteError, match="names '/input': every request would be the recorded one"):
        player_of(body(), ignore=["/input"])


def test_a_suspect_is_told_with_the_line_that_settles_it() -> None:
    """The line for a date in the system prompt or a user's text names the place in the request itself."""
    for path, recorded, now in (
        ("/instructions", body(instructions="It is 2025-01-01."), body(instructions="It is 2025-01-02.")),
        ("/input/0/content", body(user("It is 2025-01-01.")), body(user("It is 2025-01-02."))),
    ):
        player = player_of(recorded)
        assert player.play(request(now)) is None
        assert player.difference is not None
        (change,) = player.difference.changes
        assert change.hint is not None
        assert change.hint.endswith(f"or leave it out with `cassette: {{ignore: [{path}]}}`")
        assert "freeze" in change.hint


@pytest.mark.parametrize("by_id", [False, True])
def test_results_are_found_by_call(by_id: bool) -> None:
    """The result of a recorded call is told whether or not a request holds the call itself."""
    recording = tools_called(by_id=by_id)
    player = Player(recording)
    assert player.play(sent(recording.interactions[0])) is not None
    assert player.recorded_result("call_1", "upper", '{"text": "panda"}') == "PANDA"
    again = Player(recording)
    assert again.play(sent(recording.interactions[0])) is not None
    assert again.recorded_result("call_other", "lower", {"text": "panda"}) is None
    assert again.recorded_result("call_other", "upper", {"text": "panda"}) == "PANDA"
    assert player.results_by_call("upper", {"text": "panda"}) == "PANDA"


@pytest.mark.parametrize("by_id", [False, True])
def test_breaks_are_told(by_id: bool) -> None:
    """Recorded calls that today's tools refuse are told by turn and call; a renamed tool is one change."""
    recording = conversation(
        ([user("Shout")], [called("upper", text="a")]),
        ([result("A")], [said("A")]),
        ([user("Again")], [called("upper", 2, text="b"), called("upper", 3, text=5)]),
        ([result("B", 2), result("5", 3)], [said("B", 2)]),
        by_id=by_id,
    )
    first: Any = recording.interactions[0].request.body
    today = UPPER | {"parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}}
    player = Player(recording)
    assert player.play(request(first | {"tools": [today]})) is None
    assert player.difference is not None
    lines = [
        f"turn {turn}, call {call}: {what}"
        for turn, call in ((1, 1), (2, 1), (2, 2))
        for what in ("text is no longer a parameter", "word is required now")
    ]
    assert list(player.difference.breaks) == lines


@pytest.mark.parametrize("by_id", [False, True])
def test_behind_a_difference_the_rest_plays_as_far_as_it_fits(by_id: bool) -> None:
    """After another system prompt the same texts and calls play on, and another text does not."""
    recording = tools_called(by_id=by_id)
    bodies: list[Any] = [item.request.body for item in recording.interactions]
    player = Player(recording)
    for one in bodies[:2]:
        assert player.send(request(one | {"instructions": "Be long."})) is not None
    other = [*bodies[2]["input"][:-1], user("No thanks")]
    with pytest.raises(StaleError, match="not the recorded one: system prompt"):
        player.send(request(bodies[2] | {"input": other, "instructions": "Be long."}))
    assert player.send(request(bodies[2] | {"instructions": "Be long."})) is not None


def test_a_recording_that_ended_tells_what_is_new() -> None:
    """Behind the last interaction the newest item is what is new."""
    recording = tools_called()
    player = Player(recording)
    for item in recording.interactions:
        player.send(sent(item))
    last: Any = recording.interactions[-1].request.body
    assert player.play(request(last | {"input": [*last["input"], said("You are welcome.", 2), user("Bye")]})) is None
    assert player.difference is not None
    (change,) = player.difference.changes
    assert (change.path, change.part, change.now) == ("/input/7", "recording ended", "Bye")


def test_a_removed_turn_is_told() -> None:
    """Where the user says now what was recorded later, a turn was removed."""
    recording = conversation(
        ([user("One")], [said("1")]), ([user("Two")], [said("2", 2)]), ([user("Three")], [said("3", 3)])
    )
    player = Player(recording)
    player.send(sent(recording.interactions[0]))
    second: Any = recording.interactions[1].request.body
    assert player.play(request(second | {"input": [*second["input"][:-1], user("Three")]})) is None
    assert player.difference is not None
    (change,) = player.difference.changes
    assert (change.path, change.part, change.recorded) == ("/input/2", "turn removed", "Two")


def test_chats_and_responses_are_two_things() -> None:
    """A chat does not play the answer to items, and the endpoint is what differs."""
    player = player_of(body(user("Hi")))
    chat = {"model": "gpt-5-mini", "messages": [user("Hi")]}
    assert player.play(Request(endpoint="chat/completions", body=chat, base_url=BASE)) is None
    assert player.difference is not None
    assert player.difference.changes[0].part == "endpoint"
