"""Requests are rebuilt exactly as they were sent: random conversations by the real engine, recorder and server."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
import yaml
from cassette_conversations import completion, interaction
from exact_recordings import exact, recorded_exactly
from hypothesis import HealthCheck, Phase, given, settings
from random_conversations import Plan, plans
from servers import loopback_server
from test_cassette_stock import FILES, RECORDINGS

from convrun.cassette.files import load
from convrun.cassette.interaction import Recording
from convrun.cassette.stored.attachments import from_memory
from convrun.cassette.stored.format import read
from convrun.cassette.stored.writing import write


@pytest.fixture(scope="module")
def provider():
    """A server for all of them."""
    with loopback_server() as server:
        yield server


# What fails is made smaller by tests/fuzz/exactness.py --shrink: here it would take minutes.
@settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(plan=plans())
def test_any_conversation_is_recorded_exactly(provider: Any, plan: Plan) -> None:
    """Each body in cassette and partial recording is the one that the server got, redacted; a replay says the same."""
    recorded_exactly(plan, provider)


def test_numbers_are_written_as_they_were_sent() -> None:
    """One is not 1.0, and no zero another, wherever a request only says what has changed."""
    values = [1, 1.0, True, 0, -0.0, 0.0, False, 2**63, float(2**63), None]
    bodies: list[Any] = []
    for value in values:
        odd = {"role": "user", "content": "a", "name": {"weight": value}}
        bodies.append({"messages": [odd], "temperature": value, "tools": [{"type": "function", "strict": value}]})
    reply = completion("1")
    reply["choices"][0]["message"]["weight"] = 1
    bodies.append({"messages": [odd, {"role": "assistant", "content": "1", "weight": 1.0}]})
    written = write(Recording(interactions=tuple(interaction(body, reply) for body in bodies)))
    assert [exact(item.request.body) for item in read(written, "x").interactions] == [*map(exact, bodies)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem if file else "absent")
def test_real_requests_are_rebuilt_to_the_letter(file: Any) -> None:
    """The bodies in somebody's recording are the same when it was written in our format and read again."""
    if file is None:
        pytest.skip(f"no recordings at {RECORDINGS}")
    raw = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)["interactions"]
    sent = [item["request"]["body"] for item in raw]
    aside: dict[str, bytes] = {}
    again = read(write(load(file, file.name), aside), file.name, partial(from_memory, aside)).interactions
    assert [exact(item.request.body) for item in again] == [exact(json.loads(body) if body else body) for body in sent]
