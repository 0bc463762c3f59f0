"""What looks like something that differs in each run, what does not, and the line that settles it where it stands."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from cassette_conversations import call, completion, interaction, request

from convrun.cassette.interaction import Recording
from convrun.cassette.playing import Player
from convrun.cassette.stale.change import Change

HI = {"role": "user", "content": "Hi"}


def change(before: dict[str, Any], after: dict[str, Any]) -> Change:
    """Return the one change between two requests."""
    player = Player(Recording(interactions=(interaction(before, completion("ok")),)))
    assert player.play(request(after)) is None
    assert player.difference is not None
    (found,) = player.difference.changes
    return found


def prompt(text: str) -> dict[str, Any]:
    """Return a request with this system prompt."""
    return {"messages": [{"role": "system", "content": text}, HI]}


DATE = "`freeze: {time: '2024-01-31T12:00:00Z'}` and `{{ now('%Y-%m-%d') }}`"
SECOND = "`freeze: {time: '2024-01-31T08:05:09Z'}` and `{{ now('%Y-%m-%dT%H:%M:%SZ') }}`"
MINUTE = "`freeze: {time: '2024-01-31T08:05:00Z'}` and `{{ now('%Y-%m-%d %H:%M') }}`"
UUID = "`freeze: {uuid: any text}` and `{{ uuid('id') }}`"
SUSPECTS = [
    ("Today is 2024-01-31.", "Today is 2025-12-01.", "a date", DATE),
    ("A new rule.\nNow: 2024-01-31", "Another rule.\nNow: 2024-02-01", "a date", DATE),
    ("At 2024-01-31T08:05:09Z", "At 2024-01-31T08:05:11Z", "a date and time", SECOND),
    ("At 2024-01-31 08:05", "At 2024-01-31 08:06", "a date and time", MINUTE),
    ("It is 26 November 2026.", "It is 27 November 2026.", "a date", "`vars: {today: '26 November 2026'}`"),
    ("As of Nov 3, 2026:", "As of Nov 4, 2026:", "a date", "`vars: {today: 'Nov 3, 2026'}`"),
    ("Stand 03.11.2026", "Stand 04.11.2026", "a date", "`vars: {today: '03.11.2026'}`"),
    ("Today is Monday.", "Today is Tuesday.", "a date", "`vars: {today: 'Monday'}`"),
    ("It is 9:05 now", "It is 12:30 now", "a time", "`vars: {time: '9:05'}`"),
    ("Since 1732600000 s", "Since 1764136000 s", "a time stamp", "`vars: {stamp: '1732600000'}`"),
    ("Since 1732600000123", "Since 1764136000456", "a time stamp", "`vars: {stamp: '1732600000123'}`"),
    ("See /home/ann/a.txt", "See /home/bob/a.txt", "a path", "`vars: {folder: '/home/ann/a.txt'}`"),
    (r"See C:\Users\ann\a.txt", r"See C:\Users\bob\a.txt", "a path", r"`vars: {folder: 'C:\Users\ann\a.txt'}`"),
    ("In /tmp/x-a1b2/y", "In /tmp/x-c3d4/y", "a temporary folder", "`vars: {folder: '/tmp/x-a1b2/y'}`"),
    ("In /var/folders/z/a/T", "In /var/folders/z/b/T", "a temporary folder", "`vars: {folder: '/var/folders/z/a/T'}`"),
    ("On localhost:5341", "On localhost:49152", "an address with a port", "`vars: {address: 'localhost:5341'}`"),
    ("To 127.0.0.1:8124/v1", "To 127.0.0.1:9001/v1", "an address with a port", "`vars: {address: '127.0.0.1:8124'}`"),
    ("App v1.2.3 here", "App v1.3.0 here", "a version", "`vars: {version: 'v1.2.3'}`"),
    ("7f9c24e8-3b12-4fef-91e0-f3a1c1a2b3c4", "1a2b3c4d-3b12-4fef-91e0-f3a1c1a2b3c5", "an id", UUID),
    ("Commit 4f2a9c81d0", "Commit 81aa7e90cc", "an id", "`vars: {id: '4f2a9c81d0'}`"),
    ("Ticket tk_83kfl20xk29a", "Ticket tk_92lsk10fkb31", "an id", "`vars: {id: 'tk_83kfl20xk29a'}`"),
]


@pytest.mark.parametrize(("recorded", "now", "looks", "settled"), SUSPECTS)
def test_a_suspect_in_a_text_is_settled_in_the_spec(recorded: str, now: str, looks: str, settled: str) -> None:
    """It is named, with what in the spec would give the recorded text, and the pointer that leaves it out."""
    hint = change(prompt(recorded), prompt(now)).hint or ""
    assert hint.partition(" looks like ")[2] == (
        f"{looks}: fix it with {settled}, or leave it out with `cassette: {{ignore: [/messages/0/content]}}`"
    )
    assert yaml.safe_load(settled.split("`")[1])  # what is to be written into the spec is YAML


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("Be brief.", "Be kind."),
        ("You may answer.", "You should answer."),
        ("You may decide in March", "You must decide in March"),
        ("Answer in 3 sentences.", "Answer in 5 sentences."),
        ("Tell 200 words.", "Tell 300 words."),
        ("yes/no/maybe", "true/false/unknown"),
        ("Call GET /v1/users/5", "Call GET /v1/users/6"),
        ("See https://example.com/a/b", "See https://example.com/a/c"),
        ("Scale it to 16:9", "Scale it to 4:3"),
        ("Section-2-of-the-form", "Section-3-of-the-form"),
        ("Chapter 1.2", "Chapter 1.3"),
        ("Host 10.0.0.1", "Host 10.0.0.2"),
        ("Dial +4712345678901", "Dial +4712345678902"),
        ("A decade of beef", "A facade of bead"),
        ("Use café", "Use cafe"),
        ("From 2024-01-31 on be brief.", "From 2024-01-31 on be kind."),
        ("Costs 1,250.00", "Costs 1,350.00"),
        ("Order 4711", "Order 4712"),
        ("Use user_name_of_guest_1", "Use user_name_of_guest_2"),
        ("As of May 2024", "Nothing"),
    ],
)
def test_an_ordinary_edit_raises_no_suspicion(recorded: str, now: str) -> None:
    """Words, figures, routes and addresses that people change, and a date that did not, are pointed out to nobody."""
    found = change(prompt(recorded), prompt(now))
    assert (found.hint, found.suspect) == (None, None)


def test_in_a_result_the_tool_is_replayed() -> None:
    """A date anywhere in the JSON of a tool's result is settled at the tool."""
    made = {"role": "assistant", "tool_calls": [call("a", "x")]}
    before, after = (
        {"messages": [HI, made, {"role": "tool", "tool_call_id": "a", "content": f'{{"on":"{day}","n":1}}'}]}
        for day in ("2024-01-31", "2025-12-01")
    )
    assert change(before, after).hint == (
        "'2025-12-01' looks like a date: give the tool 'upper' `policy: replay`, "
        "or leave it out with `cassette: {ignore: [/messages/2/content]}`"
    )


@pytest.mark.parametrize(
    ("key", "recorded", "now", "pointer"),
    [
        ("user", "guest-4f2a9c81d0", "guest-81aa7e90cc", "/user"),
        ("metadata", {"run/id": "4f2a9c81d0"}, {"run/id": "81aa7e90cc"}, "/metadata/run~1id"),
        ("tools", "2024-01-31", "2024-02-01", "/tools/0/function/parameters/properties/day/default"),
    ],
)
def test_what_no_template_reaches_is_left_out(key: str, recorded: Any, now: Any, pointer: str) -> None:
    """In options and in the schema of a tool there is only the pointer, to the text itself."""
    bodies = []
    for value in (recorded, now):
        parameters = {"type": "object", "properties": {"day": {"type": "string", "default": value}}}
        tools = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
        bodies.append({"messages": [HI], key: tools if key == "tools" else value})
    hint = change(*bodies).hint or ""
    assert hint.endswith(f": leave it out with `cassette: {{ignore: [{pointer}]}}`")
    player = Player(Recording(interactions=(interaction(bodies[0], completion("ok")),)), ignore=[pointer])
    assert player.play(request(bodies[1])) is not None
