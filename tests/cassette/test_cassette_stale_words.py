"""What is said about a stale request and a damaged file: the right turn, the right part, advice that helps."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from cassette_conversations import UPPER, call, completion, exchange, interaction, request, requests

from convrun.cassette.files import load
from convrun.cassette.interaction import Recording
from convrun.cassette.playing import Player
from convrun.cassette.stale.staleness import Difference
from convrun.cassette.stored.writing import write
from convrun.errors import CassetteError

HI = {"role": "user", "content": "Hi"}


def difference(recording: Recording, *bodies: Any) -> Difference:
    """Return what is said about the last of `bodies`, the first that was not recorded."""
    player = Player(recording)
    for body in bodies:
        assert player.difference is None
        player.play(request(body))
    assert player.difference is not None
    return player.difference


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("script:7f9c24e83b124fef", "script:1a2b3c4d3b124fef"),
        ("script:7f9c24e83b124fef", "gpt-4.1-mini-2025-04-14"),
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini-2026-04-14"),
    ],
)
def test_a_model_is_never_advised_away(recorded: str, now: str) -> None:
    """Another model gives other replies: nothing about ids, dates or ignoring it, whatever its name looks like."""
    recording = Recording(interactions=(interaction({"model": recorded, "messages": [HI]}, completion("ok")),))
    (change,) = difference(recording, {"model": now, "messages": [HI]}).changes
    assert (change.part, change.recorded, change.now, change.hint) == ("model", recorded, now, None)


def test_a_changing_result_is_advised_to_be_replayed() -> None:
    """A date in the result of a tool is settled at the tool, as no var reaches it."""
    made = {"role": "assistant", "tool_calls": [call("a", "x")]}
    bodies = [
        {"messages": [HI, made, {"role": "tool", "tool_call_id": "a", "content": f"It is {day}."}]}
        for day in ("2024-01-01", "2025-12-31")
    ]
    (change,) = difference(Recording(interactions=(interaction(bodies[0], completion("ok")),)), bodies[1]).changes
    assert change.part == "tool result of 'upper'"
    assert change.hint == (
        "'2025-12-31' looks like a date: give the tool 'upper' `policy: replay`, "
        "or leave it out with `cassette: {ignore: [/messages/2/content]}`"
    )


def test_every_option_is_named() -> None:
    """One that changed, one that is new and one that is gone are told each by its name."""
    before = {"messages": [HI], "temperature": 0, "seed": 1}
    recording = Recording(interactions=(interaction(before, completion("ok")),))
    found = difference(recording, {"messages": [HI], "temperature": 1, "stop": ["x"]}).changes
    assert [change.part for change in found] == ["option 'temperature'", "option 'seed'", "option 'stop'"]


def test_a_removed_turn_reads_as_such() -> None:
    """Where the user says what was recorded later, the text in between is told as removed, not as changed."""
    recording = exchange([("a", "1"), ("b", "2"), ("c", "3")])
    first, second = (copy.deepcopy(found.body) for found in requests(recording)[:2])
    changed: Any = second
    changed["messages"][-1]["content"] = "c"
    (change,) = difference(recording, first, changed).changes
    assert (change.part, change.path, change.recorded, change.now) == ("turn removed", "/messages/3", "b", None)
    changed["messages"][-1]["content"] = "other"
    assert difference(recording, first, changed).changes[0].part == "user text"


def test_turns_are_counted_from_the_first_request() -> None:
    """The user's messages of a history that the conversation began with are no turns."""
    history: list[Any] = [{"role": "user", "content": "Before"}, {"role": "assistant", "content": "Yes"}] * 2
    one = {"role": "user", "content": "One"}
    start = [*history, one]
    second = [*start, {"role": "assistant", "content": "1"}, {"role": "user", "content": "Two"}]
    tool = {"tools": [UPPER]}
    recording = Recording(
        interactions=(
            interaction({"messages": start} | tool, completion("1")),
            interaction({"messages": second} | tool, completion(None, [call("a", "x")])),
        )
    )
    assert difference(recording, {"messages": start}).breaks == ("turn 2, call 1: upper is no longer a tool",)


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda text: b"\xff" + text,
        lambda text: text[: len(text) // 2],
        lambda text: text.replace(b"Hello", b"Hallo"),
        lambda text: text.replace(b"digests: [", b"digests: [x, "),
        lambda text: b"<<<<<<< HEAD\n" + text,
        lambda _: b'{"interactions": [{}]}',
        lambda _: b'{"interactions": ',
    ],
)
def test_a_damaged_file_says_how_to_mend_it(damage: Any, tmp_path: Path) -> None:
    """Plain recording reads the old file first and fails again, so the one that does not is named."""
    path = tmp_path / "chat.yaml"
    path.write_bytes(damage(write(exchange([("Hi", "Hello")])).encode()))
    with pytest.raises(CassetteError) as caught:
        load(path, "chat.yaml")
    assert "convrun record --all" in str(caught.value.fix)
