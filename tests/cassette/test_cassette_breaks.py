"""Recorded calls that today's signatures refuse, by turn and call."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cassette_conversations import completion, interaction, request

from convrun.cassette.interaction import Recording
from convrun.cassette.playing import Player

DAY = {"type": "string", "enum": ["today", "tomorrow"]}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def tool(name: str = "forecast", required: tuple[str, ...] = ("city",), **properties: Any) -> dict[str, Any]:
    """Return a tool of two parameters, or of these."""
    properties = properties or {"city": {"type": "string"}, "day": DAY}
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": "Say the weather.", "parameters": parameters}}


def call(identifier: str, **arguments: Any) -> dict[str, Any]:
    """Return a call of the forecast."""
    function = {"name": "forecast", "arguments": json.dumps(arguments)}
    return {"id": identifier, "type": "function", "function": function}


def said(text: str) -> dict[str, Any]:
    """Return what the user says."""
    return {"role": "user", "content": text}


def conversation(*turns: list[dict[str, Any]], history: tuple[Any, ...] = (), attached: bool = False) -> Recording:
    """Return a recording in which each turn makes these calls at once, gets results, and is answered."""
    messages: list[Any] = [{"role": "system", "content": "Help."}, *history]
    found = []
    for number, calls in enumerate(turns, start=1):
        messages = [*messages, said(f"Question {number}")]
        if calls:
            found.append(interaction({"messages": messages, "tools": [tool()]}, completion(None, calls)))
            messages = [*messages, {"role": "assistant", "content": None, "tool_calls": calls}]
            messages += [{"role": "tool", "tool_call_id": one["id"], "content": "rain"} for one in calls]
            if attached:
                messages.append({"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]})
        found.append(interaction({"messages": messages, "tools": [tool()]}, completion(f"Answer {number}")))
        messages = [*messages, {"role": "assistant", "content": f"Answer {number}"}]
    return Recording(interactions=tuple(found))


def breaks(recording: Recording, *tools: dict[str, Any]) -> tuple[str, ...]:
    """Return what breaks where these are the tools of today."""
    player = Player(recording)
    body: Any = recording.interactions[0].request.body
    assert player.play(request(body | {"tools": list(tools)})) is None
    assert player.difference is not None
    return player.difference.breaks


TWO_TURNS = conversation([], [call("a", city="Oslo", day="today"), call("b", city="Rome", day="tomorrow")])
CITY = {"type": "string"}


INTEGER = {"type": "integer"}
TODAY = {"type": "string", "enum": ["today"]}
TABLE: list[tuple[list[dict[str, Any]], tuple[int, ...], list[str]]] = [
    ([tool(town=CITY, day=DAY, required=())], (1, 2), ["city is no longer a parameter"]),
    ([tool(city=CITY)], (1, 2), ["day is no longer a parameter"]),
    ([tool(city=CITY, day=DAY, unit=CITY, required=("city", "unit"))], (1, 2), ["unit is required now"]),
    ([tool(city=INTEGER, day=DAY)], (1, 2), ["city no longer takes a text"]),
    ([tool(city={"anyOf": [INTEGER, {"type": "null"}]}, day=DAY)], (1, 2), ["city no longer takes a text"]),
    ([tool(city=CITY, day=TODAY)], (2,), ["day no longer takes 'tomorrow'"]),
    ([tool("weather")], (1, 2), ["forecast is called weather now"]),
    ([tool("weather", city=CITY)], (1, 2), ["forecast is called weather now", "day is no longer a parameter"]),
    ([], (1, 2), ["forecast is no longer a tool"]),
    ([tool(city={"anyOf": [CITY, {"type": "null"}]}, day=DAY, unit=CITY)], (), []),
    ([tool(city={"$ref": "#/$defs/City"}, day={})], (), []),
]


@pytest.mark.parametrize(("now", "calls", "problems"), TABLE)
def test_a_call_that_no_longer_fits_is_named(
    now: list[dict[str, Any]], calls: tuple[int, ...], problems: list[str]
) -> None:
    """A tool or parameter that is gone, renamed, new and required, of another type, or without a value breaks calls."""
    expected = [f"turn 2, call {number}: {problem}" for number in calls for problem in problems]
    assert list(breaks(TWO_TURNS, *now)) == expected


@pytest.mark.parametrize("attached", [False, True])
def test_turns_are_counted_as_the_spec_counts_them(attached: bool) -> None:
    """Neither a history, nor results of tools, nor what tools attach is a turn of the user's."""
    history = (
        said("Before"),
        {"role": "assistant", "content": "Yes"},
        said("And"),
        {"role": "assistant", "content": "No"},
    )
    recording = conversation(
        [call("a", city="Oslo")], [call("b", city="Rome"), call("c", city="Bonn")], [], [call("d", city="Bern")],
        history=history, attached=attached,
    )  # fmt: skip
    gone = "forecast is no longer a tool"
    assert breaks(recording) == tuple(
        f"turn {turn}, call {number}: {gone}" for turn, number in ((1, 1), (2, 1), (2, 2), (4, 1))
    )


def test_a_retry_is_no_turn() -> None:
    """The same question again behind a failed answer belongs to the same turn."""
    body = {"messages": [said("Question")], "tools": [tool()]}
    failed = interaction(body, {"error": {"message": "busy"}}, status=503)
    recording = Recording(interactions=(failed, interaction(body, completion(None, [call("a", city="Oslo")]))))
    assert breaks(recording) == ("turn 1, call 1: forecast is no longer a tool",)
