"""Recorded errors before an equal request: retries, or the answer of a turn that expects an error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cassette_conversations import completion, interaction, request, text_of

from convrun.cassette.interaction import Recording
from convrun.cassette.playing import Player
from convrun.errors import StaleError

HI = {"role": "user", "content": "Hi"}


def body(*messages: Any) -> dict[str, Any]:
    """Return a request body."""
    return {"model": "m", "messages": list(messages)}


def test_a_recorded_retry_is_passed_over() -> None:
    """A 429 directly before an equal request is no answer of its own; an error that stands alone is."""
    limit = interaction(body(HI), {"error": {"message": "slow"}}, status=429)
    assert (
        text_of(
            Player(Recording(interactions=(limit, interaction(body(HI), completion("ok"))))).send(request(body(HI)))
        )
        == "ok"
    )
    assert Player(Recording(interactions=(limit,))).send(request(body(HI))).status == 429


def test_a_wanted_error_is_no_retry() -> None:
    """Who wants an error gets those before an equal request in order; one that is passed over is gone."""
    limit = interaction(body(HI), {"error": {"message": "slow"}}, status=429)
    recording = Recording(interactions=(limit, limit, interaction(body(HI), completion("ok"))))
    player = Player(recording)
    wanting = replace(request(body(HI)), error_wanted=True)
    assert player.send(wanting).status == 429
    assert player.unplayed == (2,)
    assert text_of(player.send(request(body(HI)))) == "ok"
    with pytest.raises(StaleError):
        player.send(wanting)
