"""What made conversations stale: one block for one edit, in 12 lines, whatever it does to each of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_samples import STALE, run

from convrun.report.console import VERBOSE, closing
from convrun.results import Change, Staleness


def stale(city, *changes, breaks=(), turn=1, call=1):
    """A stale conversation of the case of a city."""
    found = Staleness(turn=turn, model_call=call, changes=changes, breaks=breaks)
    return replace(STALE, id=f"specs/old.yaml::{city}", case=city, vars={"city": city, "nights": 3}, stale=found)


def prompt(recorded, now, part="system prompt", path="/messages/0/content", hint=None):
    """A change of a text."""
    return Change(path=path, part=part, recorded=recorded, now=now, hint=hint)


def blocks(*conversations, **more):
    """The blocks that the console has for them."""
    text = closing(run(*conversations, exit_code=3), **more).rpartition(f"\n{len(conversations)} conversation")[0]
    return [block.strip("\n").split("\n") for block in text.split("\n\n") if block.strip().startswith("STALE")]


CITIES = ("Oslo", "Bergen", "Mo i Rana")


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("You are in {}. Be brief.", "You are in {}. Be kind."),
        ("You are in {}.\nBe brief.", "You are in {}.\nBe brief.\nNever speak of {} in 3 words."),
        ("Welcome to {}! Greet.", "Greet."),
        ('{{"city": "{}", "rooms": 1}}', '{{"city": "{}", "rooms": 2}}'),
    ],
)
def test_one_edit_of_a_template_is_one_block(recorded, now):
    """Where the same words differ but for the values of the case, conversations are stale for one reason."""
    found = blocks(*(stale(city, prompt(recorded.format(city), now.format(city, city))) for city in CITIES))
    assert len(found) == 1
    assert [line for line in found[0] if "model call" in line] == [
        f"    specs/old.yaml::{city}, turn 1, model call 1" for city in CITIES
    ]


def test_other_edits_are_other_blocks():
    """The same part with other words, or the same words in another part, is another reason."""
    one = stale("Oslo", prompt("Be brief.", "Be kind."))
    other = stale("Rome", prompt("Be brief.", "Be bold."))
    third = stale("Bonn", prompt("Be brief.", "Be kind.", part="user text"))
    assert len(blocks(one, other, third)) == 3


def test_other_values_of_cases_are_other_blocks():
    """Where each case has got a value of its own, each is told."""
    found = [stale(city, prompt(f"In {was}.", f"In {city}.")) for was, city in (("Rome", "Oslo"), ("Bonn", "Bergen"))]
    assert len(blocks(*found)) == 2


def test_few_conversations_are_named_and_the_others_counted():
    """A block of many conversations has 12 lines at most, and with -v it names every one."""
    change = prompt("\n".join("abcdefgh"), "\n".join("aBcdeFgh"))
    many = [stale(f"city {number}", change) for number in range(40)]
    (found,) = blocks(*many)
    assert len(found) <= 12
    named = [line for line in found if "model call" in line]
    assert found[found.index(named[-1]) + 1] == f"    and {40 - len(named)} more"
    (every,) = blocks(*many, verbosity=VERBOSE)
    assert sum("turn 1, model call 1" in line for line in every) == 40


def test_what_follows_from_the_first_change_is_named_only():
    """The first part is shown, those with the same words by name, others with their lines where there is room."""
    changes = (
        prompt("You are in Oslo.", "You are in Rome."),
        prompt("Is it far to Oslo?", "Is it far to Rome?", part="user text", path="/messages/1/content"),
        Change(path="/temperature", part="option 'temperature'", recorded=0, now=1),
    )
    (found,) = blocks(stale("Rome", *changes))
    assert found == [
        "STALE system prompt, user text, option 'temperature'",
        "  system prompt (/messages/0/content):",
        "    - You are in Oslo.",
        "    + You are in Rome.",
        "  also: user text (/messages/1/content)",
        "  option 'temperature' (/temperature):",
        "    - 0",
        "    + 1",
        "  no longer the recorded request of",
        "    specs/old.yaml::Rome, turn 1, model call 1",
        "  record again: convrun record -D city=Rome --cassettes DIR specs/old.yaml::Rome",
    ]


def test_many_changes_and_many_breaks_have_their_place():
    """Twenty parts, long texts, hints and broken calls are told in 12 lines; what is left out is counted."""
    text = "\n".join(f"line {number}" for number in range(50))
    changes = [
        prompt(text, text.replace("e", "E") + str(number), part=f"part {number}", path=f"/{number}", hint="looks odd")
        for number in range(20)
    ]
    breaks = tuple(f"turn 1, call {number}: gone" for number in range(9))
    (found,) = blocks(stale("Rome", *changes, breaks=breaks))
    assert len(found) <= 12
    assert found == [
        "STALE part 0, part 1, 18 parts more",
        "  part 0 (/0):",
        "    - line 0",
        "    ... 99 lines more, -vv shows them",
        "    looks odd",
        "  also: part 1 (/1), -vv shows it",
        "  also: 18 parts more, -vv shows them",
        "  no longer the recorded request of",
        "    specs/old.yaml::Rome, turn 1, model call 1",
        "      breaks: turn 1, call 0: gone",
        "      breaks: 8 more",
        "  record again: convrun record -D city=Rome --cassettes DIR specs/old.yaml::Rome",
    ]
    (whole,) = blocks(stale("Rome", *changes, breaks=breaks), verbosity=2)
    assert sum("breaks: turn" in line for line in whole) == 9
    assert sum("looks odd" in line for line in whole) == 20


@pytest.mark.parametrize(
    ("change", "title"),
    [
        (Change(path="/tools/0", part="tool 'f'", now={"name": "f"}), "tool 'f' is new"),
        (Change(path="/tools/0", part="tool 'f'", recorded={"name": "f"}), "tool 'f' is gone"),
        (Change(path="/seed", part="option 'seed'", recorded=1), "option 'seed' is gone"),
        (Change(path="/messages/3", part="turn 2 is new", now="Hi"), "turn 2 is new"),
        (Change(path="/messages/3", part="turn removed", recorded="Hi"), "turn removed"),
        (Change(path="/messages/3", part="recording ended", now="Hi"), "turn 2 is new"),
        (Change(path="", part="request"), "request"),
    ],
)
def test_a_title_says_what_is_new_and_what_is_gone(change, title):
    """One side is enough to know; a whole turn is called so."""
    (found,) = blocks(stale("Rome", change, turn=2))
    assert found[0] == f"STALE {title}"


def test_a_recording_that_ends_within_a_turn_says_so():
    """Where the turn begins as recorded and goes on, it is not new."""
    change = Change(path="/messages/3", part="recording ended", now="18 degrees")
    (found,) = blocks(stale("Rome", change, turn=2, call=3))
    assert found[0] == "STALE the recording ends before model call 3"
