"""`cassette.ignore`: what it names does not count, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from cassette_conversations import call, completion, interaction, request

from convrun.cassette.interaction import Recording
from convrun.cassette.playing import Player
from convrun.errors import CassetteError

HI = {"role": "user", "content": "Hi"}
SYSTEM = {"role": "system", "content": "Be brief."}
BYE = {"role": "user", "content": "Bye"}
SAID = {"role": "assistant", "content": "Hello"}


def body(*messages: Any, **rest: Any) -> dict[str, Any]:
    """Return a request body."""
    return {"model": "m", "messages": list(messages)} | rest


def asked(recorded: Any, now: Any, *ignore: str) -> Player:
    """Return a player of `recorded` that was asked for `now`."""
    player = Player(Recording(interactions=(interaction(recorded, completion("ok")),)), ignore=ignore)
    player.play(request(now))
    return player


STOP = ("/stop/0", "/stop/1")
SAME = [
    (body(HI, stop=["a", "b", "c"]), body(HI, stop=["X", "Y", "c"]), STOP),
    (body(HI, stop=["a"]), body(HI), ("/stop/0",)),
    (body(HI, stop=["a", "b"]), body(HI, stop=["a"]), ("/stop/1",)),
    (body(HI, stop=["a", "b", "c"]), body(HI, stop=["a"]), ("/stop/1", "/stop/2")),
    (body(HI, metadata={"run": 1}), body(HI), ("/metadata/run",)),
    (body(HI, metadata={"a": {"run": 1}}), body(HI, metadata={"a": {}}), ("/metadata/a/run",)),
    (body(SYSTEM, HI), body({"role": "developer", "content": "x"}, HI), ("/messages/0",)),
    (body(HI, SAID, BYE), body(HI, SAID, HI), ("/messages/2",)),
    (body(HI, SAID, BYE), body(HI, SAID), ("/messages/2",)),
    (body(HI, SAID, BYE), body(HI), ("/messages/1", "/messages/2")),
    (body(HI, SAID, BYE), body(HI, call("a", "x"), BYE), ("/messages/1",)),
]
OTHER = [
    (body(HI, stop=["a", "b", "c"]), body(HI, stop=["X", "b", "DIFFERENT"]), STOP),
    (body(HI, stop=["a", "b", "c"]), body(HI, stop=["a", "c"]), ("/stop/1",)),
    (body(HI, stop=["a", "b"]), body(HI, stop=["b"]), ("/stop/0",)),
    (body(HI, metadata={"run": 1, "kept": 1}), body(HI), ("/metadata/run",)),
    (body(SYSTEM, HI), body(HI), ("/messages/0",)),
    (body(HI, SAID, BYE), body(HI, BYE), ("/messages/1",)),
    (body(HI, SAID, BYE), body(HI, SAID, HI), ("/messages/1",)),
    (body(HI, SAID, SAID), body(HI, SAID), ("/messages/1",)),
]


@pytest.mark.parametrize(("recorded", "now", "ignore"), SAME)
def test_an_ignored_place_does_not_count(recorded: Any, now: Any, ignore: tuple[str, ...]) -> None:
    """Requests that differ at ignored places alone are the same, also where one has nothing there."""
    assert asked(recorded, now, *ignore).difference is None
    assert asked(now, recorded, *ignore).difference is None


@pytest.mark.parametrize(("recorded", "now", "ignore"), OTHER)
def test_nothing_else_is_ignored(recorded: Any, now: Any, ignore: tuple[str, ...]) -> None:
    """What stands behind an ignored place keeps its own, and its difference is told."""
    for player in (asked(recorded, now, *ignore), asked(now, recorded, *ignore)):
        assert player.difference is not None
        assert all(change.path and change.part for change in player.difference.changes)


def test_ignored_places_are_no_change() -> None:
    """Where something else differs, what is ignored is not told as a change."""
    player = asked(body(SYSTEM, HI, stop=["a", "b"]), body(HI, BYE, stop=["X", "c"]), "/stop/0", "/messages/0")
    assert player.difference is not None
    assert [(one.path, one.recorded, one.now) for one in player.difference.changes] == [
        ("/stop", ["(ignored)", "b"], ["(ignored)", "c"]),
        ("/messages/1/content", "Hi", "Bye"),
    ]


@pytest.mark.parametrize("pointer", ["", "/messages"])
def test_not_all_can_be_ignored(pointer: str) -> None:
    """A pointer to all messages is refused: any question would play any answer."""
    with pytest.raises(CassetteError, match=r"cassette\.ignore") as caught:
        Player(Recording(), ignore=(pointer,))
    assert caught.value.fix == "name a message, as /messages/0/content"
