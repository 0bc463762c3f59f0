"""An edit is a small difference: a conversation recorded again with one thing changed, as git shows it.

Counted are the lines that git says were added and those that were deleted. A line that changed is one of each, so a
reader sees both: six where three lines changed, that of the text, of the times and of the digests.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cassette_conversations import exchange
from random_conversations import Plan, Turn, hold
from servers import Answer, Loopback, chunk, event_stream, loopback_server, reply

from convrun.backends.resolving import resolve
from convrun.cassette.kept.partial import PartialWriter, partial_path
from convrun.cassette.kept.recording import Recorder
from convrun.redaction import Redactor
from convrun.run.playing.carrier import Carrier

TURNS = 50
SMALL = {(2, 2), (3, 3)}  # lines added and deleted; the times of both recordings may be the same
CALLED = 20  # the turn with a call


def answer(text: str, *, stream: bool) -> Answer:
    """A model's text; streamed in two pieces."""
    if not stream:
        return Answer(body=reply(text))
    usage = {"model": "m-2025", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": len(text)}}
    return Answer(body=event_stream(chunk(content=text[:5]), chunk(content=text[5:]), chunk("stop"), usage))


def turn(number: int, *, stream: bool = False, **changed: Any) -> Turn:
    """A turn of some lines; number 20 has a call in it."""
    replies = [answer(changed.pop("reply", f"Answer {number}\nof two lines"), stream=stream)]
    if number == CALLED:
        arguments = {"city": "Lima", "days": 3} | changed.pop("arguments", {})
        replies.insert(0, Answer(body=reply(calls={"weather": arguments})))
    return Turn(
        **{"user": f"Question {number}", "replies": replies, "results": ["21 degrees"], "stream": stream} | changed
    )


def conversation(**changed: Any) -> Plan:
    """Fifty turns, one of which is changed so."""
    turns = [turn(number, **changed if number == CALLED else {}) for number in range(TURNS)]
    return Plan(turns=turns, system="Be brief.\nAlways.", tools={"weather": {"type": "object"}})


CHANGES: dict[str, Any] = {
    "user text": {"user": "Another question"},
    "reply": {"reply": "Another answer\nof two lines"},
    "tool result": {"results": ["12 degrees"]},
    "argument": {"arguments": {"days": 4}},
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Records a plan; returns the file. The unchanged conversation is recorded once."""
    folder = tmp_path_factory.mktemp("recorded")
    known: dict[str, Path] = {}
    with loopback_server() as server:

        def record(name: str, plan: Plan) -> Path:
            if name not in known:
                known[name] = _recorded(folder / f"{name.replace(' ', '-')}.yaml", plan, server)
            return known[name]

        yield record


def _recorded(path: Path, plan: Plan, server: Loopback) -> Path:
    def begun(now: Turn) -> None:
        server.answers[:] = now.replies

    live = resolve("m", base_url=server.base_url, max_retries=0, environ={}).transport
    with Recorder(path, shown_as=path.name, live=lambda: live) as recorder:
        said = hold(plan, Carrier(recorder, recorder=recorder), server.base_url, begun)
        assert len(said) == len(plan.turns)
        recorder.finish()
    return path


def difference(one: Path, other: Path) -> tuple[int, int]:
    """How many lines git says were added and deleted."""
    command = ["git", "diff", "--no-index", "--numstat", "--", str(one), str(other)]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    added, deleted, _ = told.split(maxsplit=2)
    return int(added), int(deleted)


@pytest.mark.parametrize("change", CHANGES)
def test_one_change_in_fifty_turns_is_three_lines(change: str, recorded: Any) -> None:
    """Whatever is changed in a turn, only that, and the lines of times and digests: six, added and deleted ones."""
    before = recorded("plain", conversation())
    assert difference(before, recorded(change, conversation(**CHANGES[change]))) in SMALL


def test_a_changed_system_prompt_is_three_lines(recorded: Any) -> None:
    """A prompt that stands in every request stands once in the file."""
    changed = replace(conversation(), system="Be brief.\nNearly always.")
    assert difference(recorded("plain", conversation()), recorded("system", changed)) in SMALL


def test_a_streamed_reply_that_changed_is_five_lines(recorded: Any) -> None:
    """The lengths of the pieces and the usage are a line each: ten with those that were deleted."""
    before = [turn(number, stream=True) for number in range(40)]
    after = [*before[:30], turn(30, stream=True, reply="Another answer\nof two lines"), *before[31:]]
    plans = [replace(conversation(), turns=turns) for turns in (before, after)]
    files = [recorded(f"streamed {number}", plan) for number, plan in enumerate(plans)]
    assert difference(*files) in {(4, 4), (5, 5)}


def test_an_inserted_turn_is_its_own_lines(recorded: Any) -> None:
    """Nothing else differs but the lines of times and digests."""
    plan = conversation()
    longer = replace(plan, turns=[*plan.turns[:30], turn(30, user="Inserted", reply="Inserted, too"), *plan.turns[30:]])
    before, after = recorded("plain", plan), recorded("longer", longer)
    assert len(after.read_text("utf-8").splitlines()) == len(before.read_text("utf-8").splitlines()) + 7
    assert difference(before, after) == (9, 2)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_partial_recording_grows_with_the_new_messages(streamed: bool, tmp_path: Path) -> None:
    """That of 400 turns is at most 2.1 times as large as that of 200."""
    sizes = []
    for count in (200, 400):
        path = tmp_path / f"{count}.yaml"
        turns = [(f"{number:03d} {'question ' * 9}", f"{number:03d} {'answered ' * 9}") for number in range(count)]
        writer = PartialWriter(path, mode="all", shown_as="x", redactor=Redactor())
        writer.write(exchange(turns, streamed=streamed).interactions)
        writer.close()
        sizes.append(partial_path(path).stat().st_size)
    assert sizes[1] <= 2.1 * sizes[0]
