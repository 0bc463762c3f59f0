"""What has to be true of any recorded conversation: each request as the server got it, and the same words on replay."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from random_conversations import SECRET, Plan, Turn, hold
from servers import Loopback

from convrun.backends.resolving import resolve
from convrun.cassette.files import load
from convrun.cassette.interaction import Interaction, Recording
from convrun.cassette.kept.partial import partial_path, read_partial
from convrun.cassette.kept.recording import Recorder
from convrun.cassette.playing import Player
from convrun.cassette.stored.attachments import from_memory
from convrun.cassette.stored.format import read
from convrun.cassette.stored.writing import write
from convrun.redaction import Redactor
from convrun.run.playing.carrier import Carrier


def exact(value: Any) -> str:
    """Return a JSON value as a text that shows types as well: 1 is not 1.0, and no zero is another."""
    return json.dumps(value, sort_keys=True)


def recorded_exactly(plan: Plan, server: Loopback) -> int:
    """Record a conversation, assert all that has to be true of it, and return how many requests it had."""
    server.requests.clear()
    redactor = Redactor({"A_KEY": SECRET})

    def begun(turn: Turn) -> None:
        server.answers[:] = turn.replies

    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.yaml"
        live = resolve("m", base_url=server.base_url, max_retries=0, timeout=20, environ={}).transport
        with Recorder(path, shown_as="a.yaml", live=lambda: live, redactor=redactor) as recorder:
            said = hold(plan, Carrier(recorder, recorder=recorder), server.base_url, begun)
            sent = [exact(redactor.thorough.value(request.body)) for request in server.requests]
            whole = not isinstance(said[-1], dict) or plan.turns[len(said) - 1].error_wanted
            kept = read_partial(partial_path(path))
            assert kept.note is None
            assert _bodies(kept.interactions) == sent[: len(kept.interactions)]
            assert len(kept.interactions) >= _answered(said)
            if not whole:  # as a run does, which keeps no cassette then
                return len(sent)
            recorder.finish()
        recording = load(path, "a.yaml")
        assert _bodies(recording.interactions) == sent
        assert write(recording, {}) == path.read_text("utf-8")
    _reordered(recording)
    player = Player(recording, redactor=redactor)
    again = hold(plan, Carrier(player, player=player), server.base_url)
    for told, before in zip(*map(redactor.thorough.value, (again, said)), strict=True):
        assert exact(told) == exact(before), f"{exact(told)}\n{exact(before)}"
    assert player.difference is None
    assert player.unplayed == ()
    return len(sent)


def _answered(said: list[Any]) -> int:
    """How many requests there were up to the last one that was answered as it should; a refusal is held until then."""
    ends = [number for number, turn in enumerate(said, 1) if isinstance(turn, list)]
    return sum(len(turn) if isinstance(turn, list) else 1 for turn in said[: max(ends, default=0)])


def _bodies(interactions: tuple[Interaction, ...]) -> list[str]:
    return [exact(item.request.body) for item in interactions]


def _reordered(recording: Recording) -> None:
    """The same interactions in other orders, some twice or missing, read back as they were, and are written alike."""
    items = recording.interactions
    for some in (items[::-1], items[::2] + items, items[1:] + items[:1] * 2):
        aside: dict[str, bytes] = {}
        text = write(Recording(interactions=some), aside)
        again = read(text, "a.yaml", partial(from_memory, aside))
        assert _bodies(again.interactions) == _bodies(some)
        assert [item.request for item in again.interactions] == [item.request for item in some]
        assert write(again, {}) == text
